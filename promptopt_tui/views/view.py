"""What a frame of the cockpit is made from."""

from collections.abc import Callable
from dataclasses import dataclass, field

from promptopt.domain.dataset import Split
from promptopt.runs.pacing import active_seconds, going_on, is_live, seconds_left, share_done
from promptopt.runs.standings import Candidate
from promptopt.runs.state import Progress, RunState
from promptopt.store.runs import RunRow
from promptopt_tui.views.pace import Pace


@dataclass
class View:
    """A run at one moment, and what its viewer looks at.

    Attributes:
        state: the fold; only to be read while the follower's lock is held.
        row: the run in the store, if it was looked up yet.
        status: the run's status, ``interrupted`` included.
        now: seconds since the epoch.
        shown_id: the candidate whose prompt and cases are shown.
        split: the split whose cases are shown.
        pinned: the viewer chose ``shown_id``; otherwise it follows the run.
        problem: why the store can't be read just now.
        sent: what was asked of the run and is not in its stream yet.
        shown_seconds: what the clock showed last, of this run: it never goes back.
        pace: how fast it spends of late.
        logged: how many lines its log ever had; the state keeps the last ones.
        input_of: the input of a case of a split; empty while the cases are being loaded.
    """

    state: RunState
    row: RunRow | None
    status: str
    now: float
    shown_id: str = ""
    split: Split = "validation"
    pinned: bool = False
    problem: str = ""
    sent: str = ""
    shown_seconds: float = 0.0
    pace: Pace = field(default_factory=Pace)
    logged: int = 0
    input_of: Callable[[Split, str], str] = lambda split, case_id: ""

    @property
    def shown(self) -> Candidate | None:
        """The candidate that is shown."""
        return self.state.candidates.get(self.shown_id)

    @property
    def progress(self) -> Progress | None:
        """The evaluation that started last, of those that go on."""
        return going_on(self.state)

    @property
    def live(self) -> bool:
        """A worker is at it."""
        return is_live(self.status)

    @property
    def active_seconds(self) -> float:
        """Seconds that the run has been worked on."""
        return max(self.shown_seconds, active_seconds(self.state, self.row, self.status, self.now))

    @property
    def seconds_left(self) -> float | None:
        """Seconds of work until the search is over, at the pace so far; None if there is no telling."""
        return seconds_left(self.state, self.active_seconds, self.status)

    @property
    def partly_simulated(self) -> list[str]:
        """The roles that a simulator has, if another role has a model that is none."""
        models = self.state.models
        roles = [role for role, model in models.items() if model.simulated]
        return [str(role) for role in roles] if len(roles) < len(models) else []

    @property
    def share_done(self) -> float | None:
        """How much of the search is behind us, in (0, 1]; None if there is no telling."""
        return share_done(self.state)

    def name(self, candidate_id: str) -> str:
        """How a candidate is called."""
        return self.state.name(candidate_id)


def choose_shown(state: RunState, pinned_id: str) -> str:
    """The candidate to show: the one chosen, else the one under evaluation, else the run's current one."""
    if pinned_id in state.candidates:
        return pinned_id
    if state.over:
        return state.best_id
    progress = going_on(state)
    if progress and progress.candidate_id in state.candidates:
        return progress.candidate_id
    if state.edit and state.edit.waiting:
        return state.latest_id
    return state.current_id if state.has_search else state.best_id or state.latest_id


def choose_split(state: RunState, shown_id: str, wanted: Split | None) -> Split:
    """The split whose cases to show: the one chosen, else the one under evaluation, else validation."""
    if wanted:
        return wanted
    progress = going_on(state)
    if progress and progress.candidate_id == shown_id:
        return progress.split
    shown = state.candidates.get(shown_id)
    scored = shown.scores if shown else {}
    if "validation" in scored or not scored:
        return "validation"
    return next(iter(scored))
