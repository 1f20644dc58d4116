"""What all parts of a search stand on."""

import random
from collections.abc import Sequence

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Evaluation
from promptopt.optimizers.base import RunContext
from promptopt.optimizers.measuring import Measurements
from promptopt.optimizers.refine.demonstrating import identity
from promptopt.optimizers.refine.options import RefineOptions
from promptopt.optimizers.refine.state import State

MOST_STRATA = 12
"""Different tags or expected outputs up to which cases are dealt by them."""


class Ground:
    """The run, the state, what was measured, and the cases in the order of the run.

    Attributes:
        train: the training cases that are looked at, in the order of the run.
        cases: the same by id.
        must_pass: those that must pass.
        validation: the validation cases, in the order of the run.
        on_validation: the best prompt's validation; None until it is known.
    """

    def __init__(self, context: RunContext, options: RefineOptions) -> None:
        self.context = context
        self.options = options
        self.state = State.fresh(context.seed_prompt, options)
        self.known = Measurements(context)
        sample = _sample(context.dataset.train, options.train_cases, options.seed)
        self.train = _in_order(sample, f"{options.seed}/train")
        self.validation = _in_order(context.dataset.validation, f"{options.seed}/validation")
        self.cases = {case.id: case for case in self.train}
        self.weights = {case.id: case.weight for case in self.train}
        self.must_pass = [case for case in self.train if case.must_pass]
        self.on_validation: Evaluation | None = None

    @property
    def best(self) -> Prompt:
        """The prompt that the search goes on from."""
        return self.state.best

    @property
    def validated(self) -> Evaluation:
        """The best prompt on the validation cases."""
        assert self.on_validation
        return self.on_validation

    @property
    def selecting(self) -> Evaluation:
        """The best prompt on the cases that select: the training cases, if it passes all of the others."""
        return self.on_train(self.best) if self.validated.all_passed else self.validated

    def on_train(self, prompt: Prompt) -> Evaluation:
        """What is known of a prompt on training cases."""
        return self.known.evaluation(prompt, "train", self.train)

    async def measure(self, prompt: Prompt, cases: Sequence[Example], total: int) -> dict[str, float]:
        """Measure a prompt on training cases, but not on those that it shows with their answers.

        Args:
            total: cases that it will be measured on, for those who watch.

        Returns:
            Case id to score; cases without an answer, and those that it shows, are missing.
        """
        shown = set(map(identity, prompt.demonstrations))
        fair = [case for case in cases if identity(case) not in shown]
        return await self.known.measure(prompt, "train", fair, min(total, len(self.train)))

    def save(self) -> None:
        """Keep the state."""
        self.context.checkpoint(self.state.iteration, self.state.dump())


def _sample(cases: Sequence[Example], most: int, seed: int) -> list[Example]:
    """A fixed sample, in which all that must pass are, however many."""
    dice = random.Random(seed)
    order = sorted(dice.sample(range(len(cases)), len(cases)), key=lambda at: not cases[at].must_pass)
    wanted = max(most, sum(case.must_pass for case in cases))
    return [cases[at] for at in sorted(order[:wanted])]


def _in_order(cases: Sequence[Example], name: str) -> list[Example]:
    """A seeded order in which every beginning has tags, or expected outputs, in about their shares."""
    dice = random.Random(f"refine/{name}")
    shuffled = dice.sample(list(cases), len(cases))
    groups: dict[str, list[Example]] = {}
    for case in shuffled:
        groups.setdefault(case.tags[0] if case.tags else case.expected or "", []).append(case)
    if not 1 < len(groups) <= MOST_STRATA:
        return shuffled
    # Each group is spread evenly over the order: its k-th case of n stands at (k + 1/2) / n of the way.
    placed = [
        ((at + 0.5) / len(group), number, case)
        for number, group in enumerate(groups.values())
        for at, case in enumerate(group)
    ]
    return [case for _, _, case in sorted(placed, key=lambda one: one[:2])]
