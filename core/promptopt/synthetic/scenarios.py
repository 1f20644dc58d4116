"""Scenarios: tasks that many teams have, with what is needed to make cases for them up.

Each is a TOML file beside this module; a file of one's own has the same keys.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ConstraintSettings
from promptopt.evaluation.checks.options import refusal
from promptopt.evaluation.checks.rules import build_rules
from promptopt.store.textfiles import closest, parse_toml, read_text

MAX_BYTES = 1_000_000

FOLDER = "scenarios"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Facet(_Table):
    """One value of a dimension of the grid: a persona, a difficulty or a situation.

    Attributes:
        name: short, as tags and tables have it.
        text: what it means, for the model that makes cases up.
        edge: an edge case.
        part: the part of the scenario that it belongs to; empty: to all.
    """

    name: str = Field(min_length=1, max_length=60)
    text: str = ""
    edge: bool = False
    part: str = ""


class Label(_Table):
    """A label that each case has, and that a right answer states.

    Attributes:
        values: all that there are.
        line: how an answer states it, with ``{}`` for the value: ``Category: {}``.
        text: what it means.
    """

    name: str = Field(min_length=1, max_length=40)
    values: tuple[str, ...] = Field(min_length=2)
    line: str = "{}"
    text: str = ""

    def stated(self, value: str) -> str:
        """The line with a value."""
        return self.line.replace("{}", value)


class _Task(_Table):
    """What a scenario and a part of it share."""

    name: str = Field(min_length=1, max_length=60)
    title: str = ""
    aliases: tuple[str, ...] = ()
    description: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    input: str = ""
    output: str = ""
    constraints: tuple[dict[str, Any], ...] = ()
    checks: tuple[dict[str, Any], ...] = ()


class Part(_Task):
    """A kind of text of a scenario that is a scenario of its own, too; what it leaves out is the scenario's.

    Attributes:
        part: which situations are its.
    """

    part: str


class Scenario(_Task):
    """A task, and what is needed to make cases for it up.

    Attributes:
        name: as people type it; ``aliases`` are other names for it.
        description: the task.
        prompt: a plain prompt to start from, with ``{input}`` where the case goes.
        input, output: what a case and an answer are, in words.
        constraints: rules for every output, as ``[[task.constraints]]`` of a project file.
        checks: as ``[[checks]]`` of a project file; those of type ``judge`` need a judge model.
        labels: that each case has.
        facts: most texts of a case (names, figures, dates) that an answer must keep as they are.
        personas, difficulties, situations: the dimensions of the grid of cases.
        language: of the cases.
        uses: what of a company's context matters.
        tags: that every case gets.
        parts: kinds of text that are scenarios of their own.
    """

    personas: tuple[Facet, ...] = Field(min_length=1)
    difficulties: tuple[Facet, ...] = Field(min_length=1)
    situations: tuple[Facet, ...] = Field(min_length=1)
    labels: tuple[Label, ...] = ()
    facts: int = Field(default=0, ge=0, le=10)
    language: str = "English"
    uses: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> "Scenario":
        for name in ("personas", "difficulties", "situations"):
            listed = [facet.name.casefold() for facet in getattr(self, name)]
            twice = next((each for each in listed if listed.count(each) > 1), None)
            if twice is not None:
                raise ValueError(f"{name} has {twice!r} twice")
        for task in (self, *self.parts):
            if "{input}" not in task.prompt:
                raise ValueError(f"the prompt of {task.name} has no {{input}}, where the case goes")
        known = {facet.part for facet in self.situations}
        lost = next((part.part for part in self.parts if part.part not in known), None)
        if lost is not None:
            raise ValueError(f"no situation belongs to the part {lost!r}")
        return self

    def checks_for(self, *, judged: bool) -> list[dict[str, Any]]:
        """The checks.

        Args:
            judged: there is a judge model; without one the checks that ask it are left out.
        """
        return [dict(check) for check in self.checks if judged or check.get("type") != "judge"]

    def task(self) -> dict[str, Any]:
        """The table ``[task]`` of a project."""
        form = {"output": self.output} if self.output else {}
        return {
            "description": self.description,
            "input_format": {"input": self.input} if self.input else {},
            "output_format": form,
            "constraints": [dict(rule) for rule in self.constraints],
        }

    def narrowed(self, part: Part) -> "Scenario":
        """The part as a scenario of its own."""
        said = {
            name: getattr(part, name) or getattr(self, name)
            for name in ("input", "output", "constraints", "checks")
        }
        own = {name: getattr(part, name) for name in ("name", "title", "aliases", "description", "prompt")}
        situations = tuple(facet for facet in self.situations if facet.part in ("", part.part))
        return self.model_copy(update={**own, **said, "situations": situations, "parts": ()})

    def choosing(
        self,
        personas: Iterable[str] = (),
        difficulties: Iterable[str] = (),
        situations: Iterable[str] = (),
    ) -> "Scenario":
        """The scenario with some values of its dimensions only; none named: all of them.

        Raises:
            SettingsError: there is no such value.
        """
        chosen = {"personas": personas, "difficulties": difficulties, "situations": situations}
        kept = {name: self._chosen(name, tuple(wanted)) for name, wanted in chosen.items()}
        return self.model_copy(update=kept)

    def _chosen(self, dimension: str, wanted: tuple[str, ...]) -> tuple[Facet, ...]:
        there: tuple[Facet, ...] = getattr(self, dimension)
        names = [facet.name for facet in there]
        for name in wanted:
            if name not in names:
                near = closest(name, names)
                raise SettingsError(
                    f"{self.name} has no {name!r} among its {dimension}",
                    where=dimension,
                    fix=f"{f'did you mean {near!r}? ' if near else ''}there are: {', '.join(names)}",
                )
        return tuple(facet for facet in there if not wanted or facet.name in wanted)


@lru_cache(maxsize=1)
def scenarios() -> tuple[Scenario, ...]:
    """The scenarios that come with the package, the parts of each after it."""
    return tuple(_all())


def find_scenario(name: str | Scenario) -> Scenario:
    """A scenario by its name, another name of it, or the path of a file of one's own.

    Raises:
        SettingsError: there is none (the nearest name is told), or the file can't be used.
    """
    if isinstance(name, Scenario):
        return name
    if Path(name).suffix == ".toml" or "/" in name or "\\" in name:
        return load_scenario(Path(name).expanduser())
    wanted = _plain(name)
    called = {
        _plain(each): scenario
        for scenario in reversed(scenarios())
        for each in (*scenario.aliases, scenario.title, scenario.name)
    }
    if wanted in called:
        return called[wanted]
    names = [scenario.name for scenario in scenarios()]
    nearest = closest(wanted, called)
    near = called[nearest].name if nearest else ""
    hint = f"did you mean {near!r}? " if near else ""
    raise SettingsError(
        f"there is no scenario {name!r}",
        where="scenario",
        fix=f"{hint}there are: {', '.join(names)}; or give the path of a scenario file (.toml)",
    )


def load_scenario(path: Path) -> Scenario:
    """A scenario from a file.

    Raises:
        SettingsError: it can't be read, or says something that can't be used.
    """
    return read_scenario(parse_toml(read_text(path, MAX_BYTES), path), str(path))


def read_scenario(table: dict[str, Any], where: str) -> Scenario:
    """A scenario of a table.

    Raises:
        SettingsError: a key is missing, unknown or wrong; a check or a constraint can't be used.
    """
    try:
        found = Scenario.model_validate(table)
    except ValidationError as error:
        raise _flaw(error, where) from None
    for task in (found, *found.parts):
        place = where if task is found else f"{where}, {task.name}"
        _check(task, place)
    return found


def _all() -> Iterator[Scenario]:
    for file in sorted(Path(str(files("promptopt.synthetic"))).joinpath(FOLDER).glob("*.toml")):
        scenario = load_scenario(file)
        yield scenario
        yield from map(scenario.narrowed, scenario.parts)


def _check(task: _Task, where: str) -> None:
    for place, check in enumerate(task.checks):
        why_not = refusal(check)
        if why_not:
            raise SettingsError(why_not, where=f"{where}, checks[{place}]")
    try:
        rules = [ConstraintSettings.model_validate(rule) for rule in task.constraints]
    except ValidationError as error:
        raise _flaw(error, f"{where}, constraints") from None
    build_rules(rules, f"{where}, constraints")


def _flaw(error: ValidationError, where: str) -> SettingsError:
    flaw = error.errors()[0]
    place = ".".join(map(str, flaw["loc"]))
    said = str(flaw["msg"]).removeprefix("Value error, ")
    fix = ""
    if flaw["type"] == "extra_forbidden":
        key = str(flaw["loc"][-1])
        near = closest(key, Scenario.model_fields)
        said, fix = f"there is no key {key!r} in a scenario", f"did you mean {near!r}?" if near else ""
    elif flaw["type"] == "missing":
        said = f"{flaw['loc'][-1]} is missing"
    return SettingsError(said, where=f"{where}, {place}" if place else where, fix=fix)


def _plain(name: str) -> str:
    return "_".join(name.casefold().replace("-", " ").replace("_", " ").split())
