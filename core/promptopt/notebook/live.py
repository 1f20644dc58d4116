"""The live view of a run in a cell: drawn again in its place as the run goes on, with buttons below it.

A thread draws, at most four times a second and only if there is something new, and ends with the run; the
cell is over at once and the kernel free. The last frame stays in the saved notebook.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import copy_context
from importlib import import_module
from importlib.util import find_spec
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from promptopt.notebook.drawing import html_of_frame, text_of_frame
from promptopt.notebook.frame import Frame, frame_of
from promptopt.notebook.host import shell
from promptopt.notebook.pumping import pumping

if TYPE_CHECKING:
    from promptopt.notebook.controls import Controls
    from promptopt.notebook.run import Run

EVERY = 0.25
"""Seconds between frames, at least."""

RARELY = 2.0
"""Seconds between looks while nobody is at the run, or the store can't be read."""

METHODS = (
    "run.pause(), run.resume(), run.stop(), run.edit(text) and run.answer(True) steer it; "
    "for buttons: pip install 'promptopt[notebook]'"
)

_lives: dict[str, "Live"] = {}
"""The views of this program by run: a cell that is carried out again shows the same one."""


def show(run: "Run") -> None:
    """Show a run in this cell, live until it is over. All cells that show it are kept up to date."""
    live = _lives.setdefault(run.id, Live(run))
    live.show(run)


def frame_of_run(run: "Run", hint: str = "", shown_seconds: float = 0.0) -> Frame:
    """A run as it stands now."""
    status, row = run.status, run.row  # which look at the store, as nobody may while the run is read
    with run.reading() as state:
        return frame_of(state, row, status, hint=hint, shown_seconds=shown_seconds)


def bundle_of(frame: Frame) -> dict[str, str]:
    """A frame in the forms that notebooks show."""
    return {"text/html": html_of_frame(frame), "text/plain": text_of_frame(frame)}


class Live:
    """The view of one run: the same in every cell that shows it."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.shown_in: object = None
        """Number of the execution in whose cell it was shown last."""
        self._id = f"promptopt-{run.id}-{token_hex(4)}"
        self._drawing = threading.Lock()
        self._drawn: object = None
        self._seconds = 0.0
        self._thread: threading.Thread | None = None
        self._controls: Controls | None = None

    def show(self, run: "Run") -> None:
        """Show it in the cell that is carried out, and keep it up to date.

        Args:
            run: the handle that the buttons act on from now on.
        """
        self.run, run.view = run, self
        self.shown_in = _execution()
        over = run.over
        with self._drawing:
            self._drawn = self._version()
            _publish(bundle_of(self._frame()), self._id)
        if not over:
            self._show_controls()
            self.follow()

    def follow(self) -> None:
        """Draw what is new from now on, until the run is over."""
        if self._thread is None or not self._thread.is_alive():
            work = copy_context().run  # what is drawn belongs to the cell that began it
            self._thread = threading.Thread(target=work, args=(self._follow,), daemon=True, name="live view")
            self._thread.start()

    def refresh(self, *, again: bool = False) -> None:
        """Draw it if there is something new.

        Args:
            again: also if there is not: for the cell that is carried out now.
        """
        with self._drawing:
            version = self._version()
            if version == self._drawn and not again:
                return
            self._drawn = version
            frame = self._frame()
            _publish(bundle_of(frame), self._id, update=True)
            if self._controls is not None:
                self._controls.follow(frame)
                if frame.over and self.run.over:
                    self._put_away(self._controls)

    def _put_away(self, controls: "Controls") -> None:
        """Nothing is left to be pressed; a saved notebook has no buttons that can't be drawn."""
        controls.close()
        _publish({"text/plain": "", "text/html": ""}, f"{self._id}-buttons", update=True)

    @contextmanager
    def waiting(self) -> Generator[Callable[[], None]]:
        """While a cell waits for the run: gives what it is to call again and again, so that buttons work."""
        with pumping() as turn:
            try:
                yield turn
            finally:
                self.refresh(again=True)

    def _follow(self) -> None:
        rest = threading.Event()
        while True:
            try:
                over = self.run.over
                self.refresh()
                calm = self.run.status == "interrupted"
            except Exception:  # the store may be away for a while: the last frame stays, and it tries again
                over, calm = False, True
            if over:
                return
            rest.wait(RARELY if calm else EVERY)

    def _frame(self) -> Frame:
        hint = "" if self.run.over or self._controls or _has_widgets() else METHODS
        frame = frame_of_run(self.run, hint, self._seconds)
        self._seconds = frame.active_seconds
        return frame

    def _version(self) -> object:
        return self.run.status, self.run.over, self.run.version

    def _show_controls(self) -> None:
        if not _has_widgets():
            return
        if self._controls is None or self._controls.closed:
            from promptopt.notebook.controls import Controls

            self._controls = Controls(self)
        _publish(self._controls.bundle(), f"{self._id}-buttons")


def _has_widgets() -> bool:
    return find_spec("ipywidgets") is not None


def _publish(bundle: dict[str, Any], display_id: str, *, update: bool = False) -> None:
    publish: Any = import_module("IPython.display").publish_display_data
    publish(bundle, transient={"display_id": display_id}, update=update)


def _execution() -> object:
    """Number of the execution that is under way, None outside of IPython."""
    return getattr(shell(), "execution_count", None)


def shown_here(run: "Run") -> bool:
    """Whether the cell that is carried out shows the run live already."""
    return run.view is not None and run.view.shown_in == _execution()
