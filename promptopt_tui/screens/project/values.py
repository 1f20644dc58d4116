"""Changing one value: by what it takes, in a dialog, a line or an editor; what can't be is refused there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from promptopt.domain.entering import NotTaken, entered, shown
from promptopt.domain.text import sanitize
from promptopt_tui import paint
from promptopt_tui.screens.asking import AskScreen
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.editor import Written
from promptopt_tui.screens.writing import WriteScreen
from promptopt_tui.widgets.form import FormRow

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp

LONG = ("prompt", "description", "code", "rubric")
"""Texts that mostly have several lines."""

KEYS = "123456789abcdefghijklmnopqrstuvwxyz"
"""Keys of the options of a dialog, in order."""

NOTHING: Mapping[str, str] = {}

Put = Callable[[Any], object]
"""Takes the new value; None lets the default hold."""

Refuse = Callable[[Any], str]
"""Says why a value can't be taken; empty if it can."""


def change_value(
    app: PromptoptApp,
    row: FormRow,
    put: Put,
    refuse: Refuse = lambda _: "",
    abouts: Mapping[str, str] = NOTHING,
) -> None:
    """Let a person change the value of a setting.

    Args:
        abouts: what is said beside choices.
    """
    setting = row.setting
    if setting is None:
        return
    if setting.kind == "flag":
        put(not (setting.default if row.value is None else row.value))
    elif setting.kind == "choice":
        _choose(app, row, put, abouts)
    elif setting.kind == "text" and (setting.name in LONG or "\n" in str(row.value or "")):
        _write(app, row, put)
    else:
        _ask(app, row, put, refuse)


def _choose(app: PromptoptApp, row: FormRow, put: Put, abouts: Mapping[str, str]) -> None:
    setting = row.setting
    assert setting
    options = [
        Option(key, str(choice), sanitize(abouts.get(str(choice), "")), choice)
        for key, choice in zip(KEYS, setting.choices, strict=False)
    ]
    now = setting.default if row.value is None else row.value
    start = setting.choices.index(now) if now in setting.choices else 0

    def chosen(choice: Any) -> None:
        if choice is not None:
            put(choice)

    def build(width: int) -> list[paint.Line]:
        return paint.wrap([(setting.doc, "muted")], width)

    dialog: Dialog[Any] = Dialog(row.label, build, options, start=start, kind="-tall")
    app.push_screen(dialog, chosen)


def _write(app: PromptoptApp, row: FormRow, put: Put) -> None:
    def written(answer: Written | None) -> None:
        if answer is not None:
            put(answer.text or None)

    app.push_screen(WriteScreen(str(row.value or ""), ".".join(map(str, row.keys))), written)


def _ask(app: PromptoptApp, row: FormRow, put: Put, refuse: Refuse) -> None:
    setting = row.setting
    assert setting

    def why_not(text: str) -> str:
        try:
            value = entered(setting, text)
        except NotTaken as error:
            return str(error)
        if value is None:
            return "it has to be given" if setting.required else ""
        return refuse(value)

    before = shown(setting, row.value)

    def answered(text: str | None) -> None:
        # What was left as it stood is left as it is: its spaces and control characters, too.
        if text is not None and text != sanitize(before).strip():
            put(entered(setting, text))

    about: list[paint.Line] = [
        [(setting.doc.replace("``", ""), "")],
        [(f"takes {setting.type}", "muted")],
    ]
    if not setting.required:
        about.append([(f"empty: {shown(setting, setting.default) or 'not given'}", "muted")])
    title = ".".join(map(str, row.keys))
    app.push_screen(AskScreen(title, about, before, refuse=why_not), answered)
