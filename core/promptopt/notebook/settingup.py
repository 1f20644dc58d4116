"""Setting a program up for a business in one call: keys, models, configuration, a store that survives.

Nothing is sent to a model here, so nothing is spent.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from promptopt.domain.errors import PromptoptError, SettingsError
from promptopt.domain.settings import ModelSettings
from promptopt.domain.text import sanitize
from promptopt.domain.words import ROLES, Role
from promptopt.enterprise.config import EnterpriseConfig
from promptopt.enterprise.environment import EnterpriseEnvironment, current, use
from promptopt.models.defaults import DEFAULTS, STRONG, models_of
from promptopt.models.keys import wanted_keys
from promptopt.models.prices import lookup_price
from promptopt.notebook import secrets
from promptopt.notebook.host import in_colab
from promptopt.runs.assembling import Model

if TYPE_CHECKING:
    from promptopt.notebook.colab import ColabManager

BUDGET_USD = 10.0
"""Most US dollars where no configuration says how many."""

MOST_TOKENS = 4000
"""Of an answer of the optimizer, the judge or the generator, where no model is named."""

EXTRAS = {
    "notebook": ("ipywidgets", "anywidget", "nbformat"),
    "reports": ("matplotlib", "pptx", "openpyxl", "sacrebleu"),
}
"""Extras that this work can use: the modules that each brings."""

DISTRIBUTIONS = {"pptx": "python_pptx"}
"""Modules that are installed under another name."""

USES = {
    "notebook": "forms, buttons and the terminal UI in cells",
    "reports": "pictures, slides and workbooks",
}

SIMULATOR: dict[Role, str] = {
    "target": "sim/target",
    "optimizer": "sim/optimizer",
    "judge": "sim/judge",
    "generator": "sim/generator",
}


class Line(NamedTuple):
    """A line of the table: ``✓`` it is there, ``✗`` it is missing, ``·`` good to know."""

    mark: str
    what: str
    said: str


def set_up(
    manager: "ColabManager",
    config: "EnterpriseConfig | Mapping[str, Any] | str | Path | None",
    models: Model | Mapping[Role, Model] | None,
    *,
    ask: bool,
) -> EnterpriseEnvironment:
    """Do what :meth:`ColabManager.setup_enterprise_environment` says, and print what came of it."""
    loaded = None if config is None else EnterpriseConfig.of(config)
    tables, lines = _named(models, ask) if models is not None else _found()
    fitted = manager.fit(tables)
    lines += _prices(fitted)
    lines.append(Line("·", "machine", f"{manager.machine!r}"))
    lines += _kept(manager)
    lines += _extras()
    budget, line = _budget(loaded)
    made = EnterpriseEnvironment(cast("Mapping[Role, Mapping[str, Any]]", fitted), loaded, budget)
    for each in [*lines, line, *_configured(loaded)]:
        print(sanitize(f"{each.mark} {each.what:<13} {each.said}"))
    if made.simulated:
        print("✗ SIMULATED: no figure from here says anything about a real model")
    use(made)
    return made


def found_models() -> tuple[Mapping[Role, Mapping[str, Any]], str]:
    """Models to work with where none is named, and where they come from, in words; nobody is asked.

    Those that were set up for the business; else those of the first provider whose key is found; else the
    simulator.
    """
    found = current()
    if found is not None:
        return found.models, f"models: those that were set up ({found!r})"
    tables, lines = _found()
    return cast("Mapping[Role, Mapping[str, Any]]", tables), f"models: {lines[0].said}"


# Models and keys


def _named(models: Any, ask: bool) -> tuple[dict[str, dict[str, Any]], list[Line]]:
    """The models that were named, and where their keys are; a role that was left out gets one of them."""
    from promptopt.notebook.colab import settings_of

    several = isinstance(models, Mapping) and "model" not in models
    given = cast("Mapping[str, Any]", models if several else {"target": models})
    unknown = next((role for role in given if role not in ROLES), None)
    if unknown is not None or "target" not in given:
        what = f"found the role {unknown!r}" if unknown else "found no target model"
        fix = f'give models={{"target": "openai/gpt-4o-mini"}}; roles are {", ".join(ROLES)}'
        raise SettingsError(what, where="setup_enterprise_environment()", fix=fix)
    tables = {
        role: settings_of(model).model_dump(exclude_unset=True, mode="json") for role, model in given.items()
    }
    other = tables.get("optimizer", tables["target"])
    filled = {role: tables[role] if role in tables else _instead(role, other) for role in SIMULATOR}
    groups = [
        wanted for table in filled.values() if (wanted := wanted_keys(ModelSettings.model_validate(table)))
    ]
    keys = secrets.set_up(list(dict.fromkeys(groups)), ask=ask)
    return {**tables, **filled}, [*_models(filled, set(tables)), *_keys(keys.rows)]


def _instead(role: Role, other: Mapping[str, Any]) -> dict[str, Any]:
    """The model of a role that nobody named: another one's; a simulation has one for each role."""
    if str(other["model"]).startswith("sim/"):
        return {"model": SIMULATOR[role]}
    return {**other, "max_tokens": max(MOST_TOKENS, int(other.get("max_tokens", 0)))}


def _found() -> tuple[dict[str, dict[str, Any]], list[Line]]:
    """Models of the first provider whose key is found; the simulator if there is none. Nobody is asked."""
    for provider in DEFAULTS:
        names = models_of(provider)
        groups = wanted_keys(ModelSettings(model=names["target"]))
        keys = secrets.set_up([groups], ask=False)
        if keys.missing:
            continue
        tables = {
            role: {"model": name, **({"max_tokens": MOST_TOKENS} if role in STRONG else {})}
            for role, name in names.items()
        }
        chosen = Line("·", "chosen", f"no model was named; {provider} is the first whose key was found")
        return cast("dict[str, dict[str, Any]]", tables), [chosen, *_models(tables, set()), *_keys(keys.rows)]
    tables = {role: {"model": name} for role, name in SIMULATOR.items()}
    looked = ", ".join(DEFAULTS)
    said = f"no key was found ({looked}): the built-in simulator stands in; name models=… for real ones"
    return cast("dict[str, dict[str, Any]]", tables), [Line("✗", "keys", said), *_models(tables, set())]


def _models(tables: Mapping[Any, Mapping[str, Any]], named: "set[str]") -> list[Line]:
    return [
        Line("✓", role, f"{table['model']}{'' if role in named else ' (default)'}")
        for role, table in tables.items()
    ]


def _keys(rows: "Sequence[secrets.Found]") -> list[Line]:
    return [
        Line(
            "✗" if row.place == secrets.NOWHERE else "✓",
            "key",
            f"{row.name}: {row.place}" + (f"; {row.note}" if row.note else ""),
        )
        for row in rows
    ]


def _prices(tables: Mapping[str, Mapping[str, Any]]) -> list[Line]:
    """Models without a known price: a cap in USD can't be kept with them."""
    lines: list[Line] = []
    for name in dict.fromkeys(str(table["model"]) for table in tables.values()):
        table = next(table for table in tables.values() if table["model"] == name)
        settings = ModelSettings.model_validate(table)
        if not settings.simulated and lookup_price(settings) is None:
            lines.append(Line("✗", "price", f"of {name} is unknown: give price = {{…}} in its table"))
    return lines


# What else there is


def _kept(manager: "ColabManager") -> list[Line]:
    """In Colab: what was kept on Drive comes back, without going on with anything, and is kept again."""
    if not in_colab():
        return [Line("·", "store", "on this machine; save_to_drive(folder) keeps copies elsewhere")]
    lines: list[Line] = []
    try:
        back = manager.recover(resume=False)
        lines.append(
            Line("✓", "recovered", f"the store of the last session; to go on: {_to_go_on(back.left)}")
        )
    except PromptoptError as error:
        lines.append(Line("·", "recovered", f"nothing: {error.what}"))
    try:
        manager.save_to_drive()
        lines.append(Line("✓", "store", "copies go to your Drive while anything is new"))
    except (PromptoptError, OSError, ValueError) as error:
        lines.append(Line("✗", "store", f"no copies on Drive: {error}"))
    return lines


def _to_go_on(left: Mapping[str, str]) -> str:
    return ", ".join(f'promptopt.attach("{run_id}").resume()' for run_id in left) or "nothing was under way"


def _extras() -> list[Line]:
    lines: list[Line] = []
    for extra, modules in EXTRAS.items():
        missing = [name for name in modules if find_spec(name) is None]
        if missing:
            said = f"{USES[extra]} need {', '.join(missing)}: pip install 'promptopt[{extra}]'"
            lines.append(Line("✗", extra, said))
    return lines


def _budget(config: EnterpriseConfig | None) -> tuple[dict[str, float], Line]:
    limit = config.budget_limits.poc_budget if config else None
    usd = BUDGET_USD if limit is None else limit
    source = "the built-in default" if limit is None else "poc_budget of the configuration"
    return {"usd": usd}, Line("·", "budget", f"at most ${usd:,.2f} of each piece of work ({source})")


def _configured(config: EnterpriseConfig | None) -> list[Line]:
    if config is None:
        return []
    made_up = " (made up)" if config.context().example else ""
    lines = [Line("✓", "organization", f"{config.organization.name}{made_up}")]
    for name in config.scenarios:
        counts: dict[str, int] = {}
        for one in config.applied(name):
            counts[one.kind] = counts.get(one.kind, 0) + 1
        told = ", ".join(f"{number} {kind}" for kind, number in counts.items()) or "no constraint"
        lines.append(
            Line("✓", "scenario", f"{name}: {told}; {config.scenario(name).synthetic_data_count} cases")
        )
    return lines
