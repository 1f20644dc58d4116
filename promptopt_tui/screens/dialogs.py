"""Dialogs: a text, and a few ways to answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen

from promptopt.domain.errors import PromptoptError
from promptopt.domain.text import one_line
from promptopt_tui import paint
from promptopt_tui.actions import Scope, help_table
from promptopt_tui.desk import OnTop
from promptopt_tui.widgets.canvas import Canvas

T = TypeVar("T")
Build = Callable[[int], list[paint.Line]]

GRACE = 0.5
"""Seconds without a key after which a dialog that nobody asked for takes an answer."""


@dataclass(frozen=True)
class Option(Generic[T]):
    """An answer: the key that gives it, what it is called, what it means, and its value."""

    key: str
    label: str
    detail: str
    value: T


class Menu(Canvas):
    """The options of a dialog, one a line."""

    BINDINGS: ClassVar = [
        Binding("up,k,left", "move(-1)", show=False),
        Binding("down,j,right", "move(1)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        """An option was chosen."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, options: list[Option[T]], start: int = 0) -> None:
        super().__init__(id="menu")
        self.options = options
        self.cursor = start

    def on_mount(self) -> None:
        self.styles.height = len(self.options)
        self._draw()

    def on_focus(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def action_move(self, step: int) -> None:
        self.cursor = (self.cursor + step) % len(self.options)
        self._draw()

    def action_choose(self) -> None:
        self.post_message(self.Chosen(self.cursor))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset and offset.y < len(self.options):
            self.post_message(self.Chosen(offset.y))

    def _draw(self) -> None:
        size = max(len(option.label) for option in self.options)
        lines: list[paint.Line] = []
        for place, option in enumerate(self.options):
            here = place == self.cursor
            line: paint.Line = [("▸ " if here else "  ", "accent"), (f"{option.key:6}", "key")]
            line += [(option.label.ljust(size), "bold" if here else ""), (f"  {option.detail}", "muted")]
            lines.append(paint.cut(line, self.width) if self.width else line)
        self.set_lines(lines)


class Dialog(OnTop, ModalScreen[T | None], Generic[T]):
    """Shows lines and waits for an answer; escape answers None.

    Args:
        title: plain text, made safe here.
        build: makes the lines for a width.
        options: ways to answer; the first one is the safe one unless ``start`` says otherwise.
        uninvited: it comes up while its reader may be typing something else: it takes no answer until no
            key was pressed for :data:`GRACE`.
    """

    BINDINGS: ClassVar = [
        Binding("escape", "leave", show=False),
        Binding("tab,shift+tab", "swap", show=False),
    ]

    def __init__(
        self,
        title: str,
        build: Build,
        options: list[Option[T]] | None = None,
        *,
        start: int = 0,
        kind: str = "",
        uninvited: bool = False,
    ) -> None:
        super().__init__(classes=kind)
        self._title = title
        self._build = build
        self._options = options or []
        self._start = start
        self._uninvited = uninvited
        self._last_key = float("-inf")

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = Content(paint.one_line(self._title, 120))
            yield Canvas(id="body")
            if self._options:
                yield Menu(self._options, self._start)

    def on_mount(self) -> None:
        self._last_key = self._ticks()
        self.query_one("#menu" if self._options else "#body").focus()
        self.call_after_refresh(self.rebuild)

    def on_resize(self) -> None:
        self.call_after_refresh(self.rebuild)

    def rebuild(self) -> None:
        """Make the lines again, for the width that there is now."""
        if not self.is_attached:
            return
        body = self.query_one("#body", Canvas)
        if not body.width:
            return
        lines = self._build(body.width)
        room = self.size.height - 6 - (len(self._options) + 1 if self._options else 0)
        body.styles.height = max(1, min(len(lines), room))
        body.set_lines(lines)
        ways = ["pgup pgdn scroll"] if len(lines) > room else []
        if not self._options:
            ways += ["y copies", "esc closes"]
        self.query_one("#dialog").border_subtitle = Content("   ".join(ways))

    def _ticks(self) -> float:
        return self.desk.ticks()

    def _too_soon(self) -> bool:
        """Whether an answer that comes now may have been meant for something else."""
        if not self._uninvited:
            return False
        before, self._last_key = self._last_key, self._ticks()
        self._uninvited = self._last_key - before < GRACE
        return self._uninvited

    def on_key(self, event: events.Key) -> None:
        pressed = event.character or event.key
        if self._too_soon() and (event.key == "enter" or pressed in [o.key for o in self._options]):
            event.stop()
            return
        for option in self._options:
            if pressed == option.key:
                event.stop()
                self.dismiss(option.value)
                return
        if pressed == "y":
            event.stop()
            self.desk.copy(self.query_one("#body", Canvas).text_to_copy(), one_line(self._title, 60))
            return
        if event.key in ("pageup", "pagedown", "home", "end"):
            body = self.query_one("#body", Canvas)
            move = {"pageup": body.scroll_page_up, "pagedown": body.scroll_page_down}
            move.get(event.key, body.scroll_home if event.key == "home" else body.scroll_end)(animate=False)

    def on_menu_chosen(self, message: Menu.Chosen) -> None:
        self.dismiss(self._options[message.place].value)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_swap(self) -> None:
        if self._options:
            self.query_one("#body" if self.query_one("#menu").has_focus else "#menu").focus()


def confirm(
    app: App[Any],
    title: str,
    leave: tuple[str, str],
    go: tuple[str, str],
    then: Callable[[], object],
    build: Build = lambda width: [],
) -> None:
    """Ask whether to do something, and do it if the answer is y.

    Args:
        leave: what the answer n is called, and what it means; the cursor begins there.
        go: the same for y.
        then: does it.
    """

    def answered(yes: bool | None) -> None:
        if yes:
            then()

    app.push_screen(Dialog(title, build, [Option("n", *leave, False), Option("y", *go, True)]), answered)


def error_dialog(error: BaseException) -> Dialog[None]:
    """What went wrong, where, and what to do about it."""

    def build(width: int) -> list[paint.Line]:
        if not isinstance(error, PromptoptError):
            return paint.text_lines(f"{type(error).__name__}: {error}", width)
        lines: list[paint.Line] = []
        if error.where:
            lines += paint.text_lines(error.where, width, "muted")
        lines += paint.text_lines(error.what, width)
        if error.fix:
            lines += [[], [("what to do", "heading")], *paint.text_lines(error.fix, width, "", [("  ", "")])]
        return lines

    return Dialog("That did not work", build, [Option("enter", "Close", "y copies it", None)], kind="-error")


def help_dialog(first: Sequence[Scope]) -> Dialog[None]:
    """Every key, those of the scopes that it is asked from first."""

    def build(width: int) -> list[paint.Line]:
        lines: list[paint.Line] = []
        for title, rows in help_table(first):
            lines += [[], [(title, "heading")]] if lines else [[(title, "heading")]]
            for keys, what in rows:
                head: paint.Line = [(f"  {keys:14} ", "key")]
                lines += paint.wrap([*head, (what, "")], width, [(" " * 17, "")])
        return lines

    return Dialog("Keys", build, kind="-tall")
