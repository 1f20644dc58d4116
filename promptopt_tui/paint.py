"""Lines of styled text, and their way onto the screen.

Everything that this UI shows of models, cases, files and people passes through :func:`strip`, the one place
where text becomes terminal cells, and is sanitized there: no markup is parsed and no control character
survives, whoever wrote the text and whichever widget shows it.

A line is a list of spans; a span is a text and the name of a style (a key of ``STYLES``), so that lines can
be made and tested without a terminal and follow a change of theme.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from promptopt.domain.text import one_line, sanitize

Span = tuple[str, str]
Line = list[Span]
Align = Literal["left", "right"]

STYLES: dict[str, tuple[str, str, bool]] = {
    "": ("", "", False),
    "muted": ("muted", "", False),
    "bold": ("", "", True),
    "accent": ("accent", "", False),
    "heading": ("accent", "", True),
    "key": ("accent", "", True),
    "good": ("good", "", False),
    "bad": ("bad", "", False),
    "warn": ("warn", "", False),
    "human": ("human", "", False),
    "good-bold": ("good", "", True),
    "bad-bold": ("bad", "", True),
    "warn-bold": ("warn", "", True),
    "track": ("track", "", False),
    "border": ("border", "", False),
    "pill-accent": ("on_fill", "accent", True),
    "pill-good": ("on_fill", "good", True),
    "pill-bad": ("on_fill", "bad", True),
    "pill-warn": ("on_fill", "warn", True),
    "pill-human": ("on_fill", "human", True),
    "pill-muted": ("foreground", "track", True),
    "added": ("", "added", False),
    "added-word": ("", "added_word", True),
    "removed": ("", "removed", False),
    "removed-word": ("", "removed_word", True),
    "cursor": ("", "cursor", False),
    "cursor-idle": ("", "cursor_idle", False),
}
"""Style names: colour of the text, colour behind it (keys of a theme's colours), and whether it is bold."""


def palette(colors: Mapping[str, str]) -> dict[str, Style]:
    """Every style of :data:`STYLES` in the colours of a theme."""
    return {
        name: Style(color=colors.get(text), bgcolor=colors.get(behind), bold=bold or None)
        for name, (text, behind, bold) in STYLES.items()
    }


def few_colors(colors: Mapping[str, str]) -> dict[str, Style]:
    """Every style of :data:`STYLES` in the colours of a terminal. It has none to lay behind a row or a word:
    these are reversed; and no shade for text of second rank, which is dimmed.
    """
    reversed_ = Style(reverse=True, bold=True)
    return {
        **palette({name: color for name, color in colors.items() if color != "default"}),
        "muted": Style(dim=True),
        "cursor": Style(reverse=True),
        "cursor-idle": Style(bold=True),
        "added": Style(color=colors["good"]),
        "added-word": reversed_ + Style(color=colors["good"]),
        "removed": Style(color=colors["bad"]),
        "removed-word": reversed_ + Style(color=colors["bad"]),
    }


def monochrome() -> dict[str, Style]:
    """Every style of :data:`STYLES` without a colour: filled patches and cursors are reversed."""
    return {
        name: Style(bold=bold or None, reverse=bool(behind) or None)
        for name, (text, behind, bold) in STYLES.items()
    }


def strip(line: Iterable[Span], width: int, styles: Mapping[str, Style], base: Style) -> Strip:
    """One line as terminal cells: made safe, cut or filled up to ``width``."""
    segments: list[Segment] = []
    room = width
    for text, name in line:
        if room <= 0:
            break
        shown = sanitize(text).replace("\n", "⏎").replace("\t", "    ")
        size = cell_len(shown)
        if size > room:
            shown, size = set_cell_size(shown, room), room
        segments.append(Segment(shown, base + styles[name]))
        room -= size
    if room > 0:
        segments.append(Segment(" " * room, base))
    return Strip(segments, width)


def plain(lines: Iterable[Iterable[Span]]) -> str:
    """The text of ``lines``, safe to print, trailing space cut off."""
    return "\n".join(sanitize("".join(text for text, _ in line)).rstrip() for line in lines)


def width_of(line: Iterable[Span]) -> int:
    """Terminal cells that ``line`` takes."""
    return sum(cell_len(text) for text, _ in line)


def fit(text: str, width: int, align: Align = "left") -> str:
    """``text`` as one safe line of exactly ``width`` cells; what does not fit is cut and ends in ``…``."""
    text = one_line(text, max(1, width) * 2)
    size = cell_len(text)
    if size > width:
        return set_cell_size(set_cell_size(text, max(0, width - 1)).rstrip() + "…", width)
    return text.rjust(width - size + len(text)) if align == "right" else text + " " * (width - size)


def wrap(line: Sequence[Span], width: int, indent: Sequence[Span] = ()) -> list[Line]:
    """Break ``line`` at spaces (or anywhere, if a word is too long) into lines of at most ``width`` cells.

    Args:
        indent: put before every line after the first.
    """
    if width_of(line) <= width:
        return [list(line)]
    room = max(1, width)
    longest = max(1, room - width_of(indent))
    out: list[Line] = [[]]
    used = start = 0
    for word, name in _words(line):
        size = cell_len(word)
        if used + size > room and word.strip(" ") and used > start:
            out.append(list(indent))
            used = start = width_of(indent)
        for piece in _pieces(word, longest) if used + size > room else [word]:
            size = cell_len(piece)
            if used + size > room and used > start:
                if not piece.strip(" "):
                    continue
                out.append(list(indent))
                used = start = width_of(indent)
            _put(out[-1], piece, name)
            used += size
    return out


def text_lines(text: str, width: int, style: str = "", indent: Sequence[Span] = ()) -> list[Line]:
    """Wrap a text of several lines; every line begins with ``indent``."""
    lines: list[Line] = []
    for raw in sanitize(text).expandtabs(4).split("\n"):
        lines.extend(wrap([*indent, (raw, style)], width, indent))
    return lines


def columns(left: Line, right: Line, width: int) -> Line:
    """``left`` and ``right`` at the two ends of one line; ``left`` gives way if there is no room for both."""
    left = cut(left, max(0, width - width_of(right) - (1 if right else 0)))
    gap = width - width_of(left) - width_of(right)
    return [*left, (" " * gap, ""), *right]


def cut(line: Iterable[Span], width: int) -> Line:
    """``line`` cut to ``width`` cells, ending in ``…`` if something was lost."""
    line = list(line)
    if width_of(line) <= width:
        return line
    out: Line = []
    room = width - 1
    for text, name in line:
        size = cell_len(text)
        if size >= room:
            out.append((set_cell_size(text, max(0, room)).rstrip() + "…", name))
            return out
        out.append((text, name))
        room -= size
    return out


def _words(line: Iterable[Span]) -> Iterable[Span]:
    """The spans of ``line``, broken after each run of spaces."""
    for text, name in line:
        word = ""
        for char in text:
            if word and (char == " ") != (word[-1] == " "):
                yield word, name
                word = ""
            word += char
        if word:
            yield word, name


def _pieces(word: str, width: int) -> list[str]:
    pieces, piece, used = [], "", 0
    for char in word:
        size = cell_len(char)
        if piece and used + size > width:
            pieces.append(piece)
            piece, used = "", 0
        piece += char
        used += size
    return [*pieces, piece] if piece else pieces


def _put(line: Line, text: str, name: str) -> None:
    if line and line[-1][1] == name:
        line[-1] = (line[-1][0] + text, name)
    else:
        line.append((text, name))
