"""consistency: whether a prompt answers the same task alike, however it is put and however often."""

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from promptopt.cli.business import Limits
from promptopt.cli.output import emit, note, say
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from promptopt.enterprise.agreeing import Begun, Wanted
    from promptopt.enterprise.consistency import Consistency
    from promptopt.store.database import Database

LIMITS = Limits()

Measure = Literal["label", "words", "chrf"]


@Parameter(name="*")
@dataclass(frozen=True)
class Ways:
    """How tasks are put.

    Attributes:
        prompt: file with the prompt, taken as it is; without it, the project's prompt.
        split: whose cases are taken; test looks at the sealed test split.
        tasks: how many cases.
        phrasings: ways of putting each, its own included; 1: only as it is.
        repeats: times that each phrasing is sent.
        generator_model: who puts cases in other words; without it models.generator of the project, else
            models.optimizer, else models.target.
    """

    prompt: Path | None = None
    split: Literal["train", "validation", "test"] = "validation"
    tasks: Annotated[int, Parameter(validator=Number(gte=2, lte=200))] = 12
    phrasings: Annotated[int, Parameter(validator=Number(gte=1, lte=20))] = 3
    repeats: Annotated[int, Parameter(validator=Number(gte=1, lte=20))] = 1
    generator_model: str | None = None


@Parameter(name="*")
@dataclass(frozen=True)
class Goal:
    """What is to be reached.

    Attributes:
        goal: agreement, as a share.
        measure: how alike two outputs are: label (the same, but for case and space), words (F1 of common
            words) or chrf; without it label if all outputs are short, else words.
    """

    goal: Annotated[float, Parameter(validator=Number(gt=0, lte=1))] = 0.85
    measure: Measure | None = None


WAYS, GOAL = Ways(), Goal()

_PROJECT = "a project: its name, or the path of its folder or file; not with --run."


def consistency(
    project: Annotated[str | None, Parameter(name="PROJECT", help=_PROJECT)] = None,
    /,
    *,
    run: str | None = None,
    ways: Ways = WAYS,
    goal: Goal = GOAL,
    limits: Limits = LIMITS,
    simulate: bool = False,
    trust: bool = False,
    json: bool = False,
) -> int:
    """Measure how far a prompt's answers agree when several people put the same task in their own words.

    A model puts cases in other words, and the prompt answers all of them: two ordinary runs, in promptopt
    runs. The same command again goes on where it was, and pays for nothing twice. Exit status 1: no figure,
    or the goal is missed by the whole interval.

    Args:
        run: tell it of what this run has measured already, and send nothing: of cases that it was sent
            several times, or that are phrasings of one task.
        simulate: the built-in simulator stands in for every model; costs nothing.
        trust: you have looked at the project's code and endpoints, and trust them from now on.
        json: print one JSON object at the end, and nothing else.
    """
    from promptopt.cli.trusting import with_trust
    from promptopt.enterprise.agreeing import measured
    from promptopt.enterprise.consistency import consistency_of_run
    from promptopt.store.database import Database

    if (project is None) == (run is None):
        raise SettingsError("give a project, or --run", fix="promptopt consistency --help has examples")
    with closing(Database.open()) as database:
        if run is not None:
            found = consistency_of_run(database, run, ways.split, measure=goal.measure, goal=goal.goal)
            return _tell(found, {}, json=json)
        wanted = _wanted(str(project), ways, limits, simulate=simulate)
        if ways.split == "test":
            note("note: this looks at the sealed test split; change nothing because of what you see")
        done = with_trust(
            lambda trusted: measured(
                database,
                wanted,
                lambda begun: _follow(database, begun, quiet=json),
                goal=goal.goal,
                measure=goal.measure,
                trusted=trusted,
            ),
            trusted=trust,
            quiet=json,
        )
    spent = done.spent
    more: dict[str, Any] = {
        "runs": list(done.runs),
        "cost_usd": None if spent.unpriced else round(spent.usd, 6),
        "calls": spent.calls,
        "tokens": spent.tokens,
    }
    return _tell(done.consistency, more, json=json)


def _wanted(project: str, ways: Ways, limits: Limits, *, simulate: bool) -> "Wanted":
    from promptopt.cli.steering import read_prompt
    from promptopt.domain.settings import OPTIMIZER_MODEL, ModelSettings
    from promptopt.enterprise.agreeing import Wanted
    from promptopt.runs.checking import check_runnable
    from promptopt.runs.launch import simulated
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.projects import find_project, load_project

    found = load_project(find_project(project))
    settings = found.settings
    if ways.prompt is not None:
        text = read_prompt(ways.prompt)
        if not text.strip():
            raise SettingsError("the prompt is empty", where=str(ways.prompt))
        settings = settings.model_copy(update={"prompt": text, "demonstrations": []})
    generator = None
    if ways.generator_model is not None:
        raw = {**OPTIMIZER_MODEL, "model": ways.generator_model}
        generator = ModelSettings.model_validate(raw)
    if simulate:
        settings, generator = simulated(settings), ModelSettings(model="sim/generator")
    caps = limits.table() or settings.budget.limits()
    caps = {name: cap for name, cap in caps.items() if "_" not in name}
    check_runnable(settings.model_copy(update={"budget": _budget(caps)}), found.dir, "eval")
    return replace(
        Wanted(settings, found.dir, found.path, load_dataset(settings, found.dir).dataset),
        split=ways.split,
        tasks=ways.tasks,
        phrasings=ways.phrasings,
        repeats=ways.repeats,
        generator=generator,
        caps=caps,
    )


def _budget(caps: dict[str, float]) -> Any:
    from promptopt.domain.settings import BudgetSettings

    return BudgetSettings.model_validate(caps)


def _follow(database: "Database", begun: "Begun", *, quiet: bool) -> None:
    from promptopt.cli.follow import Interruptions, PlainLines, follow, silent
    from promptopt.runs.launch import start_worker
    from promptopt.store.runlog import RunLog

    row, before = begun.row, RunLog(database, begun.row.id).length()
    worker = start_worker(row.id) if begun.work else None
    if not quiet:
        simulated = " (simulated models)" if row.simulated else ""
        say(f"run {row.id} of {one_line(row.project, 80)}{simulated}")
    with Interruptions(database, row.id, stop_first=True, sealed_test=False) as interruptions:
        followed = follow(
            database,
            row.id,
            silent if quiet else PlainLines(before),
            worker=worker,
            began_after=before if begun.work else 0,
            quiet=before,
            unattended=True,
            leave=interruptions.leave,
        )
    if followed.end == "died":
        raise RunError("its worker died", where=f"run {row.id}", fix="give the same command again")
    if followed.end == "left":
        raise RunError(
            "left; the run goes on", where=f"run {row.id}", fix="the same command again follows it"
        )


def _tell(found: "Consistency", more: dict[str, Any], *, json: bool) -> int:
    from promptopt.enterprise.consistency import MEASURES

    if json:
        emit({**found.model_dump(mode="json"), "verdict": found.verdict, **more})
    else:
        label = " (simulated)" if found.simulated else ""
        low, high = found.agreement.low, found.agreement.high
        said = f"{found.agreement.mean:.1%} [{low * 100:.1f}, {high * 100:.1f}]"
        say(f"\nagreement: {said}, goal {found.goal:.0%}: {found.verdict}{label}")
        say(f"  {found.outputs} outputs of {found.tasks} tasks; {MEASURES[found.measure]}")
        if found.score_spread is not None:
            say(
                f"  scores within a task differ by {found.score_spread * 100:.1f} points (standard deviation)"
            )
        say(f"  {found.source}{label}")
        if more:
            usd = "an unknown price" if more["cost_usd"] is None else f"${more['cost_usd']:.4f}"
            say(f"runs {', '.join(more['runs'])}: {usd}, {more['calls']:,} calls, {more['tokens']:,} tokens")
    return 1 if found.verdict == "missed" else 0
