"""The terminal UI itself, drawn into a pipe: its first frame, its frame for a new page, its end."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyte
import pytest

from promptopt.notebook.embedded.process import argv
from promptopt.notebook.embedded.session import Session
from tests.engine.bench import Bench
from tests.notebook.test_embedded import Page, attach, keys


class Drawn(Page):
    """A page that draws what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.blank()

    def blank(self) -> None:
        self._screen = pyte.Screen(100, 30)
        self._stream = pyte.ByteStream(self._screen)

    def send(self, message: dict[str, Any], piece: bytes | None) -> None:
        if piece is not None:
            self._stream.feed(piece)
        super().send(message, piece)

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)


HELP = "Start a run of the selected project."


def test_it_is_drawn_typed_into_and_drawn_anew_for_the_next_page(bench: Bench) -> None:
    page = Drawn()
    session = Session(None, page.send)
    try:
        attach(session, "a", 100, 30)
        page.until(lambda _: "watch a prompt get better" in page.text and "quit" in page.text)
        assert b"\x1b[?1006h" in page.shown and b"\x1b[?2004h" in page.shown and b"\x1b[38;2;" in page.shown
        keys(session, "?")
        page.until(lambda _: HELP in page.text)
        page.blank()
        page.shown = b""
        attach(session, "b", 100, 30)
        # The dialog, and what is behind it.
        page.until(lambda _: HELP in page.text and "watch a prompt get better" in page.text)
        assert b"\x1b[?1006h" in page.shown and b"\x1b[?2004h" in page.shown
        keys(session, "\x1b", "b")
        page.until(lambda _: HELP not in page.text)
        keys(session, "q", "b")
        page.until(lambda _: page.kinds("b")[-1] == "ended")
    finally:
        session.close()


def test_a_run_that_is_not_there_is_told(bench: Bench) -> None:
    page = Page()
    session = Session("nosuch", page.send)
    attach(session)
    page.until(lambda _: page.kinds("a")[-1:] == ["ended"])
    assert "nosuch" in page.messages[-1]["text"]
    session.close()


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process as Linux and macOS do")
def test_it_ends_with_the_program_that_started_it(bench: Bench, tmp_path: Path) -> None:
    """Also if that was killed, and could not say so."""
    noted = tmp_path / "pid"
    kernel = (
        "import pathlib, threading, time\n"
        "from promptopt.notebook.embedded.session import Session\n"
        "drawn = threading.Event()\n"
        "session = Session(None, lambda message, piece: piece and drawn.set())\n"
        "session.heard({'kind': 'attach', 'view': 'a', 'cols': 80, 'rows': 24})\n"
        "drawn.wait(60)\n"
        f"pathlib.Path({str(noted)!r}).write_text(str(session.process.pid))\n"
        "time.sleep(600)"
    )
    program = subprocess.Popen([sys.executable, "-c", kernel])
    try:
        bench.wait(lambda: noted.exists() and noted.read_text())
        pid = int(noted.read_text())
        assert _alive(pid)
    finally:
        program.kill()
        program.wait()
    bench.wait(lambda: not _alive(pid))


def test_it_goes_through_no_shell() -> None:
    odd = "x; touch /tmp/y $(id)"
    assert argv(odd) == [sys.executable, "-P", "-m", "promptopt", "attach", odd]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
