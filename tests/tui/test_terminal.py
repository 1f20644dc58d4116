"""The demo in a real terminal, from the command to the final screen."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE = 60.0


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, socket: Path, columns: int, rows: int, command: str, folder: Path) -> None:
        self._socket = socket
        size = ("-x", str(columns), "-y", str(rows), "-c", str(folder))
        self._tmux("new-session", "-d", "-s", "demo", *size, command)
        self._tmux("set-option", "-g", "remain-on-exit", "on")

    @property
    def pid(self) -> int:
        """The process that the window was opened with."""
        return int(self._tmux("display-message", "-p", "-t", "demo", "#{pane_pid}"))

    def send(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "demo", *keys)

    def screen(self) -> str:
        return self._tmux("capture-pane", "-t", "demo", "-p")

    def until(self, *texts: str) -> str:
        """Wait until the screen shows all of ``texts``."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            screen = self.screen()
            if all(text in screen for text in texts):
                return screen
            time.sleep(0.05)
        raise AssertionError(f"{texts} did not appear; the screen:\n{self.screen()}")

    def until_gone(self, text: str) -> None:
        """Wait until the screen shows ``text`` no more."""
        deadline = time.monotonic() + PATIENCE
        while text in self.screen():
            assert time.monotonic() < deadline, f"{text} does not go; the screen:\n{self.screen()}"
            time.sleep(0.05)

    def until_dead(self) -> None:
        """Wait until the process is gone."""
        deadline = time.monotonic() + PATIENCE
        while self._tmux("display-message", "-p", "-t", "demo", "#{pane_dead}").strip() != "1":
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def answer(self, key: str, *, gone: str) -> None:
        """Press ``key`` until ``gone`` is gone, each time after a second without any key."""
        deadline = time.monotonic() + PATIENCE
        while gone in self.screen():
            assert time.monotonic() < deadline, f"{gone} does not go; the screen:\n{self.screen()}"
            self.send(key)
            again = time.monotonic() + 1
            while gone in self.screen() and time.monotonic() < again:
                time.sleep(0.05)

    def close(self) -> None:
        self._tmux("kill-server")

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self._socket), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def open_terminal(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Terminal]]:
    """Opens terminals in which promptopt runs with some arguments."""
    if not shutil.which("tmux"):
        pytest.skip("needs tmux")
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = (
        f"-u COLUMNS -u LINES PROMPTOPT_HOME={shlex.quote(str(home))} PYTHONPATH={shlex.quote(path)}"
    )
    opened: list[Terminal] = []

    def start(*arguments: str, size: tuple[int, int] = (100, 32), folder: Path | None = None) -> Terminal:
        command = shlex.join([sys.executable, "-m", "promptopt", *arguments])
        # Sockets have short paths.
        socket = tmp_path_factory.mktemp("t") / "s"
        opened.append(Terminal(socket, *size, f"env {environment} {command}", folder or Path.cwd()))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


@pytest.fixture
def terminal(open_terminal: Callable[..., Terminal]) -> Terminal:
    return open_terminal("demo", "--fast")


def test_the_demo_ends_with_a_better_prompt_and_its_test_figure(terminal: Terminal, tmp_path: Path) -> None:
    terminal.until("Result:", "better", "sealed test", "SIMULATED", "+ ")
    file = tmp_path / "exported.json"
    terminal.send("x")
    terminal.until("byte for byte", "promptfoo", "messages.json")
    terminal.send("Tab", "Tab")
    terminal.answer("C-u", gone="messages.json")
    terminal.send(str(file), "Enter")
    terminal.until("Result:", "Written")
    assert json.loads(file.read_text("utf-8"))[0]["role"] == "system"
    terminal.answer("Escape", gone="Result:")
    terminal.until("Standings", "finished", "seed")
    terminal.send("?")
    terminal.until("Keys", "A run")
    terminal.send("Escape")
    terminal.until("Standings")
    terminal.send("q")
    terminal.until("promptopt export")
