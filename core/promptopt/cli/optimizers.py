"""optimizers: which there are, and what can be set for each."""

import json as jsonlib
import shutil
import sys
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from promptopt.cli.output import emit, note, say, table

if TYPE_CHECKING:
    from promptopt.domain.describing import Setting
    from promptopt.optimizers.registry import Listed

_NARROWEST = 30
"""Characters that the last column has at least, however narrow the terminal."""


def optimizers(
    name: Annotated[str | None, Parameter(name="NAME", help="one of them: shows its settings.")] = None,
    /,
    *,
    project: Annotated[str | None, Parameter(name="--for")] = None,
    json: bool = False,
) -> None:
    """List the optimizers that a project can name, those of installed packages too; or one's settings.

    Args:
        project: only say which one to try first for this project, and why.
        json: print one JSON list, or with NAME or --for one object.
    """
    from promptopt.optimizers import registry

    if project is not None:
        _recommend(project, json=json)
        return
    if name is not None:
        registry.find(name)
        _one(registry.one(name), json=json)
        return
    found = registry.listed()
    if json:
        emit([_about(each) for each in found])
        return
    usable = [each for each in found if each.optimizer]
    rows = [[each.name, each.package or "promptopt", each.summary] for each in usable]
    _say_table(["optimizer", "from", "what it does"], rows)
    for each in found:
        if each.fault:
            note(f"\n{each.name} ({each.place} of {each.package}) can't be loaded: {each.fault}")
    note("\npromptopt optimizers NAME tells the settings of one.")


def _recommend(reference: str, *, json: bool) -> None:
    from promptopt.optimizers.recommend import recommend
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.projects import find_project, load_project

    found = load_project(find_project(reference))
    first = recommend(found.settings, load_dataset(found.settings, found.dir).dataset)
    if json:
        emit({"project": found.settings.name, **asdict(first)})
        return
    say(f"for {found.settings.name}, try {first.optimizer} first: {first.why}")


def _one(found: "Listed", *, json: bool) -> None:
    import inspect

    from promptopt.domain.describing import settings_of

    optimizer = found.optimizer
    assert optimizer is not None
    settings = settings_of(optimizer.Options)
    about = inspect.cleandoc(optimizer.__doc__ or "")
    if json:
        more = {"about": about, "on_edit": optimizer.on_edit}
        emit({**_about(found), **more, "settings": [asdict(setting) for setting in settings]})
        return
    say(f"{found.name}, of {found.package or 'promptopt'} ({found.place})")
    if about:
        say(f"\n{about}")
    say(f"\nWhen an edit of yours is adopted: {optimizer.on_edit}")
    say("\nIn the project file:\n")
    say(f"  [optimizer]\n  name = {jsonlib.dumps(found.name)}\n")
    rows = [[each.name, each.type, _default(each), each.doc] for each in settings]
    _say_table(["setting", "takes", "default", "meaning"], rows)


def _about(found: "Listed") -> dict[str, Any]:
    return {
        "name": found.name,
        "summary": found.summary,
        "package": found.package or "promptopt",
        "place": found.place,
        "error": found.fault,
    }


def _default(setting: "Setting") -> str:
    if setting.required:
        return "required"
    return "–" if setting.default is None else jsonlib.dumps(setting.default, ensure_ascii=False)


def _say_table(header: list[str], rows: list[list[str]]) -> None:
    """A table whose last column is wrapped to the terminal; in a pipe each row is one line."""
    *narrow, last = zip(header, *rows, strict=True)
    lines = table([*header[:-1], ""], [[*row[:-1], ""] for row in rows])
    width = max(map(len, lines)) + 2 if narrow else 0
    room = max(_NARROWEST, shutil.get_terminal_size().columns - width) if sys.stdout.isatty() else sys.maxsize
    for line, text in zip(lines, last, strict=True):
        first, *more = textwrap.wrap(text, room) or [""]
        say(f"{line.ljust(width)}{first}".rstrip())
        for rest in more:
            say(" " * width + rest)
