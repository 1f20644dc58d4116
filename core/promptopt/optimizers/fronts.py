"""Optimizers as a program gives them, and fronts: optimizers whose work another one does."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.forecast import Plan, Scale
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.domain.words import Role
from promptopt.optimizers import registry
from promptopt.optimizers.base import BaseOptimizer, RunContext

OptimizerLike = str | Mapping[str, Any] | type[BaseOptimizer] | BaseOptimizer
"""A name, a table with ``name`` as ``[optimizer]`` in a project file, a class, or an instance."""


class Front(BaseOptimizer):
    """An optimizer whose work another one does; in a run it is that one.

    Attributes:
        optimizer: the other one.
    """

    def __init__(self, optimizer: BaseOptimizer) -> None:
        super().__init__(optimizer.options)
        self.optimizer = optimizer
        # A class variable of most optimizers; of this one each instance has its own.
        vars(self)["name"] = optimizer.name

    def fit_to(self, settings: ProjectSettings) -> None:
        self.optimizer.fit_to(settings)

    @property
    def max_iterations(self) -> int | None:
        return self.optimizer.max_iterations

    @property
    def asks(self) -> frozenset[Role]:
        return self.optimizer.asks

    @property
    def finals(self) -> int:
        return self.optimizer.finals

    async def finish(self, context: RunContext) -> None:
        await self.optimizer.finish(context)

    @property
    def needs_judges(self) -> bool:
        return self.optimizer.needs_judges

    def plan(self, scale: Scale) -> Plan | None:
        return self.optimizer.plan(scale)

    async def search(self, context: RunContext) -> StopRun:
        return await self.optimizer.search(context)


class Given:
    """Optimizers that a program gives, as tables and classes.

    Args:
        optimizers: what was given.
        where: for messages.

    Attributes:
        tables: each as a project file has it: ``name``, and what is set otherwise than by default.
        classes: by name, those that the registry does not have.

    Raises:
        SettingsError: something that is no optimizer, or two classes of one name.
    """

    def __init__(self, optimizers: Sequence[OptimizerLike] | OptimizerLike, where: str) -> None:
        listed = [optimizers] if isinstance(optimizers, str | Mapping | type | BaseOptimizer) else optimizers
        self.tables: list[dict[str, Any]] = []
        self.classes: dict[str, type[BaseOptimizer]] = {}
        for one in listed:
            table, found = _read(one, where)
            name = str(table["name"])
            if found is not None:
                if self.classes.get(name, found) is not found:
                    raise SettingsError(f"two optimizers are called {name!r}", where=where)
                self.classes[name] = found
            self.tables.append(table)

    def make(self, table: Mapping[str, Any], where: str) -> BaseOptimizer:
        """An optimizer of a table, by one of these classes or of the registry.

        Raises:
            SettingsError: there is none of that name, or its settings are wrong.
        """
        name = str(table["name"])
        return (self.classes.get(name) or registry.find(name, where)).from_options(table, where)


def _read(given: Any, where: str) -> tuple[dict[str, Any], type[BaseOptimizer] | None]:
    if isinstance(given, Front):
        given = given.optimizer
    if isinstance(given, str):
        return {"name": given}, None
    if isinstance(given, Mapping):
        table = dict(cast("Mapping[str, Any]", given))
        if not isinstance(table.get("name"), str):
            raise SettingsError("a table of settings names no optimizer", where=where, fix="give its name")
        return table, None
    if isinstance(given, type) and issubclass(given, BaseOptimizer):
        return {"name": given.name}, _unregistered(given)
    if isinstance(given, BaseOptimizer):
        changed = given.options.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
        return {"name": given.name, **changed}, _unregistered(type(given))
    raise SettingsError(
        f"an optimizer can't be a {type(cast(object, given)).__name__}",
        where=where,
        fix="give a name (promptopt optimizers lists them), a table, a subclass of BaseOptimizer or one made",
    )


def _unregistered(found: type[BaseOptimizer]) -> type[BaseOptimizer] | None:
    known = found.name in registry.names() and registry.one(found.name).optimizer is found
    return None if known else found
