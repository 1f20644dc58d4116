"""Runs in which prompts play a tournament: candidates of earlier runs, and prompts from files.

Such a run has no search and no sealed test. What it plays, and how, is frozen with its settings, its prompts
with its cells; so it is paused, stopped, killed and taken up like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.prompt import Prompt
from promptopt.domain.settings import OptimizerSettings, ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.checks import Judge
from promptopt.evaluation.prospects import Prospect
from promptopt.runs.context import Context
from promptopt.runs.launch import Frozen, create_frozen
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.tournament.config import TournamentConfig, at_most
from promptopt.tournament.manager import TournamentManager

NAME = "tournament"
"""Kind of these runs, and what stands in the place of an optimizer's name."""


class Entrant(BaseModel):
    """A prompt that plays.

    Attributes:
        prompt_id: its id; the prompt itself is in the run's cells.
        label: what a person calls it, if it came from a file.
        source, iteration: of the candidate that it is.
    """

    model_config = ConfigDict(frozen=True)

    prompt_id: str
    label: str = ""
    source: ev.Source = "optimizer"
    iteration: int = 0


class TournamentPlan(BaseModel):
    """What is played: ``optimizer.plan`` in the frozen settings."""

    model_config = ConfigDict(frozen=True)

    entrants: tuple[Entrant, ...]
    split: Split = "validation"
    config: TournamentConfig = TournamentConfig()


@dataclass(frozen=True)
class Player:
    """A prompt that is to play, and where it comes from."""

    prompt: Prompt
    label: str = ""
    source: ev.Source = "optimizer"
    iteration: int = 0

    @property
    def entrant(self) -> Entrant:
        return Entrant(
            prompt_id=self.prompt.id, label=self.label, source=self.source, iteration=self.iteration
        )


def planned(
    settings: ProjectSettings, players: Sequence[Player], split: Split, config: TournamentConfig
) -> ProjectSettings:
    """The settings of a run that plays this.

    Raises:
        SettingsError: fewer than two different prompts.
    """
    first: dict[str, Entrant] = {}
    for player in players:
        first.setdefault(player.prompt.id, player.entrant)
    entrants = tuple(first.values())
    if len(entrants) < 2:
        raise SettingsError(
            f"a tournament takes two different prompts at least, found {len(entrants)}",
            fix="name candidates of the run, or files: promptopt tournament RUN CANDIDATE FILE",
        )
    plan = TournamentPlan(entrants=entrants, split=split, config=config)
    said = {"name": NAME, "seed": config.seed, "plan": plan.model_dump(mode="json")}
    return settings.model_copy(update={"optimizer": OptimizerSettings.model_validate(said)})


def create_tournament(
    database: Database,
    source: Frozen,
    players: Sequence[Player],
    config: TournamentConfig,
    split: Split = "validation",
    *,
    trusted: bool = False,
) -> str:
    """Make a run in which prompts play a tournament; nothing is sent yet. Returns its id.

    Raises:
        SettingsError: fewer than two different prompts.
        TrustError: the project has code or an endpoint of its own that its owner has not trusted.
    """
    settings = planned(source.settings, players, split, config)
    run_id = create_frozen(database, replace(source, settings=settings), kind=NAME, trusted=trusted)
    cells = Cells(database, run_id)
    for player in players:
        cells.keep_prompt(player.prompt)
    database.transact(lambda _: None).result()  # a worker that starts now finds them
    return run_id


def plan_of(settings: ProjectSettings) -> TournamentPlan:
    """The plan in the frozen settings of a tournament's run."""
    return TournamentPlan.model_validate((settings.optimizer.model_extra or {})["plan"])


def outlook_of(
    plan: TournamentPlan, settings: ProjectSettings, dataset: Dataset, judge: Judge
) -> list[Prospect]:
    """What the tournament takes at most, and what its scores do not say; told before anything is spent."""
    cases = dataset[plan.split]
    most = at_most(plan.config, len(plan.entrants), len(cases), len(settings.panel))
    verdicts = f" and {most.verdicts:,} verdicts of judges" if most.verdicts else ""
    matches = "" if most.matches is None else f"{most.matches} matches, "
    said = [Prospect("info", f"the tournament takes at most {matches}{most.answers:,} answers{verdicts}")]
    bare = sum(not judge.applies(case) for case in cases)
    if bare:
        which = "any case" if bare == len(cases) else f"{bare} of {len(cases)} cases"
        said.append(Prospect("info", f"no check applies to {which}: scores of 0 there say nothing"))
    return said


async def play(
    plan: TournamentPlan, seed: Prompt, dataset: Dataset, context: Context, cells: Cells
) -> StopRun:
    """Play the tournament of a run to its end.

    Args:
        seed: the project's prompt, which is called so if it plays.
        dataset: the run's cases.
    """
    prompts = [_prompt(cells, entrant.prompt_id) for entrant in plan.entrants]
    for entrant, prompt in zip(plan.entrants, prompts, strict=True):
        source = "seed" if prompt.id == seed.id else entrant.source
        context.propose(prompt, source, iteration=entrant.iteration, label=entrant.label)
    cases: Sequence[Example] = dataset[plan.split]
    if not cases:
        raise RunError(f"there is no {plan.split} case to play on")
    results = await TournamentManager(plan.config).run(context, prompts, cases, plan.split)
    played = len(results.matches)
    return StopRun("played", f"{played} match{'es' * (played != 1)} played")


def _prompt(cells: Cells, prompt_id: str) -> Prompt:
    prompt = cells.prompt(prompt_id)
    if prompt is None:
        raise RunError(f"this run has lost its prompt {prompt_id}")
    return prompt
