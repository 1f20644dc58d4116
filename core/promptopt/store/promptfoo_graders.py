"""Who grades promptfoo's model-graded assertions, as the judge model of a project."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from promptopt.domain.text import one_line
from promptopt.store.promptfoo_models import model_settings

Table = dict[str, Any]

DEFAULT_JUDGE = "openai/gpt-4o"
DEFAULT_EMBEDDING = "openai/text-embedding-3-large"
"""What promptfoo compares texts with if nothing else is said."""

_KINDS = ("text", "embedding", "classification", "moderation")


@dataclass
class Graders:
    """Counts who is to grade: what is named as such (as JSON; ``null`` is nobody), how often and where."""

    kind: str
    named: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def add(self, levels: list[Any], where: str) -> None:
        """Note one assertion.

        Args:
            levels: what is named, from the assertion's own to the most general.
        """
        found = next((one for one in (self._of_kind(level) for level in levels) if one), None)
        self.named.setdefault(json.dumps(found, sort_keys=True, default=str), []).append(where)

    def model(self, default: str, lose: Callable[[str, str], None], notices: list[str]) -> Table | None:
        """The settings of the model that grades most; None if nothing is graded. Others are told.

        Args:
            default: the model if none is named that could be used.
        """
        if not self.named:
            return None
        role = "judge" if self.kind == "text" else self.kind
        chosen: tuple[Table, str] | None = None
        for told, places in sorted(self.named.items(), key=lambda item: -len(item[1])):
            provider: Any = json.loads(told)
            if provider is None:
                continue
            name = one_line(_name(provider), 60)
            if chosen is not None:
                lose(f"the grader {name} ({role} is {chosen[1]} for all)", _places(places))
                continue
            table = model_settings(provider, f"the grader {name}", lose)
            if table is None:
                lose(f"the grader {name}, which is no model here", _places(places))
            else:
                chosen = table, name
        if chosen is None:
            notices.append(f"no grader is named: {role} is {default}; mend [models.{role}] in project.toml")
            return {"model": default}
        if "null" in self.named:
            places = _places(self.named["null"])
            notices.append(f"changed: what names no grader is graded by {chosen[1]}, too ({places})")
        return chosen[0]

    def _of_kind(self, provider: Any) -> Any:
        """The provider for this kind of grading: of a table with one for each kind, that one."""
        if isinstance(provider, dict):
            table = cast("Table", provider)
            if "id" not in table and any(kind in table for kind in _KINDS):
                return table.get(self.kind)
        return cast(Any, provider)


def _name(provider: Any) -> str:
    if isinstance(provider, dict):
        table = cast("Table", provider)
        return str(table.get("id", next(iter(table), "")))
    return str(provider)


def _places(places: list[str]) -> str:
    return places[0] + (f" and {len(places) - 1} more" if len(places) > 1 else "")
