"""What came out of a run, as figures that runs are compared by."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from promptopt.domain import events as ev
from promptopt.domain.dataset import Split
from promptopt.domain.results import CaseResult, Interval
from promptopt.runs.state import RunState
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.journal import answers_in_time
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs


@dataclass(frozen=True)
class Step:
    """How far a run had come when a prompt was scored on validation.

    Attributes:
        iteration: that the prompt was proposed in; 0 for the one to start from.
        calls, usd: answered and paid by then.
        score: of that prompt.
        best: highest score by then of what may win: the prompt to start from, and those accepted.
    """

    iteration: int
    calls: int
    usd: float
    score: float
    best: float


@dataclass(frozen=True)
class Outcome:
    """What came out of a run.

    Attributes:
        status: ``finished``, ``stopped``, ``failed``, ``interrupted`` …
        stop_reason, detail: why it ended.
        split: what the results were measured on; None if the winner was not scored there.
        results: of the winner, in the order of the cases.
        first: of the prompt to start from.
        validation: the winner's score on the validation cases.
        usd: spent; None if a price is unknown. ``uncertain`` is what may have been spent beside that.
        calls: by role, and ``calls`` altogether.
        seconds: running time, without pauses.
        converged: 1 if it ended because every training and validation case passed, else 0; of several runs
            taken together their share.
        best_at: iteration that the winner came in; 0 if it is the prompt to start from.
        course: how it got there.
    """

    run_id: str
    optimizer: str
    kind: str
    status: str
    stop_reason: str
    detail: str
    simulated: bool
    split: Split | None
    results: tuple[CaseResult, ...]
    first: tuple[CaseResult, ...]
    best_id: str
    seed_id: str
    prompt: str
    validation: Interval | None
    usd: float | None
    uncertain: float
    calls: Mapping[str, int]
    tokens: int
    seconds: float
    iterations: int
    converged: float
    best_at: int | None
    course: tuple[Step, ...] = field(default=())

    @property
    def total_calls(self) -> int:
        return self.calls.get("calls", 0)


def outcome_of(database: Database, row: RunRow, split: Split = "test") -> Outcome:
    """What came out of a run, finished or not, by its scores on ``split``."""
    state, course = _followed(RunLog(database, row.id), answers_in_time(database, row.id))
    cells = Cells(database, row.id)
    order = [case.id for case in Runs(database).cases(row.id, split)]
    results = _in_order(cells, state, state.best_id, split, order)
    best = state.candidates.get(state.best_id)
    finished = state.finished
    meters = state.meters
    return Outcome(
        run_id=row.id,
        optimizer=row.optimizer,
        kind=row.kind,
        status=row.status,
        stop_reason=finished.stop_reason if finished else "",
        detail=finished.detail if finished else row.detail,
        simulated=row.simulated,
        split=split if results else None,
        results=results,
        first=_in_order(cells, state, state.seed_id, split, order),
        best_id=state.best_id,
        seed_id=state.seed_id,
        prompt=best.text if best else "",
        validation=best.validation if best else None,
        usd=None if state.unpriced or "usd" not in meters else meters["usd"].spent,
        uncertain=meters["usd"].uncertain if "usd" in meters else 0.0,
        calls={name: int(meter.spent) for name, meter in meters.items() if name.endswith("calls")},
        tokens=int(meters["tokens"].spent) if "tokens" in meters else 0,
        seconds=row.active_seconds,
        iterations=state.iteration,
        converged=float(bool(finished and finished.stop_reason == "all_pass")),
        best_at=best.iteration if best and finished else None,
        course=course,
    )


def _in_order(
    cells: Cells, state: RunState, prompt_id: str, split: Split, order: list[str]
) -> tuple[CaseResult, ...]:
    """Results of a prompt that was scored on the whole split; none of one that was not."""
    candidate = state.candidates.get(prompt_id)
    if candidate is None or split not in candidate.scores:
        return ()
    found = cells.results(prompt_id, split)
    return tuple(found[case_id] for case_id in order if case_id in found)


def _followed(log: RunLog, answers: Sequence[tuple[float, float]]) -> tuple[RunState, tuple[Step, ...]]:
    """The fold over a run's events, and the course that they show.

    Args:
        answers: when each answer came, and what all up to it cost.
    """
    state, n = RunState(), 0
    steps: dict[str, Step] = {}
    while batch := log.after(n):
        for stored in batch:
            state.apply(stored.event, stored.at)
            if isinstance(stored.event, ev.CandidateScored | ev.CandidateJudged):
                _take(state, stored.event, steps, answers[: bisect_right(answers, (stored.at, inf))])
        n = batch[-1].n
    return state, tuple(steps.values())


def _take(
    state: RunState,
    event: ev.CandidateScored | ev.CandidateJudged,
    steps: dict[str, Step],
    answers: Sequence[tuple[float, float]],
) -> None:
    candidate = state.candidates.get(event.candidate_id)
    if candidate is None or candidate.validation is None:
        return
    if isinstance(event, ev.CandidateScored) and event.split != "validation":
        return
    best = state.candidates.get(state.best_id)
    before = steps.get(candidate.id)  # a resumed run says again what it said, later
    steps[candidate.id] = Step(
        iteration=candidate.iteration,
        calls=before.calls if before else len(answers),
        usd=before.usd if before else answers[-1][1] if answers else 0.0,
        score=candidate.validation.mean,
        best=best.validation.mean if best and best.validation else candidate.validation.mean,
    )
