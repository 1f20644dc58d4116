"""Giving a run's prompt to a team: what is asked, the package, what was advised, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt_tui import paint
from promptopt_tui.business import STRATEGIES, PackageWish, in_use
from promptopt_tui.screens.asking import typed_path
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.filling import Field, FillScreen
from promptopt_tui.screens.making import absolute, company_fault
from promptopt_tui.views.deploying import package_lines

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp

ABOUT = (
    "A folder with the prompt for ChatGPT, Slack, e-mail and programs, training, figures and a roll-out "
    "plan. What the sealed test does not show to be better is not given out: the package then has the "
    "prompt before. Nothing is sent."
)


def ask_for_package(desk: PromptoptApp, run_id: str, project: str) -> None:
    """Ask how a run's prompt is given out, write the package, and tell what came of it."""
    kept = desk.preferences
    fields = [
        Field("title", "title", project, "what the team calls it"),
        Field("teams", "teams", "", "optional: Support, Sales; the first one is the pilot"),
        Field(
            "company",
            "company file",
            kept.get("company", ""),
            "optional; examples/acme.yaml comes with promptopt",
            company_fault,
            files=True,
        ),
        Field("strategy", "roll-out", kept.get("roll-out", STRATEGIES[0]), check=_strategy_fault),
        Field("start", "first day", "", "as 2026-12-01; next Monday", _day_fault),
        Field("folder", "into the folder", f"./deployment-{run_id}", check=_folder_fault, files=True),
    ]

    def filled(given: dict[str, str] | None) -> None:
        if given is None:
            return
        kept.set("company", given["company"])
        kept.set("roll-out", given["strategy"])
        wish = PackageWish(
            run_id,
            typed_path(given["folder"]),
            given["title"],
            tuple(team for part in given["teams"].split(",") if (team := part.strip())),
            absolute(given["company"]),
            given["strategy"],
            given["start"],
        )
        desk.notify("Writing the package…", timeout=3, markup=False)
        desk.background(lambda: desk.client.business.deploy(wish), lambda found: show_package(desk, found))

    def build(width: int) -> list[paint.Line]:
        return [*paint.wrap([(ABOUT, "muted")], width), []]

    desk.push_screen(FillScreen("Give it to a team", fields, build, send="write the package"), filled)


def show_package(desk: PromptoptApp, found: Mapping[str, Any]) -> None:
    """Tell what was written, what was advised, and offer to go on."""

    def answered(answer: str | None) -> None:
        if answer == "copy":
            desk.copy(str(Path(found["folder"]) / "index.html"), "path of its first page")
        elif answer == "list":
            from promptopt_tui.screens.deployments import show_deployments

            show_deployments(desk, str(found["deployment_id"]))

    options = [
        Option("enter", "Close", "", ""),
        Option("c", "Copy the path", "of index.html, which shows all of it", "copy"),
        Option("m", "Prompts in use", "where it is watched from now on", "list"),
    ]
    title = "The package is written"
    desk.push_screen(
        Dialog(title, lambda width: package_lines(found, width), options, kind="-tall"), answered
    )


def _strategy_fault(text: str) -> str:
    return "" if not text or text in STRATEGIES else f"is one of {', '.join(STRATEGIES)}"


def _day_fault(text: str) -> str:
    try:
        date.fromisoformat(text or "2026-12-01")
    except ValueError:
        return "is no day as 2026-12-01"
    return ""


def _folder_fault(text: str) -> str:
    if not text:
        return "is empty"
    path = typed_path(text)
    try:
        if path.exists() and not path.is_dir():
            return "is a file"
        return "has something in it; name a new one" if in_use(path) else ""
    except OSError as error:
        return f"can't be read: {error.strerror}"
