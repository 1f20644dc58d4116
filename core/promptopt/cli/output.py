"""Printing: everything that is shown goes through here, and is made safe to show on the way."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from promptopt.domain.text import one_line, sanitize


def say(text: str = "") -> None:
    """Print a line of the result to standard output."""
    print(sanitize(text), flush=True)


def note(text: str) -> None:
    """Print a line that is not part of the result to standard error."""
    print(sanitize(text), file=sys.stderr, flush=True)


def complain(text: str) -> None:
    """Print what is wrong to standard error."""
    note(f"promptopt: {text}")


def emit(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one JSON value on one line. Pure ASCII, so no encoding or terminal can trip over it."""
    print(json.dumps(value, ensure_ascii=True), flush=True)


def on_terminal() -> bool:
    """Whether a person sits at both ends. A cell's ``!command`` has a terminal that nobody can type into."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not of_cell(os.environ)


def of_cell(environment: Mapping[str, str]) -> bool:
    """Whether a notebook's kernel started this, by what kernels put into their children's environment."""
    return environment.get("TERM") == "xterm-color" and (
        "JPY_PARENT_PID" in environment or environment.get("GIT_PAGER") == "cat"
    )


def in_page() -> bool:
    """Whether the terminal UI is drawn into a pipe for a page, as ``promptopt.tui()`` does."""
    return os.environ.get("TEXTUAL_DRIVER", "").startswith("promptopt_tui.")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a plain table: columns as wide as their widest cell, two spaces between them."""
    from rich.cells import cell_len

    clean = [[one_line(cell, 200) for cell in row] for row in (header, *rows)]
    widths = [max(cell_len(row[column]) for row in clean) for column in range(len(header))]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in clean
    ]


def counted(count: int, what: str) -> str:
    """``1 error``, ``2 errors``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def points(difference: float, low: float, high: float) -> str:
    """A difference of two shares in percentage points, with its interval: ``+4.2 points [-1.0, +9.4]``."""
    return f"{difference * 100:+z.1f} points [{low * 100:+z.1f}, {high * 100:+z.1f}]"


def number(value: float | None, form: str = ".1%") -> str:
    """A figure, or a dash for one that is not there."""
    return "–" if value is None else format(value, form)
