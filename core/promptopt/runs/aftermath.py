"""What a run that is over has to tell beside its figures: where the winner comes from, why there is no better
one, who did what.
"""

from dataclasses import dataclass, field

from promptopt.domain import events as ev
from promptopt.domain.errors import RunError
from promptopt.domain.words import Split
from promptopt.runs.acts import Deed
from promptopt.runs.cases import case_histories
from promptopt.runs.diagnosis import Facts, Finding, diagnose
from promptopt.runs.provenance import Effect, Scored, Trace, effects, trace
from promptopt.runs.rescoring import Again, again, scored_prompt
from promptopt.runs.state import RunState
from promptopt.store.cells import Cells, scored_in
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs

MOST_CELLS = 300_000
"""Cells that are gone through to find cases that nobody passes."""

MOST_REFUSALS = 5_000


@dataclass(frozen=True)
class Aftermath:
    """What there is to tell of a run that is over.

    Attributes:
        trace: from the seed to the winner.
        effects: of each step of the trace on the validation cases; None if it was not measured.
        findings: why there is no proven gain; empty if there is one.
        acts: what people did, oldest first.
        measured: effects and findings are there; they take reading.
    """

    trace: Trace = field(default_factory=Trace)
    effects: tuple[Effect | None, ...] = ()
    findings: tuple[Finding, ...] = ()
    acts: tuple[Deed, ...] = ()
    measured: bool = True


def at_once(state: RunState) -> Aftermath:
    """What there is to tell of a run that is over without reading anything."""
    acts = tuple(state.deeds)
    if not state.over or not state.has_search:
        return Aftermath(acts=acts)
    found = trace(dict(state.candidates), state.seed_id, state.best_id)
    return Aftermath(found, (None,) * len(found.steps), acts=acts, measured=False)


def aftermath(database: Database, row: RunRow, state: RunState) -> Aftermath:
    """Gather it from a run's fold and the store; reads the marks of the cases, so it takes its time."""
    if not state.over or not state.has_search:
        return Aftermath(acts=tuple(state.deeds))
    cells = Cells(database, row.id)

    def scored(candidate_id: str) -> Scored:
        return {
            case_id: (score, passed)
            for case_id, score, passed, _ in cells.outcomes(candidate_id, "validation")
        }

    found = trace(dict(state.candidates), state.seed_id, state.best_id)
    return Aftermath(
        trace=found,
        effects=tuple(effects(found.steps, scored)),
        findings=tuple(diagnosis(database, row.id, state)),
        acts=tuple(state.deeds),
    )


def diagnosis(database: Database, run_id: str, state: RunState) -> list[Finding]:
    """Why a search that is over has no proven gain; see :func:`promptopt.runs.diagnosis.diagnose`."""
    if not state.unproven:
        return []
    return diagnose(state, facts(database, run_id, state))


def facts(database: Database, run_id: str, state: RunState) -> Facts:
    """What the diagnosis needs beside the fold."""
    refused = RunLog(database, run_id).of_kinds(("proposal_failed",), MOST_REFUSALS)
    reasons = [each.event.reason for each in refused if isinstance(each.event, ev.ProposalFailed)]
    never: list[str] = []
    if state.sizes.get("validation", 0) * len(state.candidates) <= MOST_CELLS:
        _, histories = case_histories(state, Cells(database, run_id), "validation")
        never = [each.case_id for each in histories if each.never_passed]
    return Facts(refusals=reasons, never_passed=never)


def scored_before(database: Database, row: RunRow, state: RunState) -> Again | None:
    """Of a run that scored one prompt: an earlier run that had scored it on the same cases, and both figures.

    Graded scores are compared with scipy.
    """
    seed = state.candidates.get(state.seed_id)
    if seed is None or not seed.scores:
        return None
    split: Split = next(iter(seed.scores))
    runs = Runs(database)
    for run_id in reversed(scored_in(database, seed.id)):  # the first figure is the one that is to hold
        other = runs.find(run_id)
        if other.dataset_id != row.dataset_id or other.created_at >= row.created_at:
            continue
        try:
            scored = scored_prompt(database, other, seed.id, split)
        except RunError:
            continue
        return again(database, scored, row.id)
    return None
