"""Checks that compare lists: ``list_f1``."""

import re
from collections import Counter
from pathlib import Path
from typing import Any, cast

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.base import RIGHT, Check, Opinion, Tools
from promptopt.evaluation.checks.structured import MISSING, unwrap

_BULLET = re.compile(r"^\s*(?:[-*•‣–]\s+|\(?\d{1,3}[.)]\s+)")
_BETWEEN = re.compile(r"[,;、，；]")


class ListF1(Check):
    """The output is a list with the items of the expected list, in any order; the score is their F1.

    F1 is ``2 * common / (items expected + items in the output)``: 1 if the lists have the same items, less
    for each that is missing and for each too many. Both are read alike: as a JSON list if there is one, else
    an item a line (bullets and numbers before them are left out) if there are several lines, else parted at
    commas and semicolons.

    Attributes:
        separator: what parts the items of a text that is no JSON list, in place of lines, commas and
            semicolons. Default: not given.
        ignore_case: upper and lower case are the same. Default: true.
        duplicates: an item counts as often as it is there; if false, once. Default: false.
    """

    separator: str | None = None
    ignore_case: bool = True
    duplicates: bool = False

    @property
    def needs_expected(self) -> bool:
        return True

    def check_options(self, where: str, project_dir: Path) -> None:
        if self.separator == "":
            raise SettingsError(
                "the separator is empty", where=f"{where}.separator", fix="give one, or leave it out"
            )

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        wanted, said = self._items(case.expected or ""), self._items(output)
        score = f1(wanted, said)
        if score == 1:
            return RIGHT
        missing, extra = wanted - said, said - wanted
        parts = [f"{reasons.LACKS}{_listed(missing)}"] if missing else []
        parts += [f"has {_listed(extra)} too many"] if extra else []
        return Opinion(score, "; ".join(parts))

    def _items(self, text: str) -> Counter[str]:
        items = read_items(text, self.separator)
        plain = [" ".join(item.split()) for item in items]
        counted = Counter(item.casefold() if self.ignore_case else item for item in plain if item)
        return counted if self.duplicates else Counter(dict.fromkeys(counted, 1))


def f1(one: Counter[str], other: Counter[str]) -> float:
    """F1 of two lists of items, the same from either side; two empty ones are equal."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0


def read_items(text: str, separator: str | None = None) -> list[str]:
    """The items of a list as people and models write them.

    Args:
        separator: what parts them in a text that is not a JSON list and nothing else.
    """
    value, alone = unwrap(text) if "[" in text else (MISSING, False)
    if isinstance(value, list) and (alone or not separator):
        return [item if isinstance(item, str) else repr(item) for item in cast("list[Any]", value)]
    if separator:
        return text.split(separator)
    lines = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("```")]
    if len(lines) > 1:
        bulleted = [line for line in lines if _BULLET.match(line)]
        return [_BULLET.sub("", line) for line in bulleted or lines]
    return [_BULLET.sub("", item) for line in lines for item in _BETWEEN.split(line)]


def _listed(items: Counter[str]) -> str:
    names = [reasons.quote(item, 40) for item in items]
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
