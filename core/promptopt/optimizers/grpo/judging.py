"""Performance by a tournament, for tasks on which no check says whether an output is right."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from promptopt.domain.dataset import Example, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.events import Rating
from promptopt.domain.prompt import Prompt
from promptopt.evaluation.statistics import Z
from promptopt.optimizers.base import RunContext

MODULE = "promptopt.tournament"

_PER_LOGIT = 400 / math.log(10)
"""Points of a rating for one unit of log strength."""


@dataclass(frozen=True)
class Strength:
    """How strong a prompt is in a tournament: its mean chance to win, in [0, 1], with its standard error."""

    mean: float
    error: float


class Tournament(Protocol):
    """What a tournament gives; ``promptopt.tournament``'s results are one."""

    @property
    def ratings(self) -> Sequence[Rating]: ...

    def strength(self, prompt_id: str) -> float: ...


class Judging(Protocol):
    """Plays a tournament."""

    async def __call__(
        self,
        context: RunContext,
        prompts: Sequence[Prompt],
        cases: Sequence[Example],
        split: Split,
        seed: int,
    ) -> Tournament: ...


def available() -> bool:
    """Whether tournaments are part of this installation."""
    return find_spec(MODULE) is not None


def require() -> None:
    """Raise SettingsError if tournaments are not part of this installation."""
    if not available():
        raise SettingsError(
            "judges compare outputs in tournaments, which this version of promptopt does not have",
            where="optimizer.reward",
            fix='use reward = "metric" and a check that says whether an output is right (judge is one)',
        )


async def play(
    context: RunContext, prompts: Sequence[Prompt], cases: Sequence[Example], split: Split, seed: int
) -> Tournament:
    """Play a Swiss tournament of prompts, judged by the judge models."""
    require()
    module: Any = import_module(MODULE)
    config = module.TournamentConfig(format="swiss", judging="judges", seed=seed)
    return await module.TournamentManager(config).run(context, prompts, cases, split)


def strengths(results: Tournament, prompts: Sequence[Prompt]) -> Mapping[str, Strength]:
    """Prompt id to strength. Errors come from the ratings' intervals, by the delta method."""
    ratings = {rating.candidate_id: rating for rating in results.ratings}
    found: dict[str, Strength] = {}
    for prompt in prompts:
        mean = min(1.0, max(0.0, results.strength(prompt.id)))
        rating = ratings.get(prompt.id)
        error = math.inf
        if rating is not None:
            log_strength = (rating.high - rating.low) / (2 * Z * _PER_LOGIT)
            error = max(mean * (1 - mean), 0.01) * log_strength
        found[prompt.id] = Strength(mean, error)
    return found
