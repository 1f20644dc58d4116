"""What a model proposed, item by item: nothing of it counts unless a person takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from promptopt.domain.describing import Setting
from promptopt.domain.entering import shown as as_typed
from promptopt.store.casefiles import Columns
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings, shown
from promptopt_tui.desk import OnTop
from promptopt_tui.screens.dialogs import Dialog, Option, confirm
from promptopt_tui.screens.editor import Written
from promptopt_tui.screens.project.caseform import CaseScreen
from promptopt_tui.screens.project.values import change_value
from promptopt_tui.screens.writing import WriteScreen
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.form import form_row
from promptopt_tui.widgets.keyline import KeyLine
from promptopt_tui.widgets.table import Column, Table

Kind = Literal["description", "prompt", "check", "case"]

PLAIN = Columns(
    inputs=("input",), expected="expected", id="id", group="group", tags="tags", weight="weight",
    must_pass="must_pass", strict=True, checks=False, split=False,
)  # fmt: skip
"""The columns of a case that a model made up."""

DECIDED: dict[bool | None, tuple[str, str]] = {
    True: ("✓ take", "good"),
    False: ("✗ leave", "muted"),
    None: ("? open", "warn"),
}

A_CHECK = Setting("check", "table", True, None, "the check, as in a project file", "other")


@dataclass(frozen=True)
class Item:
    """Something proposed. ``taken`` None: nobody has decided yet."""

    number: int
    kind: Kind
    value: Any
    taken: bool | None = None

    @property
    def text(self) -> str:
        """It in one line."""
        if self.kind == "case":
            wanted = self.value.get("expected")
            return f"{self.value.get('input', '')}" + (f"  →  {wanted}" if wanted is not None else "")
        return str(self.value) if isinstance(self.value, str) else as_typed(A_CHECK, self.value)


def proposed(pairs: Sequence[tuple[Kind, Any]]) -> list[Item]:
    """Items of kinds and values, none decided."""
    return [Item(number, kind, value) for number, (kind, value) in enumerate(pairs)]


def item_lines(item: Item | None, width: int) -> list[paint.Line]:
    """An item in full."""
    if item is None:
        return []
    if item.kind == "case":
        lines: list[paint.Line] = [[("input", "heading")]]
        lines += paint.text_lines(str(item.value.get("input", "")), width)
        lines += [[], [("expected", "heading")]]
        wanted = item.value.get("expected")
        lines += [[("none", "muted")]] if wanted is None else paint.text_lines(str(wanted), width)
        tags = ", ".join(map(str, item.value.get("tags", [])))
        return [*lines, [], [("tags ", "muted"), (tags, "")]] if tags else lines
    if item.kind == "check":
        return [
            wrapped
            for name, value in item.value.items()
            for wrapped in paint.wrap([(f"{name}: ", "muted"), (str(value), "")], width, [("  ", "")])
        ]
    return paint.text_lines(str(item.value), width)


class ReviewScreen(OnTop, Screen["list[Item] | None"]):
    """Items to be taken, left or rewritten; answers those that were taken, or None.

    Args:
        title: what they are.
        items: what was proposed.
        said: about how it came about: the model, what it cost.
        check_flaw: why a check can't be used; empty if it can.
    """

    CSS_PATH = "../styles/project.tcss"
    BINDINGS = bindings("review")
    AUTO_FOCUS = "#items"

    def __init__(
        self, title: str, items: Sequence[Item], said: str, check_flaw: Callable[[Any], str] = lambda _: ""
    ) -> None:
        super().__init__()
        self._title, self._said, self._check_flaw = title, said, check_flaw
        self.items = list(items)

    @property
    def scopes(self) -> list[Scope]:
        """Whose keys work now, beside those that work everywhere."""
        return ["review"]

    def compose(self) -> ComposeResult:
        columns = [
            Column("", 7, lambda item: DECIDED[item.taken]),
            Column("what", 11, lambda item: (item.kind, "muted")),
            Column("proposed", 0, lambda item: (item.text, "")),
        ]
        yield Canvas(id="header")
        with Container(id="body"):
            yield Table(columns, lambda item: str(item.number), id="items", classes="panel")
            yield Canvas(id="aside", classes="panel")
        yield Canvas([[("Too small: 60×16 is needed.", "warn")]], id="too-small")
        yield KeyLine()

    def on_mount(self) -> None:
        for name in ("header", "too-small"):
            self.query_one(f"#{name}").can_focus = False
        self.query_one("#items").border_title = "Proposed"
        self.query_one("#aside").border_title = "In full"
        self.call_after_refresh(self.draw)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 60 or event.size.height < 16, "-tiny")
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Draw the items as they are decided."""
        if not self.is_attached:
            return
        head = self.query_one("#header", Canvas)
        taken, still = (sum(item.taken is state for item in self.items) for state in (True, None))
        right: paint.Line = [
            (f"✓ {taken} taken", "good"),
            (f"  ? {still} open", "warn" if still else "muted"),
        ]
        left: paint.Line = [(self._title, "heading"), (f"  {self._said}", "muted")]
        head.set_lines([paint.columns(left, right, head.width)])
        self.query_one("#items", Table).set_rows(list(self.items))
        self._draw_item()
        offered = [action for action in shown([*self.scopes, "anywhere"]) if self.may(action.id)]
        self.query_one(KeyLine).show_actions(offered)

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        return True

    @on(Table.Moved)
    def _draw_item(self) -> None:
        aside = self.query_one("#aside", Canvas)
        aside.set_lines(item_lines(self.query_one("#items", Table).row, max(1, aside.width)))

    def _put(self, item: Item) -> None:
        self.items[item.number] = item
        self.draw()

    def action_take(self) -> None:
        self._decide(True)

    def action_drop(self) -> None:
        self._decide(False)

    def _decide(self, taken: bool) -> None:
        table = self.query_one("#items", Table)
        if table.row is not None:
            self._put(replace(table.row, taken=taken))
            table.action_down()

    def action_open(self) -> None:
        self.query_one("#items", Table).action_select()

    def action_all(self) -> None:
        self.items = [replace(item, taken=True) if item.taken is None else item for item in self.items]
        self.draw()

    @on(Table.Opened)
    def _edit(self, message: Table.Opened) -> None:
        item: Item = message.row

        def put(value: Any) -> None:
            self._put(replace(item, value=value, taken=True))

        if item.kind == "case":
            screen = CaseScreen(item.value, PLAIN, [], False, "A proposed case")
            self.app.push_screen(screen, lambda row: put(row) if row else None)
        elif item.kind == "check":
            change_value(self.desk, form_row(("check",), A_CHECK, item.value), put, self._check_flaw)
        else:
            self._write(item, put)

    def _write(self, item: Item, put: Callable[[str], object]) -> None:
        def written(answer: Written | None) -> None:
            if answer is not None and answer.text.strip():
                put(answer.text)

        self.app.push_screen(WriteScreen(str(item.value), f"The {item.kind}"), written)

    def action_done(self) -> None:
        taken = [item for item in self.items if item.taken]
        still = sum(item.taken is None for item in self.items)
        if not still:
            self.dismiss(taken)
            return
        options = [
            Option("n", "Go on looking", "", ""),
            Option("l", "Leave them out", f"and take the {len(taken)} that are taken", "leave"),
            Option("a", "Take them, too", "unseen", "take"),
        ]

        def answered(answer: str | None) -> None:
            if answer == "take":
                self.action_all()
                self.dismiss(list(filter(lambda item: item.taken, self.items)))
            elif answer == "leave":
                self.dismiss(taken)

        self.app.push_screen(
            Dialog(f"{fm.plural(still, 'proposal')} not decided yet", lambda _: [], options), answered
        )

    def action_leave(self) -> None:
        confirm(
            self.app,
            "Leave without taking anything?",
            ("Go on looking", ""),
            ("Leave everything", "what was proposed is lost"),
            lambda: self.dismiss(None),
        )
