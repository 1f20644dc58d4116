"""The terminal UI as a process of its own, without a terminal. Its end touches no run."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any

from promptopt.domain.text import sanitize
from promptopt.notebook.embedded.flow import Flow
from promptopt.notebook.embedded.packets import NotPackets, Packets, data, meta

DRIVER = "promptopt_tui.remote:RemoteDriver"
FPS = 20
AT_ONCE = 65536
GRACE = 2.0
"""Seconds that it has to leave by itself."""

LAST_WORDS = 2000
"""Characters that are kept of what it said at its end."""


def argv(run_id: str | None) -> list[str]:
    """The command that opens the terminal UI on the list of runs, or on one run. It goes through no shell."""
    command = [sys.executable, "-P", "-m", "promptopt"]
    return [*command, "attach", run_id] if run_id else command


def environment(cols: int, rows: int, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What the process is told beside its arguments; a kernel's own words about its output are left out."""
    told = {name: value for name, value in inherited.items() if name not in ("FORCE_COLOR", "CLICOLOR")}
    return told | {
        "TEXTUAL_DRIVER": DRIVER,
        "TEXTUAL_COLOR_SYSTEM": "truecolor",
        "TEXTUAL_FPS": str(FPS),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": str(cols),
        "ROWS": str(rows),
    }


_APART: int = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""Windows' words for what a session of its own is elsewhere."""


class AppProcess:
    """One terminal UI that goes on until it is left, told to end, or the program that started it is gone.

    Args:
        command: its arguments, the program first.
        cols, rows: of the screen at first.
        flow: holds its output back.
        output: gets what it writes, in order and from a thread of its own.
        ended: is called once, from that thread, with what it said at its end.
    """

    def __init__(
        self,
        command: list[str],
        cols: int,
        rows: int,
        *,
        flow: Flow,
        output: Callable[[bytes], None],
        ended: Callable[["AppProcess", str], None],
    ) -> None:
        self._flow, self._output, self._ended = flow, output, ended
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._writing = threading.Lock()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=environment(cols, rows),
            # An interrupt of the kernel goes to its whole group: the screen is not what it is meant for.
            start_new_session=True,
            creationflags=_APART,
        )
        self._pumping = threading.Thread(target=self._pump, name="promptopt-tui", daemon=True)
        self._pumping.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def type(self, text: str) -> None:
        """Keys, a paste, reports of the mouse: what a terminal would send."""
        self._write(data(text))

    def tell(self, kind: str, **values: Any) -> None:
        """``resize`` and ``attach`` with width and height, ``focus``, ``blur``."""
        self._write(meta(kind, **values))

    def close(self) -> None:
        """End it, and wait for that: it is asked first."""
        self._flow.close()
        self.tell("quit")
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if threading.current_thread() is not self._pumping:
            self._pumping.join(GRACE)

    def _write(self, packet: bytes) -> None:
        assert self._process.stdin is not None
        with self._writing, contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(packet)
            self._process.stdin.flush()

    def _pump(self) -> None:
        assert self._process.stdout is not None
        pipe, packets = self._process.stdout.fileno(), Packets()
        with contextlib.suppress(OSError, NotPackets):
            while piece := os.read(pipe, AT_ONCE):
                drawn, over = _drawn(packets, piece)
                if drawn:
                    self._output(drawn)
                    self._flow.sent(len(drawn))
                if over:
                    break
                self._flow.wait()
        self._process.stdout.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._ended(self, self._last_words())

    def _last_words(self) -> str:
        with self._said as said:
            size = said.seek(0, os.SEEK_END)
            said.seek(max(0, size - LAST_WORDS))
            return sanitize(said.read().decode("utf-8", "replace")).strip()


def _drawn(packets: Packets, piece: bytes) -> tuple[bytes, bool]:
    """What is to be shown of a piece of its output, and whether it has said that it ends."""
    drawn = bytearray()
    for letter, payload in packets.feed(piece):
        if letter == "D":
            drawn += payload
        elif letter == "M" and json.loads(payload).get("type") == "exit":
            return bytes(drawn), True
    return bytes(drawn), False
