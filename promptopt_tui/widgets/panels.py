"""The cockpit's panels. Each has a number, a title, and ``show(view)``, which draws it anew."""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, runtime_checkable

from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from promptopt.runs.standings import Candidate
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings
from promptopt_tui.views import diff
from promptopt_tui.views import panels as views
from promptopt_tui.views.clusters import analysed
from promptopt_tui.views.header import TITLES, key_of
from promptopt_tui.views.view import View
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.table import Table
from promptopt_tui.widgets.tail import Tail

BASES = ("parent", "seed", "best", "")
"""What the prompt panel compares with; nothing is the plain prompt."""

CHOSEN = "chosen"
"""The prompt panel compares with a candidate that was chosen in the standings."""


@runtime_checkable
class Panel(Protocol):
    """Shows a part of a run."""

    def show(self, view: View) -> None:
        """Draw ``view``, under the follower's lock."""
        ...


def is_visible(widget: Widget) -> bool:
    """Whether a widget has a place on the screen; others need no update."""
    return widget.is_attached and widget.size.width > 0 and widget.region.width > 0


def set_title(panel: Canvas, note: str = "") -> None:
    """Number, title and a note in the frame of a panel; beside it the tabs that share its place."""
    name = panel.id or ""
    said: list[tuple[str, str]] = []
    for each in panel.tabs or (name,):
        text = f"{key_of(each)} {TITLES[each]}"
        if said:
            said.append((" ─ ", "$po-border not bold"))
        said.append((text, "" if each == name else "$po-muted not bold"))
    if note:
        said.append((f" · {paint.one_line(note, 100)}", "$po-muted not bold"))
    if said != panel.titled:
        panel.titled = said
        panel.border_title = Content.assemble(*said)


class LinesPanel(Canvas):
    """A panel that is made anew from the view each time."""

    def __init__(self, panel: str, build: Callable[[View, int, int], list[paint.Line]]) -> None:
        super().__init__(id=panel, classes="panel")
        self._build = build

    def show(self, view: View) -> None:
        """Draw ``view``."""
        note = view.name(view.shown_id) if self.id == "errors" and view.shown else ""
        set_title(self, note)
        self.set_lines(self._build(view, self.width, self.height))


class ErrorsPanel(LinesPanel):
    """What fails under the shown candidate."""

    BINDINGS = bindings("errors")

    class LookWanted(Message):
        """The failures that are alike are to be shown in full."""

    class CasesWanted(Message):
        """The cases of a category are to be shown."""

        def __init__(self, category: str) -> None:
            super().__init__()
            self.category = category

    def __init__(self) -> None:
        super().__init__("errors", self._lines)
        self.has_more = False
        """There are failures that are alike to look at."""
        self.categories: list[str] = []
        self.cursor = 0
        """The category that is looked at."""

    def _lines(self, view: View, width: int, height: int) -> list[paint.Line]:
        return views.errors(view, width, self.cursor if self.has_focus else -1)

    def show(self, view: View) -> None:
        told = analysed(view)
        self.has_more = bool(told and told.clusters)
        here = self.category
        self.categories = [name for name, _ in views.categories(view)]
        place = self.categories.index(here) if here in self.categories else self.cursor
        self.cursor = max(0, min(place, len(self.categories) - 1))
        super().show(view)

    @property
    def category(self) -> str:
        """The category under the cursor."""
        return self.categories[self.cursor] if self.cursor < len(self.categories) else ""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Whose keys work while it has the focus."""
        return ("errors",)

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        return {"errors.open": self.has_more, "errors.cases": bool(self.categories)}.get(action_id, True)

    def action_open(self) -> None:
        if self.has_more:
            self.post_message(self.LookWanted())

    def action_cases(self) -> None:
        if self.category:
            self.post_message(self.CasesWanted(self.category))

    def action_up(self) -> None:
        """To the category before; of a panel that was scrolled, up."""
        if self.scroll_offset.y:
            self.scroll_up(animate=False)
        elif self.cursor:
            self._move(-1)

    def action_down(self) -> None:
        """To the next category; past the last one, down."""
        if self.cursor < len(self.categories) - 1:
            self._move(1)
        else:
            self.scroll_down(animate=False)

    def _move(self, step: int) -> None:
        self.cursor += step
        self.post_message(Table.OthersWanted())


class PromptPanel(Canvas):
    """The shown candidate's prompt, plain or against another one."""

    def __init__(self) -> None:
        super().__init__(id="prompt", classes="panel")
        self.base = BASES[0]
        self.chosen_id = ""
        self.side = False
        self.raw = ""
        self._drawn: tuple[Any, ...] = ()

    def next_base(self) -> None:
        """Compare with the next one."""
        place = BASES.index(self.base) if self.base in BASES else -1
        self.base = BASES[(place + 1) % len(BASES)]

    def compare_with(self, candidate_id: str) -> None:
        """Compare with a candidate that was chosen."""
        self.base, self.chosen_id = CHOSEN, candidate_id

    def show(self, view: View) -> None:
        """Draw ``view``."""
        shown = view.shown
        if shown is None:
            set_title(self)
            self.set_lines([[("waiting for the first prompt", "muted")]])
            return
        other = self._other(view, shown)
        set_title(self, self._note(view, shown, other))
        self.raw = shown.text
        drawn = (shown.id, other and other.id, self.base, self.side, self.width)
        if drawn == self._drawn:
            return
        if self._drawn[:1] != drawn[:1]:
            self.scroll_home(animate=False)
        self._drawn = drawn
        lines = [*self._reason(shown), *self._text(shown, other)]
        if other is None or other.demonstrations == shown.demonstrations:
            lines += self._demonstrations(shown)
        self.set_lines(lines)

    def _other(self, view: View, shown: Candidate) -> Candidate | None:
        state = view.state
        bases = {"parent": shown.parent_id, "seed": state.seed_id, "best": state.best_id}
        wanted = self.chosen_id if self.base == CHOSEN else bases.get(self.base)
        return state.candidates.get(wanted) if wanted and wanted != shown.id else None

    def _note(self, view: View, shown: Candidate, other: Candidate | None) -> str:
        name = view.name(shown.id)
        if other is None:
            return f"{name} · is the {self.base}" if self.base in ("seed", "best") else name
        base = view.name(other.id)
        named = base if self.base in (base, CHOSEN) else f"{self.base} {base}"
        return f"{name} · against {named}"

    def _reason(self, shown: Candidate) -> list[paint.Line]:
        if not shown.reasoning or self.base:
            return []
        by = f"{shown.made_by}: " if shown.made_by else ""
        return [*paint.text_lines(f"{by}{shown.reasoning}", self.width, "muted"), []]

    def _demonstrations(self, shown: Candidate) -> list[paint.Line]:
        """What is sent between the prompt and the case, a line each."""
        number = len(shown.demonstrations)
        if not number:
            return []
        title = f"{number} demonstration{'' if number == 1 else 's'}, sent before each case"
        lines: list[paint.Line] = [[], [(title, "muted")]]
        for demo in shown.demonstrations:
            answer = f" → {paint.one_line(demo.output[:200], 60)}"
            asked = paint.one_line("; ".join(demo.inputs.values())[:600], 200)
            room = max(8, self.width - paint.width_of([(answer, "")]))
            lines.append([*paint.cut([(f"  {asked}", "")], room), (answer, "muted")])
        return lines

    def _text(self, shown: Candidate, other: Candidate | None) -> list[paint.Line]:
        if other is None:
            return diff.prompt_text(shown.text, self.width)
        compare = diff.side_by_side if self.side else diff.unified
        if other.demonstrations == shown.demonstrations:
            return compare(other.text, shown.text, self.width)
        return compare(other.in_words, shown.in_words, self.width)


class LogPanel(Tail):
    """What happened, newest last, by the local clock; the first line of a day says which day it is."""

    GLYPHS: ClassVar = {"info": ("·", "muted"), "warning": ("!", "warn"), "error": ("✗", "bad")}

    def __init__(self) -> None:
        super().__init__(id="log", classes="panel")
        self._made: list[paint.Line] = []
        self._day = ""

    def show(self, view: View) -> None:
        """Draw ``view``."""
        set_title(self, "following" if self.end is None else "held; end follows again")
        new = view.logged - self.total
        if new:
            kept = view.state.activity
            fresh = list(kept)[-new:] if new < len(kept) else list(kept)
            made = [*self._made, *(self._line(item) for item in fresh)][-len(kept) :]
            self._made = made
            self.show_tail(made, view.logged)

    def _line(self, item: Any) -> paint.Line:
        glyph, style = self.GLYPHS.get(item.level, ("·", "muted"))
        text_style = "" if item.level == "info" else style
        day = fm.date(item.at)
        new_day, self._day = day != self._day, day
        line: paint.Line = [(f"{fm.time_of_day(item.at)} ", "muted"), (f"{glyph} ", style)]
        line += [(f"{day}  ", "muted")] if new_day else []
        return [*line, (paint.one_line(item.text, 2000), text_style)]
