"""Where a search stands: everything that a checkpoint keeps, as JSON values."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from promptopt.domain.events import StopReason
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult
from promptopt.optimizers.metaprompt import Attempt
from promptopt.optimizers.refine.memory import Memory
from promptopt.optimizers.refine.options import RefineOptions
from promptopt.optimizers.refine.pool import Pool

FADING = 0.9
"""What an operator's successes and failures count after one more round."""

SEVERAL = 4
"""Prompts that did the same on a case, from which it tells little."""

_SLACK = 1e-9


@dataclass
class State:
    """The state of a search. What is random in a round follows from the seed and the round's number.

    Attributes:
        anchor: the prompt whose length counts: the first one, or a person's last edit.
        pool: prompts that did well; its best is what the search goes on from.
        iteration: rounds so far.
        barren: rounds in a row without an accepted proposal.
        attempts: earlier proposals, as proposers are told of them.
        tried: every prompt that was proposed or edited.
        parents: prompt id to the ids of what it was made from.
        merged: pairs of ids that were merged.
        memory: rejected changes.
        open: prompts that a few cases showed neither gain nor loss of, with the cases that they met: if they
            are proposed again, they are measured on more.
        outcomes: training case id to how many prompts were measured on it, and the sum of their scores.
        tally: operator to its faded successes and failures.
        vain: how often a kind of failure was shown to a proposer that then mended none of its cases.
        left_out: passages that were tried to be left out, by their keys.
        looked: the best prompt's id and the round before which it was looked at last.
        chance: the round after which a prompt of the pool had its last chance.
        end: why the search is over, and that in words, once it is; what is left is to shorten the prompt.
    """

    anchor: Prompt
    pool: Pool
    memory: Memory
    iteration: int = 0
    barren: int = 0
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    tried: dict[str, Prompt] = field(default_factory=dict[str, Prompt])
    parents: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    merged: list[list[str]] = field(default_factory=list[list[str]])
    open: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    outcomes: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    tally: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    vain: Counter[str] = field(default_factory=Counter[str])
    left_out: list[str] = field(default_factory=list[str])
    looked: tuple[str, int] = ("", -1)
    chance: int = -1
    end: tuple[StopReason, str] | None = None

    @classmethod
    def fresh(cls, seed_prompt: Prompt, options: RefineOptions) -> "State":
        """Where a search starts."""
        pool = Pool(seed_prompt, options.pool)
        return cls(
            anchor=seed_prompt,
            pool=pool,
            memory=Memory(options.memory),
            tried={seed_prompt.id: seed_prompt},
        )

    @property
    def best(self) -> Prompt:
        """The prompt that the search goes on from."""
        return self.pool.best

    def restart(self, edit: Prompt, options: RefineOptions) -> None:
        """Go on from a person's text: the pool starts anew, what was learned stays."""
        self.anchor, self.pool = edit, Pool(edit, options.pool)
        self.barren = 0
        self.left_out, self.open = [], {}
        self.end = None
        self.tried[edit.id] = edit

    def note(self, results: Mapping[str, CaseResult]) -> None:
        """Count what a prompt came to on training cases."""
        for name, result in results.items():
            if not result.error:
                count = self.outcomes.setdefault(name, [0, 0.0])
                count[0] += 1
                count[1] += result.score

    def settled(self, case_id: str) -> bool:
        """Whether all prompts that met a case, and these are several, scored 0 on it, or all 1."""
        count, total = self.outcomes.get(case_id, (0, 0.0))
        return count >= SEVERAL and (total <= _SLACK or total >= count - _SLACK)

    def hard(self, case_id: str) -> float:
        """Share of the prompts measured on a case that lost it, smoothed."""
        count, total = self.outcomes.get(case_id, (0, 0.0))
        return 1 - (total + 1) / (count + 2)

    def ancestors(self, prompt_id: str) -> list[str]:
        """Ids of what a prompt came from, itself first, the nearest before the farther."""
        found: dict[str, None] = {}
        waiting = [prompt_id]
        while waiting:
            name = waiting.pop(0)
            if name not in found:
                found[name] = None
                waiting += self.parents.get(name, [])
        return list(found)

    def related(self, one: Prompt, other: Prompt) -> bool:
        """Whether one of two prompts was made from the other."""
        return one.id in self.ancestors(other.id) or other.id in self.ancestors(one.id)

    def common_ancestor(self, one: Prompt, other: Prompt) -> Prompt:
        """The nearest prompt that both come from; the first one if none is known."""
        theirs = set(self.ancestors(other.id))
        name = next((name for name in self.ancestors(one.id) if name in theirs), "")
        return self.tried.get(name, self.anchor)

    def score_operators(self, outcomes: Mapping[str, list[bool]]) -> None:
        """Count which operators' proposals came to something."""
        for name, (won, lost) in self.tally.items():
            self.tally[name] = [FADING * won, FADING * lost]
        for name, came in outcomes.items():
            counts = self.tally.setdefault(name, [0.0, 0.0])
            counts[0] += sum(came)
            counts[1] += len(came) - sum(came)

    def dump(self) -> dict[str, Any]:
        """JSON values, for a checkpoint."""
        return {
            "anchor": self.anchor.model_dump(mode="json"),
            "pool": self.pool.dump(),
            "memory": self.memory.dump(),
            "iteration": self.iteration,
            "barren": self.barren,
            "attempts": [asdict(attempt) for attempt in self.attempts],
            "tried": [prompt.model_dump(mode="json") for prompt in self.tried.values()],
            "parents": self.parents,
            "merged": self.merged,
            "open": self.open,
            "outcomes": self.outcomes,
            "tally": self.tally,
            "vain": dict(self.vain),
            "left_out": self.left_out,
            "looked": list(self.looked),
            "chance": self.chance,
            "end": list(self.end) if self.end else None,
        }

    def load(self, kept: Mapping[str, Any]) -> None:
        """Take over what :meth:`dump` gave."""
        self.anchor = Prompt.model_validate(kept["anchor"])
        self.pool.load(kept["pool"])
        self.memory.load(kept["memory"])
        self.iteration, self.barren = kept["iteration"], kept["barren"]
        self.attempts = [Attempt(**attempt) for attempt in kept["attempts"]]
        self.tried = {prompt.id: prompt for prompt in map(Prompt.model_validate, kept["tried"])}
        self.parents = {name: list(made) for name, made in kept["parents"].items()}
        self.merged = [list(pair) for pair in kept["merged"]]
        self.open = {name: list(cases) for name, cases in kept["open"].items()}
        self.outcomes = {name: list(count) for name, count in kept["outcomes"].items()}
        self.tally = {name: list(counts) for name, counts in kept["tally"].items()}
        self.vain = Counter(kept["vain"])
        self.left_out = list(kept["left_out"])
        self.looked = (kept["looked"][0], kept["looked"][1])
        self.chance = kept["chance"]
        self.end = (kept["end"][0], kept["end"][1]) if kept["end"] else None
