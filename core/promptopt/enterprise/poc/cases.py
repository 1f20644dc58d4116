"""The cases of a proof of concept: made up by a run, or a person's own; and the gate before they are used."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from promptopt.domain.dataset import Dataset, Example, split_cases
from promptopt.domain.settings import ProjectSettings
from promptopt.enterprise.poc.plan import FEWEST_SEALED, SPLIT, POCPlan
from promptopt.runs.generated import Generated, queue_of
from promptopt.runs.generating import NAME
from promptopt.store.database import Database
from promptopt.store.runs import RunRow, Runs
from promptopt.synthetic.quality import DataQuality, measure


class Gate(BaseModel):
    """Whether cases may be used, and why.

    Attributes:
        passed: they may.
        reasons: why not, a sentence each.
        notes: what to know of them, a sentence each.
        score: of their quality, from 0 to 10.
        sizes: cases by split.
        quality: all figures, as :meth:`promptopt.synthetic.quality.DataQuality.as_json` gives them.
        source: where the cases come from.
        made_up: a model has made them up; ``simulated``: a simulated one.
    """

    model_config = ConfigDict(frozen=True)

    passed: bool
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    score: float
    sizes: dict[str, int]
    quality: dict[str, Any] = Field(default_factory=dict[str, Any])
    source: str
    made_up: bool
    simulated: bool

    @property
    def cases(self) -> int:
        return sum(self.sizes.values())


def made_already(database: Database, settings: ProjectSettings, usd: float | None) -> RunRow | None:
    """A finished run that made the same cases, whatever budget it had; they need not be paid for again.

    Args:
        usd: most that the run may have cost; None: that is of no weight.
    """
    runs, said = Runs(database), _without_budget(settings)
    for row in runs.list(archived=True):
        if (
            row.kind != NAME
            or row.status != "finished"
            or not row.made
            or (usd is not None and (row.usd or 0.0) > usd)
        ):
            continue
        with suppress(ValidationError):  # what another version has frozen may not be read any more
            if _without_budget(runs.settings(row.id)) == said:
                return row
    return None


def _without_budget(settings: ProjectSettings) -> str:
    """What decides on the cases: the plan, the generator and the judge, and what may be sent."""
    plan = (settings.optimizer.model_extra or {}).get("plan")
    models = {role: m.model_dump(mode="json") for role, m in settings.models.items() if role != "target"}
    return repr((plan, models, settings.compliance.model_dump(mode="json")))


def of_generated(database: Database, found: Generated, seed: int) -> tuple[Dataset, DataQuality]:
    """Cases that a run has made, as people have decided on them, and how good they are."""
    dataset = found.dataset(queue_of(database, found).kept(), SPLIT, seed)
    there = {case.id for case in dataset.cases()}
    ratings = {name: score for name, score in found.ratings.items() if name in there}
    return dataset, measure(dataset, ratings, found.plan.scenario.prompt, seed)


def of_own(cases: Sequence[Example] | Dataset, plan_prompt: str, seed: int) -> tuple[Dataset, DataQuality]:
    """A person's own cases in splits, and how good they are; splits that they have stay."""
    dataset = cases if isinstance(cases, Dataset) else split_cases(cases, SPLIT, seed)
    return dataset, measure(dataset, {}, plan_prompt, seed)


def gate(plan: POCPlan, dataset: Dataset, quality: DataQuality, source: str, *, simulated: bool) -> Gate:
    """Whether these cases may be used."""
    reasons = [finding.text for finding in quality.serious]
    if len(dataset.test) < FEWEST_SEALED:
        reasons.append(
            f"{len(dataset.test)} sealed cases can show no difference that matters: {FEWEST_SEALED} are the "
            f"fewest, {_cases_for(FEWEST_SEALED)} cases in all"
        )
    if not dataset.train or not dataset.validation:
        reasons.append("there are no cases to learn from, or none to choose by")
    if quality.quality_score < plan.lowest_quality:
        weakest = min(quality.parts, key=lambda name: quality.parts[name], default="")
        reasons.append(
            f"the quality is {quality.quality_score:.1f} of 10, {plan.lowest_quality:g} is the lowest that "
            f"passes; the weakest part is: {weakest or 'none'}"
        )
    notes = [] if plan.own_cases else [_few(plan, quality)]
    return Gate(
        passed=not reasons,
        reasons=tuple(reasons),
        notes=tuple(note for note in notes if note),
        score=quality.quality_score,
        sizes=quality.sizes,
        quality=_plain(quality.as_json()),
        source=source,
        made_up=not plan.own_cases,
        simulated=simulated,
    )


def _cases_for(sealed: int) -> int:
    return round(sealed / SPLIT[2])


def _few(plan: POCPlan, quality: DataQuality) -> str:
    return f"{quality.cases} of {plan.count} cases were made" if quality.cases < plan.count else ""


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    """Findings as their kinds and sentences: cases are named there, not quoted."""
    findings = [{"kind": f["kind"], "text": f["text"], "count": f["count"]} for f in table["findings"]]
    return {**table, "findings": findings}
