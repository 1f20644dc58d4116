"""Demonstrations: sets of worked training cases, drawn at random, and small changes of a set that did well.

A demonstration is a training case with an answer of the target model that passed its checks, or, for cases
that it fails, with the expected output if that passes them. Sets are drawn at random, as in DSPy's
BootstrapFewShotWithRandomSearch (Khattab et al. 2024), but raced like any other proposal.
"""

import hashlib
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult

Kind = Literal["answers", "mixed", "references"]

KINDS: tuple[Kind, ...] = ("answers", "mixed", "references")
"""Answers that passed only; these and expected outputs; expected outputs of failed cases first."""

CHANGES = 0.5
"""Share of the draws that change the set which the parent has, if it has one."""

Passes = Callable[[Example, str], Awaitable[bool]]
"""Whether a text passes the checks of a case."""


def identity(demo: Example) -> str:
    """What tells a demonstration from others: what goes in. Ids are not told by every optimizer."""
    content = json.dumps(sorted(demo.inputs.items()), ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class Demonstrator:
    """Draws sets of demonstrations.

    Args:
        cases: training cases that may be shown.
        most: demonstrations of a set.
        passes: asked once for each expected output that is to be shown.
    """

    def __init__(self, cases: Sequence[Example], most: int, passes: Passes) -> None:
        self._cases = cases
        self._most = most
        self._passes = passes
        self._sound: dict[str, bool] = {}

    def possible(self, results: Mapping[str, CaseResult]) -> bool:
        """Whether there is anything to show."""
        passed = any(result.passed and result.output.strip() for result in results.values())
        return self._most > 0 and (passed or any(case.expected for case in self._cases))

    async def draw(
        self, parent: Prompt, results: Mapping[str, CaseResult], room: int, dice: random.Random
    ) -> tuple[Example, ...]:
        """A set of demonstrations for a prompt; empty if none fits.

        Args:
            results: of the parent's training cases.
            room: characters that they may take together.
        """
        kind = dice.choice(KINDS)
        rows = self._rows(results, kind, dice)
        shown: tuple[Example, ...] = ()
        if parent.demonstrations and dice.random() < CHANGES:
            shown, rows = self._changed(parent.demonstrations, rows, dice)
            size = len(shown) + 1
        else:
            size = dice.choice(_sizes(self._most))
        chosen = list(shown)
        room -= sum(shown_size(parent.text, demo) for demo in shown)
        for row in _spread(rows, chosen):
            if len(chosen) >= size:
                break
            taken = shown_size(parent.text, row)
            if taken <= room and await self._is_sound(row, results):
                chosen.append(row)
                room -= taken
        return tuple(chosen)

    def _rows(self, results: Mapping[str, CaseResult], kind: Kind, dice: random.Random) -> list[Example]:
        """What may be shown, in the order in which it is taken."""
        answers: list[Example] = []
        references: list[Example] = []
        for case in self._cases:
            result = results.get(case.id)
            if result and result.passed and result.output.strip():
                answers.append(_shown(case, result.output))
            elif case.expected and case.expected.strip():
                references.append(_shown(case, case.expected))
        dice.shuffle(answers)
        dice.shuffle(references)
        if kind == "answers":
            return answers or references
        if kind == "references":
            # Those that are known to fail teach most; those that nobody measured come after them.
            return sorted(references, key=lambda row: row.id not in results) + answers
        both = answers + references
        dice.shuffle(both)
        return both

    def _changed(
        self, shown: Sequence[Example], rows: list[Example], dice: random.Random
    ) -> tuple[tuple[Example, ...], list[Example]]:
        """The set with one taken out if it is full, and what may come in."""
        kept = list(shown)
        if len(kept) >= self._most or (len(kept) > 1 and dice.random() < 0.5):
            kept.pop(dice.randrange(len(kept)))
        used = {identity(demo) for demo in shown}
        return tuple(kept), [row for row in rows if identity(row) not in used]

    async def _is_sound(self, row: Example, results: Mapping[str, CaseResult]) -> bool:
        """Whether what is shown passes the checks; answers of the target are known to."""
        result = results.get(row.id)
        if result and result.passed:
            return True
        if row.id not in self._sound:
            case = next(case for case in self._cases if case.id == row.id)
            self._sound[row.id] = await self._passes(case, case.expected or "")
        return self._sound[row.id]


def _sizes(most: int) -> list[int]:
    """Sizes of sets: 2, 4, 8 … and the most."""
    return [*(2**power for power in range(1, most.bit_length()) if 2**power < most), most]


def _shown(case: Example, output: str) -> Example:
    """A case as a demonstration: what goes in, and what comes out."""
    return Example(id=case.id, inputs=case.inputs, expected=output)


def shown_size(text: str, demo: Example) -> int:
    """Characters that a demonstration adds to what ``text`` sends: all of it, if the case is put into it."""
    repeated = len(text) if Prompt(text=text).placeholders(demo.inputs) else 0
    return repeated + len(demo.input_text) + len(demo.expected or "")


def _spread(rows: Sequence[Example], shown: Sequence[Example]) -> list[Example]:
    """The rows, those first whose outputs the others do not have: one of each, then a second of each …"""
    turns: dict[str, int] = {}
    for demo in shown:
        turns[(demo.expected or "").strip()] = turns.get((demo.expected or "").strip(), 0) + 1
    placed: list[tuple[int, Example]] = []
    for row in rows:
        key = (row.expected or "").strip()
        placed.append((turns.get(key, 0), row))
        turns[key] = turns.get(key, 0) + 1
    return [row for _, row in sorted(placed, key=lambda one: one[0])]
