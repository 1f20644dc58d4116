"""What was made up becomes a project or a file; what people decided on it is carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.screens.asking import AskScreen, typed_path
from promptopt_tui.screens.dialogs import Dialog, Option, confirm

if TYPE_CHECKING:
    from promptopt.synthetic.reviewing import Standing
    from promptopt_tui.app import PromptoptApp

Then = Callable[[Callable[[], Any], Callable[[Any], object]], object]
"""Does its first argument in a thread, and then calls the second one with what came of it."""

FORMS = (".jsonl", ".json", ".csv")


def save_project(
    desk: PromptoptApp,
    run_id: str,
    name: str,
    standing: Standing | None,
    then: Then,
    *,
    start: bool = False,
) -> None:
    """Ask for a name, make the project, and offer to go on with it.

    Args:
        name: that it may have.
        standing: how far the review is; None: nobody has begun one.
        then: does the work; see :data:`Then`.
        start: begin a run of it at once.
    """
    projects = desk.client.projects

    def made(found: Mapping[str, Any]) -> None:
        path = Path(str(found["project"]))
        if start:
            desk.start_project(path, path.parent.name)
            return
        _offer(desk, path, int(found["cases"]))

    def answered(given: str | None) -> None:
        if given is not None:
            then(lambda: desk.client.makings.save_project(run_id, given), made)

    def ask(free: str) -> None:
        screen = AskScreen("Name of the new project", _told(standing), free, refuse=projects.refuse_name)
        desk.push_screen(screen, answered)

    desk.background(lambda: projects.free_name(name), ask)


def _offer(desk: PromptoptApp, path: Path, cases: int) -> None:
    options = [
        Option("n", "Stay here", "", ""),
        Option("r", "Start a run", "look for a better prompt on these cases", "run"),
        Option("e", "Open the project", "its prompt, checks, models and cases", "open"),
    ]

    def build(width: int) -> list[paint.Line]:
        return paint.wrap([(f"{fm.plural(cases, 'case')} in ", "muted"), (str(path), "")], width)

    def chosen(what: str | None) -> None:
        if what == "run":
            desk.start_project(path, path.parent.name)
        elif what == "open":
            desk.open_project(path)

    desk.push_screen(Dialog("Saved as a project", build, options), chosen)


def save_file(desk: PromptoptApp, run_id: str, standing: Standing | None, then: Then) -> None:
    """Ask for a file, and write the cases into it."""

    def refuse(text: str) -> str:
        if not text.lower().endswith(FORMS):
            return f"its name must end in {', '.join(FORMS)}"
        return "that is a folder" if typed_path(text).is_dir() else ""

    def saved(found: Mapping[str, Any]) -> None:
        said = f"Written: {one_line(str(found['out']), 200)}, {fm.plural(int(found['cases']), 'case')}."
        desk.notify(said, markup=False)

    def write(path: Path, overwrite: bool) -> None:
        then(lambda: desk.client.makings.save_file(run_id, path, overwrite=overwrite), saved)

    def looked(found: tuple[Path, bool]) -> None:
        path, there = found
        if not there:
            write(path, False)
            return
        confirm(
            desk,
            "Replace the file?",
            ("Leave it", "nothing is written"),
            ("Replace it", "what is in it now is lost"),
            lambda: write(path, True),
            lambda width: paint.text_lines(str(path), width),
        )

    def answered(text: str | None) -> None:
        if text is not None:
            path = typed_path(text)
            desk.background(lambda: (path, path.exists()), looked)

    about = [*_told(standing), [(".jsonl and .json keep the checks of each case, .csv can't.", "muted")]]
    screen = AskScreen("A file for the cases", about, f"./cases-{run_id}.jsonl", refuse=refuse, files=True)
    desk.push_screen(screen, answered)


def _told(standing: Standing | None) -> list[paint.Line]:
    """What goes in, and that some of it nobody has seen."""
    if standing is None:
        return []
    goes = standing.cases - standing.dropped
    lines: list[paint.Line] = [
        [(f"{fm.plural(goes, 'case')} go in", ""), (f", {standing.dropped:,} dropped stay out.", "muted")]
    ]
    if standing.open:
        lines.append([(f"Nobody has looked at {standing.open:,} of them; they go in as they are.", "warn")])
    return lines
