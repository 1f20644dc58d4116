"""Where the winner's sentences come from: what changed from the seed to it, step by step of its lineage."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from promptopt.domain.demonstrations import Demonstration
from promptopt.evaluation.sentences import aligned, sentences
from promptopt.runs.standings import Candidate

Kind = Literal["kept", "added", "changed", "removed"]

Scored = Mapping[str, tuple[float, bool]]
"""Case id to the score and whether the case passed. There may be very many, so they are nothing more."""


@dataclass(frozen=True)
class Sentence:
    """A sentence of the winner, or one of the seed that it has no more; or a demonstration likewise.

    Attributes:
        kind: what became of it from the seed to the winner.
        text: as the winner has it; of a removed one as it last was.
        before: as the seed has it; empty if it was added.
        steps: places in :attr:`Trace.steps` of those that brought it, changed it, took it away or back.
        first_in: id of the candidate that said it first, where that is none of the lineage: a merger's other
            parent, say. Empty otherwise.
        returned: it was out in between.
        moved: it stands at another place.
    """

    kind: Kind
    text: str
    before: str = ""
    steps: tuple[int, ...] = ()
    first_in: str = ""
    returned: bool = False
    moved: bool = False

    @property
    def step(self) -> int | None:
        """The step that made it what it is; None if it is as in the seed."""
        return self.steps[-1] if self.steps and self.kind != "kept" else None


@dataclass(frozen=True)
class Step:
    """One candidate of the lineage against the one before it.

    Attributes:
        candidate_id, parent_id: the two.
        added, changed, removed: sentences.
        demonstrations: how many came and how many went.
        spacing: the texts differ, and no sentence does.
    """

    candidate_id: str
    parent_id: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    demonstrations: tuple[int, int] = (0, 0)
    spacing: bool = False


@dataclass(frozen=True)
class Trace:
    """The way from the seed to the winner.

    Attributes:
        sentences: those of the winner in their order, and in between those of the seed that are gone.
        demonstrations: those of the winner, then those of the seed that are gone, each in one line.
        steps: the lineage, the seed left out, oldest first.
        passing: sentences that came and went again on the way.
    """

    sentences: tuple[Sentence, ...] = ()
    steps: tuple[Step, ...] = ()
    passing: int = 0
    demonstrations: tuple[Sentence, ...] = ()

    @property
    def parts(self) -> tuple[Sentence, ...]:
        """Sentences and demonstrations."""
        return (*self.sentences, *self.demonstrations)

    @property
    def changes(self) -> tuple[Sentence, ...]:
        """The sentences and demonstrations that are not as in the seed."""
        return tuple(each for each in self.parts if each.kind != "kept")


@dataclass(frozen=True)
class Effect:
    """What a step did to the cases that both candidates were scored on.

    Attributes:
        fixed, broken: cases that only the later, or only the earlier candidate passes.
        better, worse: how many others score higher or lower.
        gain: mean difference of the scores.
        n: the cases.
        steps: places of the steps that it is of, all together: a candidate in between was not scored.
    """

    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    better: int
    worse: int
    gain: float
    n: int
    steps: range = range(1)


def lineage(candidates: Mapping[str, Candidate], seed_id: str, winner_id: str) -> list[Candidate]:
    """The winner's ancestors and itself, oldest first. It begins with the seed, whether it comes from it or
    was brought by a person.
    """
    chain: list[Candidate] = []
    seen: set[str] = set()
    at: str | None = winner_id
    while at is not None and at in candidates and at not in seen:
        seen.add(at)
        chain.append(candidates[at])
        at = candidates[at].parent_id
    if seed_id in candidates and seed_id not in seen:
        chain.append(candidates[seed_id])
    return chain[::-1]


def trace(candidates: Mapping[str, Candidate], seed_id: str, winner_id: str) -> Trace:
    """What changed from the seed to the winner, and which step did it."""
    chain = lineage(candidates, seed_id, winner_id)
    if not chain:
        return Trace()
    tracks = _Tracks(sentences(chain[0].text))
    steps = [tracks.step(place, chain[place], chain[place + 1]) for place in range(len(chain) - 1)]
    first = _first_said(candidates.values(), {each.id for each in chain}, chain[-1])
    found, passing = tracks.result(first)
    return Trace(tuple(found), tuple(steps), passing, tuple(_demonstrations_on_their_way(chain)))


def effects(steps: Sequence[Step], scored: Callable[[str], Scored]) -> list[Effect | None]:
    """What each step did. Steps to candidates that were not scored share the effect of the next that was;
    None if there is none.

    Args:
        scored: how a candidate did, by case; asked for once each, in order.
    """
    if not steps:
        return []
    found: list[Effect | None] = []
    before = scored(steps[0].parent_id)
    for place, step in enumerate(steps):
        after = scored(step.candidate_id)
        here = effect(before, after, range(len(found), place + 1))
        if here is not None:
            found += [here] * len(here.steps)
        before = after or before
    return [*found, *[None] * (len(steps) - len(found))]


def effect(before: Scored, after: Scored, steps: range = range(1)) -> Effect | None:
    """The second of two candidates against the first, case by case; None if they have no case in common."""
    fixed: list[str] = []
    broken: list[str] = []
    better = worse = n = 0
    gain = 0.0
    for case_id, (score, passed) in after.items():
        earlier = before.get(case_id)
        if earlier is None:
            continue
        n += 1
        gain += score - earlier[0]
        if passed != earlier[1]:
            (fixed if passed else broken).append(case_id)
        else:
            better += score > earlier[0]
            worse += score < earlier[0]
    if not n:
        return None
    return Effect(tuple(fixed), tuple(broken), better, worse, gain / n, n, steps)


@dataclass
class _Track:
    """A sentence on its way."""

    text: str
    before: str = ""
    steps: list[int] = field(default_factory=list[int])
    after: "_Track | None" = None
    """The one that stood before it in the seed."""
    returned: bool = False
    moved: bool = False


class _Tracks:
    """The sentences of the prompt at one step, and those that are gone."""

    def __init__(self, seed: Sequence[str]) -> None:
        self.now = [_Track(text, before=text) for text in seed]
        for earlier, later in zip(self.now, self.now[1:], strict=False):
            later.after = earlier
        self.seed = list(self.now)
        self.gone: list[_Track] = []

    def step(self, place: int, parent: Candidate, child: Candidate) -> Step:
        """Go on to ``child``."""
        texts, old = sentences(child.text), self.now
        added = changed = 0
        now: list[_Track] = []
        for match in aligned([track.text for track in old], texts):
            text = texts[match.new]
            if match.old is None:
                added += 1
                now.append(self._new(text, place))
                continue
            track = old[match.old]
            track.moved = track.moved or match.moved
            if track.text != text:
                changed += 1
                track.text = text
                track.steps.append(place)
            now.append(track)
        there = {id(track) for track in now}
        lost = [track for track in old if id(track) not in there]
        for track in lost:
            track.steps.append(place)
        self.now = now
        self.gone += lost
        return Step(
            candidate_id=child.id,
            parent_id=parent.id,
            added=added,
            changed=changed,
            removed=len(lost),
            demonstrations=_demonstrations(parent, child),
            spacing=parent.text != child.text and not (added or changed or lost) and not _reordered(old, now),
        )

    def _new(self, text: str, place: int) -> _Track:
        back = next((track for track in self.gone if text in (track.text, track.before)), None)
        if back is None:
            return _Track(text, steps=[place])
        self.gone.remove(back)
        back.text, back.returned = text, True
        back.steps.append(place)
        return back

    def result(self, first: Mapping[str, str]) -> tuple[list[Sentence], int]:
        """The last prompt's sentences with the seed's lost ones in between, and how many came and went."""
        lost = [track for track in self.seed if any(track is gone for gone in self.gone)]
        order = list(self.now)
        for track in lost:
            place = next((at for at, each in enumerate(order) if each is track.after), -1)
            order.insert(place + 1, track)
        told = [_told(track, any(track is each for each in lost), first) for track in order]
        return told, len(self.gone) - len(lost)


def _told(track: _Track, removed: bool, first: Mapping[str, str]) -> Sentence:
    kind: Kind = "removed" if removed else "added"
    if track.before and not removed:
        kind = "kept" if track.text == track.before else "changed"
    return Sentence(
        kind=kind,
        text=track.text,
        before=track.before,
        steps=tuple(track.steps),
        first_in=first.get(track.text, "") if kind in ("added", "changed") else "",
        returned=track.returned and not removed,
        moved=track.moved and not removed,
    )


def _first_said(candidates: Iterable[Candidate], chain: set[str], winner: Candidate) -> dict[str, str]:
    """For the winner's sentences the candidate that said each first, where it is none of the lineage."""
    wanted = set(sentences(winner.text))
    first: dict[str, str] = {}
    for candidate in candidates:
        for text in wanted & set(sentences(candidate.text)):
            first.setdefault(text, candidate.id)
        if candidate.id == winner.id:
            break
    return {text: candidate_id for text, candidate_id in first.items() if candidate_id not in chain}


def _demonstrations(parent: Candidate, child: Candidate) -> tuple[int, int]:
    came = sum(demo not in parent.demonstrations for demo in child.demonstrations)
    went = sum(demo not in child.demonstrations for demo in parent.demonstrations)
    return came, went


def _demonstrations_on_their_way(chain: Sequence[Candidate]) -> list[Sentence]:
    """Each of the winner's and the seed's demonstrations with the steps that brought it and took it away."""
    touched: dict[str, list[int]] = {}
    before = seed = {_shown(demo): None for demo in chain[0].demonstrations}
    for place, candidate in enumerate(chain[1:]):
        after = {_shown(demo): None for demo in candidate.demonstrations}
        for text in [*before, *after]:
            if (text in before) != (text in after):
                touched.setdefault(text, []).append(place)
        before = after
    found: list[Sentence] = []
    for text in dict.fromkeys([*before, *seed]):
        steps, was = tuple(touched.get(text, ())), text if text in seed else ""
        kind: Kind = "removed" if text not in before else "kept" if was else "added"
        found.append(
            Sentence(kind, text, before=was, steps=steps, returned=kind != "removed" and len(steps) > 1)
        )
    return found


def _shown(demo: Demonstration) -> str:
    return f"demonstration: {'; '.join(demo.inputs.values())} → {demo.output}"


def _reordered(old: Sequence[_Track], now: Sequence[_Track]) -> bool:
    return [id(track) for track in old] != [id(track) for track in now]
