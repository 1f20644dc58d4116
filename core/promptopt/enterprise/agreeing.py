"""Measuring consistency of a project's prompt: cases as several people would put them, answered by it.

Two ordinary runs: a generator model puts cases in other words, then the prompt answers all phrasings. So
budget, journal and resumption are those of any run, and the same again goes on where it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.settings import BudgetSettings, ModelSettings, ProjectSettings
from promptopt.domain.words import Split
from promptopt.enterprise.consistency import GOAL, Consistency, Measure, consistency_of_run
from promptopt.enterprise.poc.phrasing import phrased, put_in_words
from promptopt.enterprise.poc.spending import Spent, spent_by
from promptopt.runs.launch import Frozen, create_frozen, may_resume
from promptopt.runs.state import fold
from promptopt.store.cells import Cells
from promptopt.store.commands import Commands, SetLimits
from promptopt.store.database import Database
from promptopt.store.reuse import carry_over
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs

SHARE = 0.5
"""Of each cap, the most that putting cases in other words may take; answering has what it leaves."""

FEWEST = 2
"""Tasks of which an agreement can have an interval."""


@dataclass(frozen=True)
class Wanted:
    """What is to be measured.

    Attributes:
        settings: of the project, with the prompt, its models and what may be sent.
        folder, path: of the project.
        split: whose cases are taken, the first ``tasks`` of them.
        phrasings: ways of putting each case, its own included; 1: only as it is.
        repeats: times that each phrasing is sent.
        generator: who puts cases in other words.
        caps: of both runs together, by name.
    """

    settings: ProjectSettings
    folder: Path
    path: Path
    dataset: Dataset
    split: Split = "validation"
    tasks: int = 12
    phrasings: int = 3
    repeats: int = 1
    generator: ModelSettings | None = None
    caps: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Begun:
    """A run that is to be followed to its end. ``work``: a worker is to be started for it."""

    row: RunRow
    work: bool


@dataclass(frozen=True)
class Measured:
    """What came out. ``runs``: ids of the runs that it rests on; ``spent``: by all that was begun for it."""

    consistency: Consistency
    runs: tuple[str, ...]
    spent: Spent


Carry = Callable[[Begun], None]
"""Brings a run to its end."""


def measured(
    database: Database,
    wanted: Wanted,
    carry: Carry,
    *,
    goal: float = GOAL,
    measure: Measure | None = None,
    trusted: bool = False,
) -> Measured:
    """Measure it; the same again goes on, or is read, and pays for nothing twice.

    Args:
        carry: called for each run that is not over.

    Raises:
        SettingsError: there are too few cases that can be used, or nothing to compare.
        RunError: a run did not come to its end, or too few cases were put in other words.
        TrustError: the project has code or an endpoint that its owner has not trusted.
    """
    chosen = _chosen(wanted)
    ways, ids, all_ids = chosen, list[str](), list[str]()
    if wanted.phrasings > 1:
        made = _asking(wanted, chosen)
        asked = _brought(database, wanted, made, carry, trusted)
        ids.append(asked.id)
        all_ids += _ids_like(database, wanted, made)
        results = Cells(database, asked.id).results(fold(RunLog(database, asked.id)).seed_id, "test")
        ways = phrased(chosen, results)
        if len({case.group for case in ways.test}) < FEWEST:
            raise RunError("the generator put too few cases in other words", where=f"run {asked.id}")
    made = _answering(wanted, ways, spent_by(database, all_ids))
    answered = _brought(database, wanted, made, carry, trusted)
    ids.append(answered.id)
    all_ids += _ids_like(database, wanted, made)
    found = consistency_of_run(database, answered.id, goal=goal, measure=measure)
    return Measured(found, tuple(ids), spent_by(database, all_ids))


def _chosen(wanted: Wanted) -> Dataset:
    """The first cases of the split that can be used, as a test split of their own."""
    if wanted.phrasings < 2 and wanted.repeats < 2:
        raise SettingsError(
            "one answer to each case can't disagree with itself",
            where="phrasings",
            fix="ask for 2 or more --phrasings, or --repeats",
        )
    usable: list[Example] = [
        case for case in wanted.dataset[wanted.split] if wanted.phrasings < 2 or len(case.inputs) == 1
    ]
    if len(usable) < FEWEST:
        raise SettingsError(
            f"{wanted.split} has {len(usable)} cases with one input text, expected {FEWEST} or more",
            where=str(wanted.path),
            fix="choose another --split, or --phrasings 1 with --repeats 3",
        )
    bare = [case.model_copy(update={"checks": (), "must_pass": False}) for case in usable[: wanted.tasks]]
    return Dataset(train=(), validation=(), test=tuple(bare))


def _asking(wanted: Wanted, chosen: Dataset) -> tuple[ProjectSettings, Dataset]:
    settings = wanted.settings
    generator = wanted.generator or settings.models.get("generator") or settings.models.get("optimizer")
    asked = put_in_words(
        settings.name,
        chosen,
        generator or settings.models["target"],
        wanted.phrasings - 1,
        settings.compliance,
        {name: _floor(name, SHARE * cap) for name, cap in (wanted.caps or {}).items()},
    )
    bare = tuple(Example(id=case.id, inputs={"input": case.input_text}) for case in chosen.test)
    return asked, Dataset(train=(), validation=(), test=bare)


def _answering(wanted: Wanted, ways: Dataset, used: Spent) -> tuple[ProjectSettings, Dataset]:
    return _plain(wanted.settings, _left(wanted.caps or {}, used), wanted.repeats), ways


def _left(caps: Mapping[str, float], used: Spent) -> dict[str, float]:
    """What caps leave.

    Raises:
        RunError: one of them leaves nothing.
    """
    took = {"usd": used.usd + used.uncertain, "calls": used.calls, "tokens": used.tokens}
    took["minutes"] = used.minutes
    left = {name: _floor(name, cap - took.get(name, 0.0)) for name, cap in caps.items()}
    short = [name for name, cap in left.items() if cap <= 0]
    if short:
        raise RunError(
            f"the cap on {short[0]} is used up",
            fix="raise it, and give the same command again: what is answered is not paid for again",
        )
    return left


def _ids_like(database: Database, wanted: Wanted, made: tuple[ProjectSettings, Dataset]) -> list[str]:
    """All runs that did this, those included that a cap ended."""
    return [row.id for row in _like(database, Frozen(*made, wanted.folder, wanted.path))]


def _plain(settings: ProjectSettings, caps: Mapping[str, float], repeats: int) -> ProjectSettings:
    """The project as a run that only answers: rules judge, no judge model is asked."""
    raw = settings.model_dump(mode="json", exclude_unset=True)
    rules = [check for check in raw.get("checks") or () if check["type"] not in ("judge", "pairwise")]
    raw |= {
        "checks": rules or [{"type": "length", "name": "there is an answer", "min": 1, "unit": "words"}],
        "judges": [],
        "evaluation": {**(raw.get("evaluation") or {}), "repeats": repeats},
        "optimizer": {"name": "none", "split": "test"},
        "budget": dict(caps),
    }
    return ProjectSettings.model_validate(raw)


def _brought(
    database: Database, wanted: Wanted, made: tuple[ProjectSettings, Dataset], carry: Carry, trusted: bool
) -> RunRow:
    """The run of these settings and cases at its end: one that is there already goes on, or is read."""
    settings, dataset = made
    begun = _begun(database, Frozen(settings, dataset, wanted.folder, wanted.path), trusted)
    if begun.row.status != "finished" or begun.work:
        carry(begun)
    row = Runs(database).find(begun.row.id)
    if not _scored(database, row):
        why = row.detail.splitlines()[0] if row.detail else f"it is {row.status}"
        raise RunError(
            f"it has not come to its end: {why}",
            where=f"run {row.id}",
            fix="give the same command again, with a higher cap if it met one: it goes on where it was",
        )
    return row


def _begun(database: Database, frozen: Frozen, trusted: bool) -> Begun:
    earlier = _like(database, frozen)
    if not earlier:
        return Begun(_new(database, frozen, trusted), work=True)
    there, state = earlier[0], fold(RunLog(database, earlier[0].id))
    if there.live or _scored(database, there):
        return Begun(there, work=False)
    if not state.resumable:
        left = _left(frozen.settings.budget.limits(), spent_by(database, [row.id for row in earlier]))
        budget = BudgetSettings.model_validate(left)
        frozen = replace(frozen, settings=frozen.settings.model_copy(update={"budget": budget}))
        fresh = _new(database, frozen, trusted)
        carry_over(database, there.id, fresh.id)
        return Begun(fresh, work=True)
    may_resume(database, there.id, trusted=trusted)
    limits: dict[str, float | None] = dict(frozen.settings.budget.limits())
    Commands(database, there.id).send(SetLimits(limits=limits))
    return Begun(there, work=True)


def _new(database: Database, frozen: Frozen, trusted: bool) -> RunRow:
    return Runs(database).find(create_frozen(database, frozen, kind="eval", trusted=trusted))


def _like(database: Database, frozen: Frozen) -> list[RunRow]:
    """The runs with these settings, whatever their caps, and these cases; the newest first."""
    runs, said = Runs(database), _but_caps(frozen.settings)
    cases = frozen.dataset.fingerprint()
    return [
        row
        for row in runs.list(frozen.settings.name)
        if row.kind == "eval" and row.dataset_id == cases and _but_caps(runs.settings(row.id)) == said
    ]


def _but_caps(settings: ProjectSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude={"budget"})


def _scored(database: Database, row: RunRow) -> bool:
    state = fold(RunLog(database, row.id))
    candidate = state.candidates.get(state.seed_id)
    return candidate is not None and "test" in candidate.scores


def _floor(cap: str, value: float) -> float:
    return float(int(value)) if cap.endswith(("calls", "tokens")) else value
