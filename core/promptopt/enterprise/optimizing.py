"""A run for a business: its rules are checked in every output, and what the result keeps of them is told."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any, cast

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import OptimizedPrompt, Prompt
from promptopt.domain.results import CaseResult
from promptopt.domain.task import TaskSpec
from promptopt.domain.text import one_line
from promptopt.domain.words import Split
from promptopt.enterprise.context import BusinessContext
from promptopt.evaluation.constraints import build_task
from promptopt.evaluation.statistics import interval
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.projects import find_project, load_project
from promptopt.store.runs import Runs

RULE = "constraint "
"""What the name of a check that is a constraint begins with, in results."""


def optimize_for_business(
    run: Callable[..., OptimizedPrompt],
    context: BusinessContext,
    task_spec: TaskSpec | str | None,
    dataset: Any,
    *,
    judged: bool,
    how: Mapping[str, Any],
) -> OptimizedPrompt:
    """Carry out a run under the rules of a business.

    The prompt to start from has them in words, so that optimizers which write no instruction keep them too;
    what is gained is gained on that one.

    Args:
        run: an optimizer's ``optimize``.
        judged: the judge model also scores what no rule can check.
        how: as for :func:`promptopt.optimize`.

    Returns:
        The best prompt. Its ``metadata`` has ``business_context``, ``task`` (description, columns, rules) and
        ``compliance``: of each rule, how many outputs on the sealed cases (else validation) kept it.

    Raises:
        PromptoptError: as :func:`promptopt.optimize`.
    """
    task, start, checks = _base(task_spec, dataset, how)
    bound = context.applied_to(task)
    if "resume" in how:
        best = run(bound, None, **how)
    else:
        more: dict[str, Any] = {"prompt": _with_rules(start, context.text())}
        if judged:
            checks = [*(checks or ()), context.judge_check()]
        if checks is not None:
            more["checks"] = checks
        if "project" not in how and task.description:
            more["name"] = how.get("name") or one_line(task.description, 60)
        best = run(bound, dataset, **{**how, **more})
    about = {"business_context": context.model_dump(mode="json"), **_told(best, task, bound)}
    return best.model_copy(update={"metadata": {**best.metadata, **about}})


def _base(
    task_spec: TaskSpec | str | None, dataset: Any, how: Mapping[str, Any]
) -> tuple[TaskSpec, Prompt, list[Any] | None]:
    """The task and the prompt without the business, and the checks, if they must be named.

    Without any check or constraint a run checks ``exact``; the rules of the business must not take its place.
    """
    settings = load_project(find_project(str(how["project"]))).settings if "project" in how else None
    if isinstance(task_spec, str):
        task = TaskSpec(description=task_spec)
    elif task_spec is not None:
        task = task_spec
    elif settings is not None:
        task = build_task(settings)
    else:
        task = TaskSpec()
    prompt = how.get("prompt") or (settings.seed_prompt if settings else task.description)
    start = prompt if isinstance(prompt, Prompt) else Prompt(text=str(prompt))
    if not start.text.strip() and "resume" not in how:
        raise SettingsError(
            "there is no prompt to start from", fix="give prompt=…, or a task with a description"
        )
    given = how.get("checks")
    if given is not None:
        return task, start, list(cast("list[Any]", given)) if isinstance(given, list | tuple) else [given]
    if settings is not None and settings.checks:
        return task, start, list(settings.checks)
    if task.constraints or _have_checks(dataset):
        return task, start, None
    return task, start, ["exact"]


def _have_checks(dataset: Any) -> bool:
    """Whether cases have checks of their own, as far as that can be seen before they are read."""
    cases: Iterable[Any] = dataset.cases() if isinstance(dataset, Dataset) else ()
    if isinstance(dataset, list | tuple):
        cases = cast("list[Any]", dataset)
    return any(
        bool(case.checks) if isinstance(case, Example) else isinstance(case, Mapping) and "checks" in case
        for case in cases
    )


def _with_rules(prompt: Prompt, rules: str) -> Prompt:
    """The prompt with the rules: before it, where it has marks for the case, which come last as a rule."""
    if not rules:
        return prompt
    parts = (rules, prompt.text) if "{" in prompt.text else (prompt.text, rules)
    return Prompt(text="\n\n".join(parts), demonstrations=prompt.demonstrations)


def _told(best: OptimizedPrompt, task: TaskSpec, bound: TaskSpec) -> dict[str, Any]:
    run_id = str(best.metadata["run_id"])
    split: Split = "test" if best.metadata.get("test") else "validation"
    with closing(Database.open()) as database:
        results = list(Cells(database, run_id).results(best.id, split).values())
        case = next(iter(Runs(database).cases(run_id, "train")), None)
    rules = [
        {"name": rule.name, "description": rule.description, "hard": rule.hard} for rule in bound.constraints
    ]
    columns = list(case.inputs) if case else []
    return {
        "task": {"description": task.description, "columns": columns, "rules": rules},
        "compliance": [_kept(rule.name, rule.description, results, split) for rule in bound.constraints],
    }


def _kept(name: str, description: str, results: list[CaseResult], split: Split) -> dict[str, Any]:
    """How many outputs kept a rule, with Wilson's 95 % interval; outputs that never came are left out."""
    marks = [check.passed for result in results for check in result.checks if check.name == RULE + name]
    share = interval([float(mark) for mark in marks])
    return {
        "rule": name,
        "description": description,
        "split": split,
        "kept": sum(marks),
        "outputs": len(marks),
        "share": share.mean,
        "low": share.low,
        "high": share.high,
    }
