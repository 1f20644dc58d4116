"""The terminal UI in a cell, over the channel that the notebook has with its kernel: no port, no proxy."""

import asyncio
import atexit
import contextlib
import weakref
from functools import cache
from importlib.resources import files
from typing import Any

from promptopt.notebook.embedded.session import Session

BEAT = 25.0
"""Seconds between looks at whether a page is still there; it speaks more often than that."""

ROWS = 36


class TerminalCell:
    """A terminal with promptopt in it. :meth:`close` ends the terminal UI; runs go on.

    The process begins when a page shows the widget. A page that is loaded again, or a second view, takes it
    over as it stands; without a page it ends after some minutes, and begins again with the next one.

    Args:
        run_id: open on this run; default: on the list of runs.
        rows: height in lines at first.

    Attributes:
        widget: what ipywidgets shows.
    """

    def __init__(self, run_id: str | None = None, *, rows: int = ROWS) -> None:
        self._run_id = run_id
        self.session = Session(run_id, self._tell)
        self.widget: Any = _class()(rows=rows)
        self.widget.on_msg(self._heard)
        self.widget.comm.on_close(self._gone)
        self._beats: asyncio.TimerHandle | None = None
        self._beat()
        _open.add(self)

    def __repr__(self) -> str:
        return f"<promptopt in a cell; in a terminal: promptopt attach {self._run_id or 'latest'}>"

    def _repr_mimebundle_(self, **asked: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        shown, about = self.widget._repr_mimebundle_(**asked)
        return {**shown, "text/plain": repr(self)}, about

    def close(self) -> None:
        """End the terminal UI, and take it off the page."""
        self._gone()
        self.widget.close()

    def _gone(self, _message: object = None) -> None:
        if self._beats is not None:
            self._beats.cancel()
        self.session.close()
        _open.discard(self)

    def _heard(self, _widget: object, content: object, _buffers: object) -> None:
        if isinstance(content, dict):
            self.session.heard(content)  # pyright: ignore[reportUnknownArgumentType]

    def _tell(self, message: dict[str, Any], data: bytes | None) -> None:
        with contextlib.suppress(Exception):  # the comm goes when the kernel does
            self.widget.send(message, None if data is None else [data])

    def _beat(self) -> None:
        """Look again and again, in the kernel's own loop: while a cell keeps that, no page can be heard."""
        with contextlib.suppress(RuntimeError):  # no loop, no page
            self._beats = asyncio.get_running_loop().call_later(BEAT, self._beat_again)

    def _beat_again(self) -> None:
        self.session.beat()
        self._beat()


_open: "weakref.WeakSet[TerminalCell]" = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    for cell in list(_open):
        cell.session.close()


@cache
def _class() -> Any:
    """The widget's class, made when the first one is: its libraries are an extra."""
    import anywidget
    import traitlets

    class TerminalWidget(anywidget.AnyWidget):
        # As a text: anywidget takes a path for a file to watch.
        _esm = (files("promptopt.notebook.embedded") / "static" / "terminal.js").read_text("utf-8")
        rows = traitlets.Int(ROWS).tag(sync=True)

    return TerminalWidget
