"""The cases of a project's files: their table's title, and one of them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptopt.domain.text import one_line
from promptopt_tui import paint

if TYPE_CHECKING:
    from promptopt.store.casebook import CaseBook, Entry


def title(book: CaseBook, wanted: str, shown: int) -> str:
    """How many cases there are, and where they come from.

    Args:
        wanted: what is searched for, as it was typed.
        shown: how many cases that leaves.
    """
    parts = ["Cases", f"{len(book.entries):,}"]
    if wanted.strip():
        parts.append(f"{shown:,} with {one_line(wanted, 40)}")
    files = ", ".join(file.path.name for file in book.files) or "in the project file"
    parts.append(one_line(files, 60))
    if any(file.why_not for file in book.files):
        parts.append("only read")
    return " · ".join(parts)


def case_lines(entry: Entry, split: str, width: int) -> list[paint.Line]:
    """A case in full."""
    lines: list[paint.Line] = [[("case ", "muted"), (one_line(entry.id, 60), "bold")]]
    lines[0] += [(f"  {split}", "muted"), ("  must pass", "warn") if entry.must_pass else ("", "")]
    lines += [[], [("input", "heading")], *paint.text_lines(entry.input, width), []]
    lines.append([("expected", "heading")])
    lines += [[("none", "muted")]] if entry.expected is None else paint.text_lines(entry.expected, width)
    if entry.tags:
        lines += [[], *paint.wrap([("tags ", "muted"), (", ".join(entry.tags), "")], width)]
    return lines
