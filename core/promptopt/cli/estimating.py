"""estimate: what a run would need. Nothing is sent, and no key is needed."""

from collections.abc import Callable
from contextlib import closing
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from promptopt.cli.arguments import ProjectArgument
from promptopt.cli.output import emit, note, say, table


def estimate(
    project: ProjectArgument,
    /,
    *,
    simulate: bool = False,
    max_iterations: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    usd: Annotated[float | None, Parameter(validator=Number(gt=0, lt=float("inf")))] = None,
    json: bool = False,
) -> None:
    """Forecast calls, tokens, cost and time of a run: least, likely, most. Nothing is sent.

    Args:
        simulate: of a run with the built-in simulator in the place of every model.
        max_iterations: most iterations, in place of the project's.
        usd: cap on spending in USD, in place of the project's.
        json: print one JSON object.
    """
    from promptopt.cli.running import adjusted
    from promptopt.domain.dataset import SPLITS
    from promptopt.evaluation.checks import build_judge
    from promptopt.optimizers import registry
    from promptopt.runs.forecast import forecast
    from promptopt.runs.launch import simulated
    from promptopt.runs.setup import model_of
    from promptopt.runs.summary import forecast_figures
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.database import Database
    from promptopt.store.history import history
    from promptopt.store.projects import find_project, load_project

    found = adjusted(load_project(find_project(project)), {"max_iterations": max_iterations}, usd)
    settings = simulated(found.settings) if simulate else found.settings
    optimizer = registry.make(settings)
    data = load_dataset(settings, found.dir)
    for notice in (*found.notices, *data.notices):
        note(f"note: {notice}")
    cases = data.dataset.cases()
    judge = build_judge(settings, found.dir, cases, optional=optimizer.needs_judges)
    with closing(Database.open()) as database:
        past = history(database, found.dir.resolve(), settings.optimizer.name, simulated=settings.simulated)
    figures = forecast_figures(forecast(settings, data.dataset, optimizer, past, SPLITS, judge))
    models = {role: model_of(settings, role).model for role in figures["roles"]}
    outcome = {"project": settings.name, "models": models, "simulated": settings.simulated, **figures}
    if json:
        emit(outcome)
    else:
        _say(outcome)


def _say(outcome: dict[str, Any]) -> None:
    from promptopt.cli.spreads import around, count, duration

    simulated = " (simulated models)" if outcome["simulated"] else ""
    say(f"a run of {outcome['project']}{simulated} needs, without its caps:\n")
    rows: list[list[str]] = []
    for name, need in (*outcome["roles"].items(), ("total", outcome)):
        model = outcome["models"].get(name, "")
        rows += _rows(name if not model else f"{name}, {model}", need)
    for line in table(["", "", "at least", "likely", "at most"], rows):
        say(line)
    if outcome["iterations"]:
        say(f"\niterations: {around(outcome['iterations'], count)}")
    say(f"running time: {around(outcome['seconds'], duration)}")
    say(_cap(outcome["cap"]))
    for line in outcome["notes"]:
        say(f"· {line}")


def _rows(name: str, need: dict[str, Any]) -> list[list[str]]:
    from promptopt.cli.spreads import count, usd

    kinds: tuple[tuple[str, str, Callable[[float], str]], ...] = (
        ("calls", "calls", count),
        ("tokens", "tokens", count),
        ("USD", "cost_usd", usd),
    )
    rows: list[list[str]] = []
    for label, key, shown in kinds:
        figures: dict[str, float | None] = need[key] or {}
        values = [figures.get(level) for level in ("low", "likely", "high")]
        cells = ["unknown" if value is None else shown(value) for value in values]
        rows.append([name if label == "calls" else "", label, *cells])
    return rows


def _cap(cap: dict[str, Any] | None) -> str:
    if cap is None:
        return "no cap of the project would end it first, as far as is known"
    how = "ends" if cap["certain"] else "likely ends" if cap["expected"] else "could end"
    return f"the cap {cap['name']} = {cap['limit']:g} {how} it first: it would need {cap['needed']:g}"
