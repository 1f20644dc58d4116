"""One terminal UI and the pages that show it: what they say and what they get, however it travels."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from promptopt.notebook.embedded.flow import Flow
from promptopt.notebook.embedded.process import AppProcess, argv

LARGEST = (1000, 400)
"""Columns and lines that a screen may have."""

LONGEST = 2**20
"""Characters that may come at once: a large paste."""

MISSED = 4
"""Beats without a word from a page after which it is taken for gone: a reload does not say goodbye."""

LEFT = "The terminal UI was left. Runs go on."


class Session:
    """At most one process, shown in at most one page: who attaches last has it, and nobody else is heard.

    The process begins with the first page, and again with whoever attaches after its end.

    Args:
        run_id: open on this run; default: on the list of runs.
        send: takes a message for the pages, and the bytes that go with it; it may be called from any thread.
    """

    def __init__(
        self,
        run_id: str | None,
        send: Callable[[dict[str, Any], bytes | None], None],
        *,
        command: list[str] | None = None,
    ) -> None:
        self._command = command or argv(run_id)
        self._send = send
        self._lock = threading.RLock()
        self._flow = Flow()
        self._process: AppProcess | None = None
        self._view = ""
        self._missed = 0
        self._closed = False

    @property
    def process(self) -> AppProcess | None:
        return self._process

    @property
    def view(self) -> str:
        """The page that shows it, by the name that the page gave itself; empty if there is none."""
        return self._view

    def heard(self, message: Mapping[str, Any]) -> None:
        """Do what a page asks. Whatever is not as agreed is left out: it may come from anybody's script."""
        kind, view = message.get("kind"), message.get("view")
        if self._closed or not isinstance(view, str) or not 0 < len(view) <= 100:
            return
        with self._lock:
            if kind == "attach":
                if (size := _size(message)) is not None:
                    self._attach(view, *size)
                return
            if view != self._view:
                return
            self._missed = 0
            self._do(kind, message)

    def _do(self, kind: object, message: Mapping[str, Any]) -> None:
        process = self._process
        if kind == "seen" and isinstance(total := message.get("bytes"), int):
            self._flow.seen(total)
        elif kind == "left":
            self._view = ""
        elif process is None:
            return
        elif kind == "keys" and isinstance(text := message.get("text"), str) and len(text) <= LONGEST:
            process.type(text)
        elif kind == "size" and (size := _size(message)) is not None:
            process.tell("resize", width=size[0], height=size[1])
        elif kind in ("focus", "blur"):
            process.tell(str(kind))

    def beat(self) -> None:
        """Time has passed. After some beats without a page the process ends; a later page gets a new one."""
        with self._lock:
            self._missed += 1
            process = self._process if self._missed > MISSED else None
            if process is not None:
                self._view, self._process = "", None
        if process is not None:
            threading.Thread(target=process.close, daemon=True).start()

    def close(self) -> None:
        """End it for good."""
        with self._lock:
            self._closed = True
            process, self._process = self._process, None
        if process is not None:
            process.close()

    def _attach(self, view: str, cols: int, rows: int) -> None:
        if self._view and view != self._view:
            self._send({"kind": "elsewhere", "view": self._view}, None)
        # It may get output as soon as it is the one.
        self._send({"kind": "begun", "view": view}, None)
        self._view, self._missed = view, 0
        process = self._process
        if process is not None and process.alive:
            self._flow.restart()
            process.tell("attach", width=cols, height=rows)
            return
        self._flow = Flow()
        self._process = AppProcess(
            self._command, cols, rows, flow=self._flow, output=self._show, ended=self._over
        )

    def _show(self, drawn: bytes) -> None:
        if view := self._view:
            self._send({"kind": "out", "view": view}, drawn)

    def _over(self, process: AppProcess, words: str) -> None:
        with self._lock:
            if process is not self._process:
                return
            self._process = None
            view = self._view
        if view and not self._closed:
            self._send({"kind": "ended", "view": view, "text": f"{LEFT}\n{words}".strip()}, None)


def _size(message: Mapping[str, Any]) -> tuple[int, int] | None:
    cols, rows = message.get("cols"), message.get("rows")
    if isinstance(cols, int) and isinstance(rows, int) and cols > 1 and rows > 1:
        return min(cols, LARGEST[0]), min(rows, LARGEST[1])
    return None
