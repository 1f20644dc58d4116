"""A comparison as one HTML page that needs nothing else: its tables, and its pictures within it."""

import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SAID = {
    "comparison": "scores with their intervals",
    "curves": "learning curves: the best validation score by calls",
    "cost": "score against cost",
    "time": "score against running time",
    "pareto": "Pareto front: what no other one beats in both",
}
"""What the pictures show, by the names of their files."""


@dataclass(frozen=True)
class Table:
    """Rows of text; the first cell of each names it."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Block:
    """Tables under one heading, and sentences below them."""

    heading: str
    tables: Sequence[Table]
    said: Sequence[str] = ()


@dataclass(frozen=True)
class Sheet:
    """What stands on the page, as text: it is escaped there.

    Attributes:
        about: what it is of, in a line.
        legend: what the columns mean.
        notices: what to know beside that.
    """

    title: str
    about: str
    simulated: bool
    blocks: Sequence[Block]
    legend: str = ""
    notices: Sequence[str] = ()


def sheet_page(sheet: Sheet, pictures: Sequence[Path] = ()) -> str:
    """The page. It loads nothing from anywhere and runs no script, nor do the pictures.

    Args:
        pictures: SVG files; one that can't be read is left out.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("promptopt.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = [{"data": _data(path), "said": _said(path.stem)} for path in pictures if path.is_file()]
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())
    return pages.get_template("sheet.html.j2").render(sheet=sheet, pictures=found, made=made)


def _data(path: Path) -> str:
    return f"data:image/svg+xml;base64,{b64encode(path.read_bytes()).decode('ascii')}"


def _said(name: str) -> str:
    if name.startswith("tournament-"):
        return f"tournament of run {name.removeprefix('tournament-')}: ratings, and who beat whom"
    return SAID.get(name, name)
