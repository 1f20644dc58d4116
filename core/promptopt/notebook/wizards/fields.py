"""One thing that a person is asked for: how it is called, what it can be, and how it is read and written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from promptopt.domain.text import one_line
from promptopt.store.textfiles import closest

Kind = Literal["text", "paragraph", "list", "whole", "number", "choice", "choices", "yes"]
"""``list``: several texts; ``choices``: several of the options; ``whole``, ``number``: None if empty."""

Values = dict[str, Any]

LISTED = 60
"""Characters of an option that are shown."""

_YES = {"y": True, "yes": True, "true": True, "1": True, "n": False, "no": False, "false": False, "0": False}


class Unread(ValueError):
    """What was typed is not what is wanted; the message says what is."""


@dataclass(frozen=True)
class Field:
    """One field of a form, and one question.

    Attributes:
        key: of its value.
        label, help: what a person reads.
        kind: what its value is.
        group: the heading that it stands under.
        options: of ``choice`` and ``choices`` all that there are, of ``text`` some to pick from.
        required: it can't be empty.
        least, most: of a number.
        check: what is wrong with a value, in words; empty if nothing is.
        rows: height of a paragraph or a list.
        half: two such fields stand side by side where there is room.
    """

    key: str
    label: str
    kind: Kind = "text"
    help: str = ""
    group: str = ""
    options: tuple[str, ...] = ()
    required: bool = False
    least: float | None = None
    most: float | None = None
    check: Callable[[Any], str] | None = None
    rows: int = 3
    half: bool = False

    def read(self, typed: str) -> Any:
        """The value of what was typed; a list as lines, or as one line with semicolons.

        Raises:
            Unread: it is no such value.
        """
        text = typed.strip()
        if self.kind == "list":
            parts = text.splitlines() if "\n" in text else text.split(";")
            return tuple(part.strip() for part in parts if part.strip())
        if self.kind == "yes":
            return self._truth(text)
        if self.kind in ("whole", "number"):
            return self._number(text) if text else None
        if self.kind == "choice":
            return self._option(text)
        if self.kind == "choices":
            return self._several(text)
        return text

    def typed(self, value: Any) -> str:
        """A value as somebody would type it in one line; the contrary of :meth:`read`."""
        if value is None:
            return ""
        if self.kind == "yes":
            return "yes" if value else "no"
        if self.kind == "list":
            return "; ".join(map(one_line, value))
        if self.kind == "choices":
            return "all" if tuple(value) == self.options else ", ".join(map(one_line, value))
        return f"{value:g}" if isinstance(value, float) else one_line(str(value))

    def complaint(self, value: Any) -> str:
        """What is wrong with a value, in words; empty if nothing is."""
        if value is None or value in ("", ()):
            return "needed" if self.required else ""
        if self.kind in ("whole", "number"):
            return self._outside(float(value)) or (self.check(value) if self.check else "")
        return self.check(value) if self.check else ""

    def _outside(self, number: float) -> str:
        if self.least is not None and number < self.least:
            return f"found {number:g}, expected at least {self.least:g}"
        if self.most is not None and number > self.most:
            return f"found {number:g}, expected at most {self.most:g}"
        return ""

    def _truth(self, text: str) -> bool:
        if text.lower() not in _YES:
            raise Unread("expected yes or no")
        return _YES[text.lower()]

    def _number(self, text: str) -> float | int:
        plain = text.replace(",", "").replace("_", "").removeprefix("$").strip()
        try:
            number = float(plain)
        except ValueError:
            number = float("nan")
        whole = self.kind == "whole"
        if number != number or abs(number) > 1e12 or (whole and number != int(number)):
            raise Unread(f"found {one_line(text, 40)!r}, expected a {'whole ' if whole else ''}number")
        return int(number) if whole else number

    def _option(self, text: str) -> str:
        """An option by its number, its name, or what can only be a slip of it."""
        if text.isdecimal() and 1 <= int(text) <= len(self.options):
            return self.options[int(text) - 1]
        found = text if text in self.options else closest(text, self.options)
        if found is None:
            raise Unread(f"found {one_line(text, 40)!r}, expected one of {', '.join(self.options)}")
        return found

    def _several(self, text: str) -> tuple[str, ...]:
        if text.lower() == "all":
            return self.options
        picked = {self._option(part.strip()) for part in text.replace(";", ",").split(",") if part.strip()}
        return tuple(option for option in self.options if option in picked)


def complaints(
    fields: Sequence[Field], values: Mapping[str, Any], whole: Callable[[Values], Mapping[str, str]] | None
) -> dict[str, str]:
    """What is wrong with values, by the key of the field; under ``""`` what is wrong with all together.

    Args:
        whole: looks at all values at once; asked only if each is right by itself.
    """
    found = {
        field.key: said for field in fields if (said := field.complaint(values.get(field.key, _empty(field))))
    }
    return found or dict(whole(dict(values)) if whole else {})


def completed(fields: Sequence[Field], given: Mapping[str, Any]) -> Values:
    """A value for each field: what is given, else nothing."""
    made: Values = {}
    for field in fields:
        value = given.get(field.key)
        listed = field.kind in ("list", "choices") and value is not None
        made[field.key] = tuple(cast("Sequence[Any]", value)) if listed else value
        if value is None:
            made[field.key] = _empty(field)
    return made


def _empty(field: Field) -> Any:
    if field.kind in ("list", "choices"):
        return ()
    if field.kind == "yes":
        return False
    return None if field.kind in ("whole", "number") else ""
