"""From the words of an experiment file to an optimizer of the registry and its settings.

A type is an optimizer's name, or a family: ``dspy`` with ``config.optimizer`` in DSPy's own words
(``MIPROv2``), ``hybrid`` with ``config.strategy``. Settings that people know by another name are taken under
that too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from promptopt.domain.errors import SettingsError
from promptopt.experiments.config import OptimizerEntry
from promptopt.optimizers import registry
from promptopt.store.textfiles import closest

DSPY = {
    "bootstrapfewshot": "dspy-bootstrap",
    "bootstrapfewshotwithrandomsearch": "dspy-bootstrap-random-search",
    "bootstraprandomsearch": "dspy-bootstrap-random-search",
    "mipro": "dspy-mipro",
    "miprov2": "dspy-mipro",
    "copro": "dspy-copro",
    "simba": "dspy-simba",
    "gepa": "dspy-gepa",
}
"""DSPy's names, in small letters, to ours."""

DEFAULT_DSPY = "MIPROv2"

STRATEGIES = {
    "sequential": "sequential",
    "ensemble": "ensemble",
    "feedback": "feedback",
    "simplefeedback": "simple-feedback",
    "costaware": "cost-aware",
    "auto": "auto",
    "autotune": "auto",
}
"""Strategies of hybrids, in small letters without marks, to ours."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "tournament_size": ("group", "group_size"),
    "optimizers": ("stages", "members"),
    "max_iterations": ("max_steps", "depth", "rounds", "max_slices", "num_trials"),
}
"""A setting by the name that a file may use, to those that an optimizer may know it by."""

NO_MATTER = frozenset({"max_iterations"})
"""Settings that may be given to an optimizer that has no such thing; it is told that they say nothing."""


@dataclass(frozen=True)
class Named:
    """An optimizer of an experiment.

    Attributes:
        label: how the table calls it.
        name: in the registry.
        config: its settings, in its own words.
        notices: what was left out.
    """

    label: str
    name: str
    config: dict[str, Any]
    notices: tuple[str, ...] = ()


def read_optimizers(entries: Sequence[OptimizerEntry], where: str) -> list[Named]:
    """The optimizers of a file, each with a label of its own.

    Raises:
        SettingsError: there is no such optimizer, or a setting that it does not know.
    """
    found: list[Named] = []
    for position, entry in enumerate(entries):
        place = f"{where}: optimizers[{position}]"
        named = _read(entry, place, [e for e in entries if e is not entry])
        label, number = named.label, 1
        while any(other.label == label for other in found):
            number += 1
            label = f"{named.label} {number}"
        found.append(Named(label, named.name, named.config, named.notices))
    return found


def _read(entry: OptimizerEntry, place: str, others: Sequence[OptimizerEntry]) -> Named:
    name, config = _name(entry, place)
    if "optimizers" in config or "optimizer" in config:
        config = _members(name, config, place, others)
    config, notices = _adapted(name, config, place)
    return Named(entry.name or name, name, config, tuple(notices))


def _name(entry: OptimizerEntry, place: str) -> tuple[str, dict[str, Any]]:
    """The optimizer's name in the registry, and what of its config does not say which it is."""
    config = dict(entry.config)
    kind = entry.type.strip()
    if kind == "dspy":
        wanted = str(config.pop("optimizer", DEFAULT_DSPY))
        return of_family(wanted, DSPY, f"{place}.config.optimizer"), config
    if kind == "hybrid":
        wanted = str(config.pop("strategy", "sequential"))
        return of_family(wanted, STRATEGIES, f"{place}.config.strategy"), config
    registry.find(kind, f"{place}.type")
    return kind, config


def of_family(wanted: str, family: Mapping[str, str], place: str) -> str:
    """An optimizer's name by the words of a family (``DSPY``, ``STRATEGIES``), or by the name itself.

    Raises:
        SettingsError: the family has none of that name, or it can't be loaded.
    """
    plain = re.sub(r"[^a-z0-9]", "", wanted.casefold())
    name = family.get(plain) or (wanted if wanted in family.values() else None)
    if name is None:
        near = closest(plain, family)
        hint = f"did you mean {near!r}? " if near else ""
        raise SettingsError(
            f"there is no {wanted!r}",
            where=place,
            fix=f"{hint}there are: {', '.join(sorted(set(family.values())))}",
        )
    registry.find(name, place)
    return name


def _members(
    name: str, config: Mapping[str, Any], place: str, others: Sequence[OptimizerEntry]
) -> dict[str, Any]:
    """The config of a hybrid with its members by their names in the registry.

    A member that is named by its family (``dspy``) is the entry of that family in the same file, if there is
    one, with its settings.
    """
    found = dict(config)
    settings: dict[str, Any] = dict(found.get("settings") or {})

    def member(wanted: str, key: str) -> str:
        same = [entry for entry in others if wanted in (entry.type, entry.name) and entry.type != "hybrid"]
        entry = same[0] if same else OptimizerEntry(type=wanted)
        called, own = _name(entry, f"{place}.config.{key}")
        adapted, _ = _adapted(called, own, place)
        if adapted and called not in settings:
            settings[called] = adapted
        return called

    if isinstance(found.get("optimizers"), list):
        wanted = cast("list[Any]", found["optimizers"])
        found["optimizers"] = [member(str(each), "optimizers") for each in wanted]
    if isinstance(found.get("optimizer"), str):
        found["optimizer"] = member(found["optimizer"], "optimizer")
    if settings and "settings" in registry.find(name).Options.model_fields:
        found["settings"] = settings
    return found


def _adapted(name: str, config: Mapping[str, Any], place: str) -> tuple[dict[str, Any], list[str]]:
    """``config`` in the words of the optimizer, and what of it says nothing there."""
    known = [key for key in registry.find(name).Options.model_fields if key != "name"]
    found: dict[str, Any] = {}
    notices: list[str] = []
    for key, value in _without_weights(config, known, f"{place}.config").items():
        own = key if key in known else next((each for each in SYNONYMS.get(key, ()) if each in known), None)
        if own is not None:
            found[own] = value
        elif key in NO_MATTER:
            notices.append(f"{place}.config.{key}: {name} has no such setting, so it says nothing there")
        else:
            near = closest(key, known)
            hint = f"did you mean {near!r}? " if near else ""
            raise SettingsError(
                f"{name} has no setting {key!r}",
                where=f"{place}.config.{key}",
                fix=f"{hint}it knows: {', '.join(known)}",
            )
    return found, notices


def _without_weights(config: Mapping[str, Any], known: Sequence[str], place: str) -> dict[str, Any]:
    """``reward_weights = {performance, format}`` as the settings ``performance`` and ``format``."""
    weights: Any = config.get("reward_weights")
    if "reward_weights" in known or not isinstance(weights, Mapping):
        return dict(config)
    table = cast("Mapping[str, Any]", weights)
    wrong = [key for key in table if key not in ("performance", "format")]
    if wrong:
        raise SettingsError(
            f"unknown key {wrong[0]!r}", where=f"{place}.reward_weights", fix="known: performance, format"
        )
    return {**{key: value for key, value in config.items() if key != "reward_weights"}, **table}
