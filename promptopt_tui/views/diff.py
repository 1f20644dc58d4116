"""Two texts against each other: under each other or side by side, with the changed words marked."""

import re
from functools import lru_cache
from itertools import zip_longest
from typing import Literal

from promptopt.domain.text import sanitize
from promptopt_tui.paint import Line, Span, cut, text_lines, width_of, wrap

Op = Literal["=", "-", "+"]
Row = tuple[Op, list[Span]]

LARGEST = 60_000
"""Characters up to which two texts are compared; beyond that the newer is shown as it is."""

ALIKE = 0.4
"""Share of a line that must be common for its changed words to be marked."""

_PLACEHOLDER = re.compile(r"(\{[A-Za-z_]\w*\})")

_LOOK = {"=": ("  ", "", ""), "-": ("- ", "removed", "bad"), "+": ("+ ", "added", "good")}


def prompt_text(text: str, width: int) -> list[Line]:
    """A prompt as it is, its placeholders marked."""
    lines: list[Line] = []
    for raw in sanitize(text).expandtabs(4).split("\n"):
        spans = [(part, "accent" if place % 2 else "") for place, part in enumerate(_PLACEHOLDER.split(raw))]
        lines += wrap([span for span in spans if span[0]], width)
    return lines


@lru_cache(maxsize=32)
def unified(old: str, new: str, width: int) -> list[Line]:
    """``new`` against ``old``: a column with ``-`` and ``+``, the changed words of a changed line marked."""
    if len(old) + len(new) > LARGEST:
        return [[("too long to compare; this is the newer text", "warn")], *text_lines(new, width)]
    lines: list[Line] = []
    for op, spans in _rows(old, new):
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


def inline(old: str, new: str, width: int, indent: str = "") -> list[Line]:
    """The difference in one running text: what is missing and what is there instead."""
    from promptopt.evaluation.diff import diff_chars, diff_words

    short = len(old) + len(new) < 160 and "\n" not in old + new
    changes = (diff_chars if short else diff_words)(old, new)
    style = {"=": "", "-": "removed-word", "+": "added-word"}
    lines: list[list[Span]] = [[]]
    for op, text in changes:
        for place, part in enumerate(sanitize(text).expandtabs(4).split("\n")):
            if place:
                lines.append([])
            if part:
                lines[-1].append((part, style[op]))
    return [piece for line in lines for piece in wrap([(indent, ""), *line], width, [(indent, "")])]


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


