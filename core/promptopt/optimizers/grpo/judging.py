"""Performance by a tournament, for tasks on which no check says whether an output is right."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from promptopt.domain.dataset import Example, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Prompt
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.statistics import Z
from promptopt.optimizers.base import RunContext
from promptopt.tournament.config import TournamentConfig
from promptopt.tournament.manager import TournamentManager
from promptopt.tournament.results import TournamentResults

_PER_LOGIT = 400 / math.log(10)
"""Points of a rating for one unit of log strength."""


@dataclass(frozen=True)
class Strength:
    """How strong a prompt is in a tournament: its mean chance to win, in [0, 1], with its standard error."""

    mean: float
    error: float


class Judging(Protocol):
    """Plays a tournament; ``played`` matches were played before in the run."""

    async def __call__(
        self,
        context: RunContext,
        prompts: Sequence[Prompt],
        cases: Sequence[Example],
        split: Split,
        *,
        seed: int,
        played: int,
    ) -> TournamentResults: ...


def lacks(settings: ProjectSettings) -> SettingsError | None:
    """What a project lacks to have judges decide; None if nothing."""
    if not settings.panel:
        return SettingsError(
            "judges are to compare outputs, and there is no judge model",
            where="optimizer.reward",
            fix='add a table [models.judge] with model = "…"',
        )
    return None


def require(settings: ProjectSettings) -> None:
    """Raise SettingsError if judges can't decide."""
    lacking = lacks(settings)
    if lacking is not None:
        raise lacking


async def play(
    context: RunContext,
    prompts: Sequence[Prompt],
    cases: Sequence[Example],
    split: Split,
    *,
    seed: int,
    played: int,
) -> TournamentResults:
    """Play a Swiss tournament of prompts, judged by the judge models."""
    config = TournamentConfig(format="swiss", judging="judges", seed=seed)
    return await TournamentManager(config).run(context, prompts, cases, split, numbered_from=played)


def strengths(results: TournamentResults, prompts: Sequence[Prompt]) -> Mapping[str, Strength]:
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
