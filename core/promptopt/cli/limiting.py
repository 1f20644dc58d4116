"""limit: other caps, and more or fewer calls at once, while a run runs."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from promptopt.cli.arguments import ReasonOption, RunArgument
from promptopt.cli.steering import tell
from promptopt.domain.errors import SettingsError
from promptopt.domain.words import ROLES

if TYPE_CHECKING:
    from promptopt.store.commands import Command

NONE = "none"
CONCURRENCY = "concurrency"

_CHANGES = (
    "NAME=VALUE: a cap as in [budget] (usd, calls, tokens, minutes, target_usd, …), VALUE none lifts it; or "
    "target_concurrency=N, and so on for each role: most calls at once."
)


def limit(
    reference: RunArgument,
    /,
    *changes: Annotated[str, Parameter(name="CHANGE", help=_CHANGES)],
    reason: ReasonOption = "",
) -> None:
    """Change caps of a run's budget, or how many calls are made at once, while it runs.

    A cap below what is spent ends the run in order.
    """
    from promptopt.runs.asking import alive
    from promptopt.store.database import Database

    commands = read_changes(changes, reason)
    with closing(Database.open()) as database:
        row = alive(database, reference, "limit")
        for command in commands:
            tell(database, row, command, "change limits")


def read_changes(changes: tuple[str, ...], reason: str) -> "list[Command]":
    """What ``NAME=VALUE`` arguments ask for.

    Raises:
        SettingsError: one can't be read.
    """
    from promptopt.store.commands import SetConcurrency, SetLimits

    if not changes:
        raise SettingsError("found no CHANGE, expected at least one", fix="say for example: usd=5 calls=none")
    limits: dict[str, float | None] = {}
    commands: list[Command] = []
    for change in changes:
        name, equals, value = change.partition("=")
        role, _, last = name.rpartition("_")
        if not equals:
            raise SettingsError(f"found {change!r}, expected NAME=VALUE, as in usd=5 or calls=none")
        if last == CONCURRENCY and role in ROLES:
            most = _number(name, value)
            if not 1 <= most <= 10_000 or most != int(most):
                raise SettingsError(f"found {change!r}, expected a whole number from 1 on")
            commands.append(SetConcurrency(role=role, most=int(most), reason=reason))
        else:
            limits[_cap(name)] = None if value.lower() == NONE else _number(name, value)
    return [SetLimits(limits=limits, reason=reason), *commands] if limits else commands


def _cap(name: str) -> str:
    from promptopt.domain.settings import BudgetSettings

    if name not in BudgetSettings.model_fields:
        known = ", ".join((*BudgetSettings.model_fields, *(f"{role}_{CONCURRENCY}" for role in ROLES)))
        raise SettingsError(f"there is no limit {name!r}", fix=f"there are: {known}")
    return name


def _number(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise SettingsError(f"found {name}={value}, expected a number above 0, or none")
    return number
