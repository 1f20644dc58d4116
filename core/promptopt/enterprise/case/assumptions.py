"""What a business case assumes: each figure with its range and its reason, all of them open to change."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.enterprise.case.quantity import Quantity
from promptopt.store.textfiles import closest

GENERAL = "general"

ALIASES = {
    "internal_communication": "internal_email",
    "email": "internal_email",
    "documentation": "technical_documentation",
}
"""Other names of the scenarios."""

FEWEST_MONTHS, MOST_MONTHS = 12, 60


class Assumptions(BaseModel):
    """The assumptions of a business case, each a :class:`Quantity`.

    Attributes:
        scenario: whose defaults were taken.
        given: the names of those that somebody gave; the others are defaults.
        requests_per_month: requests of the whole team.
        people: who are to use the prompt.
        minutes_per_request: of a person, for a request whose output is usable.
        faster_share: share of these minutes that the new prompt saves; nothing, unless somebody timed it.
        hourly_cost: USD for an hour of a person.
        rework_share: share of today's outputs that are not usable as they are.
        rework_minutes: to put one right that somebody notices.
        unnoticed_share: share of the unusable outputs that nobody notices.
        error_cost: USD for one of those.
        transfer: share of the measured gain that shows in daily work: how quality becomes money.
        time_used: share of the time saved that is put to use.
        adoption: share of the requests that use the new prompt once all is settled.
        ramp_months: until then; adoption grows evenly.
        setup_hours: of people, once.
        training_hours: for each of the people, once.
        maintenance_hours: a month.
        monitoring_usd: a month, for model calls.
        price_input, price_output: USD per million tokens, where no price list tells.
        optimization_usd: what the optimization cost, where no price tells.
        discount_rate: a year.
        horizon_months: 12 to 60, without a range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: str = GENERAL
    given: tuple[str, ...] = ()
    requests_per_month: Quantity
    people: Quantity
    minutes_per_request: Quantity
    faster_share: Quantity
    hourly_cost: Quantity
    rework_share: Quantity
    rework_minutes: Quantity
    unnoticed_share: Quantity
    error_cost: Quantity
    transfer: Quantity
    time_used: Quantity
    adoption: Quantity
    ramp_months: Quantity
    setup_hours: Quantity
    training_hours: Quantity
    maintenance_hours: Quantity
    monitoring_usd: Quantity
    price_input: Quantity
    price_output: Quantity
    optimization_usd: Quantity
    discount_rate: Quantity
    horizon_months: Quantity

    @model_validator(mode="after")
    def _whole_months(self) -> "Assumptions":
        months = self.horizon_months
        if not (months.fixed and months.value.is_integer() and FEWEST_MONTHS <= months.value <= MOST_MONTHS):
            raise ValueError(
                f"horizon_months is a whole number from {FEWEST_MONTHS} to {MOST_MONTHS}, without a range"
            )
        return self

    @classmethod
    def of(cls, scenario: str = GENERAL) -> "Assumptions":
        """The defaults of a scenario.

        Raises:
            SettingsError: there is no such scenario.
        """
        name = ALIASES.get(scenario, scenario)
        known = _defaults()
        if name not in known:
            near = closest(name, known)
            raise SettingsError(
                f"there is no scenario {one_line(scenario, 60)!r}",
                fix=f"did you mean {near}?" if near else f"take one of {', '.join(scenarios())}",
            )
        base = {key: Quantity.model_validate(table) for key, table in known[GENERAL].items()}
        why = f"Placeholder of the scenario {name}: replace it by a figure of yours."
        own = {} if name == GENERAL else known[name]
        changed = {key: base[key].ranging(span, _first_of(base[key].why, why)) for key, span in own.items()}
        return cls.model_validate({"scenario": name, **base, **changed})

    @classmethod
    def load(cls, path: Path, scenario: str = "") -> "Assumptions":
        """Those of a TOML or YAML file; what it leaves out is the scenario's default.

        Each is a number, a range such as ``"40..60"``, a list ``[low, likely, high]``, or a table with
        ``value``, ``low``, ``high``, ``why``.

        Args:
            scenario: in place of the one that the file names.

        Raises:
            SettingsError: it can't be read, or something in it can't be used.
        """
        table = _read(path)
        named = table.pop("scenario", "") or GENERAL
        table.pop("given", None)
        try:
            return cls.of(scenario or str(named)).changed(table, f"Given in {path.name}.")
        except SettingsError as error:
            where = f"{path}: {error.where}" if error.where else str(path)
            raise SettingsError(error.what, where=where, fix=error.fix) from error

    def changed(self, given: Mapping[str, Any], why: str = "Given by you.") -> "Assumptions":
        """With others in place of some.

        Args:
            given: name to a range, in any form that :meth:`Quantity.ranging` takes.
            why: the reason that goes with them, where none is said.

        Raises:
            SettingsError: a name that there is not, or a range that can't be used.
        """
        made: dict[str, Quantity] = {}
        for name, span in given.items():
            if name not in NAMES:
                near = closest(name, NAMES)
                raise SettingsError(
                    f"there is no assumption {one_line(name, 60)!r}",
                    fix=f"did you mean {near}?" if near else f"there are {', '.join(NAMES)}",
                )
            try:
                made[name] = self.quantity(name).ranging(span, why)
            except SettingsError as error:
                raise SettingsError(error.what, where=name, fix=error.fix) from error
        given_names = tuple(
            name
            for name in NAMES
            if name in self.given or (name in made and made[name] != self.quantity(name))
        )
        try:
            return Assumptions.model_validate({**dict(self), **made, "given": given_names})
        except ValidationError as error:
            raise SettingsError(
                str(error.errors()[0]["msg"]).removeprefix("Value error, "), where="assumptions"
            ) from None

    def quantity(self, name: str) -> Quantity:
        """One of them, by name."""
        return cast(Quantity, getattr(self, name))

    def quantities(self) -> dict[str, Quantity]:
        """All of them, by name."""
        return {name: self.quantity(name) for name in NAMES}

    def save(self, path: Path) -> Path:
        """Write them to a TOML or YAML file, from which :meth:`load` makes the same.

        Raises:
            SettingsError: the file can't be written, or its ending is another.
        """
        table: dict[str, Any] = {"scenario": self.scenario}
        for name, one in self.quantities().items():
            table[name] = one.model_dump(exclude={"unit"})
        if _ending(path) == ".toml":
            import tomli_w

            text = tomli_w.dumps(table)
        else:
            import yaml

            text = yaml.safe_dump(table, sort_keys=False, allow_unicode=True)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"the file can't be written: {error.strerror}", where=str(path)) from error
        return path


NAMES: tuple[str, ...] = tuple(name for name in Assumptions.model_fields if name not in ("scenario", "given"))
"""Names of the assumptions."""


def scenarios() -> list[str]:
    """Names of the scenarios that there are defaults for."""
    return list(_defaults())


@lru_cache
def _defaults() -> dict[str, dict[str, Any]]:
    text = (files("promptopt.enterprise.case") / "assumptions.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _first_of(general: str, own: str) -> str:
    """The scenario's reason; with what the general one says beside being a placeholder."""
    more = general.removeprefix("Placeholder: ") if general.startswith("Placeholder: ") else ""
    return f"{own} {more[:1].upper()}{more[1:]}".strip() if more else own


def _read(path: Path) -> dict[str, Any]:
    import yaml

    ending = _ending(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        found: Any = tomllib.loads(text) if ending == ".toml" else yaml.safe_load(text) or {}
    except OSError as error:
        raise SettingsError(f"the file can't be read: {error.strerror}", where=str(path)) from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        said = one_line(str(error), 200)
        raise SettingsError(f"it is no {ending[1:].upper()}: {said}", where=str(path)) from error
    if not isinstance(found, dict):
        raise SettingsError("it has no table of assumptions", where=str(path))
    return {str(key): value for key, value in cast("dict[Any, Any]", found).items()}


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in (".toml", ".yaml", ".yml"):
        raise SettingsError(
            "assumptions are kept in TOML or YAML", where=str(path), fix="name it .toml or .yaml"
        )
    return ending
