"""Runs that make cases up: what is made is frozen with their settings.

Requests go out a few at a time and are taken in in their order; which cells the next one fills, and which
earlier cases it shows, follows from those that were taken in before it. So a run that is taken up asks what
it asked, and the journal answers.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from promptopt.domain import events as ev
from promptopt.domain.compliance import ComplianceSettings
from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import SettingsError
from promptopt.domain.forecast import NONE, Need, Spread
from promptopt.domain.settings import BudgetSettings, ModelSettings, OptimizerSettings, ProjectSettings
from promptopt.models.prices import lookup_price
from promptopt.runs.caps import first_cap
from promptopt.runs.launch import Frozen, create_frozen
from promptopt.runs.state import fold
from promptopt.runs.tokens import size_of, tokens_of
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs
from promptopt.synthetic.asking import TRIES
from promptopt.synthetic.grid import cells_of, dealt
from promptopt.synthetic.making import SHOWN_CHARS, making
from promptopt.synthetic.realism import asking_realism
from promptopt.synthetic.scenarios import Scenario

NAME = "generate"
"""Kind of these runs, and what stands in the place of an optimizer's name."""

MOST = 100_000
"""Cases of one run."""

BATCH = 5
"""Cases of one request, if nothing else is said."""

SHOWN = 6
"""Earlier cases that a request shows."""

OVERHEAD = 400
"""Tokens of a reply beside its cases."""

PER_CASE = {True: 420, False: 200}
"""Tokens of a case at most, as is usual, with an answer and without."""

LIKELY_CASE = {True: 230, False: 90}


class GenerationPlan(BaseModel):
    """What is made: ``optimizer.plan`` in the frozen settings.

    Attributes:
        scenario: the task and its grid.
        company: what is known of the company, as text.
        count: cases.
        batch: cases of one request.
        at_once: requests under way.
        answers: a good answer to each case is made up, too.
        realism: the judge model says of each case how real it seems.
    """

    model_config = ConfigDict(frozen=True)

    scenario: Scenario
    company: str = ""
    count: int = Field(ge=1, le=MOST)
    batch: int = Field(default=BATCH, ge=1, le=25)
    at_once: int = Field(default=4, ge=1, le=64)
    answers: bool = True
    realism: bool = False
    seed: int = 0

    @property
    def fewest(self) -> int:
        """Requests that it takes if all that comes back can be used."""
        return math.ceil(self.count / self.batch)

    @property
    def most(self) -> int:
        """Requests after which it is given up."""
        return 3 * self.fewest + 5

    @property
    def reply_tokens(self) -> int:
        """Room that a reply needs."""
        return OVERHEAD + self.batch * PER_CASE[self.answers]


def generator_of(model: ModelSettings, plan: GenerationPlan) -> ModelSettings:
    """The generator model with room for its replies, where its owner has not said how much."""
    said = model.model_fields_set
    room: dict[str, Any] = {} if "max_tokens" in said else {"max_tokens": plan.reply_tokens}
    patience: dict[str, Any] = {} if "timeout" in said else {"timeout": 180.0}
    return model.model_copy(update=room | patience)


def planned(
    plan: GenerationPlan,
    models: Mapping[ev.Role, ModelSettings],
    budget: BudgetSettings | None = None,
    name: str = "",
    compliance: Mapping[str, Any] | None = None,
) -> ProjectSettings:
    """The settings of a run that makes this.

    Args:
        models: ``generator``; ``judge`` if realism is wanted; ``target`` of the project that it may become.
        name: of the project; default: the scenario's title.
        compliance: a table as ``[compliance]`` in a project file: it holds for all that is sent.

    Raises:
        SettingsError: there is no generator, or no judge for the realism.
    """
    scenario = plan.scenario
    if "generator" not in models:
        raise SettingsError("there is no model that makes cases up", where="models.generator", fix="name one")
    if plan.realism and "judge" not in models:
        raise SettingsError(
            "there is no judge to say how real the cases seem",
            where="models.judge",
            fix="name one, or ask for no realism",
        )
    generator = generator_of(models["generator"], plan)
    said: dict[str, Any] = {
        "name": name or scenario.title or scenario.name,
        "prompt": scenario.prompt,
        "task": scenario.task(),
        "models": {"target": generator, **models, "generator": generator},
        "budget": budget or BudgetSettings(),
        "compliance": _compliance(compliance),
        "checks": scenario.checks_for(judged=False),
        "optimizer": OptimizerSettings.model_validate(
            {"name": NAME, "seed": plan.seed, "plan": plan.model_dump(mode="json")}
        ),
    }
    return ProjectSettings.model_validate(said)


def _compliance(table: Mapping[str, Any] | None) -> ComplianceSettings:
    try:
        return ComplianceSettings.model_validate(table or {})
    except ValidationError as error:
        flaw = error.errors()[0]
        place = ".".join(("compliance", *map(str, flaw["loc"])))
        raise SettingsError(str(flaw["msg"]).removeprefix("Value error, "), where=place) from None


def create_generation(
    database: Database,
    plan: GenerationPlan,
    models: Mapping[ev.Role, ModelSettings],
    budget: BudgetSettings | None = None,
    *,
    name: str = "",
    folder: Path | None = None,
    trusted: bool = True,
) -> str:
    """Make a run that makes cases up; nothing is sent yet. Returns its id.

    Args:
        name: of the project; default: the scenario's title.
        folder: that the run belongs to; default: where the program is.
        trusted: who asks for it has named its models and endpoints himself.

    Raises:
        SettingsError: as :func:`planned`.
        TrustError: a model's endpoint is not trusted.
    """
    return create_planned(database, planned(plan, models, budget, name), folder=folder, trusted=trusted)


def create_planned(
    database: Database, settings: ProjectSettings, *, folder: Path | None = None, trusted: bool = True
) -> str:
    """Make a run of the settings that :func:`planned` gave; see :func:`create_generation`."""
    where = folder or Path.cwd()
    frozen = Frozen(settings, Dataset(train=(), validation=()), where, where)
    return create_frozen(database, frozen, kind=NAME, trusted=trusted)


def same_generation(database: Database, settings: ProjectSettings) -> RunRow | None:
    """The newest run with these settings, whatever its caps: what it made is made."""
    runs = Runs(database)
    said = settings.model_dump_json(exclude={"budget"})
    for row in runs.list(settings.name):
        if row.kind == NAME and runs.settings(row.id).model_dump_json(exclude={"budget"}) == said:
            return row
    return None


def higher_caps(database: Database, row: RunRow, budget: BudgetSettings) -> dict[str, float | None]:
    """The caps to go on under, if a budget has more than a run's own caps; empty if it has not.

    Args:
        row: a run that makes cases up.
    """
    state = fold(RunLog(database, row.id))
    before = dict(state.limits) if state.version else Runs(database).settings(row.id).budget.limits()
    after = budget.limits()
    more = any(name not in after or after[name] > cap for name, cap in before.items())
    return {name: after.get(name) for name in {**before, **after}} if more else {}


def ended_by_cap(database: Database, row: RunRow) -> bool:
    """A cap has ended the run: under a higher one there is more to make."""
    finished = fold(RunLog(database, row.id)).finished
    return finished is not None and finished.stop_reason == "budget"


def generation_plan_of(settings: ProjectSettings) -> GenerationPlan:
    """The plan in the frozen settings of a run that makes cases up."""
    return GenerationPlan.model_validate((settings.optimizer.model_extra or {})["plan"])


def foreseen(plan: GenerationPlan, settings: ProjectSettings) -> ev.Forecast:
    """What making the cases takes: least, likely, most; told before anything is sent."""
    cells = cells_of(plan.scenario)
    order = [cells[place] for place in dealt(plan.scenario, min(plan.count, plan.batch), plan.seed)]
    shown = "x" * SHOWN_CHARS
    asked = [
        sum(
            size_of(message.content)
            for message in making(plan.scenario, plan.company, order, earlier, answers=plan.answers)
        )
        for earlier in ([], [shown] * SHOWN)
    ]
    generator = settings.models["generator"]
    likely_reply = OVERHEAD / 4 + min(plan.batch, plan.count) * LIKELY_CASE[plan.answers]
    roles: dict[ev.Role, Need] = {
        "generator": _need(
            generator,
            Spread.of(plan.fewest, math.ceil(1.1 * plan.fewest), plan.most * TRIES),
            Spread.of(tokens_of(asked[0]).low, tokens_of(sum(asked) / 2).likely, 3 * asked[1]),
            Spread.of(
                plan.count / plan.fewest * 30, min(likely_reply, generator.max_tokens), generator.max_tokens
            ),
        )
    }
    if plan.realism:
        text = "x" * (600 if plan.answers else 400)
        size = sum(
            size_of(m.content) for m in asking_realism(plan.scenario, plan.company, order[0].told, text)
        )
        judge = settings.models["judge"]
        roles["judge"] = _need(
            judge,
            Spread.of(plan.count, plan.count, 2 * plan.count),
            tokens_of(size),
            Spread.of(5, 50, judge.max_tokens),
        )
    usd = [need.usd for need in roles.values()]
    total = Need(
        calls=sum((need.calls for need in roles.values()), NONE),
        prompt_tokens=sum((need.prompt_tokens for need in roles.values()), NONE),
        completion_tokens=sum((need.completion_tokens for need in roles.values()), NONE),
        usd=None if None in usd else sum((each for each in usd if each), NONE).rounded(9),
    )
    seconds = sum((need.seconds or NONE for need in roles.values()), NONE)
    notes = ["output lengths and latencies are guesses", "retries are not counted"]
    if total.usd is None:
        notes.append("a price is unknown, and so is cost")
    cap = first_cap(settings.budget.limits(), roles, total, seconds)
    return ev.Forecast(roles=roles, total=total, seconds=seconds.rounded(1), cap=cap, notes=notes)


def _need(model: ModelSettings, calls: Spread, sent: Spread, generated: Spread) -> Need:
    prompt, completion = (calls * sent).rounded(), (calls * generated).rounded()
    price = lookup_price(model)
    usd: Spread | None = None
    if price is not None:
        usd = prompt * Spread.exactly(price.input / 1e6) + completion * Spread.exactly(price.output / 1e6)
    elif model.simulated:
        usd = NONE
    latency = Spread.of(0.3, 1.0 + (generated.likely or 0) / 60, 60.0)
    if model.simulated:
        latency = Spread.exactly(model.latency if model.latency is not None else 1.0)
    at_once = Spread.exactly(1 / min(4, model.max_concurrency))
    seconds = (calls * latency * at_once).rounded(1)
    return Need(
        calls=calls,
        prompt_tokens=prompt,
        completion_tokens=completion,
        usd=usd.rounded(9) if usd else None,
        seconds=seconds,
    )


def earlier_of(taken: Sequence[tuple[str, str]], situations: set[str]) -> list[str]:
    """Inputs that a request is to differ from: the last of its own situations, then the last of all.

    Args:
        taken: situation and input of each case so far.
    """
    own = [text for situation, text in reversed(taken[-200:]) if situation in situations][:SHOWN]
    rest = [text for _, text in reversed(taken[-SHOWN:]) if text not in own]
    return [*own, *rest][:SHOWN]
