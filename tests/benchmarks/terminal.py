"""A program in a pseudo-terminal, and what its screen shows."""

import fcntl
import os
import pty
import queue
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyte

Condition = Callable[["Terminal"], object]


class Terminal:
    """A command in a terminal of its own.

    What it writes is stamped when it comes in, in a thread of its own, and read by a terminal emulator
    afterwards: the time that the emulator takes is not counted, and holds nothing up.
    """

    def __init__(self, command: list[str], size: tuple[int, int], environment: Mapping[str, str]) -> None:
        self.columns, self.rows = size
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.started = time.perf_counter()
        self.pid, self._end = pty.fork()
        if not self.pid:
            os.execvpe(
                command[0], command, {**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            )
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._came: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        sys.setswitchinterval(0.0001)
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, keys: str) -> float:
        """Press keys; returns when."""
        at = time.perf_counter()
        os.write(self._end, keys.encode())
        return at

    def until(self, condition: Condition, patience: float = 60.0, since: float = 0.0) -> float:
        """When the bytes came in that made the condition true; those before ``since`` do not.

        Raises:
            TimeoutError: it did not become so; the message has the screen.
        """
        deadline = time.perf_counter() + patience
        while time.perf_counter() < deadline:
            at = self.take(0.5)
            if at > since and condition(self):
                return at
        raise TimeoutError("\n".join(self.screen.display))

    def take(self, patience: float) -> float:
        """Read what there is; returns when it came in, 0 if nothing came."""
        try:
            at, came = self._came.get(timeout=patience) if patience else self._came.get_nowait()
        except queue.Empty:
            return 0.0
        if not came:
            raise TimeoutError("the program has ended:\n" + "\n".join(self.screen.display))
        self._stream.feed(came)
        return at

    def _listen(self) -> None:
        came = b"-"
        while came:
            try:
                came = os.read(self._end, 1 << 16)
            except OSError:
                came = b""
            self._came.put((time.perf_counter(), came))

    def catch_up(self) -> None:
        """Read all that has come."""
        while self.take(0.0):
            pass

    def rest(self, seconds: float) -> None:
        """Read whatever comes for a while."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self.take(left)

    def shows(self, *texts: str) -> bool:
        """Whether all of these are on the screen."""
        whole = "\n".join(self.screen.display)
        return all(text in whole for text in texts)

    def row_behind(self, color: str, columns: slice) -> int:
        """The first row that has this colour behind most of these columns; -1 if none has."""
        for y in range(self.rows):
            row = self.screen.buffer[y]
            cells = range(self.columns)[columns]
            if sum(row[x].bg == color for x in cells) * 2 > len(cells):
                return y
        return -1

    def peak_mb(self) -> float:
        """Most memory that it had so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    def seconds_of_processor(self) -> float:
        """Processor time that it took so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._end)


def promptopt(*arguments: str) -> list[str]:
    """The command, as this interpreter runs it."""
    return [sys.executable, "-m", "promptopt", *arguments]
