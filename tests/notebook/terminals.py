"""A pseudo-terminal with promptopt in it: keys go in, and what its screen shows is read."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pyte

PATIENCE = 60.0
AGAIN = 1.0
"""Seconds after which a key is pressed once more: a screen that nobody asked for takes none at first."""
NOT_OURS = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TMUX")


class Terminal:
    """A screen and the process that draws it."""

    def __init__(self, process: "subprocess.Popen[bytes]", master: int, columns: int, rows: int) -> None:
        self.process = process
        self._master = master
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self) -> str:
        """What the screen shows now."""
        self._read(0)
        return "\n".join(self._screen.display)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, *texts: str) -> None:
        """Wait until the screen shows all of them."""
        deadline = time.monotonic() + PATIENCE
        while not all(text in self.text for text in texts):
            assert time.monotonic() < deadline, f"{texts} did not appear:\n{self.text}"
            self._read(0.05)

    def answer(self, key: str, *, gone: str) -> None:
        """Press a key until a text is gone."""
        deadline, pressed = time.monotonic() + PATIENCE, 0.0
        while gone in self.text:
            assert time.monotonic() < deadline, f"{gone} does not go:\n{self.text}"
            if time.monotonic() > pressed + AGAIN:
                pressed = time.monotonic()
                self.press(key)
            self._read(0.05)

    def until_left(self) -> None:
        """Wait until the process has gone by itself."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.text
            self._read(0.05)
        assert self.process.returncode == 0, self.text

    def _read(self, seconds: float) -> None:
        """Draw what has come, or comes in that time."""
        while select.select([self._master], [], [], seconds)[0]:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # nobody is at the other end any more
                piece = b""
            if not piece:
                return
            self._stream.feed(piece)
            seconds = 0


@contextmanager
def terminal(*arguments: str, size: tuple[int, int] = (120, 40), user: str = "anna") -> Iterator[Terminal]:
    """promptopt in a terminal of its own, until the end of the block."""
    master, slave = pty.openpty()
    columns, rows = size
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    path = os.pathsep.join(entry for entry in sys.path if entry)
    told = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    told |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": path, "LOGNAME": user}
    process = subprocess.Popen(
        [sys.executable, "-m", "promptopt", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=told,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master, columns, rows)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
        os.close(master)
