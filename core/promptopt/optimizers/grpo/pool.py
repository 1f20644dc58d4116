"""The pool: prompts that did well, with what they reward on each training case.

Parents are drawn from its Pareto front over cases, as GEPA does (Agrawal et al. 2025): a prompt that leads on
some cases has something to pass on, though another has the better mean.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from promptopt.domain.prompt import Prompt

MOST = 12
"""Prompts that are kept."""

LEADS = 2
"""Cases that a prompt must lead on to be on the front: a single one may be luck."""

SOLVED = 0.999
_SLACK = 1e-9


@dataclass
class Member:
    """A prompt and its rewards by training case."""

    prompt: Prompt
    rewards: dict[str, float] = field(default_factory=dict[str, float])


class Pool:
    """Prompts by id, the oldest first. One of them is kept whatever it rewards: the best so far."""

    def __init__(self, best: Prompt) -> None:
        self._members: dict[str, Member] = {best.id: Member(best)}
        self.best_id = best.id

    @property
    def members(self) -> list[Member]:
        return list(self._members.values())

    @property
    def best(self) -> Member:
        return self._members[self.best_id]

    def rewards(self, prompt: Prompt) -> Mapping[str, float]:
        """What a prompt rewards, by case; nothing if it is not in the pool."""
        return self._members[prompt.id].rewards if prompt.id in self._members else {}

    def crown(self, prompt: Prompt) -> None:
        """Let ``prompt`` be the best so far."""
        self._members.setdefault(prompt.id, Member(prompt))
        self.best_id = prompt.id

    def keep(self, prompt: Prompt, rewards: Mapping[str, float]) -> None:
        """Note what a prompt rewards, and let it in if it is not; the least useful one has to leave."""
        self._members.setdefault(prompt.id, Member(prompt)).rewards.update(rewards)
        while len(self._members) > MOST:
            leads = self.leads()
            others = [name for name in self._members if name != self.best_id]
            del self._members[min(others, key=lambda name: leads.get(name, 0))]

    def note(self, prompt: Prompt, rewards: Mapping[str, float]) -> None:
        """Note what a prompt rewards, if it is in the pool."""
        if prompt.id in self._members:
            self._members[prompt.id].rewards.update(rewards)

    def leads(self) -> dict[str, int]:
        """Prompt to the number of cases that it leads on, those on the front only.

        Cases on which all reward the same tell nothing. A prompt is dominated if another does at least as
        well on all cases of both, and better on one.
        """
        counts = {name: 0 for name in self._members if not self._dominated(name)}
        for met in self._by_case().values():
            best = max(met.values())
            if min(met.values()) < best - _SLACK:
                for name in counts.keys() & met.keys():
                    counts[name] += met[name] >= best - _SLACK
        return {name: count for name, count in counts.items() if count >= LEADS}

    def parent(self, dice: random.Random, pareto: float) -> Prompt:
        """The parent of the next group: drawn from the front by the cases that it leads on, else the best.

        Args:
            pareto: share of the draws from the front.
            dice: moves on by two draws whatever is drawn.
        """
        from_front, point = dice.random() < pareto, dice.random()
        leads = self.leads()
        if not from_front or not leads:
            return self.best.prompt
        left = point * sum(leads.values())
        for name, count in leads.items():
            left -= count
            if left < 0:
                return self._members[name].prompt
        return self.best.prompt

    def partner(self, parent: Prompt) -> Prompt | None:
        """The prompt that is better than ``parent`` on most cases; None if none is on ``LEADS`` or more."""
        own = self.rewards(parent)
        better = {
            name: sum(
                reward > own[case_id] + _SLACK for case_id, reward in member.rewards.items() if case_id in own
            )
            for name, member in self._members.items()
            if name != parent.id
        }
        name = max(better, key=lambda one: better[one], default="")
        return self._members[name].prompt if name and better[name] >= LEADS else None

    def solved(self, but: str) -> set[str] | None:
        """Cases that prompts other than the one with the id ``but`` pass; None if there are no others."""
        others = [member for name, member in self._members.items() if name != but and member.rewards]
        if not others:
            return None
        return {case_id for other in others for case_id, r in other.rewards.items() if r >= SOLVED}

    def spread(self) -> dict[str, float]:
        """Case to how much it tells prompts apart: the variance of the rewards on it, smoothed.

        A case that only one prompt met counts as an average one, and one that none met is not there.
        """
        met = {case_id: list(found.values()) for case_id, found in self._by_case().items()}
        plain = {case_id: _variance(found) for case_id, found in met.items() if len(found) > 1}
        usual = fmean(plain.values()) if plain else 0.1
        return {
            case_id: (len(found) * _variance(found) + 2 * usual) / (len(found) + 2)
            for case_id, found in met.items()
        }

    def dump(self) -> dict[str, Any]:
        """JSON values, for a checkpoint."""
        members = [
            {"prompt": member.prompt.model_dump(mode="json"), "rewards": member.rewards}
            for member in self.members
        ]
        return {"best": self.best_id, "members": members}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`dump` gave."""
        read = [
            Member(Prompt.model_validate(member["prompt"]), dict(member["rewards"]))
            for member in state["members"]
        ]
        self._members = {member.prompt.id: member for member in read}
        self.best_id = state["best"]

    def _dominated(self, name: str) -> bool:
        own = self._members[name].rewards
        for other, member in self._members.items():
            common = [(own[case_id], member.rewards[case_id]) for case_id in own if case_id in member.rewards]
            if other == name or not common or len(common) < len(own):
                continue  # it met cases that the other did not: who knows
            if all(b >= a - _SLACK for a, b in common) and any(b > a + _SLACK for a, b in common):
                return True
        return False

    def _by_case(self) -> dict[str, dict[str, float]]:
        met: dict[str, dict[str, float]] = {}
        for name, member in self._members.items():
            for case_id, reward in member.rewards.items():
                met.setdefault(case_id, {})[name] = reward
        return met


def _variance(values: Sequence[float]) -> float:
    mean = fmean(values)
    return fmean((value - mean) ** 2 for value in values)
