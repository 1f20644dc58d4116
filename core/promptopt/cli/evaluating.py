"""eval: scoring one prompt, without a search."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from promptopt.cli.arguments import ProjectArgument
from promptopt.cli.output import counted, emit, note, say
from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from promptopt.cli.follow import Followed
    from promptopt.domain.results import Interval
    from promptopt.runs.state import RunState
    from promptopt.store.cells import Cells
    from promptopt.store.database import Database
    from promptopt.store.projects import Project

EXAMPLE_CHARS = 140
"""Characters that are shown of why a case failed."""

Wanted = Literal["train", "validation", "test", "all"]


def evaluate(
    project: ProjectArgument,
    /,
    *,
    prompt: Path | None = None,
    split: Wanted = "validation",
    concurrency: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    simulate: bool = False,
    reuse: bool = False,
    trust: bool = False,
    json: bool = False,
) -> int:
    """Score one prompt on a project's cases with its checks. It counts as a run, and is listed as one.

    Args:
        prompt: file with the prompt, taken as it is; without it, the project's prompt.
        split: the cases to score it on; test and all look at the sealed test split.
        concurrency: calls at once, in place of the project's.
        simulate: put the built-in simulator in the place of the model; costs nothing.
        reuse: take the target's answers to equal requests from earlier runs of the project, free.
        trust: you have looked at the project's code and endpoints, and trust them from now on.
        json: print one JSON object at the end, and nothing else.
    """
    from promptopt.cli.follow import Interruptions, PlainLines, follow, silent
    from promptopt.cli.running import reusing
    from promptopt.cli.trusting import with_trust
    from promptopt.runs.checking import check_cases, check_runnable
    from promptopt.runs.launch import create_run, simulated, start_worker
    from promptopt.store.database import Database
    from promptopt.store.projects import find_project, load_project

    found = _adjusted(load_project(find_project(project)), prompt, split, concurrency)
    found = reusing(found) if reuse else found
    check_runnable(simulated(found.settings) if simulate else found.settings, found.dir, "eval")
    if split in ("test", "all"):
        note(
            "note: this looks at the sealed test split. If you change the prompt because of what you see, "
            "these are no longer unseen cases for later runs."
        )
    with closing(Database.open()) as database:
        run_id, notices = with_trust(
            lambda trusted: create_run(
                database, found, simulate=simulate, kind="eval", trusted=trusted, check=check_cases
            ),
            trusted=trust,
            quiet=json,
        )
        for notice in notices:
            note(f"note: {notice}")
        worker = start_worker(run_id)
        with Interruptions(database, run_id, stop_first=True, sealed_test=False) as interruptions:
            show = silent if json else PlainLines()
            followed = follow(
                database, run_id, show, worker=worker, unattended=True, leave=interruptions.leave
            )
        return _conclude(database, run_id, followed, split, json=json)


def _adjusted(project: "Project", prompt: Path | None, split: Wanted, concurrency: int | None) -> "Project":
    from dataclasses import replace

    from promptopt.cli.steering import read_prompt
    from promptopt.domain.settings import OptimizerSettings

    settings = project.settings
    changes: dict[str, Any] = {
        "optimizer": OptimizerSettings.model_validate({"name": "none", "split": split})
    }
    if prompt is not None:
        changes |= {"prompt": read_prompt(prompt), "demonstrations": []}
        if not changes["prompt"].strip():
            raise SettingsError("the prompt is empty", where=str(prompt))
    if concurrency is not None:
        target = settings.models["target"].model_copy(update={"max_concurrency": concurrency})
        changes["models"] = {**settings.models, "target": target}
    return replace(project, settings=settings.model_copy(update=changes))


def _conclude(database: "Database", run_id: str, followed: "Followed", split: Wanted, *, json: bool) -> int:
    """Say the score; returns the exit status."""
    from promptopt.cli.measures import measures
    from promptopt.cli.outcome import report_death, unfinished
    from promptopt.store.cells import Cells

    state, cells = followed.state, Cells(database, run_id)
    outcome = evaluation_summary(state, cells, run_id, split) | measures(database, state, cells, run_id)
    if followed.end == "died":
        outcome["status"] = "interrupted"
        report_death(run_id)
    if json:
        emit(outcome)
    else:
        _say(outcome, _examples(state, cells))
    status = unfinished(run_id, followed)
    if status is not None:
        return status
    if followed.end == "over" and outcome["score"] is None and state.finished:
        note(f"there is no score: {state.finished.detail or state.finished.stop_reason}")
    return 0 if followed.end == "over" and outcome["score"] is not None else 1


def evaluation_summary(state: "RunState", cells: "Cells", run_id: str, split: Wanted) -> dict[str, Any]:
    """The outcome of an ``eval`` run. ``score`` and ``interval`` are None if not every case was scored.

    ``categories`` counts the failed cases by error category; ``seconds`` is wall time of the run. ``reused``
    counts answers that earlier runs of the project paid for, by run.
    """
    from promptopt.runs.summary import DIGITS, spending

    candidate = state.candidates.get(state.seed_id)
    scores = candidate.scores if candidate else {}
    over = state.finished is not None and state.finished.stop_reason not in ("error", "user", "budget")
    interval = _overall(state, cells) if scores and over else None
    categories: dict[str, int] = {}
    for one in scores:
        for mark in cells.marks(state.seed_id, one).values():
            if not mark.passed:
                categories[mark.category or "other"] = categories.get(mark.category or "other", 0) + 1
    spent = spending(state)
    return {
        "run_id": run_id,
        "status": state.status,
        "split": split,
        "prompt_id": state.seed_id or None,
        "score": round(interval.mean, DIGITS) if interval else None,
        "interval": [round(interval.low, DIGITS), round(interval.high, DIGITS)] if interval else None,
        "passed": sum(score.passed for score in scores.values()),
        "total": sum(score.interval.n for score in scores.values()),
        "errors": sum(score.errors for score in scores.values()),
        "categories": dict(sorted(categories.items(), key=lambda item: -item[1])),
        "cost_usd": spent["cost_usd"],
        "tokens": spent["tokens"],
        "calls": spent["calls"],
        "roles": spent["roles"],
        "reused": state.reused,
        "seconds": round(state.updated_at - state.started_at, 3),
        "simulated": state.simulated,
    }


def _overall(state: "RunState", cells: "Cells") -> "Interval":
    """The score over all splits that were scored."""
    scores = state.candidates[state.seed_id].scores
    if len(scores) == 1:
        return next(iter(scores.values())).interval
    from promptopt.evaluation.statistics import interval

    results = [result for split in scores for result in cells.results(state.seed_id, split).values()]
    return interval([result.score for result in results], [result.weight for result in results])


def _examples(state: "RunState", cells: "Cells") -> dict[str, str]:
    """One failed case of each category, and why it failed."""
    candidate = state.candidates.get(state.seed_id)
    shown: dict[str, str] = {}
    for split in candidate.scores if candidate else ():
        for mark in cells.marks(state.seed_id, split).values():
            category = mark.category or "other"
            result = (
                None if mark.passed or category in shown else cells.result(state.seed_id, split, mark.case_id)
            )
            if result is not None:
                reasons = [f"{check.name}: {check.reason}" for check in result.checks if not check.passed]
                why = result.error or next(iter(reasons), "")
                shown[category] = one_line(f"{mark.case_id}: {why}", EXAMPLE_CHARS)
    return shown


def _say(outcome: dict[str, Any], examples: dict[str, str]) -> None:
    from promptopt.cli.measures import say_measures

    if outcome["score"] is None:
        return
    low, high = outcome["interval"]
    simulated = " (simulated)" if outcome["simulated"] else ""
    cost = "an unknown price" if outcome["cost_usd"] is None else f"${outcome['cost_usd']:.4f}"
    said = "–, no case was scored"
    if outcome["total"]:
        passed = f"{outcome['passed']}/{outcome['total']} pass"
        said = f"{outcome['score']:.1%} [{low:.1%}, {high:.1%}], {passed}"
    say(f"\nprompt {outcome['prompt_id']} on {outcome['split']}: {said}{simulated}")
    for name, count in outcome["categories"].items():
        say(f"  {count:5}  {name:19}  {examples.get(name, '')}".rstrip())
    say_measures(outcome)
    for source, number in outcome["reused"].items():
        say(f"reused from run {source}, free: {counted(number, 'answer')}{simulated}")
    say(
        f"run {outcome['run_id']}: {cost}, {outcome['calls']} calls, {outcome['tokens']} tokens, "
        f"{outcome['seconds']:.1f} s"
    )
