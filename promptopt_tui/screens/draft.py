"""A case that was made up, in full; left and right go on to the next."""

from __future__ import annotations

from promptopt_tui.paint import Line
from promptopt_tui.screens.case import Pages
from promptopt_tui.widgets.drafts import DraftsPanel, draft_lines


class DraftScreen(Pages):
    """The case that the table stands at.

    Args:
        run_id: the run that made it up.
        panel: the table.
    """

    def __init__(self, run_id: str, panel: DraftsPanel) -> None:
        super().__init__(run_id, "", "train")
        self._panel = panel

    def page(self, width: int) -> tuple[str, list[Line], list[str]] | None:
        row = self._panel.row
        return None if row is None else (f"Case {row.id}", draft_lines(self._panel, row, width), [])

    def turn(self, step: int) -> None:
        self._panel.step(step)
