"""Answers to cases without a reference: made of what the instruction and the checks ask for."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from promptopt.domain.dataset import Example
from promptopt.domain.settings import ProjectSettings
from promptopt.models.simulator import wording
from promptopt.models.simulator.chance import Dice
from promptopt.models.simulator.reading import Instruction
from promptopt.models.simulator.wording import Draft

_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(.{3,120})$", re.MULTILINE)
_NOT_CONTENT = frozenset({"type", "name", "weight", "threshold", "hard", "tags", "form"})
_CONTENT_CHECKS = frozenset({"contains"})
_MOST_ITEMS = 6
_UNLIMITED = 90


class Freeform:
    """Writes plausible text for a project's open questions."""

    def __init__(self, settings: ProjectSettings) -> None:
        task = settings.task
        self._options = next((tuple(rule.one_of) for rule in task.constraints if rule.one_of), ())
        self._json = any(rule.json_output for rule in task.constraints)
        self._fields = tuple(task.output_format)
        self._listed = _ITEM.findall(task.description)
        checks = [{"type": check.type, **check.options} for check in settings.checks]
        self._essentials = [text for check in checks for text in _contents(check)]

    def answer(self, case: Example, instruction: Instruction, whole: bool, tidy: bool, dice: Dice) -> str:
        """An answer to ``case``.

        Args:
            whole: it has all that is asked for; else it leaves things out.
            tidy: it keeps to the form; else there is talk around it.
        """
        if self._options:
            bare = dice.pick(self._options, "option")
            bare = (
                bare
                if whole
                else dice.pick(wording.LABEL_SLIPS, "slip")(Draft(bare, case.input_text, "", dice))
            )
        elif self._json or "json" in instruction.demands:
            return self._object(case, whole, tidy, dice)
        else:
            bare = self._prose(case, instruction, whole, tidy)
        return (
            bare if tidy else dice.pick(wording.WRAPPED, "wrapping")(Draft(bare, case.input_text, "", dice))
        )

    def _object(self, case: Example, whole: bool, tidy: bool, dice: Dice) -> str:
        wanted = self._essentials_of(case)
        fields: dict[str, Any] = {
            name: wanted[i]
            if i < len(wanted)
            else Draft("", case.input_text, "", Dice(case.input_text, name)).quote
            for i, name in enumerate(self._fields or ("answer",))
        }
        if not whole:
            fields = dice.pick(wording.FIELD_SLIPS, "slip")(fields, dice.pick(list(fields), "slip at"))
        return wording.as_json(fields) if tidy else dice.pick(wording.UNSTRUCTURED, "wrapping")(fields)

    def _prose(self, case: Example, instruction: Instruction, whole: bool, tidy: bool) -> str:
        essentials = self._essentials_of(case)
        items = (_ITEM.findall(instruction.text) or self._listed)[:_MOST_ITEMS]
        if not whole:
            essentials, items = essentials[: len(essentials) // 2], items[: len(items) // 2]
        quotes = [
            Draft("", case.input_text, "", Dice(case.input_text, str(i))).quote for i in range(len(items) + 1)
        ]
        sentences = [f"This is about {quotes[0].rstrip('.,;:!?')}."]
        sentences += [f"Important here: {', '.join(essentials)}."] if essentials else []
        sentences += [
            f"{item.rstrip('.,;:')}: {quote.rstrip('.,;:!?')}."
            for item, quote in zip(items, quotes[1:], strict=True)
        ]
        limit = (instruction.limit or _UNLIMITED) if tidy else _UNLIMITED
        return " ".join(" ".join(sentences).split()[:limit])

    def _essentials_of(self, case: Example) -> list[str]:
        own = [text for check in case.checks for text in _contents(check)]
        return list(dict.fromkeys([*own, *self._essentials]))


def _contents(check: Mapping[str, Any]) -> Iterator[str]:
    """The texts that a check looks for in the output."""
    if check.get("type") not in _CONTENT_CHECKS:
        return
    for key, value in check.items():
        if key in _NOT_CONTENT:
            continue
        texts = cast(list[object], value) if isinstance(value, list) else [value]
        yield from (text for text in texts if isinstance(text, str))
