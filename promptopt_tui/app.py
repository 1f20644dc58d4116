"""The app: screens, theme, threads. The first frame is painted before anything heavy is imported."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.command import Command as PaletteLine
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.screen import Screen

from promptopt.domain.text import one_line, sanitize
from promptopt_tui.actions import NUMBERED, OF_WIDGETS, Action, bindings
from promptopt_tui.client import Client
from promptopt_tui.manners import Manners
from promptopt_tui.palette import ActionCommands, PlaceCommands, ShowTheme, ThemeCommands
from promptopt_tui.screens.home import HomeScreen
from promptopt_tui.screens.opening import OpeningScreen
from promptopt_tui.widgets.keyline import KeyLine

if TYPE_CHECKING:
    from promptopt.domain.dataset import Split
    from promptopt.runs.following import Follower
    from promptopt.store.database import Database
    from promptopt.store.pocs import PocRow
    from promptopt.store.projectedit import ProjectDocument
    from promptopt.store.runs import RunRow
    from promptopt_tui.projects import CheckType
    from promptopt_tui.proofs import Look

T = TypeVar("T")

BLURRED = 5
"""Of so many frames one is drawn while the terminal has not the focus."""

BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]
"""Width of the terminal from which a screen has a class; the style sheets do the rest."""

SWITCH = 0.0005
"""Seconds that a thread may go on while another one waits for the interpreter; Python has ten times that."""

TWICE = 2.0
"""Seconds in which the second ctrl+c quits."""


class PromptoptApp(Manners, inherit_bindings=False):
    """The terminal UI.

    Args:
        client: the door to the store.
        run_id: open on this run, and leave with it.
        now: seconds since the epoch.
        ticks: seconds since whenever, that never go back.
    """

    TITLE = "promptopt"
    CSS_PATH = "styles/app.tcss"
    COMMANDS: ClassVar = {ActionCommands, ThemeCommands, PlaceCommands}
    HORIZONTAL_BREAKPOINTS = BREAKPOINTS
    BINDINGS: ClassVar = [
        *bindings("anywhere"),
        Binding("tab", "focus_next", show=False),
        Binding("shift+tab", "focus_previous", show=False),
    ]

    def __init__(
        self,
        client: Client,
        run_id: str | None = None,
        *,
        now: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.client = client
        self.now = now
        self.ticks = ticks
        self.direct = run_id is not None
        self.farewell = ""
        """Said in the terminal after the app is gone."""
        self.fatal: BaseException | None = None
        """Why the app could not do what it was started for."""
        self._reference = run_id
        self._frames = 0
        self._interrupted_at = float("-inf")

    def on_mount(self) -> None:
        if self._reference is None:
            self.push_screen(HomeScreen())
        else:
            self.push_screen(OpeningScreen(self._reference))
            self.open_run(self._reference)

    # Threads

    def background(
        self,
        work: Callable[[], T],
        done: Callable[[T], object],
        failed: Callable[[BaseException], object] | None = None,
    ) -> None:
        """Do ``work`` in a thread, then ``done`` here; an error goes to ``failed``, or to a dialog."""

        def run() -> None:
            try:
                result = work()
            except Exception as error:
                self._hand_over(failed or self.show_error, error)
            else:
                self._hand_over(done, result)

        self.run_worker(run, thread=True, exit_on_error=False, group="background")

    def _hand_over(self, then: Callable[[Any], object], value: object) -> None:
        """Call ``then`` in the app's own thread, if the app is still there."""
        if self.is_running and not self._exit:
            try:
                self.call_from_thread(then, value)
            except RuntimeError:
                if self.is_running and not self._exit:
                    raise

    def show_error(self, error: BaseException) -> None:
        """Say what went wrong, where, and what to do."""
        if isinstance(self.screen, OpeningScreen):
            self.fatal = error
            self.exit(2)
            return
        from promptopt_tui.screens.dialogs import error_dialog

        self.push_screen(error_dialog(error))

    # Runs

    def open_run(self, reference: str) -> None:
        """Show the cockpit of a run."""

        def find() -> tuple[RunRow, Follower]:
            # Imported here, in a thread: the first frame does not need it.
            import promptopt_tui.screens.run

            assert promptopt_tui.screens.run
            row = self.client.find(reference)
            return row, self.client.follow(row.id)

        def opened(found: tuple[RunRow, Follower]) -> None:
            from promptopt_tui.screens.run import RunScreen

            row, follower = found
            follower.row = row
            follower.start()
            screen = RunScreen(follower, row.id)
            if isinstance(self.screen, OpeningScreen):
                self.switch_screen(screen)
            else:
                self.push_screen(screen)

        self.background(find, opened)

    def open_project(self, path: Path) -> None:
        """Show the editor of a project."""

        def load() -> tuple[ProjectDocument, dict[str, CheckType]]:
            # Imported here, in a thread: the first frame does not need it.
            import promptopt_tui.screens.project.screen

            assert promptopt_tui.screens.project.screen
            return self.client.projects.open(path), self.client.projects.checks()

        def opened(found: tuple[ProjectDocument, dict[str, CheckType]]) -> None:
            from promptopt_tui.screens.project.screen import ProjectScreen

            self.push_screen(ProjectScreen(*found))

        self.background(load, opened)

    def open_proof(self, reference: str) -> None:
        """Show a proof of concept."""

        def find() -> Look:
            # Imported here, in a thread: the first frame does not need it.
            import promptopt_tui.screens.proof

            assert promptopt_tui.screens.proof
            return self.client.proofs.look(reference)

        def opened(look: Look) -> None:
            from promptopt_tui.screens.proof import ProofScreen

            self.push_screen(ProofScreen(look))

        self.background(find, opened)

    def resume_proof(self, row: PocRow) -> None:
        """Let a proof of concept go on, and show it; where it waits for a word, its screen asks for that."""
        if row.status in ("held", "failed"):
            self.open_proof(row.id)
            return
        self.background(lambda: self.client.proofs.resume(row.id), lambda _: self.open_proof(row.id))

    def start_project(self, path: Path, name: str) -> None:
        """Start a run of a project and show it."""
        self.notify(f"Starting a run of {one_line(name, 60)}…", markup=False)
        from promptopt_tui.screens.sending import once_looked_through
        from promptopt_tui.screens.trusting import with_trust

        def start() -> None:
            with_trust(self, lambda: self.client.start(path), self._started)

        def looked(found: Mapping[str, Any]) -> None:
            once_looked_through(self, path, found, start)

        self.background(lambda: self.client.check(path), looked)

    def resume_run(
        self, run_id: str, done: Callable[[None], object], given_up: Callable[[], object] = lambda: None
    ) -> None:
        """Start a worker for a run that has none; ``given_up`` is called if that can't be."""
        from promptopt_tui.screens.trusting import with_trust

        with_trust(self, lambda: self.client.resume(run_id), done, given_up)

    def start_rescoring(self, run_id: str, candidate_id: str, split: Split) -> None:
        """Score a candidate again in a run of its own, and show that."""
        self.notify("Scoring it again…", markup=False)
        from promptopt_tui.screens.trusting import with_trust

        with_trust(self, lambda: self.client.rescore(run_id, candidate_id, split), self.open_run)

    def start_demo(self) -> None:
        """Start a run of the built-in demo and show it."""
        self.start_project(self.client.demo(), "the demo: simulated models, no cost")

    def _started(self, started: tuple[str, list[str]]) -> None:
        run_id, notices = started
        for notice in notices[:3]:
            self.notify(sanitize(notice, 300), severity="warning", markup=False)
        self.open_run(run_id)

    def leave_run(self, run_id: str, status: str, live: bool, resumable: bool) -> None:
        """Leave the cockpit; the run is not touched."""
        if self.direct:
            self.farewell = _farewell(run_id, status, live, resumable)
            self.exit(0)
            return
        self.pop_screen()
        if live:
            self.notify(f"Run {run_id} goes on without you.", markup=False)

    # Actions

    async def do(self, action: Action) -> None:
        """Carry out an action as if its key had been pressed."""
        if action.id in NUMBERED:
            return
        target: DOMNode = self if action.scope == "anywhere" else self.screen
        if action.scope in OF_WIDGETS and self.screen.focused:
            target = self.screen.focused
        await self.run_action(action.method, target)

    @on(KeyLine.Clicked)
    async def _key_clicked(self, message: KeyLine.Clicked) -> None:
        await self.do(message.action)

    def action_help(self) -> None:
        from promptopt_tui.screens.dialogs import help_dialog

        self.push_screen(help_dialog(getattr(self.screen, "scopes", ["anywhere"])))

    def action_palette(self) -> None:
        if self.use_command_palette and not CommandPalette.is_open(cast("App[object]", self)):
            self.push_screen(CommandPalette(id="--command-palette"))

    def on_command_palette_option_highlighted(self, event: CommandPalette.OptionHighlighted) -> None:
        """Show a theme that is looked at, and the one in force again when another line is."""
        option = event.highlighted_event.option
        command = option.hit.command if isinstance(option, PaletteLine) else None
        if isinstance(command, ShowTheme):
            command.preview()
        else:
            self._show_chosen_theme()

    def on_command_palette_closed(self, event: CommandPalette.Closed) -> None:
        if not event.option_selected:
            self._show_chosen_theme()

    def action_interrupt(self) -> None:
        if time.monotonic() - self._interrupted_at < TWICE:
            self.exit(0)
            return
        self._interrupted_at = time.monotonic()
        self.notify("Press ctrl+c again to quit. Runs go on.", timeout=TWICE, markup=False)

    def copy(self, text: str, what: str) -> None:
        """Put a text on the clipboard of the terminal."""
        if not text:
            self.notify("There is nothing to copy.", severity="warning", markup=False)
            return
        self.copy_to_clipboard(text.encode("utf-8", "replace").decode("utf-8"))
        self.notify(f"Copied: {what}, {len(text):,} characters.", timeout=2, markup=False)

    # Frames

    def due_for_a_frame(self) -> bool:
        """Whether to draw now: always, or seldom while the terminal has not the focus."""
        self._frames += 1
        return self.app_focus or self._frames % BLURRED == 0

    def get_system_commands(self, screen: Screen[Any]) -> list[SystemCommand]:  # type: ignore[override]
        return []


def _farewell(run_id: str, status: str, live: bool, resumable: bool) -> str:
    if live:
        return f"Run {run_id} goes on. Watch it again: promptopt attach {run_id}"
    if resumable and status in ("failed", "interrupted"):
        return f"Run {run_id} is {status}. Take it up again: promptopt resume {run_id}"
    return f"Run {run_id} is {status}. Take its best prompt along: promptopt export {run_id}"


def run(database: Database | None = None, run_id: str | None = None) -> int:
    """Open the terminal UI on the list of runs, or on one run; returns the exit status.

    Raises:
        PromptoptError: there is no such run, or the store can't be opened.
    """
    # Who paints waits for the threads that read: not for long, each of the many times in a frame.
    sys.setswitchinterval(SWITCH)
    client = Client(database)
    app = PromptoptApp(client, run_id)
    try:
        code = app.run()
    finally:
        client.close()
    if app.fatal is not None:
        raise app.fatal
    if app.farewell:
        print(app.farewell, file=sys.stderr)
    return code if isinstance(code, int) else app.return_code or 0
