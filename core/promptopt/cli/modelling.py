"""model: another model in a role, within a run or in a new one from its best prompt."""

import tomllib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from cyclopts import Parameter

from promptopt.cli.arguments import ReasonOption, RunArgument
from promptopt.cli.output import note, say
from promptopt.cli.steering import tell
from promptopt.domain.errors import SettingsError
from promptopt.domain.words import Role

if TYPE_CHECKING:
    from promptopt.store.database import Database
    from promptopt.store.runs import RunRow

_CHANGES = "NAME=VALUE: a setting as in [models.target], as in model=openai/gpt-4o or max_tokens=2000."


def model(
    reference: RunArgument,
    role: Annotated[str, Parameter(name="ROLE", help="optimizer, generator, target or judge.")],
    /,
    *changes: Annotated[str, Parameter(name="CHANGE", help=_CHANGES)],
    new_run: bool = False,
    trust: bool = False,
    reason: ReasonOption = "",
) -> None:
    """Let another model answer in a role of a run from its next call on.

    A model that makes scores (target, judge) holds for a whole run: with --new-run a new one begins from the
    best prompt of this one.

    Args:
        new_run: start a new run with that model, from the best prompt of this one.
        trust: you have looked at the project's code and endpoints, and trust them (for a new run).
    """
    from promptopt.runs.asking import alive
    from promptopt.store.commands import SetModel
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    if role not in get_args(Role):
        raise SettingsError(f"there is no role {role!r}", fix=f"there are: {', '.join(get_args(Role))}")
    settings = read_settings(changes)
    with closing(Database.open()) as database:
        if new_run:
            _start(database, Runs(database).find(reference), role, settings, trust=trust)
            return
        row = alive(database, reference, "change")
        tell(database, row, SetModel(role=role, changes=settings, reason=reason), "change its model")  # type: ignore[arg-type]


def read_settings(changes: tuple[str, ...]) -> dict[str, Any]:
    """What ``NAME=VALUE`` arguments say: values as TOML writes them, anything else is text.

    Raises:
        SettingsError: there is none, one is no such argument, or there is no such setting.
    """
    from promptopt.domain.settings import ModelSettings

    if not changes:
        raise SettingsError(
            "found no CHANGE, expected at least one", fix="say for example: model=openai/gpt-4o"
        )
    found: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or name not in ModelSettings.model_fields:
            known = ", ".join(ModelSettings.model_fields)
            raise SettingsError(f"found {change!r}, expected NAME=VALUE", fix=f"names are: {known}")
        try:
            found[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[name] = value
    return found


def _start(database: "Database", row: "RunRow", role: str, settings: dict[str, Any], *, trust: bool) -> None:
    """Start a new run with another model, from the best prompt of this one."""
    from pydantic import ValidationError

    from promptopt.domain.demonstrations import Demonstration
    from promptopt.domain.mending import mended
    from promptopt.runs.asking import fold_of
    from promptopt.runs.launch import Frozen, create_frozen, start_worker
    from promptopt.runs.remodelling import changed
    from promptopt.store.projects import FILE
    from promptopt.store.runs import Runs

    runs, state = Runs(database), fold_of(database, row)
    frozen = runs.settings(row.id)
    before = frozen.models.get(role)  # type: ignore[call-overload]
    if before is None:
        raise SettingsError(f"run {row.id} has no {role} model", where=f"models.{role}")
    try:
        after = changed(before, settings)
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(first["msg"], where=".".join(["models", role, *map(str, first["loc"])])) from None
    update: dict[str, Any] = {"models": {**frozen.models, role: after}}
    best = state.candidates.get(state.best_id)
    if best is not None:
        shown = [Demonstration(inputs=demo.inputs, output=demo.output) for demo in best.demonstrations]
        update |= {"prompt": best.text, "demonstrations": shown}
    folder = Path(row.project_dir)
    dataset = mended(runs.dataset(row.id), state.mends.values())
    source = Frozen(frozen.model_copy(update=update), dataset, folder, folder / FILE)
    run_id = create_frozen(database, source, kind="optimize", trusted=trust)
    start_worker(run_id)
    say(run_id)
    note(
        f"it begins from {state.name(state.best_id)} of run {row.id}, with {after.model} as the {role} model"
    )
    note(f"promptopt attach {run_id} follows it")
