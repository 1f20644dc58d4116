"""What a program may give: refused by name, with the way to mend it, before anything starts."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import BaseModel

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Prompt
from promptopt.domain.task import TaskSpec
from promptopt.domain.text import half_character


def refuse_task(task: Any, where: str) -> None:
    """Raise SettingsError if ``task`` is none."""
    if not isinstance(task, str | TaskSpec):
        raise _wrong("a task", task, f"{where}, task", "say it in words, or give a TaskSpec")


def refuse_prompt(prompt: Any, where: str) -> None:
    """Raise SettingsError if ``prompt`` is none."""
    if not isinstance(prompt, str | Prompt):
        raise _wrong("a prompt", prompt, f"{where}, prompt", "give its text, or a Prompt")


def refuse_progress(progress: Any, where: str) -> None:
    """Raise SettingsError if ``progress`` is neither a bool nor a function."""
    if not isinstance(progress, bool) and not callable(progress):
        fix = "give True, False, or a function of (event, state)"
        raise _wrong("progress", progress, f"{where}, progress", fix)


def refuse_reference(run: Any, where: str) -> None:
    """Raise SettingsError if ``run`` can't be a run's id."""
    if not isinstance(run, str):
        raise _wrong("a run's id", run, f"{where}, resume", 'promptopt runs lists them; or "latest"')


def budget_table(budget: Any, where: str) -> dict[str, Any]:
    """A budget as the table ``[budget]`` of a project file. Raises SettingsError if it is none."""
    if isinstance(budget, int | float):
        return {"usd": budget}
    if isinstance(budget, BaseModel):
        return budget.model_dump(exclude_none=True)
    if isinstance(budget, Mapping):
        return dict(cast("Mapping[str, Any]", budget))
    fix = 'give the most USD as a number, as in budget=2.0, or a table, as in budget={"calls": 500}'
    raise _wrong("a budget", budget, f"{where}, budget", fix)


def refuse_half_characters(cases: Iterable[Example], where: str) -> None:
    """Raise SettingsError, naming the case, if a text has a lone surrogate: nothing can send or keep it."""
    for case in cases:
        for name, text in {"id": case.id, **case.inputs, "expected": case.expected or ""}.items():
            flaw = half_character(text)
            if flaw:
                fix = "decode the text anew, or leave the character out"
                raise SettingsError(f"{name!r} {flaw}", where=f"{where}, case {case.id!r}", fix=fix)


def _wrong(what: str, given: Any, where: str, fix: str) -> SettingsError:
    kind = type(given).__name__
    named = "None" if given is None else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    return SettingsError(f"{what} can't be {named}", where=where, fix=fix)
