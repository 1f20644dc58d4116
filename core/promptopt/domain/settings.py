"""What a project file says. Every key has a documented default; ``store/projects.py`` reads and writes it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from promptopt.domain.compliance import ComplianceSettings
from promptopt.domain.demonstrations import Demonstration
from promptopt.domain.words import Role

if TYPE_CHECKING:
    from promptopt.domain.prompt import Prompt

BUDGETS = ("usd", "calls", "tokens", "minutes")


class _Section(BaseModel):
    # Built when a project is read: most commands read none.
    model_config = ConfigDict(extra="allow", str_strip_whitespace=False, defer_build=True)


class ConstraintSettings(_Section):
    """A rule for every output, in the project file. Exactly one of the rule keys is given.

    ``code`` is Python that asserts something of ``output``; ``regex`` must be found and ``not_regex`` must
    not be found in it; ``one_of`` lists the only outputs allowed (case and surrounding space ignored).
    ``validator`` tells of a function of the program that started the run; no file can have one.
    """

    name: str
    description: str = ""
    weight: float = Field(default=1.0, gt=0)
    hard: bool = False
    max_words: int | None = None
    min_words: int | None = None
    max_chars: int | None = None
    regex: str | None = None
    not_regex: str | None = None
    one_of: list[str] | None = None
    json_output: bool = False
    code: str | None = None
    sandbox: Literal["monty", "python"] = "monty"
    validator: str | None = None


class TaskSettings(_Section):
    """The task in the words of its owner; the optimizer reads it.

    Attributes:
        description: what is wanted, in your words.
        signature: fields in and out, as in ``question, context -> answer``.
        input_format: field to a description of what goes in.
        output_format: field to a description of what must come out.
        constraints: rules that every output must keep.
    """

    description: str = ""
    signature: str = "input -> output"
    input_format: dict[str, Any] = Field(default_factory=dict[str, Any])
    output_format: dict[str, Any] = Field(default_factory=dict[str, Any])
    constraints: list[ConstraintSettings] = Field(default_factory=list[ConstraintSettings])


class Price(_Section):
    """USD per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class ModelSettings(_Section):
    """One model in one role.

    Attributes:
        model: any litellm name (``openai/gpt-4o-mini``), or ``sim/…`` for the built-in simulator.
        base_url: endpoint, for an OpenAI-compatible server, Ollama or a proxy.
        api_key_env: name of the environment variable with the key. Never the key.
        temperature: sampling temperature; None leaves it to the provider.
        max_tokens: most tokens to generate per call (an upper bound is what makes a hard budget possible).
        timeout: seconds until one call is given up.
        max_concurrency: most calls at once; fewer are made while the server refuses some.
        requests_per_minute, tokens_per_minute: never exceeded in any 60 seconds; None: no such limit.
        retries: attempts after the first for rate limits, overload, lost connections and malformed bodies.
        price: USD per million tokens, for a model that the price list lacks.
        free: the model costs nothing (local).
        latency: for ``sim/…`` only: mean seconds per simulated call.
        params: passed on to the provider as they are (``top_p``, ``seed``, ``reasoning_effort`` …).
    """

    model: str = Field(min_length=1)
    base_url: str | None = None
    api_key_env: str | None = None
    temperature: float | None = Field(default=None, ge=0)
    max_tokens: int = Field(default=1024, gt=0)
    timeout: float = Field(default=60.0, gt=0)
    max_concurrency: int = Field(default=16, gt=0)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    retries: int = Field(default=8, ge=0)
    price: Price | None = None
    free: bool = False
    latency: float | None = Field(default=None, ge=0)
    params: dict[str, Any] = Field(default_factory=dict[str, Any])

    @property
    def simulated(self) -> bool:
        return self.model.startswith("sim/")


class JudgeSettings(ModelSettings):
    """One judge of a panel: a model, and how it counts.

    Attributes:
        name: how reports call it; default is the model's.
        weight: its share in a weighted vote; None: by how far it agrees with itself when the order turns.
    """

    name: str = Field(default="", max_length=60)
    weight: float | None = Field(default=None, ge=0)


OPTIMIZER_MODEL: dict[str, Any] = {
    "model": "anthropic/claude-opus-4-5",
    "max_tokens": 4096,
    "timeout": 180.0,
    "max_concurrency": 4,
}
"""Defaults of ``models.optimizer``: a strong model, with room for a long prompt in its reply."""


class OptimizerSettings(_Section):
    """Which optimizer, and its own settings beside ``name``; each optimizer documents and checks them."""

    name: str = "refine"


class BudgetSettings(BaseModel):
    """Caps; each optional. ``usd = 5.0`` is for the whole run, ``target_usd = 4.0`` for one role.

    ``minutes`` counts running time, without pauses; of a role, the time in which at least one of its calls is
    under way. No cap is ever crossed.

    Attributes:
        usd: most US dollars that are spent.
        calls: most calls of models.
        tokens: most tokens, sent and generated together.
        minutes: longest running time, without pauses.
        target_usd, target_calls, target_tokens, target_minutes: the same for the target model alone.
        optimizer_usd, optimizer_calls, optimizer_tokens, optimizer_minutes: the same for the optimizer model.
        judge_usd, judge_calls, judge_tokens, judge_minutes: the same for the judges.
        generator_usd, generator_calls, generator_tokens, generator_minutes: the same for the generator model.
        embedding_usd, embedding_calls, embedding_tokens, embedding_minutes: the same for the embedding model.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    usd: float | None = Field(default=None, gt=0)
    calls: int | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)
    minutes: float | None = Field(default=None, gt=0)
    target_usd: float | None = Field(default=None, gt=0)
    target_calls: int | None = Field(default=None, gt=0)
    target_tokens: int | None = Field(default=None, gt=0)
    target_minutes: float | None = Field(default=None, gt=0)
    optimizer_usd: float | None = Field(default=None, gt=0)
    optimizer_calls: int | None = Field(default=None, gt=0)
    optimizer_tokens: int | None = Field(default=None, gt=0)
    optimizer_minutes: float | None = Field(default=None, gt=0)
    judge_usd: float | None = Field(default=None, gt=0)
    judge_calls: int | None = Field(default=None, gt=0)
    judge_tokens: int | None = Field(default=None, gt=0)
    judge_minutes: float | None = Field(default=None, gt=0)
    generator_usd: float | None = Field(default=None, gt=0)
    generator_calls: int | None = Field(default=None, gt=0)
    generator_tokens: int | None = Field(default=None, gt=0)
    generator_minutes: float | None = Field(default=None, gt=0)
    embedding_usd: float | None = Field(default=None, gt=0)
    embedding_calls: int | None = Field(default=None, gt=0)
    embedding_tokens: int | None = Field(default=None, gt=0)
    embedding_minutes: float | None = Field(default=None, gt=0)

    def limits(self) -> dict[str, float]:
        """The caps that are set: ``{"usd": 5.0, "target_calls": 100.0}``."""
        return {name: float(value) for name, value in self if value is not None}


class DataSettings(_Section):
    """Where the cases are: inline, one file with ``split``, or a file per split.

    Attributes:
        file: one file with all cases (.jsonl, .json, .csv, .tsv, .yaml, .parquet), or a folder with a data
            set, beside the project file.
        split: shares of train, validation and test for ``file`` or inline cases.
        train, validation, test: a file per split.
        cases: cases inline, each a table with ``input`` and ``expected`` (or the columns named below).
        input: column, or list of columns, with the input. Default: ``input``, else every other column.
        expected: column with the expected output. Default: ``expected`` if there is such a column.
        id, group, tags, weight: columns with the case's id, group, tags and weight.
        must_pass: column that says (true, yes, 1) that no candidate may break the case.
        seed: of the split.
        max_case_kb: a case larger than this is refused.
    """

    file: str | None = None
    split: tuple[float, float, float] = (0.5, 0.25, 0.25)
    train: str | None = None
    validation: str | None = None
    test: str | None = None
    cases: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    input: str | list[str] | None = None
    expected: str | None = None
    id: str = "id"
    group: str = "group"
    tags: str = "tags"
    weight: str = "weight"
    must_pass: str = "must_pass"
    seed: int = 0
    max_case_kb: int = Field(default=256, gt=0)


class EvaluationSettings(_Section):
    """How a prompt is scored.

    Attributes:
        repeats: times that each case is sent; its score is the mean, and it passes if every answer does.
    """

    repeats: int = Field(default=1, ge=1, le=100)


class CheckSettings(_Section):
    """Anything that judges one output. The check's own options stand beside these keys.

    Attributes:
        type: a key of ``evaluation.checks.CHECKS``.
        name: shown in reports; default is the type.
        weight: share in the case's score.
        threshold: lowest score in [0, 1] that passes; None for the type's own, which mostly is 1.
        hard: failing it makes the case score 0.
        tags: it judges only cases with one of these tags; empty: all cases.
        form: whether it is about the form of an output rather than whether it is right; None: as its type is.
    """

    type: str
    name: str = ""
    weight: float = Field(default=1.0, gt=0)
    threshold: float | None = Field(default=None, ge=0, le=1)
    hard: bool = False
    tags: list[str] = Field(default_factory=list[str])
    form: bool | None = None

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class CacheSettings(BaseModel):
    """Whether answers of earlier runs are used again.

    Attributes:
        reuse: take the target model's answer to an equal request from an earlier run of the project.
        sampled: also at a temperature above 0, where asking again could bring another answer.
    """

    model_config = ConfigDict(extra="forbid")

    reuse: bool = False
    sampled: bool = False


class TelemetrySettings(BaseModel):
    """Whether a run's spans are sent to an OpenTelemetry collector.

    Attributes:
        otel: None: if the environment names a collector; true: in any case; false: never.
        content: with what is sent and answered.
    """

    model_config = ConfigDict(extra="forbid")

    otel: bool | None = None
    content: bool = False


class ProjectSettings(_Section):
    """A whole project file."""

    name: str = Field(min_length=1, max_length=100)
    prompt: str = ""
    demonstrations: list[Demonstration] = Field(default_factory=list[Demonstration])
    task: TaskSettings = Field(default_factory=TaskSettings)
    models: dict[Role, ModelSettings] = Field(default_factory=dict[Role, ModelSettings])
    judges: list[JudgeSettings] = Field(default_factory=list[JudgeSettings])
    optimizer: OptimizerSettings = Field(default_factory=OptimizerSettings)
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    data: DataSettings = Field(default_factory=DataSettings)
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)
    checks: list[CheckSettings] = Field(default_factory=list[CheckSettings])
    cache: CacheSettings = Field(default_factory=CacheSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)
    compliance: ComplianceSettings = Field(default_factory=ComplianceSettings)

    @model_validator(mode="before")
    @classmethod
    def _fill_in_models(cls, raw: Any) -> Any:
        known = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
        if not isinstance(known.get("models"), dict):
            return cast(Any, raw)
        models = cast("dict[str, Any]", known["models"])
        filled: dict[str, Any] = {}
        if isinstance(optimizer := models.get("optimizer", {}), dict):
            filled["optimizer"] = OPTIMIZER_MODEL | cast("dict[str, Any]", optimizer)
        if isinstance(embedding := models.get("embedding"), dict):
            filled["embedding"] = _priced_by_input(cast("dict[str, Any]", embedding))
        return {**known, "models": models | filled}

    @model_validator(mode="after")
    def _fill_in(self) -> "ProjectSettings":
        if "target" not in self.models:
            raise ValueError("models.target is missing: give the model that the prompt is for")
        if not self.prompt:
            self.prompt = self.task.description
        if not self.prompt:
            raise ValueError("give a prompt to start from, or at least task.description")
        for judge in self.judges:
            judge.name = judge.name.strip() or judge.model
        names = [judge.name for judge in self.judges]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"judges: two are called {twice!r}: give each a name of its own")
        return self

    def every_model(self) -> Iterator[tuple[str, Role, ModelSettings]]:
        """Each model with its place in the file and the role that it counts to."""
        for role, model in self.models.items():
            yield f"models.{role}", role, model
        for judge in self.judges:
            yield f"judges.{judge.name}", "judge", judge

    @property
    def panel(self) -> dict[str, float | None]:
        """Names and weights of those who judge matches: ``judges``, else ``models.judge``, named ``""``."""
        if self.judges:
            return {judge.name: judge.weight for judge in self.judges}
        return {"": None} if "judge" in self.models else {}

    @property
    def seed_prompt(self) -> "Prompt":
        """The prompt to start from, with its demonstrations."""
        from promptopt.domain.dataset import Example
        from promptopt.domain.prompt import Prompt

        shown = [
            Example(id=f"demonstration {number}", inputs=demo.inputs, expected=demo.output)
            for number, demo in enumerate(self.demonstrations, 1)
        ]
        return Prompt(text=self.prompt, demonstrations=tuple(shown))

    @property
    def simulated(self) -> bool:
        """Whether any model in use is a simulation."""
        return any(model.simulated for _, _, model in self.every_model())


def _priced_by_input(embedding: dict[str, Any]) -> dict[str, Any]:
    """Settings of an embedding model, which generates nothing: its price may be that of the input alone."""
    price: Any = embedding.get("price")
    return {**embedding, "price": {"output": 0, **price}} if isinstance(price, dict) else embedding
