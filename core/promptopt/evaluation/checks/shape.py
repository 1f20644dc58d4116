"""Checks of an output's outward form: ``length``, ``format``."""

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.base import RIGHT, Check, Opinion, Tools
from promptopt.evaluation.checks.structured import MISSING, read_json, unwrap

Unit = Literal["characters", "words", "sentences", "lines"]

_END_OF_SENTENCE = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+")
_HAS_WORD = re.compile(r"\w")


class Length(Check):
    """The output is as long as it should be. White space around it does not count.

    Attributes:
        unit: what is counted: ``characters``, ``words``, ``sentences`` or ``lines`` (empty ones do not
            count). Default: ``words``.
        min: fewest. Default: no limit.
        max: most. Default: no limit.
    """

    about_form: ClassVar[bool] = True
    unit: Unit = "words"
    min: int | None = Field(default=None, ge=0)
    max: int | None = Field(default=None, ge=0)

    def check_options(self, where: str, project_dir: Path) -> None:
        if self.min is None and self.max is None:
            raise SettingsError("a check of type 'length' needs min or max", where=where, fix="give a limit")
        if self.min is not None and self.max is not None and self.min > self.max:
            what = f"min is {self.min} and max is {self.max}, so no output would pass"
            raise SettingsError(what, where=f"{where}.min", fix="give a min that is not above max")

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        size = measure(output, self.unit)
        noun = self.unit.removesuffix("s") if size == 1 else self.unit
        if self.max is not None and size > self.max:
            return Opinion(0.0, f"{reasons.TOO_LONG}{size} {noun}, at most {self.max} allowed")
        if self.min is not None and size < self.min:
            return Opinion(0.0, f"{reasons.TOO_SHORT}{size} {noun}, at least {self.min} wanted")
        return RIGHT


class Format(Check):
    """The output keeps to a form. The score is the share of the demands that it keeps.

    Attributes:
        json_only: ``json`` in the project file: it is JSON and nothing else. Default: false.
        one_line: it has no line break inside. Default: false.
        no_fence: it has no Markdown code fence. Default: false.
        starts_with: it starts with this text. Default: any start.
        ends_with: it ends with this text. Default: any end.
        one_of: the only outputs allowed. Default: all.
        ignore_case: for starts_with, ends_with and one_of, upper and lower case are the same. Default: false.
    """

    about_form: ClassVar[bool] = True
    json_only: bool = Field(default=False, alias="json")
    one_line: bool = False
    no_fence: bool = False
    starts_with: str = ""
    ends_with: str = ""
    one_of: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), strict=False)
    ignore_case: bool = False

    def check_options(self, where: str, project_dir: Path) -> None:
        if not self._demands():
            raise SettingsError(
                "a check of type 'format' that demands nothing passes every output",
                where=where,
                fix="give json, one_line, no_fence, starts_with, ends_with or one_of",
            )

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        text = output.strip()
        faults = [fault for fault in (self._fault(demand, text) for demand in self._demands()) if fault]
        if not faults:
            return RIGHT
        return Opinion(1 - len(faults) / len(self._demands()), "; ".join(faults))

    def _demands(self) -> list[str]:
        names = ("json_only", "one_line", "no_fence", "starts_with", "ends_with", "one_of")
        return [name for name in names if getattr(self, name)]

    def _fault(self, demand: str, text: str) -> str:
        """How ``text`` breaks one demand; empty if it keeps it."""
        plain = self._plain(text)
        kept = {
            "json_only": lambda: _is_json(text),
            "one_line": lambda: len(text.splitlines()) <= 1,
            "no_fence": lambda: "```" not in text and "~~~" not in text,
            "starts_with": lambda: plain.startswith(self._plain(self.starts_with)),
            "ends_with": lambda: plain.endswith(self._plain(self.ends_with)),
            "one_of": lambda: plain in {self._plain(choice.strip()) for choice in self.one_of},
        }[demand]()
        return "" if kept else self._said(demand, text)

    def _said(self, demand: str, text: str) -> str:
        if demand == "json_only":
            return reasons.NOT_JSON if unwrap(text)[0] is MISSING else reasons.NOT_BARE_JSON
        if demand == "one_line":
            return f"{reasons.BAD_FORM}{len(text.splitlines())} lines, one wanted"
        if demand == "no_fence":
            return f"{reasons.BAD_FORM}a Markdown code fence"
        if demand == "one_of":
            return f"{reasons.NOT_ALLOWED}{reasons.quote(text, 60)} (allowed: {', '.join(self.one_of)})"
        start = demand == "starts_with"
        wanted = self.starts_with if start else self.ends_with
        shown = text[:60] if start else text[-60:]
        side = "start" if start else "end"
        return (
            f"{reasons.BAD_FORM}it should {side} with {reasons.quote(wanted, 60)}, not {reasons.quote(shown)}"
        )

    def _plain(self, text: str) -> str:
        return text.casefold() if self.ignore_case else text


def measure(text: str, unit: Unit) -> int:
    """How many characters, words, sentences or (non-empty) lines a text has, white space around it aside."""
    text = text.strip()
    if unit == "characters":
        return len(text)
    if unit == "words":
        return len(text.split())
    if unit == "lines":
        return sum(1 for line in text.splitlines() if line.strip())
    return sum(1 for part in _END_OF_SENTENCE.split(text) if _HAS_WORD.search(part))


def _is_json(text: str) -> bool:
    try:
        read_json(text)
    except ValueError:
        return False
    return True
