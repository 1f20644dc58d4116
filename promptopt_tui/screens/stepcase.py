"""A case that a step of the lineage fixed or broke, under the candidate after it and the one before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.binding import Binding
from textual.content import Content

from promptopt.domain.dataset import Example
from promptopt_tui.paint import Line
from promptopt_tui.screens.case import Pages
from promptopt_tui.views.case import case_lines, where
from promptopt_tui.widgets.table import Table


class StepCaseScreen(Pages):
    """The case under the cursor of ``table``, whose rows have a ``case_id``.

    Args:
        run_id: the run.
        prompts: ids of the candidate before the step and of the one after it.
        names: what they are called.
        table: the cases that the step changed.
        cases: the validation cases by id.
    """

    BINDINGS: ClassVar = [Binding("b,space", "other", show=False)]

    def __init__(
        self,
        run_id: str,
        prompts: tuple[str, str],
        names: tuple[str, str],
        table: Table,
        cases: Mapping[str, Example],
    ) -> None:
        super().__init__(run_id, prompts[1], "validation")
        self._prompts, self._names = prompts, names
        self._table, self._cases = table, cases
        self._after = True

    def on_mount(self) -> None:
        super().on_mount()
        hints = "b before/after   ← → other cases   y copy   esc closes"
        self.query_one("#dialog").border_subtitle = Content(hints)

    def page(self, width: int) -> tuple[str, list[Line], list[str]] | None:
        row = self._table.row
        case = self._cases.get(row.case_id) if row is not None else None
        if case is None:
            return None
        word = "after" if self._after else "before"
        name = f"{word}: {self._names[self._after]}"
        loading = case.id not in self.results
        lines = case_lines(case, self.results.get(case.id), None, width, loading=loading)
        return where(case, "validation", name), lines, [case.id]

    def turn(self, step: int) -> None:
        self._table.move_to(self._table.cursor + step)

    def action_other(self) -> None:
        """Show it under the other of the two candidates."""
        self._after = not self._after
        self._prompt_id = self._prompts[self._after]
        self.results = {}
        self._show()
