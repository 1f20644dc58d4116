"""What a proof of concept needs, told before anything is sent, and what its budget carries."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset, Example, split_cases
from promptopt.domain.forecast import NONE, Spread
from promptopt.enterprise.compliance import terms
from promptopt.enterprise.poc import comparing, phrasing
from promptopt.enterprise.poc.plan import SPLIT, POCPlan
from promptopt.enterprise.poc.settings import generation_of
from promptopt.enterprise.poc.shares import allowance
from promptopt.evaluation.checks import build_judge
from promptopt.runs.forecast import forecast
from promptopt.runs.generating import foreseen, generation_plan_of
from promptopt.store.history import History

LIKELY_CHARS = 500
"""Characters of a case that is not made up yet."""

MINUTES = Spread.exactly(1 / 60)


@dataclass(frozen=True)
class StageNeed:
    """What a stage needs, without its caps; ``usd`` is None if a price is unknown.

    Attributes:
        caps: what the shares of the budget leave it at most, if the stages before take all of theirs.
        note: what the budget does not carry.
    """

    name: str
    title: str
    calls: Spread
    tokens: Spread
    usd: Spread | None
    minutes: Spread
    caps: Mapping[str, float]
    note: str = ""

    def cells(self) -> list[str]:
        """As a row of a table."""
        caps = ", ".join(f"{value:,.4g} {name}" for name, value in self.caps.items())
        return [_told(self.calls), _told(self.tokens), _told(self.usd), _told(self.minutes), caps, self.note]


@dataclass(frozen=True)
class Estimate:
    """What all stages need."""

    name: str
    simulated: bool
    stages: tuple[StageNeed, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """In JSON values."""
        stages = [
            {
                **asdict(one),
                **{
                    name: spread.model_dump() if spread else None
                    for name, spread in (
                        ("calls", one.calls),
                        ("tokens", one.tokens),
                        ("usd", one.usd),
                        ("minutes", one.minutes),
                    )
                },
                "caps": dict(one.caps),
            }
            for one in self.stages
        ]
        return {"name": self.name, "simulated": self.simulated, "stages": stages, "notes": list(self.notes)}


def estimate_of(plan: POCPlan, own_cases: Dataset | None = None) -> Estimate:
    """What a plan needs; nothing is sent.

    Raises:
        SettingsError: an optimizer, a check or a model can't be used.
    """
    dataset = own_cases or _stand_in(plan)
    limits = plan.budget.limits()
    first = allowance(limits, {}, "data", plan.shares)
    second = allowance(limits, first, "comparison", plan.shares)
    third = {name: limit - first[name] - second[name] for name, limit in limits.items()}
    if own_cases is not None:
        first, second = {}, allowance(limits, {}, "comparison", plan.shares)
        third = {name: limit - second[name] for name, limit in limits.items()}
    stages: list[StageNeed] = []
    if own_cases is None:
        settings = generation_of(plan, {})
        stages.append(_of("data", "cases", [foreseen(generation_plan_of(settings), settings)], first))
    carried = comparing.carried(plan, dataset, second)
    note = "; ".join(f"left out: {label}, {why}" for label, why in carried.left_out.items())
    needs = [*comparing.needs(plan, dataset).values()] * len(plan.seeds)
    stages.append(_of("comparison", "comparison", needs, second, note))
    stages.append(_of("consistency", "consistency", _consistency(plan, dataset), third))
    notes = ["output lengths and latencies are guesses, retries are not counted"]
    if own_cases is None:
        notes.append(f"cases are taken to be {LIKELY_CHARS} characters long")
    notes.append("what a stage leaves goes to those after it, by their shares of the budget")
    notes += terms(plan.compliance)
    total = [one.usd for one in stages]
    if None in total:
        notes.append("a price is unknown, and so is cost: a cap on USD can't be kept")
    return Estimate(plan.name, plan.simulated, tuple(stages), tuple(notes))


def _stand_in(plan: POCPlan) -> Dataset:
    words = "word " * (LIKELY_CHARS // 5)
    cases = [
        Example(id=f"c{number}", inputs={"input": f"{number} {words}"})
        for number in range(max(plan.count, 8))
    ]
    return split_cases(cases, SPLIT, plan.seed)


def _consistency(plan: POCPlan, dataset: Dataset) -> list[ev.Forecast]:
    chosen = phrasing.to_put(plan, dataset)
    if not chosen.test:
        return []
    asked = phrasing.asking(plan, chosen, {})
    first = forecast(asked, chosen, None, History({}), ("test",))
    ways = Dataset(
        train=(),
        validation=(),
        test=tuple(
            case.model_copy(update={"id": f"{case.id}-{n}", "inputs": {"input": f"{n} {case.input_text}"}})
            for case in chosen.test
            for n in range(plan.phrasings)
        ),
    )
    answering = phrasing.answering(
        plan, asked.seed_prompt.model_copy(update={"text": plan.scenario.prompt}), {}
    )
    judge = build_judge(answering, Path.cwd(), ways.cases())
    each = forecast(answering, ways, None, History({}), ("test",), judge)
    return [first, each, each]


def _of(
    name: str, title: str, needs: list[ev.Forecast], caps: Mapping[str, float], note: str = ""
) -> StageNeed:
    usd: Spread | None = NONE
    for need in needs:
        usd = None if usd is None or need.total.usd is None else usd + need.total.usd
    return StageNeed(
        name=name,
        title=title,
        calls=sum((need.total.calls for need in needs), NONE),
        tokens=sum((need.total.tokens for need in needs), NONE),
        usd=usd,
        minutes=sum((need.seconds for need in needs), NONE) * MINUTES,
        caps=caps,
        note=note,
    )


def _told(spread: Spread | None) -> str:
    if spread is None:
        return "unknown"
    return " / ".join("?" if v is None else f"{v:,.3g}" for v in (spread.low, spread.likely, spread.high))
