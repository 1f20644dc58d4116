"""What a screen looks like in every theme, in short: which colours it has, on how many cells."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from rich.style import Style
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.pilot import Pilot
from textual.strip import Strip


class SkinExtension(SingleFileSnapshotExtension):
    """A text file for each test, beside its picture."""

    _file_extension = "txt"
    _write_mode = WriteMode.TEXT

    def serialize(self, data: Any, **_: Any) -> str:  # type: ignore[override]
        return str(data)


async def skins(pilot: Pilot[int]) -> str:
    """For every theme but the one in force: each style of the screen, with its number of cells.

    The words do not depend on the theme, but for those behind a dialog, which shine through where colours can
    be mixed. The picture of the theme in force tells them.
    """
    app: Any = pilot.app
    before = app.theme
    words = _words(_strips(app))
    lines: list[str] = []
    for name in app.our_themes:
        if name != before:
            app.theme = name
            await pilot.pause()
            await pilot.pause()
            mixed = not app.our_themes[name].of_terminal or len(app.screen_stack) == 2
            strips = _strips(app)
            assert not mixed or _words(strips) == words, f"the words differ in {name}"
            lines += [name, *_styles(strips), ""]
    app.theme = before
    await pilot.pause()
    await pilot.pause()
    return "\n".join(lines)


def _strips(app: Any) -> list[Strip]:
    strips = app.screen._compositor.render_strips()
    for line_filter in app.get_line_filters():
        strips = [strip.apply_filter(line_filter, app.screen.background_colors[1]) for strip in strips]
    return strips


def _words(strips: list[Strip]) -> list[str]:
    return [strip.text for strip in strips]


def _styles(strips: list[Strip]) -> list[str]:
    cells: Counter[str] = Counter()
    for strip in strips:
        for segment in strip:
            cells[_named(segment.style or Style.null())] += segment.cell_length
    return [f"  {cells[name]:6} {name}" for name in sorted(cells)]


def _named(style: Style) -> str:
    """``bold #d9dfe7 on #11161d``, without what belongs to the mouse."""
    color = style.color.name if style.color else "default"
    behind = style.bgcolor.name if style.bgcolor else "default"
    shapes = [shape for shape in ("bold", "dim", "italic", "underline", "reverse") if getattr(style, shape)]
    return " ".join([*shapes, color, "on", behind])


def in_every_theme(
    snap_compare: Any, snapshot: Any, app: Any, size: tuple[int, int], before: Callable[[Pilot[int]], Any]
) -> bool:
    """Whether a screen is what its picture says, and has the colours in every theme that its text file says.

    Args:
        before: brings the app to what is to be looked at.
    """
    found: list[str] = []

    async def prepare(pilot: Pilot[int]) -> None:
        await before(pilot)
        found.append(await skins(pilot))

    same = snap_compare(app, terminal_size=size, run_before=prepare)
    assert snapshot.use_extension(SkinExtension) == found[0]
    return bool(same)
