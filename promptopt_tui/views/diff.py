"""Two texts against each other: under each other or side by side, with the changed words marked."""

import re
from difflib import unified_diff
from functools import lru_cache
from itertools import zip_longest
from typing import Literal

from promptopt.domain.text import sanitize
from promptopt_tui.paint import Line, Span, cut, text_lines, width_of, wrap

Op = Literal["=", "-", "+"]
Row = tuple[Op, list[Span]]

LARGEST = 60_000
"""Characters up to which two texts are compared; beyond that the newer is shown as it is."""

RELATED, SLIP, SHORT = 0.3, 0.6, 200
"""Similarity from which texts are compared at all, and by characters if they are that short together."""

CONTEXT = 2
"""Unchanged lines shown before and after a change."""

ALIKE = 0.4
"""Share of a line that must be common for its changed words to be marked."""

PLACEHOLDER = re.compile(r"(\{[A-Za-z_]\w*\})")

_LOOK = {"=": ("  ", "", ""), "-": ("- ", "removed", "bad"), "+": ("+ ", "added", "good")}


@lru_cache(maxsize=32)
def prompt_text(text: str, width: int) -> list[Line]:
    """A prompt as it is, its placeholders marked."""
    lines: list[Line] = []
    for raw in sanitize(text).expandtabs(4).split("\n"):
        spans = [(part, "accent" if place % 2 else "") for place, part in enumerate(PLACEHOLDER.split(raw))]
        lines += wrap([span for span in spans if span[0]], width)
    return lines


@lru_cache(maxsize=32)
def unified(old: str, new: str, width: int) -> list[Line]:
    """``new`` against ``old``: a column with ``-`` and ``+``, the changed words of a changed line marked."""
    if len(old) + len(new) > LARGEST:
        return [[("too long to compare; this is the newer text", "warn")], *text_lines(new, width)]
    lines: list[Line] = []
    for row in _folded(_rows(old, new)):
        if isinstance(row, int):
            lines.append([(f"  ⋯ {row} lines unchanged", "muted")])
            continue
        op, spans = row
        sign, behind, style = _LOOK[op]
        gutter = [(sign, behind or style)]
        lines += [_filled(line, width, behind) for line in wrap([*gutter, *spans], width, gutter)]
    return lines


@lru_cache(maxsize=32)
def side_by_side(old: str, new: str, width: int) -> list[Line]:
    """``old`` on the left, ``new`` on the right, changed lines opposite each other."""
    half = (width - 3) // 2
    if half < 20 or len(old) + len(new) > LARGEST:
        return unified(old, new, width)
    lines: list[Line] = []
    for left, right in _pairs(_rows(old, new)):
        for one, other in zip_longest(_cell(left, half), _cell(right, half)):
            lines.append([*(one or [(" " * half, "")]), (" │ ", "border"), *(other or [(" " * half, "")])])
    return lines


def against(expected: str, actual: str, width: int) -> list[Line]:
    """What was expected (``-``) against what came (``+``); nothing if they have little in common.

    Short texts of one line are compared by characters: there a slip is a letter or a digit.
    """
    from promptopt.evaluation.diff import diff_chars, similarity

    alike = similarity(expected, actual)
    if alike < RELATED:
        return []
    if alike < SLIP or "\n" in expected + actual or len(expected) + len(actual) > SHORT:
        return unified(expected, actual, width)
    changes = diff_chars(expected, actual)
    lines: list[Line] = []
    for op, other in (("-", "+"), ("+", "-")):
        sign, behind, _ = _LOOK[op]
        spans = [
            (_tidy(text), behind if part == "=" else f"{behind}-word")
            for part, text in changes
            if part != other
        ]
        gutter = [(sign, behind)]
        lines += [_filled(line, width, behind) for line in wrap([*gutter, *spans], width, gutter)]
    return lines


def as_text(old: str, new: str) -> str:
    """``new`` against ``old`` as a unified diff, to be copied."""
    lines = unified_diff(old.splitlines(), new.splitlines(), "before", "after", lineterm="")
    return "\n".join(lines)


def changed(old: str, new: str) -> tuple[int, int]:
    """Lines added and lines removed."""
    rows = _rows(old, new)
    return sum(op == "+" for op, _ in rows), sum(op == "-" for op, _ in rows)


@lru_cache(maxsize=32)
def _rows(old: str, new: str) -> list[Row]:
    """One entry per line of either text; in a line that was rewritten the changed words are marked."""
    from promptopt.evaluation.diff import diff_lines_words

    rows: list[Row] = []
    for op, parts in diff_lines_words(old.rstrip("\n") + "\n", new.rstrip("\n") + "\n"):
        line = {"=": "", "-": "removed", "+": "added"}[op]
        whole = sum(len(text) for _, text in parts)
        common = sum(len(text.strip()) for part, text in parts if part == "=")
        # A line that shares little with the other is clearer as a whole than as a patchwork.
        word = f"{line}-word" if common > whole * ALIKE else line
        rows.append((op, [(_tidy(text), line if part == "=" else word) for part, text in parts]))
    return rows


def _folded(rows: list[Row]) -> list[Row | int]:
    """``rows`` with long unchanged stretches replaced by the number of their lines."""
    out: list[Row | int] = []
    place = 0
    while place < len(rows):
        end = place
        while end < len(rows) and rows[end][0] == "=":
            end += 1
        before = CONTEXT if place else 0
        after = CONTEXT if end < len(rows) else 0
        hidden = end - place - before - after
        if hidden > 1 and hidden < len(rows):
            out += [*rows[place : place + before], hidden, *rows[end - after : end]]
        else:
            out += rows[place:end]
        if end < len(rows):
            out.append(rows[end])
        place = end + 1
    return out


def _pairs(rows: list[Row]) -> list[tuple[Row | None, Row | None]]:
    pairs: list[tuple[Row | None, Row | None]] = []
    place = 0
    while place < len(rows):
        if rows[place][0] == "=":
            pairs.append((rows[place], rows[place]))
            place += 1
            continue
        left: list[Row] = []
        right: list[Row] = []
        while place < len(rows) and rows[place][0] != "=":
            (left if rows[place][0] == "-" else right).append(rows[place])
            if rows[place][0] == "+" and place + 1 < len(rows) and rows[place + 1][0] == "-":
                place += 1
                break
            place += 1
        pairs += list(zip_longest(left, right))
    return pairs


def _cell(row: Row | None, width: int) -> list[Line]:
    if row is None:
        return []
    op, spans = row
    sign, behind, style = _LOOK[op]
    gutter = [(sign, behind or style)]
    return [_filled(line, width, behind) for line in wrap([*gutter, *spans], width, gutter)]


def _filled(line: Line, width: int, style: str) -> Line:
    line = cut(line, width)
    return [*line, (" " * (width - width_of(line)), style)]


def _tidy(text: str) -> str:
    return sanitize(text).expandtabs(4).replace("\n", "")
