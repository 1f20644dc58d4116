"""Which column of a file of cases is what: given, by its name, or asked for."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.store.textfiles import closest

ANSWERS = (
    *("expected", "expected_output", "label", "answer", "output", "target", "category", "class", "gold"),
    *("reference", "ground_truth", "completion", "response", "queue", "intent", "sentiment", "topic"),
    *("summary", "translation", "result", "verdict", "solution", "labels", "answers"),
)
"""Names under which people keep the expected output, best first."""

INPUTS = (
    *("input", "text", "question", "prompt", "ticket", "message", "query", "sentence", "review", "email"),
    *("comment", "body", "content", "document", "instruction", "request", "utterance", "source"),
    *("description", "title", "inputs", "context"),
)
"""Names under which people keep the input, best first."""

COMPANIONS = ("instruction", "context", "passage")
"""Columns that a question can't be answered without."""

NOT_INPUT = {"id", "group", "tags", "weight", "must_pass", "checks", "split"}

NOTHING = "none of them"

Ask = Callable[[str, Sequence[str]], str | None]
"""Asks a person a question with these answers; None if there was no answer."""


@dataclass(frozen=True)
class ColumnChoice:
    """Columns that the user named; what is empty or None is to be found out."""

    input: tuple[str, ...] = ()
    expected: str | None = None
    id: str | None = None
    group: str | None = None
    tags: str | None = None
    weight: str | None = None

    def settings(self) -> dict[str, str]:
        """The columns beside input and expected, as they stand under ``data`` in a project file."""
        kept = {key: getattr(self, key) for key in ("id", "group", "tags", "weight")}
        return {key: value for key, value in kept.items() if value is not None}


NOT_SAID = ColumnChoice()


@dataclass
class Chosen:
    """Columns of the input and of the expected output (if there is one), and why these, in words."""

    inputs: list[str]
    expected: str | None
    reasons: list[str] = field(default_factory=list[str])


class _Pick(NamedTuple):
    column: str | None
    reason: str


def choose_columns(
    columns: Sequence[str], source: str, given: ColumnChoice = NOT_SAID, ask: Ask | None = None
) -> Chosen:
    """Find the columns of the input and of the expected output.

    Args:
        columns: all of the file.
        source: the file, for messages.
        given: what the user named; it is not questioned.
        ask: asks a person where names leave it open; None takes the likeliest and says so.

    Raises:
        SettingsError: a column that is named is not there, or no column can be the input.
    """
    taken = {given.expected, *given.input, *given.settings().values()}
    for name in taken - {None}:
        _must_have(str(name), columns, source)
    if given.expected in given.input:
        raise SettingsError(f"{given.expected!r} is named as both the input and the expected output")
    free = [name for name in columns if name not in taken and name.lower() not in NOT_INPUT]
    expected = _Pick(given.expected, "")
    if given.expected is None:
        expected = _expected(free, bool(given.input), ask)
        free = [name for name in free if name != expected.column]
    inputs, reason = (list(given.input), "") if given.input else _inputs(free, ask)
    if not inputs:
        raise SettingsError(
            f"no column can be the input; the columns are: {_names(columns)}",
            where=source,
            fix="name the one that is: --input COLUMN, or call it 'input'",
        )
    return Chosen(inputs, expected.column, [text for text in (reason, expected.reason) if text])


def ranked(columns: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The columns whose names are ``wanted`` (case, spaces and dashes ignored), best first."""
    plain = {re.sub(r"[\s-]+", "_", name.strip()).lower(): name for name in reversed(columns)}
    return [plain[name] for name in wanted if name in plain]


def _expected(free: Sequence[str], input_given: bool, ask: Ask | None) -> _Pick:
    known = ranked(free, ANSWERS)
    if len(known) == 1:
        plainly = known[0] == "expected"
        return _Pick(known[0], "" if plainly else f"the expected output is {known[0]!r}, by its name")
    if not known and len(free) == (1 if input_given else 2):
        other = next((name for name in free if input_given or name not in ranked(free, INPUTS)[:1]), None)
        if input_given or ranked(free, INPUTS):
            return _Pick(other, f"the expected output is {other!r}, the only other column")
    if ask is not None and len(free) > (0 if input_given else 1):
        others = [name for name in free if name not in known]
        answer = ask("Which column is the expected output?", [*known, *others, NOTHING])
        if answer is not None:
            return _Pick(None if answer == NOTHING else answer, "")
    if known:
        said = f"the expected output is {known[0]!r}, the likeliest of {_names(known)} (else: --expected)"
        return _Pick(known[0], said)
    if free:
        return _Pick(None, "no column is taken as the expected output (name one with --expected)")
    return _Pick(None, "")


def _inputs(free: Sequence[str], ask: Ask | None) -> tuple[list[str], str]:
    if len(free) < 2:
        return list(free), ""
    companions = ranked(free, COMPANIONS)
    known = [name for name in ranked(free, INPUTS) if name not in companions]
    if not known:
        known, companions = companions[:1], companions[1:]
    if len(known) == 1:
        inputs = [name for name in free if name in (known[0], *companions)]
        left = [name for name in free if name not in inputs]
        unused = f"; not used: {_names(left)} (to send more, give --input for each)" if left else ""
        return inputs, f"the input is {_names(inputs)}, by name{unused}"
    if ask is not None:
        answer = ask(
            "Which column is the input?", [*known, *(n for n in free if n not in known), "all of them"]
        )
        if answer is not None:
            return (list(free) if answer == "all of them" else [answer]), ""
    if known:
        inputs = [name for name in free if name in (known[0], *companions)]
        return inputs, f"the input is {_names(inputs)}, the likeliest of {_names(free)} (else: --input)"
    return list(free), f"the input is every other column: {_names(free)} (else: --input)"


def _must_have(name: str, columns: Sequence[str], source: str) -> None:
    if name in columns:
        return
    near = closest(name, columns)
    raise SettingsError(
        f"there is no column {name!r}; the columns are: {_names(columns)}",
        where=source,
        fix=f"did you mean {near!r}?" if near else "",
    )


def _names(columns: Sequence[str]) -> str:
    return one_line(", ".join(columns), 300) or "none"
