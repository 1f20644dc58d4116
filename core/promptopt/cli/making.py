"""data generate, save: cases that a model makes up, as a run; what was made as a file or a project."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from promptopt.cli.arguments import RunArgument
from promptopt.cli.output import emit, note, say

if TYPE_CHECKING:
    from promptopt.domain.settings import ProjectSettings
    from promptopt.domain.words import Role
    from promptopt.enterprise.context import BusinessContext
    from promptopt.runs.generated import Generated
    from promptopt.store.database import Database

_SCENARIO = "what the cases are for: a name that promptopt data scenarios lists, or a scenario file (.toml)."


@Parameter(name="*")
@dataclass(frozen=True)
class Wish:
    """What is made.

    Attributes:
        company: a file on the company: text, YAML, TOML or JSON; examples/acme.yaml comes with the package.
        count: how many cases.
        persona, difficulty, situation: only this one; give it again for more.
        no_answers: make no good answer to each case; cheaper.
        batch: cases of one request.
        seed: of the grid, the samples and the splits.
    """

    company: str | None = None
    count: Annotated[int, Parameter(name=("--count", "-n"), validator=Number(gte=1, lte=100_000))] = 100
    persona: tuple[str, ...] = ()
    difficulty: tuple[str, ...] = ()
    situation: tuple[str, ...] = ()
    no_answers: bool = False
    batch: Annotated[int, Parameter(validator=Number(gte=1, lte=25))] = 5
    seed: int = 0


@Parameter(name="*")
@dataclass(frozen=True)
class Makers:
    """Who makes it.

    Attributes:
        model: who makes cases up.
        judge: a model that says of each case how real it seems, from 0 to 10.
        usd: cap on spending in USD.
        simulate: the built-in simulator makes and judges them; costs nothing.
        profile: what holds for all that is sent: gdpr, soc2; give it again for both.
    """

    model: str = "openai/gpt-4o-mini"
    judge: str | None = None
    usd: Annotated[
        float | None, Parameter(name=("--usd", "--max-usd"), validator=Number(gt=0, lt=float("inf")))
    ] = None
    simulate: bool = False
    profile: tuple[str, ...] = ()


@Parameter(name="*")
@dataclass(frozen=True)
class Place:
    """Where they go.

    Attributes:
        out: a file: .jsonl, .json or .csv.
        project: the name of a new project with the scenario's task, prompt and checks.
        overwrite: the file may be there.
    """

    out: Path | None = None
    project: str | None = None
    overwrite: bool = False


def generate(
    scenario: Annotated[str, Parameter(name="SCENARIO", help=_SCENARIO)],
    /,
    *,
    wish: Wish = Wish(),
    makers: Makers = Makers(),
    place: Place = Place(),
    quote: bool = False,
    detach: bool = False,
    json: bool = False,
) -> int:
    """Have a model make cases up for a scenario: as a run, paused, stopped and resumed like any other.

    Args:
        quote: only say what it takes; nothing is sent.
        detach: start the worker, print the run's id, and leave; promptopt data save writes them out later.
        json: print one JSON object per event, and last the summary.
    """
    from promptopt.cli.running import Face, watch
    from promptopt.runs.generating import create_planned
    from promptopt.runs.launch import start_worker
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    settings = _settings(scenario, wish, makers)
    _refuse_taken(place)
    if quote:
        _say_quote(settings, json=json)
        return 0
    with closing(Database.open()) as database:
        run_id = create_planned(database, settings)
        row = Runs(database).find(run_id)
        if not json and not detach:
            _say_quote(settings, json=False, aside=True)
        face = Face(headless=True, json=json, detach=detach)
        status = watch(database, row, start_worker(run_id), face, sealed_test=False)
        if detach or status:
            return status
        _save(database, run_id, place, quiet=json)
        return 0


def save(
    run: RunArgument,
    /,
    *,
    place: Place = Place(),
    reviewed_only: bool = False,
    json: bool = False,
) -> None:
    """Write out what a run made up; what people decided in a review is carried out.

    Args:
        reviewed_only: leave out what nobody has looked at.
        json: print one JSON object.
    """
    from promptopt.domain.errors import SettingsError
    from promptopt.store.database import Database

    if place.out is None and place.project is None:
        raise SettingsError("it is not said where to", fix="give --out FILE, or --project NAME")
    with closing(Database.open()) as database:
        paths = _save(database, run, place, quiet=json, reviewed_only=reviewed_only)
    if json:
        emit(paths)


def company_in(path: str) -> "str | BusinessContext":
    """What is known of a company, from a file: a text, or a context with its rules and norms.

    Raises:
        SettingsError: it can't be read.
    """
    from promptopt.enterprise.context import BusinessContext
    from promptopt.store.textfiles import read_text

    if Path(path).suffix.lower() in (".txt", ".md"):
        return read_text(Path(path).expanduser(), 1_000_000).strip()
    return BusinessContext.load(path)


def _settings(scenario: str, wish: Wish, makers: Makers) -> "ProjectSettings":
    from promptopt.data import SyntheticDataGenerator

    models: dict[Role, Any] = {"generator": makers.model}
    if makers.judge is not None:
        models["judge"] = makers.judge
    budget = None if makers.usd is None else {"usd": makers.usd}
    generator: SyntheticDataGenerator = SyntheticDataGenerator(
        models,
        budget,
        wish.seed,
        simulate=makers.simulate,
        compliance={"profile": list(makers.profile)} if makers.profile else None,
    )
    return generator.plan(
        scenario,
        company_in(wish.company) if wish.company else None,
        wish.count,
        personas=wish.persona,
        difficulties=wish.difficulty,
        situations=wish.situation,
        answers=not wish.no_answers,
        batch=wish.batch,
    )


def _refuse_taken(place: Place) -> None:
    """Refuse, before anything is spent, a place that can't be written to."""
    from promptopt.domain.errors import SettingsError
    from promptopt.store.newprojects import taken
    from promptopt.synthetic.saving import FORMATS

    if place.out is not None and place.out.suffix.lower() not in FORMATS:
        raise SettingsError(
            f"cases can't be written as {place.out.suffix!r}",
            where=str(place.out),
            fix=f"name it {', '.join(FORMATS)}",
        )
    if place.out is not None and place.out.exists() and not place.overwrite:
        raise SettingsError(
            "there is such a file already", where=str(place.out), fix="choose another, or --overwrite"
        )
    if place.project is not None and (folder := taken(place.project)):
        raise SettingsError("there is such a project already", where=str(folder), fix="choose another name")


def _say_quote(settings: "ProjectSettings", *, json: bool, aside: bool = False) -> None:
    from promptopt.cli.spreads import in_short
    from promptopt.domain.text import one_line
    from promptopt.enterprise.compliance import terms
    from promptopt.runs.generating import foreseen, generation_plan_of
    from promptopt.runs.summary import forecast_figures

    plan = generation_plan_of(settings)
    figures = forecast_figures(foreseen(plan, settings))
    if json:
        held = terms(settings.compliance)
        emit({"scenario": plan.scenario.name, "cases": plan.count, **figures, "compliance": held})
        return
    simulated = " (simulated)" if settings.models["generator"].simulated else ""
    text = f"{plan.count} cases for {plan.scenario.name}: {in_short(figures)}{simulated}"
    (note if aside else say)(text)
    for line in terms(settings.compliance):
        note(f"compliance: {one_line(line, 300)}")


def _save(
    database: "Database", run: str, place: Place, *, quiet: bool, reviewed_only: bool = False
) -> dict[str, Any]:
    from promptopt.runs.generated import generated_by, queue_of
    from promptopt.synthetic.saving import Origin, hint_of_formulas, save_as_project, save_cases
    from promptopt.synthetic.splitting import tying

    found: Generated = generated_by(database, run)
    kept = queue_of(database, found).kept(reviewed_only=reviewed_only)
    dataset = found.dataset(kept)
    there = {case.id for case in dataset.cases()}
    if tied := [case.id for case in kept if case.id not in there]:
        note(f"note: {tying(tied)}")
    origin = Origin(found.model, found.run.id, found.simulated)
    paths: dict[str, Any] = {"run_id": found.run.id, "cases": len(dataset)}
    if place.out is not None:
        paths["out"] = str(save_cases(dataset, place.out, origin, overwrite=place.overwrite))
        if place.out.suffix.lower() == ".csv" and any(case.checks for case in dataset.cases()):
            note("note: a CSV file can't hold the checks of single cases; .jsonl does")
        if told := hint_of_formulas(dataset, place.out):
            note(f"note: {told}")
    if place.project is not None:
        paths["project"] = str(save_as_project(dataset, found.plan.scenario, place.project, None, origin))
    for kind in () if quiet else ("out", "project"):
        if kind in paths:
            say(f"{len(dataset)} cases: {paths[kind]}")
    if not (quiet or place.out or place.project):
        note(
            f"promptopt data review {found.run.id} goes through them; "
            f"promptopt data save {found.run.id} writes them out"
        )
    return paths
