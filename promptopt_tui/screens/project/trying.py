"""Trying a project out before it runs: its checks on an output, its models, its budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from promptopt_tui import paint
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.editor import Written
from promptopt_tui.screens.project.keeping import Keeping
from promptopt_tui.screens.writing import WriteScreen
from promptopt_tui.views import project as view
from promptopt_tui.views.compliance import finding_lines
from promptopt_tui.widgets.table import Table

HOW = {
    "models": "v asks whether the models can be reached; no key is sent, nothing is spent",
    "budget": "v foretells a run",
    "settings": "v looks what a run would send of personal data and secrets; nothing is sent for that",
    "checks": "v judges an output that you type; no model is asked unless you say so",
}

SHOWN: dict[str, Callable[[Any, int], list[paint.Line]]] = {
    "models": view.doctor_lines,
    "budget": view.forecast_lines,
    "checks": view.verdict_lines,
    "settings": finding_lines,
}

ASKING = ("judge", "pairwise")
"""Types of checks that ask a judge model."""


class Trying(Keeping):
    """The part of a project's screen that asks the engine, in a process of its own."""

    _answers: dict[str, tuple[str, Any]]
    """Section to what the engine said of it, and of which text of the file; None: it is being asked."""
    _output = ""
    """What was judged last."""

    def draw_aside(self) -> None:
        """Draw what stands beside the form."""
        raise NotImplementedError

    def action_test(self) -> None:
        projects = self.desk.client.projects
        if self.section == "models":
            self._ask_engine("models", lambda text: projects.doctor(self.document.path, text))
        elif self.section == "budget":
            self._ask_engine("budget", lambda text: projects.estimate(self.document.path, text))
        elif self.section == "settings":
            self._ask_engine("settings", lambda text: projects.what_is_sent(self.document.path, text))
        elif self.section == "checks":
            self._try_checks()

    def foretell(self) -> None:
        """Foretell a run, unless that was done for what the file says now."""
        projects = self.desk.client.projects
        if self._answers.get("budget", ("",))[0] != self.document.text and not self.flaws:
            self._ask_engine("budget", lambda text: projects.estimate(self.document.path, text))

    def _try_checks(self) -> None:
        entry = self.query_one("#cases", Table).row
        case_id = entry.id if entry is not None else ""
        named = f"An output for case {case_id}" if case_id else "An output for the first case"

        def written(answer: Written | None) -> None:
            # Taken as it is, it is what stood there before.
            self._output = answer.text if answer is not None else self._output
            if answer is not None:
                self._ask_leave(case_id)

        start = self._output or (entry.expected if entry is not None and entry.expected else "")
        self.app.push_screen(WriteScreen(start, f"{named}, to be judged", as_it_is=True), written)

    def _ask_leave(self, case_id: str) -> None:
        """Ask whether checks that need a model may ask it, if there are such."""
        tables = self.document.items(("checks",))
        asking = [table for table in tables if isinstance(table, dict) and table.get("type") in ASKING]
        if not asking:
            self._judge_output(case_id, ask=False)
            return
        options = [
            Option("n", "Leave them out", "nothing is sent", False),
            Option("y", "Ask the judge model", "its calls cost what they cost, 30 at most", True),
        ]

        def answered(ask: bool | None) -> None:
            if ask is not None:
                self._judge_output(case_id, ask=ask)

        def build(width: int) -> list[paint.Line]:
            names = ", ".join(str(table.get("name") or table["type"]) for table in asking)
            return paint.wrap([(f"These checks ask a model: {names}", "")], width)

        self.app.push_screen(Dialog("Ask the judge model?", build, options), answered)

    def _judge_output(self, case_id: str, *, ask: bool) -> None:
        output, path = self._output, self.document.path
        projects = self.desk.client.projects
        self._ask_engine(
            "checks",
            lambda text: {**projects.check(path, text, output, case_id, ask=ask), "output": output},
        )

    def _ask_engine(self, section: str, question: Callable[[str], Any]) -> None:
        text = self.document.text
        self._answers[section] = (text, None)

        def answered(found: Any) -> None:
            if self._answers.get(section, ("",))[0] == text:
                self._answers[section] = (text, found)
                self.draw_aside()

        self.draw_aside()
        self.desk.background(lambda: question(text), answered, answered)

    def answer_lines(self, section: str, width: int) -> list[paint.Line]:
        """What the engine said of a section, and whether that is of what the file says now."""
        text, found = self._answers.get(section, ("", None))
        if not text:
            return paint.wrap([(HOW[section], "muted")], width)
        lines: list[paint.Line] = []
        if text != self.document.text:
            lines = [[("before your last change; v asks again", "warn")], []]
        if found is None:
            return [*lines, [("being looked at…", "muted")]]
        if isinstance(found, BaseException):
            return lines + paint.text_lines(str(found), width, "bad")
        return lines + SHOWN[section](found, width)
