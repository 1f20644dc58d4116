"""A look at a prompt in use: what is asked, the wait beside everything else, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.business import LookWish
from promptopt_tui.deploybook import InUse, look_of
from promptopt_tui.screens.acting import cap_fault
from promptopt_tui.screens.asking import AskScreen, typed_path
from promptopt_tui.screens.dialogs import Dialog, Option, confirm
from promptopt_tui.screens.filling import Field, FillScreen, file_fault
from promptopt_tui.views import deploying as views

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp
    from promptopt_tui.errands import Errand

LOOK = 0.5
"""Seconds between questions whether a look is over."""

MARGIN = "5"
"""Points by which a score may fall."""


def ask_for_look(desk: PromptoptApp, one: InUse) -> None:
    """Ask for fresh cases, and begin a look at a prompt."""
    if one.row.id in desk.client.business.errands:
        desk.notify("A look at it goes on; enter shows its run.", severity="warning", markup=False)
        return
    fields = [
        Field("cases", "fresh cases", "./", "a file with the right answers", _cases_fault, files=True),
        Field("margin", "points to fall", MARGIN, check=_margin_fault),
        Field("usd", "at most USD", "", "as in the project", cap_fault),
        Field("again", "ask again", "no", check=_answer_fault),
    ]
    about = (
        f"Each case is sent to {one_line(one.model, 80)}, inside the project's caps. "
        "Cases that were scored before cost nothing, unless they are asked again."
    )

    def filled(given: dict[str, str] | None) -> None:
        if given is not None:
            usd = given["usd"].replace(",", "")
            share = float(given["margin"]) / 100
            again = given["again"].lower() == "yes"
            _begin(desk, one, LookWish(one.row.id, typed_path(given["cases"]), share, usd, again))

    def build(width: int) -> list[paint.Line]:
        warned = paint.wrap([(views.SIMULATED, "warn")], width) if one.row.simulated else []
        return [*warned, *paint.wrap([(about, "muted")], width), []]

    title = f"Does the figure hold: {one_line(one.row.name, 60)}"
    desk.push_screen(FillScreen(title, fields, build, send="score it"), filled)


def _begin(desk: PromptoptApp, one: InUse, wish: LookWish) -> None:
    def begun(errand: Errand) -> None:
        desk.notify("Looking… it goes on if you leave.", timeout=4, markup=False)
        timer = desk.set_interval(LOOK, lambda: over(errand))

        def over(errand: Errand) -> None:
            if errand.over:
                timer.stop()
                desk.client.business.errands.pop(wish.deployment_id, None)
                desk.background(errand.answer, lambda found: _told(desk, one, found), desk.show_error)

    desk.background(lambda: desk.client.business.look(wish), begun)


def _told(desk: PromptoptApp, one: InUse, found: Mapping[str, Any]) -> None:
    """Say what a look has found: in full where its reader waits for it, else in a line."""
    from promptopt_tui.screens.deployments import DeploymentsScreen

    name = one_line(one.row.name, 60)
    if found["verdict"] is None:
        said = f"{name}: nothing was measured, {one_line(str(found['why']), 200)}"
        desk.notify(said, severity="warning", markup=False)
        return
    known = one.last is not None and found["n"] <= one.last.told["n"]
    if not isinstance(desk.screen, DeploymentsScreen):
        glyph, word, _ = fm.WATCHES[found["verdict"]]
        desk.notify(f"{name}: {glyph} {word}", markup=False)
        return
    desk.screen.freshen()
    look = look_of(found)

    def build(width: int) -> list[paint.Line]:
        lines = paint.wrap([(views.SIMULATED, "warn")], width) if one.row.simulated else []
        if known:
            said = "These cases were scored before: nothing was sent."
            lines += [*paint.wrap([(said, "muted")], width), []]
        return [*lines, *views.look_lines(look, width)]

    desk.push_screen(Dialog(name, build, [Option("enter", "Close", "y copies it", None)], uninvited=True))


def ask_for_page(desk: PromptoptApp, one: InUse) -> None:
    """Ask for a file, and write the history of a prompt into it."""

    def refuse(text: str) -> str:
        if not text.lower().endswith((".html", ".htm")):
            return "its name must end in .html"
        return "that is a folder" if typed_path(text).is_dir() else ""

    def write(path: Path) -> None:
        def written(_: object) -> None:
            desk.notify(f"Written: {one_line(str(path), 200)}", markup=False)

        desk.background(lambda: desk.client.business.page(one.row.id, path), written)

    def answered(text: str | None) -> None:
        if text is None:
            return
        path = typed_path(text)

        def looked(there: bool) -> None:
            if not there:
                write(path)
                return
            confirm(
                desk,
                "Replace the file?",
                ("Leave it", "nothing is written"),
                ("Replace it", "what is in it now is lost"),
                lambda: write(path),
                lambda width: paint.text_lines(str(path), width),
            )

        desk.background(path.exists, looked)

    about: list[paint.Line] = [[("Scores over time beside the test, as a page that loads nothing.", "muted")]]
    screen = AskScreen("A page of its history", about, f"./{one.row.id}.html", refuse=refuse, files=True)
    desk.push_screen(screen, answered)


def _cases_fault(text: str) -> str:
    return file_fault(text) if text and not typed_path(text).is_dir() else "is no file"


def _margin_fault(text: str) -> str:
    try:
        fine = 0 <= float(text) < 100
    except ValueError:
        fine = False
    return "" if fine else "is a number from 0 to 99"


def _answer_fault(text: str) -> str:
    return "" if text.lower() in ("yes", "no") else "is yes or no"
