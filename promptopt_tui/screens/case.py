"""One case in a dialog; up and down go on to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from promptopt.domain.dataset import Example, Split
from promptopt.domain.results import CaseResult
from promptopt.domain.text import one_line
from promptopt_tui.views.case import case_lines, where
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.panels import CasesPanel

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp


class CaseScreen(ModalScreen[None]):
    """The case under the cursor of ``table``, under one candidate."""

    BINDINGS: ClassVar = [
        Binding("escape,q,enter", "leave", show=False),
        Binding("left,p", "step(-1)", show=False),
        Binding("right,n", "step(1)", show=False),
        Binding("y", "copy", show=False),
    ]

    def __init__(self, run_id: str, prompt_id: str, split: Split, name: str, table: CasesPanel) -> None:
        super().__init__(classes="-tall")
        self._run_id, self._prompt_id, self._name = run_id, prompt_id, name
        self._split: Split = split
        self._table = table
        self._results: dict[str, CaseResult | None] = {}

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_subtitle = Content("← → other cases   y copy   esc closes")
            yield Canvas(id="body")

    def on_mount(self) -> None:
        self.query_one("#body").focus()
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        case: Example | None = self._table.row
        body = self.query_one("#body", Canvas) if self.is_attached else None
        if case is None or body is None or not body.width:
            return
        known = case.id in self._results
        title = one_line(where(case, self._split, self._name), 100)
        self.query_one("#dialog").border_title = Content(title)
        mark = self._table.marks.get(case.id)
        lines = case_lines(case, self._results.get(case.id), mark, body.width, loading=not known)
        body.styles.height = max(1, min(len(lines), self.size.height - 6))
        body.set_lines(lines)
        if not known:
            self._load(case.id)

    def _load(self, case_id: str) -> None:
        app = cast("PromptoptApp", self.app)

        def done(result: CaseResult | None) -> None:
            if len(self._results) > 200:
                self._results.clear()
            self._results[case_id] = result
            self._show()

        app.background(lambda: app.client.result(self._run_id, self._prompt_id, self._split, case_id), done)

    def action_step(self, step: int) -> None:
        self._table.move_to(self._table.cursor + step)
        self.query_one("#body", Canvas).scroll_home(animate=False)
        self._show()

    def action_copy(self) -> None:
        cast("PromptoptApp", self.app).copy(self.query_one("#body", Canvas).text_to_copy(), "case")

    def action_leave(self) -> None:
        self.dismiss(None)
