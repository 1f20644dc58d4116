"""Which candidate of a run fixed or broke which case, from the store's cells."""

from dataclasses import dataclass

from promptopt.domain.words import Split
from promptopt.runs.standings import Candidate
from promptopt.runs.state import RunState
from promptopt.store.cells import Cells


@dataclass(frozen=True)
class CaseHistory:
    """One case over the candidates of a run.

    Attributes:
        marks: of each candidate in the order in which they came; None if it was not scored on the case.
        fixed, broken: names of the candidates that pass the case and whose parent fails it, and the reverse.
    """

    case_id: str
    marks: tuple[bool | None, ...]
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def never_passed(self) -> bool:
        """Some candidate was scored on it, and none passed."""
        return True not in self.marks and False in self.marks


def candidate_name(candidate: Candidate) -> str:
    """``seed``, ``#3`` for the proposal of iteration 3, or ``edit`` with the beginning of its id."""
    if candidate.source == "seed":
        return "seed"
    return f"edit {candidate.id[:6]}" if candidate.source == "human" else f"#{candidate.iteration}"


def case_histories(state: RunState, cells: Cells, split: Split) -> tuple[list[Candidate], list[CaseHistory]]:
    """The candidates that were scored on a split, and the history of each of its cases.

    Args:
        state: the run.
        cells: its cells.
        split: the split; of the test split only what was scored at the end is there.
    """
    marks = {each: cells.marks(each, split) for each in state.candidates}
    scored = [candidate for candidate in state.everyone if marks[candidate.id]]
    cases = dict.fromkeys(case_id for candidate in scored for case_id in marks[candidate.id])

    def passed(candidate_id: str | None, case_id: str) -> bool | None:
        known = marks.get(candidate_id or "")
        return known.passes(case_id) if known else None

    histories: list[CaseHistory] = []
    for case_id in cases:
        steps = [(c, passed(c.parent_id, case_id), passed(c.id, case_id)) for c in scored]
        histories.append(
            CaseHistory(
                case_id=case_id,
                marks=tuple(now for _, _, now in steps),
                fixed=tuple(candidate_name(c) for c, before, now in steps if now and before is False),
                broken=tuple(candidate_name(c) for c, before, now in steps if before and now is False),
            )
        )
    return scored, histories
