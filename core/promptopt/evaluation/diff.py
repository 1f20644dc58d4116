"""Differences between texts and between JSON values. Light to import: the terminal UI uses it too.

A text diff is a list of (mark, text): ``=`` is in both, ``-`` only in the first, ``+`` only in the second.
The ``=`` and ``-`` parts joined are the first text, the ``=`` and ``+`` parts the second. Neighbouring parts
have different marks, and of a change the ``-`` part comes first.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

Mark = Literal["=", "-", "+"]
Part = tuple[Mark, str]

MOST_UNITS = 8_000
"""Words, characters or lines that are aligned; beyond, what lies between the equal ends is one change."""

MOST_COMPARED = 20_000
"""Characters of each text that ``similarity`` looks at."""

LARGEST_JSON = 200_000
"""Characters of both JSON values together, beyond which they are not compared."""

_WORD = re.compile(r"\w+|\s+|[^\w\s]")


def diff_words(a: str, b: str) -> list[Part]:
    """Difference by words; white space between two changes belongs to the change."""
    return _absorb_spaces(_diff(_WORD.findall(a), _WORD.findall(b)))


def brief_words(parts: Sequence[Part], context: int = 3) -> str:
    """A difference by words as one text: ``… the [-cat-]{+dog+} sat …``, with few words around each change.

    Args:
        parts: of :func:`diff_words`.
        context: words kept on either side of a change.
    """
    shown: list[str] = []
    for position, (mark, text) in enumerate(parts):
        if mark != "=":
            shown.append(f"[-{text}-]" if mark == "-" else f"{{+{text}+}}")
            continue
        words = re.findall(r"\s*\S+\s*", text) or [text]
        head = words[:context] if position else []
        tail = words[-context:] if position < len(parts) - 1 else []
        whole = len(head) + len(tail) >= len(words)
        left_out = f"{''.join(head).rstrip()} … {''.join(tail).lstrip()}"
        shown.append(text if whole else left_out.removeprefix(" ") if tail else left_out.rstrip())
    return "".join(shown)


def diff_chars(a: str, b: str) -> list[Part]:
    """Difference by characters, for short texts."""
    return _diff(a, b)


def diff_lines(a: str, b: str) -> list[Part]:
    """Difference by lines: one part per line, with its line end."""
    parts: list[Part] = []
    for mark, text in _diff(a.splitlines(keepends=True), b.splitlines(keepends=True)):
        parts.extend((mark, line) for line in text.splitlines(keepends=True))
    return parts


def diff_lines_words(a: str, b: str) -> list[tuple[Mark, list[Part]]]:
    """Difference by lines, and by words inside lines that were rewritten.

    Returns:
        One entry per line: its mark, and its text in parts. In a line that replaces another, ``=`` parts are
        words that both have; all other lines are one part.
    """
    lines: list[tuple[Mark, list[Part]]] = []
    parts = diff_lines(a, b)
    position = 0
    while position < len(parts):
        end = position
        while end < len(parts) and parts[end][0] != "=":
            end += 1
        lines.extend(_rewritten([p for p in parts[position:end] if p[0] == "-"], parts[position:end]))
        if end < len(parts):
            lines.append(("=", [parts[end]]))
        position = end + 1
    return lines


def similarity(a: str, b: str) -> float:
    """Lexical similarity in [0, 1]: shared characters in order (normalized Indel similarity)."""
    if a == b:
        return 1.0
    return fuzz.ratio(a[:MOST_COMPARED], b[:MOST_COMPARED]) / 100


def diff_json(expected: Any, actual: Any, limit: int = 50) -> list[str]:
    """What is different between two parsed JSON values, in words: ``customer.id is missing``.

    Numbers are compared by value; true and false are no numbers. At most ``limit`` lines.
    """
    from deepdiff import DeepDiff

    try:
        if len(json.dumps(expected)) + len(json.dumps(actual)) > LARGEST_JSON:
            return [] if expected == actual else ["the values are different, and too large to compare"]
        found: Any = DeepDiff(expected, actual, view="tree", threshold_to_diff_deeper=0)
    except RecursionError:
        return ["the values are nested too deeply to compare"]
    lines: list[str] = []
    for kind, changes in found.items():
        lines.extend(line for change in changes if (line := _told(kind, change)))
    return lines[:limit]


def _diff(a: Sequence[str], b: Sequence[str]) -> list[Part]:
    start, end = equal_ends(a, b)
    middle_a, middle_b = a[start : len(a) - end], b[start : len(b) - end]
    parts: list[Part] = [("=", "".join(a[:start]))]
    if max(len(middle_a), len(middle_b)) > MOST_UNITS:
        parts.extend(_change("".join(middle_a), "".join(middle_b)))
    else:
        for step in Levenshtein.opcodes(middle_a, middle_b):
            old = "".join(middle_a[step.src_start : step.src_end])
            new = "".join(middle_b[step.dest_start : step.dest_end])
            if step.tag == "equal":
                parts.append(("=", old))
            else:
                parts.extend(_change(old, new))
    parts.append(("=", "".join(a[len(a) - end :])))
    return _merge(parts)


def equal_ends(a: Sequence[str], b: Sequence[str]) -> tuple[int, int]:
    """How many units at the beginning, and then at the end, both have."""
    shortest = min(len(a), len(b))
    start = next((i for i in range(shortest) if a[i] != b[i]), shortest)
    left = shortest - start
    end = next((i for i in range(left) if a[-1 - i] != b[-1 - i]), left)
    return start, end


def _merge(parts: Iterable[Part]) -> list[Part]:
    """Join neighbours: of each change one ``-`` and then one ``+``."""
    merged: list[Part] = []
    old = new = ""
    for mark, text in [*parts, ("=", "")]:
        if mark == "-":
            old += text
        elif mark == "+":
            new += text
        elif text:
            merged += _change(old, new)
            old = new = ""
            if merged and merged[-1][0] == "=":
                text = merged.pop()[1] + text
            merged.append(("=", text))
    return merged + _change(old, new)


def _change(old: str, new: str) -> list[Part]:
    parts: list[Part] = [("-", old), ("+", new)]
    return [part for part in parts if part[1]]


def _absorb_spaces(parts: Sequence[Part]) -> list[Part]:
    """Turn white space that stands between two changes into part of them, for the eye's sake."""
    absorbed: list[Part] = []
    for position, (mark, text) in enumerate(parts):
        if mark == "=" and text.isspace() and 0 < position < len(parts) - 1:
            absorbed.extend(_change(text, text))
        else:
            absorbed.append((mark, text))
    return _merge(absorbed)


def _rewritten(old: Sequence[Part], change: Sequence[Part]) -> list[tuple[Mark, list[Part]]]:
    """The lines of one change; old and new lines are compared by words, pair by pair."""
    new = [part for part in change if part[0] == "+"]
    before: list[tuple[Mark, list[Part]]] = []
    after: list[tuple[Mark, list[Part]]] = []
    for (_, left), (_, right) in zip(old, new, strict=False):
        parts = diff_words(left, right)
        before.append(("-", _merge(part for part in parts if part[0] != "+")))
        after.append(("+", _merge(part for part in parts if part[0] != "-")))
    before.extend(("-", [part]) for part in old[len(before) :])
    after.extend(("+", [part]) for part in new[len(after) :])
    return before + after


def _told(kind: str, change: Any) -> str:
    path = _path(change.path(output_format="list"))
    if kind.endswith("_removed"):
        return f"{path} is missing"
    if kind.endswith("_added"):
        return f"{path} should not be there (is {_brief(change.t2)})"
    if change.t1 == change.t2 and not isinstance(change.t1, bool) and not isinstance(change.t2, bool):
        return ""  # 7 and 7.0
    if kind == "type_changes" and _kind(change.t1) != _kind(change.t2):
        wanted, got = f"{_kind(change.t1)} {_brief(change.t1)}", f"{_kind(change.t2)} {_brief(change.t2)}"
        return f"{path}: expected {wanted}, got {got}"
    return f"{path}: expected {_brief(change.t1)}, got {_brief(change.t2)}"


def _path(steps: Sequence[str | int]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".") or "the value"


def _kind(value: Any) -> str:
    names: list[tuple[type | tuple[type, ...], str]] = [
        (bool, "truth value"), (str, "text"), ((int, float), "number"), (list, "list"), (dict, "object"),
    ]  # fmt: skip
    return next((name for types, name in names if isinstance(value, types)), "")


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
