"""Keys for a program's own environment: found where they are kept, or asked for without being shown."""

import getpass
import importlib
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from promptopt.domain.errors import SettingsError
from promptopt.domain.secrets import Alternatives, variable_name
from promptopt.domain.text import one_line
from promptopt.notebook.host import in_colab

SERVICE = "promptopt"
"""The name under which a system's keyring is asked."""

ENVIRONMENT, COLAB, KEYRING, TYPED, NOWHERE = (
    "environment",
    "Colab's secrets",
    "keyring",
    "typed in",
    "missing",
)


@dataclass(frozen=True)
class Found:
    """Where the value of one variable came from, never the value.

    Attributes:
        name: of the environment variable.
        place: ``environment``, ``Colab's secrets``, ``keyring``, ``typed in`` or ``missing``.
        note: what to do about it; empty if nothing is to be done.
    """

    name: str
    place: str
    note: str = ""


@dataclass(frozen=True)
class Secrets:
    """The variables that were asked for, and where each came from."""

    rows: tuple[Found, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of those that were found nowhere."""
        return tuple(row.name for row in self.rows if row.place == NOWHERE)

    def __repr__(self) -> str:
        if not self.rows:
            return "no key is needed"
        width = max(len(row.name) for row in self.rows)
        lines = [
            f"{row.name:<{width}}  {row.place}" + (f": {row.note}" if row.note else "") for row in self.rows
        ]
        return "\n".join(lines)


def set_up(groups: Iterable[Alternatives], *, ask: bool = True) -> Secrets:
    """See that one group of each alternative is in this program's environment.

    Asked in this order: the environment, Colab's secrets (in Colab), the system's keyring (if the package
    keyring is installed), the person at the keyboard. What is found goes into ``os.environ`` only.

    Args:
        groups: for each thing that needs keys, the groups of variables of which any one will do.
        ask: ask for what is found nowhere.
    """
    rows: dict[str, Found] = {}
    for alternatives in groups:
        for row in _one(alternatives, ask=ask):
            rows.setdefault(row.name, row)
    return Secrets(tuple(rows.values()))


def named(names: Sequence[str]) -> list[Alternatives]:
    """The same for variables that somebody names.

    Raises:
        SettingsError: what is given is no name of a variable; it is not repeated, for it may be a key.
    """
    if isinstance(names, str):
        names = [names]
    for name in names:
        if variable_name(name) != name:
            raise SettingsError(
                "found something that is not the name of an environment variable (it is not shown here)",
                where="setup_secrets()",
                fix='give names, as in setup_secrets(["OPENAI_API_KEY"]), never a key itself',
            )
    return [((name,),) for name in names]


def _one(alternatives: Alternatives, *, ask: bool) -> list[Found]:
    notes: dict[str, str] = {}
    places: list[tuple[str, Callable[[str], str]]] = [(ENVIRONMENT, _environment)]
    if in_colab():
        places.append((COLAB, lambda name: _colab(name, notes)))
    places.append((KEYRING, _keyring))
    for place, look in places:
        for group in alternatives:
            values = [look(name) for name in group]
            if all(values):
                return [_kept(name, value, place) for name, value in zip(group, values, strict=True)]
    first = alternatives[0]
    typed = [_typed(name) if ask else "" for name in first]
    return [
        _kept(name, value, TYPED)
        if value
        else Found(name, NOWHERE, notes.get(name, "set it, or call this again"))
        for name, value in zip(first, typed, strict=True)
    ]


def _kept(name: str, value: str, place: str) -> Found:
    if place != ENVIRONMENT:
        os.environ[name] = value
    return Found(name, place)


def _environment(name: str) -> str:
    return os.environ.get(name, "").strip()


def _colab(name: str, notes: dict[str, str]) -> str:
    """Colab's answer; empty if there is none, with the reason in ``notes`` where it is not the plain one."""
    try:
        userdata: Any = importlib.import_module("google.colab.userdata")
    except ImportError:
        return ""
    try:
        return _clean(userdata.get(name))
    except Exception as error:
        kind = type(error).__name__
        if kind == "NotebookAccessError":
            notes[name] = (
                "Colab has it; give this notebook access (the key symbol on the left), and call this again"
            )
        elif kind != "SecretNotFoundError":
            notes[name] = f"Colab's secrets gave no answer ({one_line(kind, 60)})"
        return ""


def _keyring(name: str) -> str:
    try:
        keyring: Any = importlib.import_module("keyring")
        return _clean(keyring.get_password(SERVICE, name))
    except Exception:  # not installed, or without a backend, or locked: then it has nothing
        return ""


def _typed(name: str) -> str:
    """What the person types, unseen; empty if nobody can, or wants to."""
    try:
        with warnings.catch_warnings():
            # Where it can't be hidden it is not asked for: this is said just before it would be echoed.
            warnings.simplefilter("error", getpass.GetPassWarning)
            return _clean(getpass.getpass(f"{name} (it is not shown; enter to leave it out): "))
    except (EOFError, OSError, NotImplementedError, getpass.GetPassWarning):
        return ""


def _clean(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
