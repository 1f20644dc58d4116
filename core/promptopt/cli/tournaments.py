"""tournament: prompts of runs and of files play each other."""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from promptopt.cli.output import note
from promptopt.cli.running import PLAIN, Face

if TYPE_CHECKING:
    from promptopt.domain.settings import ProjectSettings
    from promptopt.runs.launch import Frozen
    from promptopt.runs.playing import Player
    from promptopt.store.database import Database
    from promptopt.tournament.config import TournamentConfig

Format = Literal["round_robin", "swiss", "single_elimination", "duels"]
Judging = Literal["metric", "judges", "metric_then_judges"]
Voting = Literal["majority", "weighted", "unanimous", "mean_confidence"]
Split = Literal["train", "validation", "test"]

SourceArgument = Annotated[
    str,
    Parameter(
        name="RUN",
        help="the run whose candidates play, with its settings and cases; or a PROJECT, by name or path.",
    ),
]
PlayerArgument = Annotated[
    str,
    Parameter(
        name="PROMPT",
        help="who plays: seed, best, #3, or an id of RUN's; RUN:CANDIDATE of another run; or a file. Of a "
        "PROJECT, seed is its prompt. Without any: RUN's candidates.",
    ),
]


@Parameter(name="*")
@dataclass(frozen=True)
class Rules:
    """How it is played.

    Attributes:
        format: who plays whom. duels: the pair that tells most, a few cases at a time.
        judging: who decides a case. Not given: the metric, and judges on ties if the project has any.
        voting: how several judges become one verdict.
        panel: all judges judge all matches; or the first alone all but the final.
        balanced: judges see each pair in one order, that of chance; else in both.
        rubric: what makes an output good; not given: what the project's judge checks say, or its task.
        cases: most cases of a match.
        split: the cases that are played on; test looks at the sealed test split.
        most: of RUN's candidates so many play, best first, and the seed.
        seed: of everything random.
    """

    format: Format = "round_robin"
    judging: Judging | None = None
    voting: Voting = "majority"
    panel: Literal["all", "final"] = "all"
    balanced: bool = False
    rubric: str | None = None
    cases: Annotated[int, Parameter(validator=Number(gte=1))] = 40
    split: Split = "validation"
    most: Annotated[int, Parameter(validator=Number(gte=2))] = 8
    seed: int = 0


@Parameter(name="*")
@dataclass(frozen=True)
class Means:
    """What it may use.

    Attributes:
        judge: model of a judge, in place of the project's; give it again for a panel.
        usd: cap on spending in USD, in place of the project's.
        simulate: put the built-in simulator in the place of every model; costs nothing.
        fresh: ask the target model anew where earlier runs of the project have its answers.
        trust: you have looked at the project's code and endpoints, and trust them from now on.
    """

    judge: tuple[str, ...] = ()
    usd: Annotated[float | None, Parameter(validator=Number(gt=0, lt=float("inf")))] = None
    simulate: bool = False
    fresh: bool = False
    trust: bool = False


def tournament(
    source: SourceArgument,
    /,
    *prompts: PlayerArgument,
    rules: Rules = Rules(),
    means: Means = Means(),
    face: Face = PLAIN,
) -> int:
    """Let prompts play each other case by case, and rate them. It is a run of its own, without a search.

    Each case of a match goes to the better output: the metric tells, or judge models, who see the outputs and
    never the prompts. Answers that earlier runs of the project have are used again, free.
    """
    from promptopt.cli.running import watch
    from promptopt.cli.trusting import with_trust
    from promptopt.runs.checking import check_runnable
    from promptopt.runs.launch import start_worker
    from promptopt.runs.playing import NAME, create_tournament
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    with closing(Database.open()) as database:
        found, run_id = _source(database, source)
        settings = _settings(found.settings, means)
        config = _config(rules, settings)
        players = _players(database, found, run_id, prompts, rules.most)
        check_runnable(settings, found.folder, NAME, panel=config.needs_judges)
        if rules.split == "test":
            note("note: this looks at the sealed test split; for later runs its cases are no longer unseen.")
        frozen = replace(found, settings=settings)
        made = with_trust(
            lambda trusted: create_tournament(
                database, frozen, players, config, rules.split, trusted=trusted
            ),
            trusted=means.trust,
            quiet=face.json,
        )
        return watch(database, Runs(database).find(made), start_worker(made), face, sealed_test=False)


def _source(database: "Database", reference: str) -> "tuple[Frozen, str]":
    """What a reference means: a project by name or path, else a run, whose id is given as well."""
    from promptopt.domain.errors import SettingsError
    from promptopt.runs.launch import Frozen
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.projects import find_project, load_project
    from promptopt.store.runs import Runs

    try:
        path = find_project(reference)
    except SettingsError:
        path = None
    if path is not None:
        project = load_project(path)
        data = load_dataset(project.settings, project.dir)
        for notice in (*project.notices, *data.notices):
            note(f"note: {notice}")
        return Frozen(project.settings, data.dataset, project.dir, project.path), ""
    runs = Runs(database)
    row = runs.find(reference)
    folder = Path(row.project_dir)
    settings = _with_judges(runs.settings(row.id), folder)
    return Frozen(settings, runs.dataset(row.id), folder, folder), row.id


def _with_judges(settings: "ProjectSettings", folder: Path) -> "ProjectSettings":
    """A run's settings with the judges that its project names by now, if it had none."""
    from promptopt.domain.errors import SettingsError
    from promptopt.store.projects import load_project

    if settings.panel:
        return settings
    try:
        now = load_project(folder).settings
    except SettingsError:
        return settings
    judge = {role: model for role, model in now.models.items() if role == "judge"}
    return settings.model_copy(update={"models": {**settings.models, **judge}, "judges": now.judges})


def _players(
    database: "Database", source: "Frozen", run_id: str, prompts: tuple[str, ...], most: int
) -> "list[Player]":
    """The prompts that play.

    Raises:
        PromptoptError: one is not there.
    """
    from promptopt.domain.errors import SettingsError
    from promptopt.runs.players import players_of_run

    if prompts:
        return [_player(database, source, run_id, reference) for reference in prompts]
    if not run_id:
        raise SettingsError(
            "nobody is named who plays",
            where=str(source.path),
            fix="name files, seed for the project's prompt, or RUN:CANDIDATE",
        )
    return players_of_run(database, run_id, most)


def _player(database: "Database", source: "Frozen", run_id: str, reference: str) -> "Player":
    from promptopt.cli.comparing import is_file
    from promptopt.cli.steering import read_prompt
    from promptopt.domain.errors import SettingsError
    from promptopt.runs.players import player_of_file, player_of_run
    from promptopt.runs.playing import Player

    if is_file(reference):
        return player_of_file(Path(reference), read_prompt(Path(reference)))
    if Path(reference).suffix or "/" in reference:
        raise SettingsError("there is no such file", where=reference)
    run, colon, candidate = reference.partition(":")
    if colon:
        return player_of_run(database, run, candidate or None)
    if run_id:
        return player_of_run(database, run_id, reference)
    if reference == "seed":
        return Player(source.settings.seed_prompt, source="seed")
    return player_of_run(database, reference, None)


def _settings(settings: "ProjectSettings", means: Means) -> "ProjectSettings":
    """The settings with what the command line says."""
    from promptopt.domain.settings import CacheSettings, JudgeSettings
    from promptopt.runs.launch import simulated

    if means.judge:
        named = [JudgeSettings(model=model, name=model) for model in dict.fromkeys(means.judge)]
        settings = settings.model_copy(update={"judges": named})
    if means.usd is not None:
        budget = settings.budget.model_copy(update={"usd": means.usd})
        settings = settings.model_copy(update={"budget": budget})
    if means.simulate:
        settings = simulated(settings)
    reuse = not means.fresh and not settings.models["target"].simulated
    return settings.model_copy(update={"cache": CacheSettings(reuse=reuse, sampled=reuse)})


def _config(rules: Rules, settings: "ProjectSettings") -> "TournamentConfig":
    from promptopt.domain.errors import SettingsError
    from promptopt.tournament.config import TournamentConfig

    if rules.judging in ("judges", "metric_then_judges") and not settings.panel:
        raise SettingsError(
            "matches are to be judged, and there is no judge",
            where="models.judge",
            fix="name one: --judge MODEL; or give the project [models.judge], or [[judges]] for a panel",
        )
    return TournamentConfig(
        format=rules.format,
        judging=rules.judging or ("metric_then_judges" if settings.panel else "metric"),
        voting=rules.voting,
        panel=rules.panel,
        orders="balanced" if rules.balanced else "both",
        criteria=rules.rubric or "",
        cases=rules.cases,
        seed=rules.seed,
    )
