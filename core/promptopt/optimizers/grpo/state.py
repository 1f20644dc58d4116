"""Where a search stands: everything that a checkpoint keeps, as JSON values."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from promptopt.domain.prompt import Prompt
from promptopt.optimizers.grpo.lessons import Library
from promptopt.optimizers.grpo.operators import Bandit, Operator
from promptopt.optimizers.grpo.options import GrpoOptions
from promptopt.optimizers.grpo.pool import Pool
from promptopt.optimizers.grpo.trust import TrustRegion


@dataclass(frozen=True)
class Tried:
    """An earlier variant, as proposers are told of it.

    Attributes:
        label: group and place in it, as every face calls it: ``#3``, ``#3b``.
        idea: what was changed and why.
        change: mean paired difference to its parent, in reward on training cases; None if not measured.
        error: its standard error.
        fixed, broken: numbers of training cases.
        outcome: what became of it, in words. Nothing of validation figures, which proposers must not learn.
        accepted: it became the prompt to go on from.
    """

    label: str
    operator: Operator
    idea: str
    change: float | None
    error: float
    fixed: int
    broken: int
    outcome: str
    accepted: bool = False


@dataclass
class State:
    """The state of a search.

    Attributes:
        anchor: the prompt whose intent counts: the first one, or a person's last edit.
        pool: prompts that did well; its best is the one that the search goes on from.
        iteration: groups so far.
        barren: groups in a row of which none was accepted.
        lost: groups in a row that could not be told apart.
        place: of the deck.
        matches: of tournaments so far.
        tidied: the best prompt was looked at for what could be left out.
        tried: every prompt that was proposed or edited.
        history: the same, with what became of them.
        vain: how often a kind of failure was to be mended and no case of it was.
        dice: source of everything random.
    """

    anchor: Prompt
    pool: Pool
    library: Library
    bandit: Bandit
    trust: TrustRegion
    dice: random.Random
    iteration: int = 0
    barren: int = 0
    lost: int = 0
    place: int = 0
    matches: int = 0
    tidied: bool = False
    tried: list[Prompt] = field(default_factory=list[Prompt])
    history: list[Tried] = field(default_factory=list[Tried])
    vain: Counter[str] = field(default_factory=Counter[str])

    @classmethod
    def fresh(cls, seed_prompt: Prompt, options: GrpoOptions) -> "State":
        """Where a search starts."""
        return cls(
            anchor=seed_prompt,
            pool=Pool(seed_prompt),
            library=Library(options.lessons, options.lesson_chars),
            bandit=Bandit(cast("dict[Operator, float]", options.operators.model_dump()), options.explore),
            trust=TrustRegion(
                options.beta,
                options.distance,
                options.distance_end,
                options.distance_max,
                options.seed_anchor,
                options.length_penalty,
            ),
            dice=random.Random(options.seed),
            tried=[seed_prompt],
        )

    def restart(self, edit: Prompt) -> None:
        """Go on from a person's text: the pool starts anew, what was learned stays."""
        self.anchor, self.pool = edit, Pool(edit)
        self.barren = self.lost = 0
        self.tidied = False
        self.tried.append(edit)

    def dump(self) -> dict[str, Any]:
        """JSON values, for a checkpoint."""
        version, numbers, spare = self.dice.getstate()
        return {
            "anchor": self.anchor.model_dump(mode="json"),
            "pool": self.pool.dump(),
            "library": self.library.dump(),
            "tally": {name: list(counts) for name, counts in self.bandit.tally.items()},
            "beta": self.trust.beta,
            "dice": [version, list(numbers), spare],
            "iteration": self.iteration,
            "barren": self.barren,
            "lost": self.lost,
            "place": self.place,
            "matches": self.matches,
            "tidied": self.tidied,
            "tried": [prompt.model_dump(mode="json") for prompt in self.tried],
            "history": [asdict(row) for row in self.history],
            "vain": dict(self.vain),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`dump` gave."""
        version, numbers, spare = state["dice"]
        self.anchor = Prompt.model_validate(state["anchor"])
        self.pool.load(state["pool"])
        self.library.load(state["library"])
        self.bandit.tally = {name: (won, lost) for name, (won, lost) in state["tally"].items()}
        self.trust.beta = state["beta"]
        self.dice.setstate((version, tuple(numbers), spare))
        self.iteration, self.barren = state["iteration"], state["barren"]
        self.lost, self.place, self.matches = state["lost"], state["place"], state["matches"]
        self.tidied = state["tidied"]
        self.tried = [Prompt.model_validate(prompt) for prompt in state["tried"]]
        self.history = [Tried(**row) for row in state["history"]]
        self.vain = Counter(state["vain"])
