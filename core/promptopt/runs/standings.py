"""The candidates of a run: what is known of each, how it is called, and how they rank."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from promptopt.domain import events as ev
from promptopt.domain.demonstrations import Demonstration, with_demonstrations
from promptopt.domain.results import Comparison, Interval
from promptopt.domain.words import Split


@dataclass
class Score:
    """A candidate on one split. ``at_once``: calls of the target at once while it was scored, on average."""

    interval: Interval
    passed: int
    errors: int
    at_once: float | None = None


@dataclass
class Candidate:
    """A prompt in the running."""

    id: str
    text: str
    source: ev.Source
    iteration: int = 0
    parent_id: str | None = None
    reasoning: str = ""
    confidence: float | None = None
    made_by: str = ""
    """The optimizer, where the run has several."""
    label: str = ""
    """What a person calls it who brought it."""
    demonstrations: list[Demonstration] = field(default_factory=list[Demonstration])
    scores: dict[Split, Score] = field(default_factory=dict[Split, Score])
    accepted: bool | None = None
    taken: int = 0
    """How many had been accepted when it was, itself included; 0: never."""
    beaten_by: str = ""
    """Id of the candidate that judges put in its place, whatever the scores."""
    judgement: str = ""
    barred: str = ""
    """Why it can't win, in words, while another one is as people ask; empty if it can."""
    comparison: Comparison | None = None
    categories: dict[str, int] = field(default_factory=dict[str, int])
    clusters: list[ev.ClusterMark] = field(default_factory=list[ev.ClusterMark])
    suggestions: list[str] = field(default_factory=list[str])
    feedback_split: Split = "train"
    """The cases that categories, clusters and suggestions were drawn from."""
    fixed: list[str] = field(default_factory=list[str])
    broken: list[str] = field(default_factory=list[str])
    place: int = 1
    """Which one it is of its iteration's proposals: an edit can let one be given up."""

    @property
    def validation(self) -> Interval | None:
        score = self.scores.get("validation")
        return score.interval if score else None

    @property
    def in_words(self) -> str:
        """Its text and its demonstrations as one text for people: what two prompts are compared by."""
        return with_demonstrations(self.text, [(demo.inputs, demo.output) for demo in self.demonstrations])

    @property
    def name(self) -> str:
        """``seed``, ``#3 a1b2c3``, ``#3b d4e5f6`` for the second of an iteration, ``edit a1b2c3``, or as the
        one called it who brought it: ``v2 a1b2c3``.
        """
        if self.source == "seed":
            return "seed"
        if self.label:
            return f"{self.label} {self.id[:6]}"
        if self.source == "human":
            return f"edit {self.id[:6]}"
        return f"#{self.iteration}{_letter(self.place)} {self.id[:6]}"


def ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those scored on validation, best first, then those still unscored."""
    everyone = list(candidates)
    scored = [c for c in everyone if c.validation]
    return sorted(scored, key=_rank, reverse=True) + [c for c in everyone if not c.validation]


def best_of(candidates: Iterable[Candidate]) -> Candidate | None:
    """The highest validation score among the seed and the accepted candidates; None if none has one.

    A candidate that the gate rejected gained less than its noise; that it scored higher by chance is no
    reason to prefer it at the end. One that judges beat can't win, nor can one that is not as people ask
    while another is. Of equals it is a person's, then the one that took another's place last.
    """
    eligible = [
        c for c in candidates if c.validation and not c.beaten_by and (c.accepted or c.source == "seed")
    ]
    wished = [c for c in eligible if not c.barred]
    return max(wished or eligible, key=_rank, default=None)


MOST_POINTS = 60
"""Points of a course that lists show."""


def best_course(scored: Iterable[Candidate]) -> list[float]:
    """The best validation score of what could win, after each of ``scored``; at most ``MOST_POINTS``."""
    points: list[float] = []
    for candidate in scored:
        score = candidate.validation
        counts = score is not None and (candidate.accepted or candidate.source == "seed")
        if counts and score is not None:
            points.append(round(max(score.mean, points[-1] if points else 0.0), 4))
        elif points:
            points.append(points[-1])
    if len(points) <= MOST_POINTS:
        return points
    return [points[place * (len(points) - 1) // (MOST_POINTS - 1)] for place in range(MOST_POINTS)]


ALIKE = 0.5
"""Points of Elo's scale by which ratings do not differ as they are shown."""


def leads(candidate_id: str, ratings: Sequence[ev.Rating]) -> bool:
    """Whether its rating and its chance to be the best are both above everybody else's.

    After nothing but ties somebody stands first all the same, and the chances of equals differ by luck.
    """
    one = next(each for each in ratings if each.candidate_id == candidate_id)
    others = [each for each in ratings if each is not one]
    return all(one.rating > each.rating + ALIKE and one.p_best >= each.p_best for each in others)


def proposed_beside(event: ev.CandidateProposed, other: Candidate) -> bool:
    """Whether both were proposed in the same iteration by the same side."""
    return event.source == other.source and event.iteration == other.iteration


def _letter(place: int) -> str:
    """Nothing for the first of an iteration, then ``b``, ``c`` …"""
    return "" if place == 1 else chr(ord("a") + place - 1) if place <= 26 else f"-{place}"


def _rank(candidate: Candidate) -> tuple[float, bool, int, int]:
    """Of equal scores a person's counts more, then what took another's place last, then the earlier one."""
    assert candidate.validation
    return candidate.validation.mean, candidate.source == "human", candidate.taken, -candidate.iteration
