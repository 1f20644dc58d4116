"""The configuration of a business: who it is, what its prompts keep to, what may be spent, who gets them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.enterprise import packs
from promptopt.enterprise.context import BusinessContext
from promptopt.store.textfiles import closest, is_file, parse_toml, parse_yaml, read_text
from promptopt.store.validation import MOST_SHOWN, Flaw, KeyPath, judge, refuse_secrets, unknown_keys
from promptopt.store.yamltext import line_at, lines_of

MOST_BYTES = 1_000_000
MARK = "organization"
"""The key that tells an enterprise configuration from a plain company file."""

Rollout = Literal["gradual", "pilot", "all_at_once"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, str_strip_whitespace=True)


class Organization(_Part):
    """The business. It may have all keys of a ``BusinessContext`` (about, products …), and keys of its own.

    Attributes:
        name: of the company.
        industry: in a few words.
        compliance: norms and laws that it keeps to.
    """

    name: str = Field(min_length=1)
    industry: str = ""
    compliance: tuple[str, ...] = ()

    def context(self) -> BusinessContext:
        """What every scenario starts from."""
        return BusinessContext.of(_as_context(self.model_dump(exclude_defaults=True)))


class BusinessScenario(_Part):
    """One use of prompts.

    Attributes:
        enabled: it takes part.
        constraints: tables of ``key: value``; see ``promptopt.enterprise.packs``.
        synthetic_data_count: cases to be made up.
    """

    enabled: bool = True
    constraints: tuple[dict[str, Any], ...] = ()
    synthetic_data_count: int = Field(default=100, ge=1, le=100_000)

    @field_validator("constraints", mode="before")
    @classmethod
    def _table_or_list(cls, given: Any) -> Any:
        return [given] if isinstance(given, Mapping) else given


class BudgetLimits(_Part):
    """Most US dollars; without a value there is no such limit.

    Attributes:
        poc_budget: of one proof of concept, whole.
        monthly_optimization_budget: of all later optimization in a calendar month.
        emergency_budget: of everything in a calendar month, whoever agrees to more than the other two.
    """

    poc_budget: float | None = Field(default=None, ge=0)
    monthly_optimization_budget: float | None = Field(default=None, ge=0)
    emergency_budget: float | None = Field(default=None, ge=0)


class Deployment(_Part):
    """Who gets the prompts, and how.

    Attributes:
        target_teams: by name.
        rollout_strategy: a few people first and more in steps, one team first, or all at once.
        success_metrics: what tells that it works.
    """

    target_teams: tuple[str, ...] = ()
    rollout_strategy: Rollout = "gradual"
    success_metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Applied:
    """One constraint of a scenario, and what becomes of it.

    Attributes:
        key, value: as the file has it.
        kind: ``checked`` in every output, ``judged`` if there is a judge model and told to the others, or
            ``recorded``: told to all, measured by nobody.
        said: what a model is told, a line each.
    """

    key: str
    value: Any
    kind: packs.Kind
    said: tuple[str, ...]


class EnterpriseConfig(_Part):
    """A whole enterprise configuration.

    Attributes:
        organization: the business.
        business_scenarios: uses of prompts by name, as ``customer_support``.
        budget_limits: what may be spent.
        deployment: who gets the prompts.
    """

    organization: Organization
    business_scenarios: dict[str, BusinessScenario] = Field(default_factory=dict[str, BusinessScenario])
    budget_limits: BudgetLimits = Field(default_factory=BudgetLimits)
    deployment: Deployment = Field(default_factory=Deployment)

    @classmethod
    def load(cls, path: str | Path) -> "EnterpriseConfig":
        """Read one from a file: YAML, TOML or JSON.

        Args:
            path: of the file; ``examples/acme.yaml`` is also the one that comes with the package.

        Raises:
            SettingsError: it can't be read, or a key is unknown or can't be used; all of them are named, with
                their lines where the file is YAML or JSON.
        """
        found = company_file(path)
        raw, lines = _read(found)
        return _made(raw, found, lines)

    @classmethod
    def of(
        cls, given: "EnterpriseConfig | Mapping[str, Any] | str | Path", where: str = "config"
    ) -> "EnterpriseConfig":
        """One of a table, of a file, or as it is.

        Raises:
            SettingsError: as :meth:`load`.
        """
        if isinstance(given, EnterpriseConfig):
            return given
        if isinstance(given, str | Path):
            return cls.load(given)
        return _made(given, Path(where), {})

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios that are enabled."""
        return tuple(name for name, one in self.business_scenarios.items() if one.enabled)

    def scenario(self, name: str) -> BusinessScenario:
        """One by name, also if it is not enabled.

        Raises:
            SettingsError: there is none.
        """
        found = self.business_scenarios.get(name)
        if found is not None:
            return found
        near = closest(name, self.business_scenarios)
        hint = f"did you mean {near}? " if near else ""
        raise SettingsError(
            f"the configuration has no scenario {one_line(name, 60)!r}",
            where="business_scenarios",
            fix=f"{hint}it has {', '.join(self.business_scenarios) or 'none'}",
        )

    def context(self, scenario: str = "") -> BusinessContext:
        """What the prompts of a scenario keep to; of none: what holds for the whole organization.

        Raises:
            SettingsError: there is no such scenario, or its constraints can't all hold.
        """
        base = self.organization.context()
        if not scenario:
            return base
        added = [packs.read(key, value) for _, key, value in _entries(self.scenario(scenario))]
        return _with(base, packs.combined(added))

    def applied(self, scenario: str) -> tuple[Applied, ...]:
        """Each constraint of a scenario, and what becomes of it.

        Raises:
            SettingsError: there is no such scenario.
        """
        kinds, empty = packs.packs(), BusinessContext()
        found: list[Applied] = []
        for _, key, value in _entries(self.scenario(scenario)):
            said = _with(empty, packs.read(key, value)).text().splitlines()
            found.append(Applied(key, value, kinds[key].kind, tuple(said)))
        return tuple(found)


def load_company(path: str | Path, scenario: str = "") -> BusinessContext:
    """A business context from a plain company file or an enterprise configuration.

    Args:
        scenario: one of the configuration's; a plain file holds for every scenario.

    Raises:
        SettingsError: it can't be read, has a key or a value that can't be used, or no such scenario.
    """
    found = company_file(path)
    raw, lines = _read(found)
    if MARK in raw:
        return _made(raw, found, lines).context(scenario)
    refuse_secrets(raw, found)
    context, flaws = _judged(raw)
    if flaws or context is None:
        raise _listed(flaws, found, lines)
    return context


def company_file(reference: str | Path) -> Path:
    """The file that is meant: a path, or the name of one that comes with the package.

    Raises:
        SettingsError: there is no such file.
    """
    from promptopt.examples import companies, company_path

    path = Path(reference).expanduser()
    if is_file(path):
        return path
    shipped = path.name.removesuffix(path.suffix) if str(path.parent) in (".", "examples") else ""
    if shipped in companies() and path.suffix in ("", ".yaml"):
        return company_path(shipped)
    there = ", ".join(f"examples/{name}.yaml" for name in companies())
    fix = f"give the path of one, or one that comes with promptopt: {there}"
    raise SettingsError("there is no such company file", where=str(reference), fix=fix)


def _read(path: Path) -> tuple[Mapping[str, Any], Mapping[KeyPath, int]]:
    text = read_text(path, MOST_BYTES)
    toml = path.suffix.lower() == ".toml"
    raw: Any = parse_toml(text, path) if toml else parse_yaml(text, path)
    if not isinstance(raw, Mapping):
        raise SettingsError(
            "this is no company file: expected a table",
            where=str(path),
            fix="give company: …, industry: …, or organization: with name: …",
        )
    return cast("Mapping[str, Any]", raw), {} if toml else lines_of(text)


def _made(raw: Mapping[str, Any], path: Path, lines: Mapping[KeyPath, int]) -> EnterpriseConfig:
    refuse_secrets(raw, path)
    made, flaws, _ = judge(EnterpriseConfig, raw)
    flaws = [flaw for flaw in flaws if not _is_unknown(flaw)] + list(_unknown(raw))
    organization: Any = raw.get(MARK)
    if isinstance(organization, Mapping):
        table = cast("Mapping[str, Any]", organization)
        _, own = _judged(_as_context(table))
        told = {flaw.keys for flaw in flaws}
        flaws += [flaw for one in own if (flaw := _under_organization(one)).keys not in told]
    if made is not None:
        flaws += _of_constraints(made, raw)
    if flaws or made is None:
        raise _listed(flaws, path, lines)
    return made


def _is_unknown(flaw: Flaw) -> bool:
    return flaw.text.startswith("unknown key")


def _unknown(raw: Mapping[str, Any]) -> Iterator[Flaw]:
    """Keys that there are not. The organization may have some of its own; constraints are read elsewhere."""
    for keys, section in unknown_keys(EnterpriseConfig, raw):
        name = str(keys[-1])
        if name in section.model_fields or issubclass(section, Organization):
            continue  # true or false in place of a number is told already
        near = closest(name, section.model_fields)
        yield Flaw(
            keys,
            f"unknown key, did you mean {near}?"
            if near
            else f"unknown key, there are: {', '.join(section.model_fields)}",
        )


def _of_constraints(made: EnterpriseConfig, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    base = made.organization
    for name, scenario in made.business_scenarios.items():
        place = ("business_scenarios", name, "constraints")
        listed = isinstance(raw["business_scenarios"][name].get("constraints"), list)
        added: list[dict[str, Any]] = []
        flaws: list[Flaw] = []
        seen: set[str] = set()
        for position, key, value in _entries(scenario):
            keys = (*place, position, key) if listed else (*place, key)
            if key in seen:
                flaws.append(Flaw(keys, "given twice, expected once"))
            seen.add(key)
            try:
                added.append(packs.read(key, value))
            except packs.Unfit as error:
                flaws.append(Flaw(keys, str(error)))
        if not flaws:
            try:
                _with(BusinessContext(), packs.combined(added))
                _with(base.context(), packs.combined(added))
            except SettingsError as error:
                flaws.append(Flaw(place, error.what))
        yield from flaws


def _entries(scenario: BusinessScenario) -> Iterator[tuple[int, str, Any]]:
    """Each constraint: the number of its table, its key and its value."""
    for position, table in enumerate(scenario.constraints):
        for key, value in table.items():
            yield position, key, value


def _with(base: BusinessContext, added: Mapping[str, Any]) -> BusinessContext:
    """A context with what constraints add: lists and policies beside its own, all else in their place."""
    own = base.model_dump(exclude_unset=True)
    return BusinessContext.of(packs.combined([own, added]))


def _as_context(organization: Mapping[str, Any]) -> dict[str, Any]:
    """The organization's table with the keys of a business context."""
    return {"company" if key == "name" else key: value for key, value in organization.items()}


def _judged(table: Mapping[str, Any]) -> tuple[BusinessContext | None, list[Flaw]]:
    """A business context of a table, and what is wrong with which key; other keys are free, slips are not."""
    context, flaws, _ = judge(BusinessContext, table)
    keyed = [flaw for flaw in flaws if flaw.keys]
    return context, keyed or flaws


def _under_organization(flaw: Flaw) -> Flaw:
    keys = tuple("name" if key == "company" else key for key in flaw.keys)
    return Flaw((MARK, *keys), flaw.text)


def _listed(flaws: list[Flaw], path: Path, lines: Mapping[KeyPath, int]) -> SettingsError:
    placed = sorted(((line_at(lines, flaw.keys), flaw) for flaw in flaws), key=lambda one: one[0] or 0)
    if len(placed) == 1:
        line, flaw = placed[0]
        return SettingsError(str(flaw), where=f"{path}, line {line}" if line else str(path))
    told = [f"line {line}: {flaw}" if line else str(flaw) for line, flaw in placed[:MOST_SHOWN]]
    if len(placed) > MOST_SHOWN:
        told.append(f"and {len(placed) - MOST_SHOWN} more")
    return SettingsError(
        f"{len(placed)} keys can't be used:" + "".join(f"\n  {one}" for one in told), where=str(path)
    )
