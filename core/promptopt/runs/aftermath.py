"""What a run that is over has to tell beside its figures: where the winner comes from, why there is no better
one, who did what.
"""

from copy import copy
from dataclasses import dataclass, field
from typing import get_args

from promptopt.domain import events as ev
from promptopt.domain.errors import RunError
from promptopt.domain.words import Split
from promptopt.runs.cases import case_histories
from promptopt.runs.diagnosis import Facts, Finding, diagnose
from promptopt.runs.provenance import Effect, Trace, effect, trace
from promptopt.runs.rescoring import Again, again, scored_prompt
from promptopt.runs.state import RunState
from promptopt.store.cells import Cells, scored_in
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog, Stored
from promptopt.store.runs import RunRow, Runs

MOST_CELLS = 300_000
"""Cells that are gone through to find cases that nobody passes."""

MOST_ACTS = 2_000
MOST_REFUSALS = 5_000

_ITSELF = "match_finished"
"""Its ``by`` is the judge, not a person."""

ACTS: tuple[str, ...] = tuple(
    kind.model_fields["kind"].default
    for kind in get_args(get_args(ev.Event)[0])
    if "by" in kind.model_fields and kind.model_fields["kind"].default != _ITSELF
)
"""The kinds of events by which people's acts are told."""


@dataclass(frozen=True)
class Act:
    """What a person did. ``at``: seconds since the epoch; ``text``: in the words of the log, author too."""

    at: float
    by: str
    text: str


@dataclass(frozen=True)
class Aftermath:
    """What there is to tell of a run that is over.

    Attributes:
        trace: from the seed to the winner.
        effects: of each step of the trace on the validation cases; None if no case was scored under both.
        findings: why there is no proven gain; empty if there is one.
        acts: what people did, oldest first.
    """

    trace: Trace = field(default_factory=Trace)
    effects: tuple[Effect | None, ...] = ()
    findings: tuple[Finding, ...] = ()
    acts: tuple[Act, ...] = ()


def aftermath(database: Database, row: RunRow, state: RunState) -> Aftermath:
    """Gather it from a run's fold and the store; reads the marks of the cases, so it takes its time."""
    if not state.over or not state.has_search:
        return Aftermath(acts=acts(database, row.id, state))
    found = trace(dict(state.candidates), state.seed_id, state.best_id)
    return Aftermath(
        trace=found,
        effects=tuple(_effects(database, row.id, found)),
        findings=tuple(diagnose(state, facts(database, row.id, state))),
        acts=acts(database, row.id, state),
    )


def facts(database: Database, run_id: str, state: RunState) -> Facts:
    """What the diagnosis needs beside the fold."""
    refused = RunLog(database, run_id).of_kinds(("proposal_failed",), MOST_REFUSALS)
    reasons = [each.event.reason for each in refused if isinstance(each.event, ev.ProposalFailed)]
    never: list[str] = []
    if state.sizes.get("validation", 0) * len(state.candidates) <= MOST_CELLS:
        _, histories = case_histories(state, Cells(database, run_id), "validation")
        never = [each.case_id for each in histories if each.never_passed]
    return Facts(refusals=reasons, never_passed=never)


def acts(database: Database, run_id: str, state: RunState) -> tuple[Act, ...]:
    """What people did, in the words in which the fold logs it."""
    stored = RunLog(database, run_id).of_kinds(ACTS, MOST_ACTS)
    scratch = RunState()
    scratch.run_id, scratch.optimizer, scratch.phase = state.run_id, state.optimizer, state.phase
    scratch.candidates = {key: copy(candidate) for key, candidate in list(state.candidates.items())}
    return tuple(act for each in stored if (act := _act(scratch, each)) is not None)


def _act(scratch: RunState, stored: Stored) -> Act | None:
    by = str(getattr(stored.event, "by", ""))
    if not by or (isinstance(stored.event, ev.Paused) and stored.event.itself):
        return None
    scratch.activity.clear()
    scratch.apply(stored.event, stored.at)
    text = scratch.activity[-1].text if scratch.activity else stored.event.kind.replace("_", " ")
    return Act(stored.at, by, text)


def _effects(database: Database, run_id: str, found: Trace) -> list[Effect | None]:
    cells, split = Cells(database, run_id), "validation"
    effects: list[Effect | None] = []
    before, before_id = {}, ""
    for step in found.steps:
        if before_id != step.parent_id:
            before = cells.marks(step.parent_id, split)
        after = cells.marks(step.candidate_id, split)
        effects.append(effect(before, after))
        before, before_id = after, step.candidate_id
    return effects


def scored_before(database: Database, row: RunRow, state: RunState) -> Again | None:
    """Of a run that scored one prompt: an earlier run that had scored it on the same cases, and both figures.

    Graded scores are compared with scipy.
    """
    seed = state.candidates.get(state.seed_id)
    if seed is None or not seed.scores:
        return None
    split: Split = next(iter(seed.scores))
    runs = Runs(database)
    for run_id in scored_in(database, seed.id):
        other = runs.find(run_id)
        if other.dataset_id != row.dataset_id or other.created_at >= row.created_at:
            continue
        try:
            scored = scored_prompt(database, other, seed.id, split)
        except RunError:
            continue
        return again(database, scored, row.id)
    return None
