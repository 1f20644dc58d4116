"""The business case of a run: what goes into it, where it goes, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt_tui import paint
from promptopt_tui.business import FORMS, SCENARIOS, CaseWish, in_use
from promptopt_tui.screens.asking import typed_path
from promptopt_tui.screens.dialogs import Dialog, Option, confirm
from promptopt_tui.screens.filling import Field, FillScreen, file_fault, needed
from promptopt_tui.views.business import case_lines

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp

ABOUT = (
    "What was measured comes from the run, all else from assumptions, which every document shows. "
    "Nothing is sent."
)


def ask_for_case(desk: PromptoptApp, run_id: str) -> None:
    """Ask what the business case of a run is made of, write it, and show its ranges."""
    kept = desk.preferences
    fields = [
        Field("scenario", "assumptions for", kept.get("case scenario", SCENARIOS[0]), check=_scenario_fault),
        Field("assumptions", "or of a file", "", "optional: .toml or .yaml, yours", file_fault, files=True),
        Field("forms", "documents", kept.get("case forms", "md, html"), check=_forms_fault),
        Field("folder", "into the folder", f"./report-{run_id}", check=needed, files=True),
        Field("keep", "keep assumptions", "", "optional: a file to change them in", _keep_fault, files=True),
    ]

    def filled(given: dict[str, str] | None) -> None:
        if given is None:
            return
        kept.set("case scenario", given["scenario"])
        kept.set("case forms", given["forms"])
        files = {
            name: str(typed_path(given[name])) if given[name] else "" for name in ("assumptions", "keep")
        }
        # Those of a file say themselves whose they are.
        scenario = "" if files["assumptions"] else given["scenario"]
        _look(desk, CaseWish(run_id, typed_path(given["folder"]), _forms(given["forms"]), scenario, **files))

    def build(width: int) -> list[paint.Line]:
        scenarios = f"There are assumptions for: {', '.join(SCENARIOS)}."
        return [*paint.wrap([(ABOUT, "muted")], width), *paint.wrap([(scenarios, "muted")], width), []]

    desk.push_screen(FillScreen("The business case", fields, build, send="write it"), filled)


def _look(desk: PromptoptApp, wish: CaseWish) -> None:
    """Ask before documents in a folder are replaced."""

    def write() -> None:
        desk.notify("Writing the business case…", timeout=3, markup=False)
        desk.background(lambda: desk.client.business.report(wish), lambda found: show_case(desk, found, wish))

    def looked(used: bool) -> None:
        if not used:
            write()
            return
        confirm(
            desk,
            "Write into this folder?",
            ("Leave it", "nothing is written"),
            ("Write into it", "an earlier business case in it is replaced"),
            write,
            lambda width: paint.text_lines(str(wish.folder), width),
        )

    desk.background(lambda: in_use(wish.folder), looked)


def show_case(desk: PromptoptApp, found: Mapping[str, Any], wish: CaseWish) -> None:
    """Show what was written, in short."""

    def answered(answer: str | None) -> None:
        if answer == "copy":
            desk.copy(str(wish.folder), "path of the folder")

    options = [
        Option("enter", "Close", "", ""),
        Option("c", "Copy the folder's path", "the documents are there", "copy"),
    ]
    dialog = Dialog("The business case", lambda width: case_lines(found, width), options, kind="-tall")
    desk.push_screen(dialog, answered)


def _forms(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.lower().replace(",", " ").split()))


def _forms_fault(text: str) -> str:
    named = _forms(text)
    unknown = [each for each in named if each not in FORMS]
    return "" if named and not unknown else f"are some of {', '.join(FORMS)}"


def _scenario_fault(text: str) -> str:
    return "" if not text or text in SCENARIOS else f"is one of {', '.join(SCENARIOS)}"


def _keep_fault(text: str) -> str:
    fine = not text or Path(text).suffix.lower() in (".toml", ".yaml", ".yml")
    return "" if fine else "is a .toml or .yaml file"
