"""The pool: prompts that did well on training cases, and which of them are parents.

Parents are drawn in proportion to the cases on which they lead (Agrawal et al. 2025, GEPA): a prompt that
leads on some cases has something to pass on, though another has the better mean.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from promptopt.domain.prompt import Prompt

LEADS = 2
"""Cases that a prompt must lead on to be a parent beside the best: a single one may be luck."""

COMMON = 6
"""Cases of both from which one prompt can dominate another."""

_SLACK = 1e-9


@dataclass
class Member:
    """A prompt of the pool.

    Attributes:
        scores: by training case.
        validated: it was measured on validation cases, and did not take the best prompt's place.
    """

    prompt: Prompt
    scores: dict[str, float] = field(default_factory=dict[str, float])
    validated: bool = False


class Pool:
    """Prompts by id, the oldest first; the best one is always among them."""

    def __init__(self, best: Prompt, most: int) -> None:
        self._most = most
        self._members = {best.id: Member(best)}
        self.best_id = best.id

    @property
    def best(self) -> Prompt:
        return self._members[self.best_id].prompt

    @property
    def members(self) -> list[Member]:
        return list(self._members.values())

    def crown(self, prompt: Prompt, scores: Mapping[str, float]) -> None:
        """Let ``prompt`` be the best."""
        self.enter(prompt, scores, validated=True, crowned=True)

    def enter(
        self, prompt: Prompt, scores: Mapping[str, float], *, validated: bool = False, crowned: bool = False
    ) -> None:
        """Let a prompt in; those that others dominate, and the least useful beyond the most, leave."""
        member = self._members.setdefault(prompt.id, Member(prompt))
        member.scores.update(scores)
        member.validated = member.validated or validated
        if crowned:
            self.best_id = prompt.id
        for name in [name for name in self._members if name != self.best_id and self._dominated(name)]:
            del self._members[name]
        while len(self._members) > self._most:
            leads = self.leads()
            others = [name for name in self._members if name != self.best_id]
            del self._members[min(others, key=lambda name: leads[name])]

    def note(self, prompt: Prompt, scores: Mapping[str, float]) -> None:
        """Note what a member scores."""
        if prompt.id in self._members:
            self._members[prompt.id].scores.update(scores)

    def leads(self) -> dict[str, float]:
        """Member to the number of cases that it leads on; several leaders of a case share it.

        Cases on which all are equal tell nothing.
        """
        counts = dict.fromkeys(self._members, 0.0)
        cases = dict.fromkeys(case for member in self.members for case in member.scores)
        for case in cases:
            met = {name: one.scores[case] for name, one in self._members.items() if case in one.scores}
            best = max(met.values())
            leaders = [name for name, score in met.items() if score >= best - _SLACK]
            if len(leaders) < len(met):
                for name in leaders:
                    counts[name] += 1 / len(leaders)
        return counts

    def parent(self, dice: random.Random, trust: Callable[[Prompt], float]) -> Prompt:
        """A parent, drawn by the cases that it leads on and by how likely it is no worse than the best.

        Args:
            trust: chance of that; the best one counts one case more.
        """
        leads = self.leads()
        weights = {
            name: (count + (name == self.best_id)) * trust(self._members[name].prompt)
            for name, count in leads.items()
            if count >= LEADS or name == self.best_id
        }
        name = dice.choices(list(weights), list(weights.values()))[0]
        return self._members[name].prompt

    def pair(
        self, tried: Sequence[Sequence[str]], related: Callable[[Prompt, Prompt], bool]
    ) -> tuple[Prompt, Prompt] | None:
        """The two members that have most to give each other; None if none have enough.

        Args:
            tried: pairs of ids that were merged before.
            related: whether one was made from the other, and so has nothing to take from it.
        """
        known = {frozenset(pair) for pair in tried}
        best: tuple[int, Prompt, Prompt] | None = None
        for at, one in enumerate(self.members):
            for other in self.members[at + 1 :]:
                gains, losses = _exchange(one.scores, other.scores)
                worth = min(gains, losses)
                fresh = frozenset({one.prompt.id, other.prompt.id}) not in known
                if related(one.prompt, other.prompt) or not fresh:
                    continue
                if worth >= 1 and gains + losses > LEADS and (best is None or worth > best[0]):
                    best = (worth, one.prompt, other.prompt)
        return best[1:] if best else None

    def solved(self, but: str) -> set[str] | None:
        """Cases that members but the one with the id ``but`` score 1 on; None if there are no others."""
        others = [one for name, one in self._members.items() if name != but and one.scores]
        if not others:
            return None
        return {case for one in others for case, score in one.scores.items() if score >= 1 - _SLACK}

    def dump(self) -> dict[str, Any]:
        """JSON values, for a checkpoint."""
        members = [
            {
                "prompt": member.prompt.model_dump(mode="json"),
                "scores": member.scores,
                "validated": member.validated,
            }
            for member in self.members
        ]
        return {"best": self.best_id, "members": members}

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take over what :meth:`dump` gave."""
        read = [
            Member(Prompt.model_validate(one["prompt"]), dict(one["scores"]), one["validated"])
            for one in kept["members"]
        ]
        self._members = {member.prompt.id: member for member in read}
        self.best_id = kept["best"]

    def _dominated(self, name: str) -> bool:
        """Whether some other member does as well on all cases that this one met, and better on one."""
        own = self._members[name].scores
        for other, member in self._members.items():
            common = [(own[case], member.scores[case]) for case in own if case in member.scores]
            if other == name or len(common) < min(COMMON, len(own)) or len(common) < len(own):
                continue  # it met cases that the other did not: who knows
            if all(b >= a - _SLACK for a, b in common) and any(b > a + _SLACK for a, b in common):
                return True
        return False


def _exchange(one: Mapping[str, float], other: Mapping[str, float]) -> tuple[int, int]:
    """On how many cases the second does better than the first, and on how many worse."""
    common = [case for case in one if case in other]
    better = sum(other[case] > one[case] + _SLACK for case in common)
    worse = sum(other[case] < one[case] - _SLACK for case in common)
    return better, worse
