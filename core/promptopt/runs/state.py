"""The one fold over a run's events. Every face shows a :class:`RunState`; none keeps its own story."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatchmethod

from promptopt.domain import events as ev
from promptopt.domain.guidance import objection
from promptopt.domain.marks import Marks
from promptopt.domain.mending import Mend
from promptopt.domain.words import Split
from promptopt.runs.acts import Deed, Edit, Injection, Wishes, fold_act
from promptopt.runs.drafts import Generation, fold_draft
from promptopt.runs.standings import Candidate, Score, best_of, leads, proposed_beside, ranked
from promptopt.store.runlog import RunLog

ACTIVITY_KEPT = 500
"""Lines of the activity log that a face can scroll back; older ones are in the store."""


@dataclass
class Progress:
    """The evaluation that is under way."""

    candidate_id: str
    split: Split
    total: int
    done: int = 0
    passed: int = 0


@dataclass
class Activity:
    """One line of the log. ``at`` is seconds since the epoch."""

    at: float
    level: str
    text: str


class RunState:
    """Where a run stands, as its events tell. ``version`` grows by one with each event applied."""

    def __init__(self) -> None:
        self.version = 0
        self.run_id = ""
        self.project = ""
        self.optimizer = ""
        self.status: ev.Status = "created"
        self.phase = ""
        self.simulated = False
        self.on_edit = "The search goes on from your prompt."
        """What a person's edit means for the optimizer, once it is adopted."""
        self.held_back = True
        self.models: dict[ev.Role, ev.ModelInfo] = {}
        self.judges: list[ev.ModelInfo] = []
        """The panel that judges matches, where the project names one."""
        self.limits: dict[str, float] = {}
        self.mends: dict[str, Mend] = {}
        """Cases that people have mended, by id."""
        self.turn: ev.CaseMended | None = None
        """Why the search began anew, if it did: the last time."""
        self.models_set: list[ev.ModelSet] = []
        """Models that people have put in the place of others, in order."""
        self.concurrency: dict[ev.Role, int] = {}
        """Calls at once that a person has allowed, where it is not what the project says."""
        self.sizes: dict[Split, int] = {}
        self.forecast: ev.Forecast | None = None
        self.iteration = 0
        self.max_iterations: int | None = None
        self.candidates: dict[str, Candidate] = {}
        self.given_up: set[str] = set()
        """Candidates that nothing more was heard of since the run went on from a person's edit."""
        self.seed_id = ""
        self.current_id = ""
        """The prompt that the search goes on from."""
        self.latest_id = ""
        self.evaluations: dict[tuple[str, Split], Progress] = {}
        """Evaluations under way; a person's edit may be scored beside a proposal."""
        self.marks: dict[tuple[str, Split], Marks] = {}
        """Case marks of the seed, the current, the best and the latest candidate; others are in the store."""
        self.meters: dict[str, ev.Meter] = {}
        self.in_flight = 0
        self.replayed = 0
        self.reused: dict[str, int] = {}
        """Answers that earlier runs paid for, by run."""
        self.unpriced: list[ev.Role] = []
        self.withheld = ev.Withheld()
        """What the project's policy has kept from the models."""
        self.texts_removed = False
        """Inputs, prompts and answers were taken out: it is too old to keep them."""
        self.stage: ev.StageStarted | None = None
        """The optimizer that is at work, in a run that combines several."""
        self.tournament: ev.StandingsUpdated | None = None
        """The tournament under way, or the last one."""
        self.matches: dict[int, ev.MatchFinished] = {}
        """Matches of that tournament, by number."""
        self.trials: ev.TrialsUpdated | None = None
        """Optimizers and settings that are tried out, in a run that chooses among some."""
        self.generation: Generation | None = None
        """How far the making of cases is, in a run that does that."""
        self.edit: Edit | None = None
        self.injection: Injection | None = None
        self.wishes = Wishes()
        """What people ask of proposals."""
        self.deeds: list[Deed] = []
        """What people did, in order."""
        self.stepping = False
        """It pauses when a new iteration begins."""
        self.paused_by = ""
        self.pause_reason = ""
        """Why the run paused itself, if it did."""
        self.endpoints: dict[str, ev.EndpointMoved] = {}
        """How much the models take that have refused something, by role (``judge NAME`` of a panel)."""
        self.stop_requested: ev.StopRequested | None = None
        self.finished: ev.RunFinished | None = None
        self.search_end: ev.PhaseStarted | None = None
        """The start of the sealed test, if it has begun."""
        self.started_at = 0.0
        self.updated_at = 0.0
        self.activity: deque[Activity] = deque(maxlen=ACTIVITY_KEPT)
        self.notices: set[str] = set()
        """What was noticed; a worker says nothing twice."""
        self.adopted: list[str] = []
        """Candidates by people that the search went on from, in order."""
        self.forgotten: set[tuple[str, Split]] = set()
        """Places whose marks were let go of: what is held of them since then may be a part."""

    def become(self, other: "RunState") -> None:
        """Stand where ``other`` stands; it is not to be used any more."""
        self.__dict__.update(other.__dict__)

    @property
    def best_id(self) -> str:
        """Id of the highest validation score among the seed and the accepted candidates; of a run that only
        plays a tournament, of its leader.
        """
        if self.finished:
            return self.finished.best_id
        if self.optimizer == "tournament" and self.tournament:
            table = self.tournament
            return table.champion_id or (table.ratings[0].candidate_id if table.played else "")
        best = best_of(self.everyone)
        return best.id if best else self.seed_id

    @property
    def progress(self) -> Progress | None:
        """The evaluation that started last, of those under way."""
        return next(iter(self.under_way), None)

    @property
    def everyone(self) -> tuple[Candidate, ...]:
        """The candidates as they are now, in order: others may come while somebody goes through them."""
        return tuple(self.candidates.values())

    @property
    def under_way(self) -> tuple[Progress, ...]:
        """The evaluations that are under way now, the one that started last first."""
        return tuple(self.evaluations.values())[::-1]

    @property
    def over(self) -> bool:
        return self.finished is not None

    @property
    def unproven(self) -> bool:
        """Whether it is a search that is over and has no proven gain."""
        comparison = self.finished.comparison if self.finished else None
        return self.over and self.has_search and not (comparison and comparison.verdict == "better")

    @property
    def has_search(self) -> bool:
        """Whether it looks for a better prompt: not if it only scores one, plays a tournament, or makes cases
        up.
        """
        return self.optimizer not in ("none", "tournament", "generate")

    @property
    def resumable(self) -> bool:
        """Whether a worker may still take the run up: it did not come to its end, and no test was scored."""
        if self.texts_removed:
            return False
        if self.finished is None:
            return True
        if self.optimizer == "generate" and self.finished.stop_reason == "budget":
            return True  # under a higher cap there is more to make
        if self.optimizer in ("tournament", "generate"):
            return self.finished.status != "finished"
        seed = self.candidates.get(self.seed_id)
        return self.finished.status != "finished" and not (seed and "test" in seed.scores)

    def name(self, candidate_id: str) -> str:
        """How every face calls a candidate: ``seed``, ``#3 a1b2c3``, ``#3b d4e5f6``, ``edit a1b2c3``."""
        candidate = self.candidates.get(candidate_id)
        return candidate.name if candidate else candidate_id[:6]

    def standings(self) -> list[Candidate]:
        """Candidates scored on validation, best first, then those still unscored."""
        return ranked(self.everyone)

    def course(self) -> list[Candidate]:
        """Candidates scored on validation in the order in which they came: the course of the score."""
        return [c for c in self.everyone if c.validation]

    def apply(self, event: ev.Event, at: float) -> None:
        """Fold one event in. ``at`` is when it was stored, seconds since the epoch."""
        self.version += 1
        self.started_at = self.started_at or at
        self.updated_at = at
        self._apply(event, at)

    @singledispatchmethod
    def _apply(self, event: ev.Event, at: float) -> None:
        if not fold_draft(event, self, at):
            fold_act(event, self, at)

    def log(self, at: float, text: str, level: str = "info") -> None:
        """Add a line to the activity log."""
        self.activity.append(Activity(at, level, text))

    def bar(self) -> None:
        """Say of each candidate whether what people ask of prompts speaks against it."""
        wishes = self.wishes.in_force
        for candidate in self.candidates.values():
            candidate.barred = objection(wishes, candidate.text)

    def forget_scores(self, splits: Iterable[Split]) -> None:
        """Scores on these splits hold no more; they are told anew."""
        for split in splits:
            for candidate in self.candidates.values():
                candidate.scores.pop(split, None)
            for place in [place for place in self.marks if place[1] == split]:
                del self.marks[place]
                self.forgotten.add(place)

    def turn_to(self, candidate_id: str) -> None:
        """A person has the search go on from a candidate: what was under way is given up."""
        self.current_id = candidate_id
        self.evaluations.clear()
        candidate = self.candidates.get(candidate_id)
        since = candidate.iteration if candidate else self.iteration
        self.given_up |= {
            c.id
            for c in self.candidates.values()
            if c.source == "optimizer" and c.accepted is None and c.iteration >= since
        }

    @_apply.register
    def _(self, event: ev.RunStarted, at: float) -> None:
        self.run_id = event.run_id
        self.project = event.project
        self.optimizer = event.optimizer
        self.models = event.models
        self.judges = event.judges
        self.limits = event.limits
        self.sizes = event.sizes
        self.held_back = event.held_back
        self.max_iterations = event.max_iterations
        self.simulated = event.simulated
        self.on_edit = event.on_edit or self.on_edit
        self.status = "running"
        note = " (simulated models)" if event.simulated else ""
        kinds = {"none": "evaluation on", "tournament": "tournament on", "generate": "cases for"}
        what = kinds.get(event.optimizer, f"run started: {event.optimizer} on")
        self.log(at, f"{what} {event.project}{note}")

    @_apply.register
    def _(self, event: ev.Forecast, at: float) -> None:
        self.forecast = event
        if event.cap and event.cap.expected:
            self.log(at, f"the cap on {event.cap.name} will likely end the run early", "warning")

    @_apply.register
    def _(self, event: ev.RunResumed, at: float) -> None:
        self.status, self.paused_by, self.pause_reason = "running", "", ""
        self.finished = None
        self.stop_requested = None
        self.stepping = False
        self.evaluations.clear()
        lost = f", {event.lost} were in flight and are sent again" if event.lost else ""
        # Workers never come by themselves; who asked for this one is not known.
        deed = Deed(at, "", "resumed: a worker took the run up again")
        if deed not in self.deeds[-1:]:
            self.deeds.append(deed)
        self.log(at, f"run resumed: {event.journaled} answered calls are replayed free{lost}")

    @_apply.register
    def _(self, event: ev.PhaseStarted, at: float) -> None:
        self.phase = event.phase
        self.search_end = event if event.phase == "test" else None
        if event.phase == "test":
            self.evaluations.clear()  # what the search had under way was given up
        self.stepping = self.stepping and event.phase != "test"
        said = {
            "baseline": "scoring the prompt to start from",
            "search": "searching for a better prompt",
            "test": "scoring the sealed test split, once",
            "tournament": "the prompts play each other",
            "generation": "cases are made up",
        }
        self.log(at, said[event.phase])

    @_apply.register
    def _(self, event: ev.IterationStarted, at: float) -> None:
        self.iteration = event.iteration
        self.log(at, f"iteration {event.iteration}")

    @_apply.register
    def _(self, event: ev.CandidateProposed, at: float) -> None:
        if event.candidate_id not in self.candidates:
            self.candidates[event.candidate_id] = Candidate(
                id=event.candidate_id,
                text=event.text,
                source=event.source,
                iteration=event.iteration,
                parent_id=event.parent_id,
                reasoning=event.reasoning,
                confidence=event.confidence,
                made_by=event.made_by,
                label=event.label,
                demonstrations=event.demonstrations,
                barred=objection(self.wishes.in_force, event.text),
                place=1 + sum(proposed_beside(event, other) for other in self.candidates.values()),
            )
            if event.source != "seed" and self.phase != "tournament":
                self.log(at, f"proposed {self.name(event.candidate_id)}: {event.reasoning}")
        self.latest_id = event.candidate_id
        if event.source == "seed":
            self.seed_id = event.candidate_id
            self.current_id = self.current_id or event.candidate_id

    @_apply.register
    def _(self, event: ev.ProposalFailed, at: float) -> None:
        self.log(at, f"proposal refused (attempt {event.attempt}): {event.reason}", "warning")

    @_apply.register
    def _(self, event: ev.EvaluationStarted, at: float) -> None:
        place = (event.candidate_id, event.split)
        self.given_up.discard(event.candidate_id)
        self._forget_old_marks(keep=event.candidate_id)
        # What an earlier worker reported of this evaluation is reported again: it is counted anew.
        self.marks[place] = Marks()
        self.forgotten.discard(place)
        self.evaluations.pop(place, None)
        self.evaluations[place] = Progress(event.candidate_id, event.split, event.total)

    @_apply.register
    def _(self, event: ev.CasesFinished, at: float) -> None:
        place = (event.candidate_id, event.split)
        if place not in self.marks:  # an optimizer's own measuring is told of case by case
            self._forget_old_marks(keep=event.candidate_id)
        marks = self.marks.setdefault(place, Marks())
        progress = self.evaluations.get(place)
        for mark in event.cases:
            # Another evaluation of it, on other cases of the split, may not be over yet: its cases count here
            # as far as there is room for them.
            if marks.add(mark) and progress and progress.done < progress.total:
                progress.done += 1
                progress.passed += mark.passed

    @_apply.register
    def _(self, event: ev.CandidateScored, at: float) -> None:
        candidate = self.candidates.get(event.candidate_id)
        known = candidate.scores.get(event.split) if candidate else None
        # A part of the cases, scored after more of them, takes nothing back.
        if candidate and event.counts and not (known and known.interval.n > event.score.n):
            candidate.scores[event.split] = Score(event.score, event.passed, event.errors, event.at_once)
        self.evaluations.pop((event.candidate_id, event.split), None)
        interval = event.score
        said = "–, no case was scored"
        if interval.n:
            bounds = f"[{interval.low:.1%}, {interval.high:.1%}]"
            said = f"{interval.mean:.1%} {bounds}, {event.passed}/{interval.n} pass"
        self.log(at, f"{self.name(event.candidate_id)} on {event.split}: {said}")

    @_apply.register
    def _(self, event: ev.FeedbackReady, at: float) -> None:
        candidate = self.candidates.get(event.candidate_id)
        if candidate:
            candidate.categories, candidate.clusters = event.categories, event.clusters
            candidate.feedback_split = event.split
            candidate.suggestions = event.suggestions
            if event.against_id is not None:
                candidate.fixed, candidate.broken = event.fixed, event.broken

    @_apply.register
    def _(self, event: ev.CandidateJudged, at: float) -> None:
        candidate = self.candidates.get(event.candidate_id)
        if candidate:
            self.given_up.discard(event.candidate_id)
            candidate.accepted = event.accepted
            candidate.judgement = event.reason
            candidate.comparison = event.comparison or candidate.comparison
            if event.accepted and not candidate.taken:
                candidate.taken = 1 + max(other.taken for other in self.candidates.values())
        if event.accepted:
            self.current_id = event.candidate_id
            against = self.candidates.get(event.against_id)
            if event.outright and against:
                against.beaten_by = event.candidate_id
        if event.withdrawn:  # what it had beaten is in the running again
            for other in self.candidates.values():
                other.beaten_by = "" if other.beaten_by == event.candidate_id else other.beaten_by
        for place in [place for place in self.evaluations if place[0] == event.candidate_id]:
            del self.evaluations[place]  # what was not measured to the end was given up
        word = "accepted" if event.accepted else "rejected"
        self.log(at, f"{word} {self.name(event.candidate_id)}: {event.reason}")

    @_apply.register
    def _(self, event: ev.StageStarted, at: float) -> None:
        self.stage = event
        self.current_id = event.start_id
        why = f": {event.reason}" if event.reason else ""
        self.log(at, f"stage {event.number}: {event.optimizer} from {self.name(event.start_id)}{why}")

    @_apply.register
    def _(self, event: ev.MatchFinished, at: float) -> None:
        if self.tournament and self.tournament.final:
            self.tournament, self.matches = None, {}
        known = event.number in self.matches
        self.matches[event.number] = event
        if known:  # a pair that plays on, case by case, or what an earlier worker said
            return
        outcome = f"goes to {self.name(event.winner_id)}" if event.winner_id else "ends in a tie"
        first, second = self.name(event.first_id), self.name(event.second_id)
        tally = f"{event.wins}:{event.losses}, {event.ties} tied"
        said = f"{event.stage}, match {event.number}: {first} against {second} {outcome} ({tally})"
        self.log(at, f"{said}: {event.reason}" if event.reason else said)

    @_apply.register
    def _(self, event: ev.StandingsUpdated, at: float) -> None:
        before, self.tournament = self.tournament, event
        if not event.played and not event.final:
            self.matches = {}
        if event.final and event.ratings and not (before and before.final):
            champion = event.champion_id or event.ratings[0].candidate_id
            rating = next(each for each in event.ratings if each.candidate_id == champion)
            ahead = "leads, and" if leads(champion, event.ratings) else "is not ahead of all others and"
            won = "won the final" if event.decided else f"{ahead} is not proven the best"
            self.log(
                at,
                f"the tournament is over after {event.played} matches: {self.name(champion)} {won}, "
                f"rated {round(rating.rating):+d} [{round(rating.low):+d}, {round(rating.high):+d}]",
            )

    @_apply.register
    def _(self, event: ev.TrialsUpdated, at: float) -> None:
        before, self.trials = self.trials, event
        known = (before.played, before.chosen is not None) if before else (0, False)
        if (event.played, event.chosen is not None) <= known:  # what an earlier worker said
            self.trials = before
        elif event.chosen is not None:
            self.log(at, f"chose {event.trials[event.chosen]}: {event.reason}")
        else:
            dropped = [str(trial) for trial in event.trials if trial.given_up == event.played]
            given_up = f", given up: {', '.join(dropped)}" if dropped else ""
            self.log(at, f"fold {event.played} of {event.folds} is played{given_up}")

    @_apply.register
    def _(self, event: ev.BudgetMoved, at: float) -> None:
        self.meters = event.meters
        self.in_flight = event.in_flight
        self.replayed = event.replayed
        for source in event.reused.keys() - self.reused.keys():
            self.log(at, f"answers are reused from run {source}, free")
        self.reused = event.reused
        self.unpriced = event.unpriced

    @_apply.register
    def _(self, event: ev.TextsRemoved, at: float) -> None:
        self.texts_removed = True
        self.log(at, "inputs, prompts and answers were removed: the run is older than its project keeps them")

    @_apply.register
    def _(self, event: ev.Withheld, at: float) -> None:
        if event.redacted and not self.withheld.redacted:
            self.log(at, "placeholders take the place of personal data in what is sent")
        self.withheld = event

    @_apply.register
    def _(self, event: ev.EndpointMoved, at: float) -> None:
        who = f"{event.role} {event.judge}".strip()
        before = self.endpoints.get(who)
        self.endpoints[who] = event
        if event.at_once < event.most and not (before and before.at_once < before.most):
            which = who if event.judge else f"{who} model"
            does = "refuses calls" if event.refused > event.late else "does not answer in time"
            self.log(at, f"the {which} {does}: fewer calls are made at once", "warning")

    @_apply.register
    def _(self, event: ev.CheckpointSaved, at: float) -> None:
        pass  # shown by nothing; it is in the stream for those who read the stream

    @_apply.register
    def _(self, event: ev.Notice, at: float) -> None:
        self.notices.add(event.text)
        self.log(at, event.text, event.level)

    @_apply.register
    def _(self, event: ev.RunFinished, at: float) -> None:
        self.finished = event
        self.status = event.status
        self.wishes.waiting.clear()
        self.evaluations.clear()
        self.iteration = event.iterations
        self.in_flight = 0
        level = "error" if event.status == "failed" else "info"
        detail = f": {event.detail}" if event.detail else ""
        self.log(at, f"{event.status} ({event.stop_reason}){detail}", level)

    def _forget_old_marks(self, keep: str) -> None:
        """Hold marks of few candidates, so that memory does not grow with the length of the run."""
        wanted = {keep, self.seed_id, self.current_id, self.best_id, *(key[0] for key in self.evaluations)}
        for key in [key for key in self.marks if key[0] not in wanted]:
            del self.marks[key]
            self.forgotten.add(key)


def fold(log: RunLog) -> RunState:
    """Where a run stands: the fold over all that it has said."""
    from promptopt.runs.snapshots import fold_from_snapshot  # which needs to know this class

    return fold_from_snapshot(log)
