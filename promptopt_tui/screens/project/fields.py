"""Changing the settings of a project, each by what it takes; what can't be used is refused as it is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from textual import on
from textual.screen import Screen

from promptopt.domain.entering import NotTaken, entered, shown
from promptopt.domain.errors import PromptoptError
from promptopt.domain.text import sanitize
from promptopt.domain.words import ROLES, Role
from promptopt_tui import paint
from promptopt_tui.screens.asking import AskScreen
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.editor import Written
from promptopt_tui.screens.writing import WriteScreen
from promptopt_tui.views import project as view
from promptopt_tui.widgets.form import Form, FormRow, Keys

if TYPE_CHECKING:
    from promptopt.store.projectedit import ProjectDocument
    from promptopt_tui.app import PromptoptApp

LONG = ("prompt", "description", "code", "rubric", "system")
"""Texts that mostly have several lines."""

KEYS = "123456789abcdefghijklmnopqrstuvwxyz"

NEW_RULE = {"name": "rule", "max_words": 50}


class Fields(Screen[None]):
    """The part of a project's screen that changes its settings."""

    document: ProjectDocument
    known: view.Known
    section: str

    def changed(self) -> None:
        """The document says something else: draw, and remember how it is undone."""
        raise NotImplementedError

    @property
    def desk(self) -> PromptoptApp:
        """The app, as what it is."""
        return cast("PromptoptApp", self.app)

    def put(self, keys: Keys, value: Any) -> None:
        """Let the project say ``value`` at ``keys``; None takes it out."""
        try:
            if value is None:
                self.document.unset(keys)
            else:
                self.document.set(keys, value)
        except PromptoptError as error:
            self.desk.show_error(error)
            return
        self.changed()

    @on(Form.Reset)
    def _reset(self, message: Form.Reset) -> None:
        self.put(message.row.keys, None)

    @on(Form.Wanted)
    def _wanted(self, message: Form.Wanted) -> None:
        row = message.row
        setting = row.setting
        if isinstance(message, Form.Reset) or setting is None:
            return
        if setting.kind == "flag":
            now = setting.default if row.value is None else row.value
            self.put(row.keys, not now)
        elif setting.kind == "choice":
            self._choose(row)
        elif setting.kind == "text" and (setting.name in LONG or "\n" in str(row.value or "")):
            self._write(row)
        else:
            self._ask(row)

    def _choose(self, row: FormRow) -> None:
        setting = row.setting
        assert setting
        about = self.known.abouts if row.keys == ("optimizer", "name") else {}
        options = [
            Option(key, str(choice), sanitize(about.get(str(choice), "")), choice)
            for key, choice in zip(KEYS, setting.choices, strict=False)
        ]
        now = setting.default if row.value is None else row.value
        start = setting.choices.index(now) if now in setting.choices else 0
        dialog: Dialog[Any] = Dialog(
            row.label,
            lambda width: paint.wrap([(setting.doc, "muted")], width),
            options,
            start=start,
            kind="-tall",
        )

        def chosen(choice: Any) -> None:
            if choice is not None:
                self.put(row.keys, choice)

        self.app.push_screen(dialog, chosen)

    def _write(self, row: FormRow) -> None:
        def written(answer: Written | None) -> None:
            if answer is not None:
                self.put(row.keys, answer.text or None)

        self.app.push_screen(WriteScreen(str(row.value or ""), ".".join(map(str, row.keys))), written)

    def _ask(self, row: FormRow) -> None:
        setting = row.setting
        assert setting

        def refuse(text: str) -> str:
            try:
                value = entered(setting, text)
            except NotTaken as error:
                return str(error)
            if value is None:
                return "it has to be given" if setting.required else ""
            return self.document.flaw_if(row.keys, value) or self._check_flaw(row.keys, value)

        def answered(text: str | None) -> None:
            if text is not None:
                self.put(row.keys, entered(setting, text))

        about: list[paint.Line] = [
            [(setting.doc.replace("``", ""), "")],
            [(f"takes {setting.type}", "muted")],
        ]
        if not setting.required:
            about.append([(f"empty: {shown(setting, setting.default) or 'not given'}", "muted")])
        title = ".".join(map(str, row.keys))
        self.app.push_screen(AskScreen(title, about, shown(setting, row.value), refuse=refuse), answered)

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
            self._add_model()

    def _add_check(self) -> None:
        options: list[Option[str]] = [
            Option(key, name, kind.about, name)
            for key, (name, kind) in zip(KEYS, self.known.checks.items(), strict=False)
        ]
        options.append(Option("+", "rule", "for every output, told to the optimizer, too", "rule"))

        def chosen(kind: str | None) -> None:
            if kind == "rule":
                place = len(self.document.get(("task", "constraints"), []))
                self.put(("task", "constraints", place), NEW_RULE)
            elif kind is not None:
                required = [each for each in self.known.checks[kind].settings if each.required]
                self._fill({"type": kind}, required, self._append_check)

        self.app.push_screen(Dialog("Add a check", lambda _: [], options, kind="-tall"), chosen)

    def _append_check(self, table: dict[str, Any]) -> None:
        self.put(("checks", len(self.document.get(("checks",), []))), table)

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

        about: list[paint.Line] = [[(setting.doc, "")], [(f"takes {setting.type}", "muted")]]
        self.app.push_screen(AskScreen(f"{table['type']}: {setting.name}", about, refuse=refuse), answered)

    def _add_model(self) -> None:
        there = self.document.get(("models",), {})
        options: list[Option[str]] = [
            Option(role[0], role, view.ROLE_MEANS[role], role)
            for role in ROLES
            if role not in there and role in view.ROLE_MEANS
        ]
        options.append(Option("p", "a judge of the panel", "judges who vote on matches", "panel"))

        def chosen(role: Role | str | None) -> None:
            if role is not None:
                where: Keys = ("models", role)
                if role == "panel":
                    where = ("judges", len(self.document.get(("judges",), [])))
                self._ask_model(where)

        self.app.push_screen(Dialog("Add a model", lambda _: [], options), chosen)

    def _ask_model(self, where: Keys) -> None:
        def answered(model: str | None) -> None:
            if model:
                self.put(where, {"model": model})

        about: list[paint.Line] = [
            [("any litellm name (openai/gpt-4o-mini), or sim/… for the built-in simulator", "muted")]
        ]
        refuse = lambda text: "" if text else "it has to be given"  # noqa: E731
        self.app.push_screen(AskScreen(f"{where[0]}: model", about, refuse=refuse), answered)

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
