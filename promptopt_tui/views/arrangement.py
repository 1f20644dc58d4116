"""Where the cockpit's panels are: which stand side by side, and which share a place as tabs.

A layout is columns of places. What does not fit becomes tabs: places that would get too few lines join their
neighbours, and a narrow terminal has one place for all.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from textual.geometry import Region

from promptopt_tui.actions import MAKING, PANELS, TOURNAMENT

STAND_INS = {panel: name for name, panel in MAKING.items()}
"""Panels of a run that makes cases up, by what they stand in for."""

ALL = (*(each for panel in PANELS for each in (panel, STAND_INS.get(panel)) if each), TOURNAMENT)
"""All panels, in the order of their keys."""

ALSO_MAKING = ("progress", "budget", "log", "calls")
"""Panels that a run that makes cases up shares with others."""

LEAST = 6
"""Lines that a place needs, frame included; with less it joins its neighbour."""

WIDE, NARROW = 160, 100
"""Columns of the terminal from which, and below which, there is another arrangement."""

TALL = 50
"""Lines for the panels from which a wide terminal has more places."""


@dataclass(frozen=True)
class Place:
    """Panels that share a place; the first is in front at first.

    Attributes:
        lines: its height, if there is room for that; 0 shares what is left.
        share: of what is left.
    """

    panels: tuple[str, ...]
    share: float = 1.0
    lines: int = 0


@dataclass(frozen=True)
class Column:
    """Places under each other. ``cells``: its width; 0 shares what is left."""

    places: tuple[Place, ...]
    cells: int = 0


@dataclass(frozen=True)
class Layout:
    """A named arrangement for terminals of normal width, for wide ones, and for wide and tall ones.

    ``key`` chooses it in the dialog, which says what it is ``about``.
    """

    label: str
    key: str
    about: str
    normal: tuple[Column, ...]
    wide: tuple[Column, ...]
    tall: tuple[Column, ...] = ()

    def columns(self, width: int, height: int) -> tuple[Column, ...]:
        """The columns for a terminal of this width, and this height for the panels."""
        if width < WIDE:
            return self.normal
        return self.tall if self.tall and height >= TALL else self.wide


def _place(panels: str, share: float = 1.0, lines: int = 0) -> Place:
    listed = [each for panel in panels.split() for each in (panel, STAND_INS.get(panel)) if each]
    return Place(tuple(listed), share, lines)


LAYOUTS: dict[str, Layout] = {
    "overview": Layout(
        "Overview",
        "o",
        "a bit of everything",
        (
            Column((_place("progress", lines=16), _place("budget", lines=12), _place("errors")), 41),
            Column(
                (
                    _place("standings lineage", 8),
                    _place(TOURNAMENT, 12),
                    _place("cases heat", 11),
                    _place("prompt", 11),
                    _place("log calls", lines=7),
                )
            ),
        ),
        (
            Column((_place("progress", lines=20), _place("budget", lines=15), _place("errors")), 42),
            Column((_place("standings lineage"), _place(TOURNAMENT, 2), _place("cases heat", 2))),
            Column((_place("prompt"), _place("log calls", lines=16))),
        ),
        (
            Column((_place("progress", lines=20), _place("budget", lines=16), _place("errors")), 42),
            Column((_place("standings", 2), _place("lineage", 2), _place(TOURNAMENT, 3), _place("cases", 3))),
            Column((_place("prompt", 5), _place("heat", 4), _place("log calls", lines=14))),
        ),
    ),
    "prompt": Layout(
        "Prompt",
        "p",
        "the prompt and its changes, and where it comes from",
        (
            Column((_place("lineage standings"), _place("errors progress budget")), 46),
            Column((_place("prompt", 3), _place("cases heat log calls " + TOURNAMENT))),
        ),
        (
            Column((_place("lineage standings"), _place("errors progress budget")), 60),
            Column((_place("prompt", 4), _place("cases heat log calls " + TOURNAMENT))),
        ),
    ),
    "cases": Layout(
        "Cases",
        "c",
        "which cases pass under which candidate, and what fails",
        (
            Column((_place("errors"), _place("standings lineage progress budget")), 46),
            Column((_place("cases", 4), _place("heat prompt log calls " + TOURNAMENT, 3))),
        ),
        (
            Column((_place("errors"), _place("standings lineage progress budget")), 60),
            Column((_place("cases", 3), _place("prompt log calls " + TOURNAMENT))),
            Column((_place("heat"),)),
        ),
    ),
    "tournament": Layout(
        "Tournament",
        "t",
        "ratings, bracket, who beat whom",
        (
            Column((_place("progress", lines=14), _place("budget", lines=12), _place("errors")), 41),
            Column((_place(TOURNAMENT + " lineage", 4), _place("standings cases heat prompt log calls"))),
        ),
        (
            Column((_place("progress", lines=16), _place("budget", lines=15), _place("errors")), 42),
            Column((_place(TOURNAMENT + " lineage", 3), _place("standings cases heat"))),
            Column((_place("prompt"), _place("log calls", lines=16))),
        ),
    ),
    "calls": Layout(
        "Calls",
        "a",
        "the models' calls as they come, and what they cost",
        (
            Column((_place("budget"), _place("progress errors")), 41),
            Column((_place("calls", 3), _place("log standings lineage cases heat prompt " + TOURNAMENT))),
        ),
        (
            Column((_place("budget"), _place("progress errors")), 46),
            Column((_place("calls", 3), _place("log standings lineage cases heat prompt " + TOURNAMENT))),
        ),
    ),
}
"""By name, in the order in which a key goes through them."""

DEFAULT = "overview"

OVERVIEW_OF_MAKING = Layout(
    LAYOUTS[DEFAULT].label,
    LAYOUTS[DEFAULT].key,
    LAYOUTS[DEFAULT].about,
    (
        Column((_place("progress", lines=14), _place("budget", lines=12), _place("errors")), 41),
        Column(
            (
                _place("standings", lines=13),
                _place("cases", 11),
                _place("prompt", 10),
                _place("log calls", lines=7),
            )
        ),
    ),
    (
        Column((_place("progress", lines=20), _place("budget", lines=15), _place("errors")), 42),
        Column((_place("standings", lines=16), _place("cases"))),
        Column((_place("prompt"), _place("log calls", lines=16))),
    ),
    (
        Column((_place("progress", lines=20), _place("budget", lines=16), _place("errors")), 42),
        Column((_place("standings", lines=35), _place("cases"))),
        Column((_place("prompt"), _place("log calls", lines=16))),
    ),
)
"""The same for a run that makes cases up."""


@dataclass(frozen=True)
class Spot:
    """A panel in front: where it is, and the panels that share its place, itself included."""

    region: Region
    tabs: tuple[str, ...]


def arrange(
    layout: str,
    there: Collection[str],
    recent: Sequence[str],
    size: tuple[int, int],
    columns: int,
    *,
    alone: bool = False,
) -> dict[str, Spot]:
    """The panels in front, and where each is.

    Args:
        layout: one of :data:`LAYOUTS`; an unknown one counts as the default.
        there: panels that there are and that are not hidden.
        recent: panels by when they were gone to, the last one first: it is in front of its place.
        size: cells across and lines for all of them.
        columns: width of the terminal, which decides between the two arrangements.
        alone: one panel has it all, whatever the layout.
    """
    width, height = size
    chosen = LAYOUTS.get(layout, LAYOUTS[DEFAULT])
    if chosen is LAYOUTS[DEFAULT] and not MAKING.keys().isdisjoint(there):
        chosen = OVERVIEW_OF_MAKING
    present = [panel for panel in ALL if panel in there]
    if not present or width <= 0 or height <= 0:
        return {}
    if alone or columns < NARROW:
        return {_front(present, recent): Spot(Region(0, 0, width, height), tuple(present))}
    wanted = chosen.columns(columns, height)
    kept = [column for each in wanted if (column := _kept(each, there)).places]
    spots: dict[str, Spot] = {}
    x = 0
    for column, cells in zip(kept, _widths(kept, width), strict=True):
        places = _that_fit(column.places, height)
        y = 0
        for place, lines in zip(places, _heights(places, height), strict=True):
            spots[_front(place.panels, recent)] = Spot(Region(x, y, cells, lines), place.panels)
            y += lines
        x += cells
    return spots


def next_layout(layout: str, step: int = 1) -> str:
    """The one after ``layout``."""
    names = list(LAYOUTS)
    place = names.index(layout) if layout in names else 0
    return names[(place + step) % len(names)]


def _front(panels: Sequence[str], recent: Sequence[str]) -> str:
    return next((panel for panel in recent if panel in panels), panels[0])


def _kept(column: Column, there: Collection[str]) -> Column:
    """The column without the panels that are not there."""
    places = (replace(p, panels=tuple(each for each in p.panels if each in there)) for p in column.places)
    return replace(column, places=tuple(place for place in places if place.panels))


def _that_fit(places: Sequence[Place], height: int) -> list[Place]:
    """The places, the last ones joined until each has room enough."""
    fitting = list(places)
    while len(fitting) > 1 and len(fitting) * LEAST > height:
        last = fitting.pop()
        before = fitting.pop()
        fitting.append(Place((*before.panels, *last.panels), before.share + last.share))
    return fitting


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    fixed = sum(column.cells for column in columns)
    if all(column.cells for column in columns):  # what would share the rest is hidden
        return _shared([column.cells for column in columns], width)
    rest = _shared([1.0 for column in columns if not column.cells], width - fixed)
    return [column.cells or rest.pop(0) for column in columns]


def _heights(places: Sequence[Place], height: int) -> list[int]:
    """Lines of each place: those that ask for a height get it, if that leaves the others enough."""
    fixed = sum(place.lines for place in places)
    sharing = [place.share for place in places if not place.lines]
    if sharing and height - fixed >= LEAST * len(sharing):
        rest = _at_least(sharing, height - fixed)
        return [place.lines or rest.pop(0) for place in places]
    # Either all ask for a height, or there is too little: then what they ask for is their share.
    return _at_least([place.lines or 10 * place.share for place in places], height)


def _at_least(weights: Sequence[float], whole: int) -> list[int]:
    """Parts of ``whole`` of at least :data:`LEAST` each, the rest of it as the weights are."""
    spare = whole - LEAST * len(weights)
    return [LEAST + extra for extra in _shared(weights, spare)] if spare >= 0 else _shared(weights, whole)


def _shared(weights: Iterable[float], whole: int) -> list[int]:
    """``whole`` in parts as the weights are, without a remainder."""
    wanted = list(weights)
    total, done, end, parts = sum(wanted), 0, 0.0, list[int]()
    for weight in wanted:
        end += weight
        until = round(whole * end / total)
        parts.append(until - done)
        done = until
    return parts


def there_are(hidden: Collection[str], *, tournament: bool, making: bool = False) -> set[str]:
    """The panels that are not hidden; all of them, if nothing else were left.

    Args:
        tournament: the run plays one.
        making: it makes cases up, and does nothing else.
    """
    of_run = {*ALSO_MAKING, *MAKING} if making else {*PANELS, TOURNAMENT}
    present = {panel for panel in ALL if panel in of_run and (panel != TOURNAMENT or tournament)}
    return present - set(hidden) or present


def layout_for(chosen: str, *, plays: bool) -> str:
    """The layout that was chosen, else the one that fits a run; ``plays``: it only plays a tournament."""
    if chosen in LAYOUTS:
        return chosen
    return TOURNAMENT if plays else DEFAULT
