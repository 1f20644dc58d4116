"""Changing the settings of a project, each by what it takes; what can't be used is refused as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual import on
from textual.screen import Screen

from promptopt.domain.entering import NotTaken, entered
from promptopt.domain.errors import PromptoptError
from promptopt_tui import paint
from promptopt_tui.desk import OnTop
from promptopt_tui.screens.asking import AskScreen
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.project.values import KEYS, change_value
from promptopt_tui.views import project as view
from promptopt_tui.widgets.form import Form, Keys

if TYPE_CHECKING:
    from promptopt.store.caseedit import CaseFile
    from promptopt.store.projectedit import ProjectDocument

NEW_RULE = {"name": "rule", "max_words": 50}


class Fields(OnTop, Screen[None]):
    """The part of a project's screen that changes its settings."""

    document: ProjectDocument
    known: view.Known
    section: str

    def changed(self) -> None:
        """The document says something else: draw."""
        raise NotImplementedError

    def did(self, what: ProjectDocument | CaseFile) -> None:
        """Remember that the last change was one of ``what``, which can take it back."""
        raise NotImplementedError

    def put(self, keys: Keys, value: Any) -> None:
        """Let the project say ``value`` at ``keys``; None takes it out."""
        before = self.document.text
        try:
            if value is None:
                self.document.unset(keys)
            else:
                self.document.set(keys, value)
        except PromptoptError as error:
            self.desk.show_error(error)
            return
        if self.document.text != before:
            self.did(self.document)
        self.changed()

    @on(Form.Reset)
    def _reset(self, message: Form.Reset) -> None:
        self.put(message.row.keys, None)

    @on(Form.Wanted)
    def _wanted(self, message: Form.Wanted) -> None:
        row = message.row
        if isinstance(message, Form.Reset):
            return

        def refuse(value: Any) -> str:
            return self.document.flaw_if(row.keys, value) or self._check_flaw(row.keys, value)

        abouts = self.known.abouts if row.keys == ("optimizer", "name") else {}
        change_value(self.desk, row, lambda value: self.put(row.keys, value), refuse, abouts)

    def _check_flaw(self, keys: Keys, value: Any) -> str:
        """What would be wrong with a check if an option of it were ``value``, and is not wrong already."""
        if keys[:1] != ("checks",):
            return ""
        table = self.document.get(keys[:2])
        flaw = self.desk.client.projects.check_flaw
        after = flaw({**table, keys[2]: value})
        return "" if after == flaw(table) else after

    # Whole tables: checks, rules, models

    def action_add(self) -> None:
        if self.section == "checks":
            self._add_check()
        elif self.section == "models":
            self.add_model()

    def _add_check(self) -> None:
        options: list[Option[str]] = [
            Option(key, name, kind.about, name)
            for key, (name, kind) in zip(KEYS, self.known.checks.items(), strict=False)
        ]
        options.append(Option("+", "rule", "for every output, told to the optimizer, too", "rule"))

        def chosen(kind: str | None) -> None:
            if kind == "rule":
                place = len(self.document.items(("task", "constraints")))
                self.put(("task", "constraints", place), NEW_RULE)
            elif kind is not None:
                required = [each for each in self.known.checks[kind].settings if each.required]
                self._fill({"type": kind}, required, self._append_check)

        self.app.push_screen(Dialog("Add a check", lambda _: [], options, kind="-broad"), chosen)

    def _append_check(self, table: dict[str, Any]) -> None:
        self.put(("checks", len(self.document.items(("checks",)))), table)

    def _fill(
        self, table: dict[str, Any], missing: list[Any], then: Callable[[dict[str, Any]], object]
    ) -> None:
        """Ask for what a table can't do without, one by one."""
        if not missing:
            then(table)
            return
        setting, *rest = missing

        def refuse(text: str) -> str:
            try:
                return "" if entered(setting, text) is not None else "it has to be given"
            except NotTaken as error:
                return str(error)

        def answered(text: str | None) -> None:
            if text is not None:
                self._fill({**table, setting.name: entered(setting, text)}, rest, then)

        doc = setting.doc.replace("``", "")
        about: list[paint.Line] = [[(doc, "")], [(f"takes {setting.type}", "muted")]]
        self.app.push_screen(AskScreen(f"{table['type']}: {setting.name}", about, refuse=refuse), answered)

    def add_model(self) -> None:
        """Let a person set up a model."""
        raise NotImplementedError

    def action_remove(self) -> None:
        row = self.query_one(Form).row
        if row is None or self.section not in ("checks", "models"):
            return
        size = 3 if row.keys[:1] == ("task",) else 2
        if row.keys[:size] == ("models", "target"):
            self.app.notify("A project needs a target model.", severity="warning", markup=False)
            return
        if self.document.get(row.keys[:size]) is None:
            self.app.notify("The file does not name it; its default holds.", markup=False)
            return
        self.put(row.keys[:size], None)
        self.app.notify("Taken out. u brings it back.", markup=False)
