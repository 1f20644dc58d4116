"""What an optimizer is, and the door through which it reaches the world."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.events import (
    MatchFinished,
    Meter,
    Notice,
    StageStarted,
    StandingsUpdated,
    TrialsUpdated,
)
from promptopt.domain.forecast import Plan, Scale
from promptopt.domain.prompt import Message, OptimizedPrompt, Prompt
from promptopt.domain.results import CaseResult, Comparison, Evaluation, Feedback
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.domain.task import TaskSpec
from promptopt.domain.words import Role

Shown = StageStarted | MatchFinished | StandingsUpdated | TrialsUpdated | Notice
"""What an optimizer may tell beside its candidates."""


class RunContext(Protocol):
    """All that an optimizer can do. Journal, budget, pause, stop and edits hold for every call made here."""

    @property
    def settings(self) -> ProjectSettings: ...
    @property
    def task(self) -> TaskSpec: ...
    @property
    def dataset(self) -> Dataset:
        """Train and validation cases; the test split is sealed, and empty here."""
        ...

    @property
    def seed_prompt(self) -> Prompt:
        """The prompt to start from."""
        ...

    async def complete(
        self,
        role: Role,
        messages: Sequence[Message],
        *,
        path: str = "",
        sample: int = 0,
        case_id: str = "",
        temperature: float | None = None,
        judge: str = "",
    ) -> LLMResponse:
        """Ask a model.

        Args:
            path: names the place in the run; equal content at one path is answered once. What
                :meth:`evaluate` sends to the target model has the path ``""``.
            sample: number of the draw, to have equal content answered afresh.
            case_id: the case that is asked about, for the record.
            temperature: in place of the role's own.
            judge: with the role ``judge``, the name of one of the project's ``judges``.

        Raises:
            CallFailed: no answer after all retries.
        """
        ...

    async def judge(self, case: Example, response: LLMResponse) -> CaseResult:
        """What an answer to a case is worth, by the project's checks; never raises for a bad answer."""
        ...

    def noted(self, prompt: Prompt, split: Split, result: CaseResult) -> None:
        """Keep and show a result that the optimizer came by itself, with complete and judge."""
        ...

    def measuring(self, prompt: Prompt, split: Split, total: int) -> None:
        """Show that a prompt is measured case by case, with complete, judge and noted, on ``total`` cases."""
        ...

    def measured(self, evaluation: Evaluation) -> None:
        """Show the score that such cases came to; what is shown stays until it is told anew."""
        ...

    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example] | None = None, *, counts: bool = True
    ) -> Evaluation:
        """Score a prompt on a split, or on some of its cases.

        Args:
            counts: it becomes the candidate's score on the split, by which the best one is known.
        """
        ...

    async def admit(
        self,
        prompt: Prompt,
        *,
        iteration: int = 0,
        parent: Prompt | None = None,
        reasoning: str = "",
        made_by: str = "",
    ) -> str:
        """Why a prompt may not be scored, in words for who wrote it; empty if it may.

        People can demand that prompts contain a text, or do not, and that each waits for their consent. Ask
        before :meth:`candidate`, and write another prompt if this one is refused. If nobody has asked,
        :meth:`evaluate` does, and gives zeros for a prompt that is refused, with the reason, free.
        """
        ...

    def candidate(
        self,
        prompt: Prompt,
        *,
        iteration: int,
        parent: Prompt | None,
        reasoning: str,
        confidence: float | None = None,
        made_by: str = "",
    ) -> None:
        """Enter a prompt in the running. ``made_by``: the optimizer, where it is not the run's own."""
        ...

    def feedback(self, feedback: Feedback, against: Prompt | None = None) -> None:
        """Show what an evaluation teaches, and what changed ``against`` the prompt it was compared with."""
        ...

    def judged(
        self,
        prompt: Prompt,
        against: Prompt,
        accepted: bool,
        reason: str,
        comparison: Comparison | None,
        *,
        outright: bool = False,
    ) -> bool:
        """Show whether a candidate took its parent's place; returns whether the run lets it.

        Only accepted ones can win, and the run accepts none that :meth:`breaks` a case that must pass.

        Args:
            outright: judges decided: the one it was judged against can no longer win, whatever it scores.
        """
        ...

    def breaks(self, prompt: Prompt) -> str:
        """Which must-pass cases a prompt fails, as far as it was scored, in words; empty if none.

        Those count that the first prompt, or one that was accepted earlier, passed. The words name validation
        cases: they are for people, not for a model that proposes.
        """
        ...

    def refused(self, iteration: int, attempt: int, reason: str) -> None:
        """Show that a proposal could not be used."""
        ...

    def show(self, event: Shown) -> None:
        """Show how a tournament goes, which optimizer is at work, or something else worth knowing."""
        ...

    def spending(self) -> Mapping[str, Meter]:
        """What was spent so far and what the caps are, as in ``BudgetMoved``. It depends on when it is
        asked: what decides the course of a search has to be counted otherwise, or a resumed run strays.
        """
        ...

    def iteration(self, number: int) -> None:
        """Show that an iteration starts."""
        ...

    def adopted(self) -> Prompt | None:
        """The person's edit to go on from, if one was adopted since the last call."""
        ...

    def restored(self) -> dict[str, Any] | None:
        """The state of the last checkpoint of this run, if it has one."""
        ...

    def checkpoint(self, iteration: int, state: dict[str, Any]) -> None:
        """Keep ``state`` (JSON values), in place of the one before."""
        ...


class OptimizerOptions(BaseModel):
    """Settings of an optimizer, from ``[optimizer]`` of the project file.

    Attributes:
        seed: of everything random.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    seed: int = 0


class BaseOptimizer(ABC):
    """An optimizer. Subclasses say how they search; the engine does everything around it.

    Attributes:
        name: as in ``[optimizer] name = …``.
        Options: pydantic model of its settings, with documented defaults.
        on_edit: what a person's edit means for it, once it is adopted: a sentence for them.
    """

    name: ClassVar[str]
    on_edit: ClassVar[str] = "The search goes on from your prompt."
    Options: ClassVar[type[OptimizerOptions]] = OptimizerOptions
    _asked: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, options: OptimizerOptions | None = None, **settings: Any) -> None:
        """Make it with ``options``, or with settings one by one (``RefineOptimizer(max_iterations=5)``).

        Raises:
            SettingsError: a setting it does not know, or a bad value.
        """
        self.options = self._read(settings) if options is None else options

    @classmethod
    def from_settings(cls, settings: ProjectSettings) -> "BaseOptimizer":
        """Make the optimizer that a project asks for.

        Raises:
            SettingsError: a setting it does not know, or a bad value.
        """
        made = cls.from_options(settings.optimizer.model_dump())
        made.fit_to(settings)
        return made

    @classmethod
    def from_options(cls, given: Mapping[str, Any], where: str = "optimizer") -> "BaseOptimizer":
        """Make an optimizer of settings as a project file has them.

        Args:
            where: the table that they stand in, for messages.

        Raises:
            SettingsError: a setting it does not know, or a bad value.
        """
        return cls(cls._read(given, where))

    def fit_to(self, settings: ProjectSettings) -> None:
        """Take up what a project has, before anything is spent; most optimizers need not.

        Raises:
            SettingsError: the project lacks something that this optimizer needs.
        """
        return

    def optimize(
        self, task: TaskSpec | str | None = None, dataset: Any = None, **how: Any
    ) -> OptimizedPrompt:
        """Carry out a whole run with this optimizer; blocks until it is over.

        Args:
            task, dataset, how: as for :func:`promptopt.optimize`.

        Raises:
            PromptoptError: as :func:`promptopt.optimize`.
        """
        from promptopt.runs.library import optimize

        once = ("prompt", "resume", "progress")
        self._asked = {"task": task, **{key: value for key, value in how.items() if key not in once}}
        return optimize(task, dataset, optimizer=self, **how)

    def evaluate(self, prompt: Prompt | str, test_set: Any, **how: Any) -> Evaluation:
        """Score a prompt; what is not given is as in the last :meth:`optimize`, or as in the prompt's run.

        Args:
            prompt, test_set, how: as for :func:`promptopt.evaluate`.

        Raises:
            PromptoptError: as :func:`promptopt.evaluate`.
        """
        from promptopt.runs.library import evaluate

        given: dict[str, Any] = {**self._asked, **how}
        return evaluate(prompt, test_set, **given)

    @classmethod
    def _read(cls, given: Mapping[str, Any], where: str = "optimizer") -> OptimizerOptions:
        try:
            return cls.Options.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            known = ", ".join(name for name in cls.Options.model_fields if name != "name")
            unknown = first["type"] == "extra_forbidden"
            said = "unknown setting" if unknown else first["msg"].removeprefix("Value error, ")
            found = "" if unknown or key not in given else f", found {given[key]!r}"
            place = f"{where}.{key}" if key else where  # what holds between settings has no one place
            raise SettingsError(f"{said}{found}", where=place, fix=f"{cls.name} knows: {known}") from None

    @property
    def max_iterations(self) -> int | None:
        """The most iterations it will do, if it has such a limit."""
        return None

    @property
    def asks(self) -> frozenset[Role]:
        """The models that it asks beside target and optimizer; each needs a table ``[models.ROLE]``."""
        return frozenset()

    @property
    def needs_judges(self) -> bool:
        """Whether judge models decide for it, as in tournaments: the project's ``judges``, else
        ``models.judge``. They are opened, or the run is refused.
        """
        return False

    def plan(self, scale: Scale) -> Plan | None:
        """State how many calls the search makes at least, likely and at most; None if it can't say.

        The engine adds the baseline and the sealed test. People's edits and retries are left out.
        """
        return None

    @property
    def finals(self) -> int:
        """Prompts, at most, that :meth:`finish` scores on all validation cases; room for them is kept in the
        budget, as far as they need no more than a third of what is left of it.
        """
        return 0

    async def finish(self, context: RunContext) -> None:
        """Score and judge what :meth:`search` had found but not scored whole when a cap or a person ended it.

        Asked once, in the process in which the search was ended, before the sealed test.
        """
        return

    @abstractmethod
    async def search(self, context: RunContext) -> StopRun:
        """Look for a better prompt until done; return why it ended.

        It may be cancelled at any ``await``, and asked again in another process: then what
        ``context.restored()`` gives is the last state it kept, and calls made before are answered from the
        journal. ``Redirected`` out of an ``await`` means that a person's edit waits in ``context.adopted()``.
        """
