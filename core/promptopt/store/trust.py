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
from pathlib import Path
from typing import Any, Literal, cast

from promptopt.domain.dataset import SPLITS, Example
from promptopt.domain.errors import PromptoptError
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.text import one_line
from promptopt.store.home import home
from promptopt.store.projectcode import ProjectCode, read_code

FILE = "trusted"
"""In the data directory: a line for each power, its hash first."""

MOST_SHOWN = 100_000
"""Characters of a folder's code that are shown, the function's own module first; the rest only by name."""

Kind = Literal["python", "callable", "key", "file"]

TITLES: dict[Kind, str] = {
    "python": "code in full Python",
    "callable": "a function of a module",
    "key": "a key for an endpoint",
    "file": "a file for an endpoint",
}

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

    kind: Kind
    where: str
    shown: str
    digest: str

    @property
    def title(self) -> str:
        """Its kind in words."""
        return TITLES[self.kind]

    @property
    def is_code(self) -> bool:
        """It is run here, not sent elsewhere."""
        return self.kind in ("python", "callable")


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


def on_this_machine(url: str) -> bool:
    """Whether an address is surely one of this machine's own."""
    return _HERE.fullmatch(url) is not None


def powers(settings: ProjectSettings, cases: Iterable[Example], project_dir: Path) -> list[Power]:
    """Everything of a project that needs trust, each once.

    Raises:
        PromptoptError: the project's folder has too much code to be looked at.
    """
    code = read_code(project_dir) if _calls(settings, cases := tuple(cases)) else None
    found = [*_of_checks(settings, cases, code), *_of_endpoints(settings, project_dir)]
    return list({power.digest: power for power in reversed(found)}.values())[::-1]


def trusted_code(
    settings: ProjectSettings, cases: Iterable[Example], project_dir: Path, fix: str
) -> ProjectCode | None:
    """The code that the project's functions may import, as its owner has trusted it; None if it has none.

    What is run has to be imported from there, not from the disk: a file may be changed at any time.

    Args:
        fix: what its owner does if he has not trusted it.

    Raises:
        TrustError: the folder has other code by now than what was trusted.
        PromptoptError: it has too much code to be looked at.
    """
    cases = tuple(cases)
    if not _calls(settings, cases):
        return None
    code = read_code(project_dir)
    called = [power for power in _of_checks(settings, cases, code) if power.kind == "callable"]
    if missing := untrusted(called):
        raise TrustError(missing, where=str(project_dir), fix=fix)
    return code


def untrusted(found: Iterable[Power]) -> list[Power]:
    """Those of the powers that nobody has trusted."""
    try:
        text = (home() / FILE).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        text = ""
    known = {line.partition(" ")[0] for line in text.splitlines()}
    return [power for power in found if power.digest not in known]


def at_stake(found: Iterable[Power]) -> str:
    """What trusting these means."""
    if any(power.is_code for power in found):
        return "its code runs here, as far as the sandbox lets it"
    return "what is named here is sent"


def trust(found: Iterable[Power]) -> None:
    """Record that the owner trusts these, as they were when he saw them. Raises OSError."""
    lines = [
        f"{power.digest} {time.strftime('%Y-%m-%d')} {power.kind} {one_line(power.shown, 60)}\n"
        for power in untrusted(found)
    ]
    handle = os.open(home() / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "ab") as file:
        file.write("".join(lines).encode("utf-8", "replace"))


def _calls(settings: ProjectSettings, cases: Iterable[Example]) -> bool:
    """Whether a check calls a function."""
    return any(check.get("type") == "callable" for _, check in _checks(settings, cases))


def _of_checks(
    settings: ProjectSettings, cases: Iterable[Example], own: ProjectCode | None
) -> Iterator[Power]:
    for place, constraint in enumerate(settings.task.constraints):
        if constraint.code is not None and constraint.sandbox != "monty":
            yield _python(f"task.constraints[{place}].code", constraint.code)
    for where, check in _checks(settings, cases):
        if check.get("type") == "assertion" and check.get("sandbox", "monty") != "monty":
            yield _python(f"{where}.code", str(check.get("code")))
        elif own and check.get("type") == "callable":
            function = str(check.get("function"))
            shown = _shown_function(function, own)
            yield Power("callable", f"{where}.function", shown, _digest("callable", function, *own.listed))


def _checks(settings: ProjectSettings, cases: Iterable[Example]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All checks of a project and of its cases, those in groups too, each with its place."""
    own = [{**check.options, "type": check.type} for check in settings.checks]
    yield from _in_list(own, "checks")
    for case in cases:
        yield from _in_list(case.checks, f"case {case.id!r} checks")


def _in_list(tables: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(tables, list | tuple):
        return
    for place, table in enumerate(cast("Sequence[Any]", tables)):
        if isinstance(table, Mapping):
            check = cast("Mapping[str, Any]", table)
            yield f"{where}[{place}]", check
            yield from _in_list(check.get("checks"), f"{where}[{place}].checks")


def _python(where: str, code: str) -> Power:
    return Power("python", where, code.strip("\n"), _digest("python", code))


def _shown_function(function: str, code: ProjectCode) -> str:
    """The function, and all code in the project's folder that it could import, its own module first."""
    module = function.partition(":")[0].replace(".", "/")
    own = (f"{module}.py", f"{module}/__init__.py")
    lines = [f"function {function}"]
    if code.listed:
        lines.append(f"and all code in {code.folder} that it could import:")
    room = MOST_SHOWN
    for digest, name in sorted(
        (line.split(" ", 1) for line in code.listed), key=lambda one: one[1] not in own
    ):
        head = f"file {name}, sha256 {digest[:16]}…"
        source = code.sources.get(name) if name.endswith(".py") else None
        if source is None or len(source) > room:
            what = "no text" if source is None else f"{len(source):,} bytes, too long to show here"
            lines.append(f"{head}, {what}")
        else:
            room -= len(source)
            lines += [head, *(f"| {line}" for line in source.decode("utf-8", "replace").splitlines())]
    return "\n".join(lines)


def _of_endpoints(settings: ProjectSettings, project_dir: Path) -> Iterator[Power]:
    for where, _, model in settings.every_model():
        if model.simulated or model.base_url is None or on_this_machine(model.base_url):
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


def _digest(*parts: str) -> str:
    text = json.dumps(parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
