"""Trust: a project that came from somebody else runs no code of its own until its owner has looked at it.

What needs trust is a *power*: code in full Python, a function that is called, a key that is sent to an
endpoint, a file from elsewhere that is sent to one. Each is known by a hash of its exact content, and the
data directory keeps the hashes of those that were trusted. So a power that was changed is a new one, and a
copy of a trusted project is trusted. Code that Monty runs, and what goes to this machine itself, is no power.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import Any, Literal

from promptopt.domain.dataset import SPLITS, Example
from promptopt.domain.errors import PromptoptError
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.text import one_line
from promptopt.store.home import home

FILE = "trusted"
"""In the data directory: a line for each power, its hash first."""

MOST_FILES = 2000
MOST_BYTES = 64 * 2**20

_HERE = re.compile(r"https?://(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d+)?(?:/.*)?", re.I)


@dataclass(frozen=True)
class Power:
    """Something that a project does on this machine beyond being scored.

    Attributes:
        kind: code in full Python, a function, a key for an endpoint, or a file for one.
        where: its place in the project.
        shown: all that a person has to see of it; may have many lines.
        digest: hash of its exact content.
    """

    kind: Literal["python", "callable", "key", "file"]
    where: str
    shown: str
    digest: str


class TrustError(PromptoptError):
    """A project has powers that its owner has not trusted yet.

    Attributes:
        powers: those.
    """

    def __init__(self, powers: Sequence[Power], *, where: str, fix: str) -> None:
        listed = "; ".join(f"{power.where}: {one_line(power.shown, 80)}" for power in powers[:3])
        more = f"; and {len(powers) - 3} more" if len(powers) > 3 else ""
        what = f"it has what nobody has trusted yet on this machine ({listed}{more})"
        super().__init__(what, where=where, fix=fix)
        self.powers = tuple(powers)


def powers(settings: ProjectSettings, cases: Iterable[Example], project_dir: Path) -> list[Power]:
    """Everything of a project that needs trust, each once.

    Raises:
        PromptoptError: the project's folder has too much code to be looked at.
    """
    found = [
        *_of_checks(settings, cases, project_dir),
        *_of_endpoints(settings, project_dir),
    ]
    return list({power.digest: power for power in reversed(found)}.values())[::-1]


def untrusted(found: Iterable[Power]) -> list[Power]:
    """Those of the powers that nobody has trusted."""
    try:
        text = (home() / FILE).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        text = ""
    known = {line.partition(" ")[0] for line in text.splitlines()}
    return [power for power in found if power.digest not in known]


def trust(found: Iterable[Power]) -> None:
    """Record that the owner trusts these. Raises OSError."""
    lines = [
        f"{power.digest} {time.strftime('%Y-%m-%d')} {power.kind} {one_line(power.shown, 60)}\n"
        for power in untrusted(found)
    ]
    handle = os.open(home() / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "ab") as file:
        file.write("".join(lines).encode("utf-8", "replace"))


def _of_checks(settings: ProjectSettings, cases: Iterable[Example], project_dir: Path) -> Iterator[Power]:
    for place, constraint in enumerate(settings.task.constraints):
        if constraint.code is not None and constraint.sandbox != "monty":
            yield _python(f"task.constraints[{place}].code", constraint.code)
    code: list[str] = []  # of the folder, read only if it is needed
    for where, check in _checks(settings, cases):
        if check.get("type") == "assertion" and check.get("sandbox", "monty") != "monty":
            yield _python(f"{where}.code", str(check.get("code")))
        elif check.get("type") == "callable":
            code = code or _code_in(project_dir)
            function = str(check.get("function"))
            shown = _shown_function(function, project_dir, [line.split(" ", 1)[1] for line in code])
            yield Power("callable", f"{where}.function", shown, _digest("callable", function, *code))


def _checks(settings: ProjectSettings, cases: Iterable[Example]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for place, check in enumerate(settings.checks):
        yield f"checks[{place}]", {"type": check.type, **check.options}
    for case in cases:
        for place, table in enumerate(case.checks):
            yield f"case {case.id!r} checks[{place}]", table


def _python(where: str, code: str) -> Power:
    return Power("python", where, code.strip("\n"), _digest("python", code))


def _shown_function(function: str, project_dir: Path, files: Sequence[str]) -> str:
    """The function, the source of its module if the project's folder has it, and what else is there."""
    module = function.partition(":")[0].replace(".", "/")
    own = next((name for name in (f"{module}.py", f"{module}/__init__.py") if name in files), "")
    others = [name for name in files if name != own]
    lines = [f"function {function} of {project_dir / own}:" if own else f"function {function}"]
    if own:
        source = (project_dir / own).read_text(encoding="utf-8", errors="replace")
        lines += [f"| {line}" for line in source.splitlines()]
    if others:
        lines.append(f"other code in {project_dir} that it may import: {', '.join(others)}")
    return "\n".join(lines)


def _of_endpoints(settings: ProjectSettings, project_dir: Path) -> Iterator[Power]:
    for where, _, model in settings.every_model():
        if model.simulated or model.base_url is None or _HERE.fullmatch(model.base_url):
            continue
        if model.api_key_env:
            shown = f"the key in {model.api_key_env} is sent to {model.base_url}"
            digest = _digest("key", model.base_url, model.api_key_env)
            yield Power("key", f"{where}.api_key_env", shown, digest)
        for key in ("file", *SPLITS):
            path = _elsewhere(getattr(settings.data, key), project_dir)
            if path:
                shown = f"the cases in {path} are sent to {model.base_url}"
                yield Power("file", f"data.{key}", shown, _digest("file", path, model.base_url))


def _elsewhere(name: str | None, project_dir: Path) -> str:
    """Where a data file really is, if that is outside of the project's folder."""
    if name is None:
        return ""
    try:
        path = (project_dir / Path(name).expanduser()).resolve()
    except (OSError, RuntimeError):
        return ""
    return "" if path.is_relative_to(project_dir.resolve()) else str(path)


def _code_in(folder: Path) -> list[str]:
    """Hash and name of every file in ``folder`` that Python, and so a function, could import."""
    seen: set[str] = set()
    parts: list[str] = []
    size = 0
    for root, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        real = os.path.realpath(root)
        if real in seen or "pyvenv.cfg" in files:
            folders.clear()
            continue
        seen.add(real)
        for name in sorted(files):
            path = Path(root, name)
            if name.endswith(tuple(all_suffixes())) and path.is_file():
                size += path.stat().st_size
                if len(parts) >= MOST_FILES or size > MOST_BYTES:
                    raise _too_much(folder)
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                parts.append(f"{content} {path.relative_to(folder).as_posix()}")
    return parts


def _too_much(folder: Path) -> PromptoptError:
    return PromptoptError(
        f"the folder has more code than can be looked at for its callable checks (most: {MOST_FILES} files, "
        f"{MOST_BYTES // 2**20} MB)",
        where=str(folder),
        fix="put the project and its modules into a folder of their own",
    )


def _digest(*parts: str) -> str:
    text = json.dumps(parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
