"""New projects in the data directory: from the template, an example, a file of cases, or another project."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from promptopt.domain.errors import SettingsError
from promptopt.store.columns import NOT_SAID, Ask, ColumnChoice
from promptopt.store.newcases import DEFAULT_TARGET
from promptopt.store.projectedit import rename
from promptopt.store.projects import (
    FILE,
    list_projects,
    projects_dir,
    save_project,
    settings_from,
    slugify,
    write_files,
)
from promptopt.store.promptfoo_checks import Accepts, accepts_core
from promptopt.store.textfiles import parse_toml

NO_MODELS: Mapping[str, str] = MappingProxyType({})

MOST_COPIES = 1000


def folder_for(name: str) -> Path:
    """The folder that a new project of this name gets; it is not made.

    Raises:
        SettingsError: the name is empty.
    """
    if not name.strip():
        raise SettingsError("the project has no name", fix="give one")
    return projects_dir() / slugify(name)


def from_template(name: str) -> Path:
    """A small commented project, ready to run. Returns its project file.

    Raises:
        SettingsError: the name can't be used, or is taken.
    """
    import tomli_w

    folder = folder_for(name)
    body = (Path(__file__).parent / "template.toml").read_text(encoding="utf-8")
    text = tomli_w.dumps({"name": name}) + "\n" + body
    settings_from(parse_toml(text, folder / FILE), folder / FILE)
    write_files(folder, {FILE: text.encode()})
    return folder / FILE


def from_example(example: str, name: str) -> Path:
    """A copy of an example task. Returns its project file.

    Raises:
        SettingsError: there is no such example, the name can't be used, or is taken.
    """
    import tomli_w

    from promptopt.examples import example_dir

    source, folder = example_dir(example), folder_for(name)
    text = (source / FILE).read_text(encoding="utf-8")
    named = tomli_w.dumps({"name": name}).strip()
    text = re.sub(r"(?m)^name = .*$", lambda _: named, text, count=1)
    settings_from(parse_toml(text, folder / FILE), folder / FILE)
    data = {path.name: path.read_bytes() for path in sorted(source.iterdir()) if path.name != FILE}
    write_files(folder, {**data, FILE: text.encode()})
    return folder / FILE


def from_source(
    source: Path,
    name: str,
    columns: ColumnChoice = NOT_SAID,
    ask: Ask | None = None,
    accepts: Accepts = accepts_core,
) -> tuple[Path, tuple[str, ...], list[str]]:
    """A project made of a file or folder of cases, a YAML configuration, or another project.

    Args:
        columns, ask, accepts: see :func:`promptopt.store.importing.import_project`.

    Returns:
        The project file, the names of the data files beside it, and notices.

    Raises:
        SettingsError: the source or the name can't be used, or the name is taken.
    """
    from promptopt.store.importing import import_project

    made = import_project(source, name, columns, ask, accepts)
    path = save_project(made.settings, folder_for(name), made.files)
    return path, tuple(made.files), made.notices


def from_draft(name: str, draft: Mapping[str, Any], models: Mapping[str, str] = NO_MODELS) -> Path:
    """A project of a drafted task: its cases go into a file of JSON Lines. Returns its project file.

    Args:
        draft: ``prompt``, ``description``, ``checks`` and ``cases``, as ``promptopt.synthetic`` gives them;
            perhaps ``compliance``, a table as in a project file.
        models: role to model; without a target the usual one.

    Raises:
        SettingsError: the name can't be used or is taken, or there is no case.
    """
    folder = folder_for(name)
    cases = draft["cases"]
    if not cases:
        raise SettingsError("there is no case", fix="confirm at least one")
    chosen = {"target": DEFAULT_TARGET, **models}
    data = {"file": "cases.jsonl", "input": "input"}
    if any("expected" in case for case in cases):
        data["expected"] = "expected"
    raw: dict[str, Any] = {
        "name": name,
        "prompt": draft["prompt"],
        "task": {"description": draft["description"]},
        "models": {role: {"model": model} for role, model in chosen.items()},
        "budget": {"usd": 1.0},
        "data": data,
        "checks": draft["checks"],
        **({"compliance": draft["compliance"]} if draft.get("compliance") else {}),
    }
    settings, _ = settings_from(raw, folder / FILE)
    lines = "".join(json.dumps(case, ensure_ascii=False) + "\n" for case in cases)
    return save_project(settings, folder, {"cases.jsonl": lines.encode()})


def duplicate(path: Path, name: str) -> Path:
    """A copy of a project's whole folder under another name, its comments kept. Returns its project file.

    Raises:
        SettingsError: the name can't be used or is taken, or the folder can't be copied.
    """
    folder = folder_for(name)
    if folder.exists():
        raise SettingsError("there is such a project already", where=str(folder), fix="choose another name")
    part = folder.with_name(f".{folder.name}.part")
    try:
        # Put in its place when it is whole: nobody sees a half of it.
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(path.parent, part, symlinks=True, ignore=shutil.ignore_patterns(".*"))
        rename(part / path.name, name)
        part.rename(folder)
    except (OSError, shutil.Error) as error:
        raise SettingsError(f"the project can't be copied ({error})", where=str(path.parent)) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder / path.name


def taken(name: str) -> Path | None:
    """The folder of a project that is called so, or that one of this name would get; None: it is free."""
    folder = folder_for(name)
    if folder.exists():
        return folder
    wanted = name.strip().casefold()
    return next((entry.path.parent for entry in list_projects() if entry.name.casefold() == wanted), None)


def free_name(name: str) -> str:
    """A name like this one that no project has: ``triage 2``."""
    if taken(name) is None:
        return name
    bare = re.sub(r" \d+$", "", name)
    for number in range(2, MOST_COPIES):
        if taken(f"{bare} {number}") is None:
            return f"{bare} {number}"
    raise SettingsError(f"there are too many projects called {bare!r}", fix="choose another name")
