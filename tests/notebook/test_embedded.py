"""The terminal UI without a terminal: packets, what is let through, who is heard, how it ends."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.notebook.embedded import flow as flows
from promptopt.notebook.embedded import packets
from promptopt.notebook.embedded.flow import Flow
from promptopt.notebook.embedded.packets import PREAMBLE, NotPackets, Packets, data, meta
from promptopt.notebook.embedded.session import MISSED, Session

PATIENCE = 20.0

# It says what it is told, in packets: its size, and each packet that it reads.
ECHO = """
import os, sys, json
def put(letter, payload):
    os.write(1, letter + len(payload).to_bytes(4, "big") + payload)
print("a warning on the way", flush=True)
os.write(1, b"__GANGLION__\\n")
put(b"D", f"[{os.environ['COLUMNS']}x{os.environ['ROWS']}]".encode())
while head := sys.stdin.buffer.read(5):
    payload = sys.stdin.buffer.read(int.from_bytes(head[1:], "big"))
    if head[:1] == b"M" and json.loads(payload)["type"] == "quit" or payload == b"q":
        break
    if payload == b"die":
        sys.exit("\\x1b[31mit broke")
    put(b"D", b"<" + payload + b">")
print("Run x goes on.", file=sys.stderr)
put(b"M", b'{"type": "exit"}')
"""


class Page:
    """What a page got, and waits for."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.shown = b""
        self._changed = threading.Condition()

    def send(self, message: dict[str, Any], piece: bytes | None) -> None:
        with self._changed:
            self.messages.append(message)
            self.shown += piece or b""
            self._changed.notify_all()

    def until(self, told: Callable[["Page"], object]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: told(self), PATIENCE), (
                self.messages[-5:],
                self.shown[-500:],
            )

    def kinds(self, view: str) -> list[str]:
        return [message["kind"] for message in self.messages if message["view"] == view]


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def session(page: Page) -> Generator[Session]:
    session = Session(None, page.send, command=[sys.executable, "-c", ECHO])
    yield session
    session.close()


def attach(session: Session, view: str = "a", cols: Any = 80, rows: Any = 24) -> None:
    session.heard({"kind": "attach", "view": view, "cols": cols, "rows": rows})


def keys(session: Session, text: Any, view: str = "a") -> None:
    session.heard({"kind": "keys", "view": view, "text": text})


# Packets


@given(
    st.lists(st.one_of(st.text(max_size=20).map(data), st.just(meta("resize", width=3, height=4)))),
    st.integers(min_value=1, max_value=9),
    st.binary(max_size=30).filter(lambda said: b"_" not in said),
)
def test_packets_are_found_wherever_the_stream_is_cut(sent: list[bytes], cut: int, before: bytes) -> None:
    stream = before + PREAMBLE + b"".join(sent)
    read = Packets()
    found = [
        letter.encode() + len(payload).to_bytes(4, "big") + payload
        for at in range(0, len(stream), cut)
        for letter, payload in read.feed(stream[at : at + cut])
    ]
    assert found == sent


@pytest.mark.parametrize("said", [b"Traceback", b"D\xff\xff\xff\xff"])
def test_what_is_no_packet_is_refused(said: bytes) -> None:
    with pytest.raises(NotPackets):
        list(Packets().feed(PREAMBLE + said))


def test_half_a_character_is_left_out() -> None:
    assert data("a\ud800b") == b"D\x00\x00\x00\x02ab"


# What is let through


def test_the_rate_is_kept_and_a_rest_is_made_good() -> None:
    clock = [0.0]
    flow = Flow(lambda: clock[0])
    assert flow.pause() == flows.APART
    flow.sent(flows.AT_ONCE)
    assert flow.pause() == flows.APART
    flow.sent(flows.RATE)
    assert flow.pause() == pytest.approx(1.0)
    clock[0] = 1.5
    assert flow.pause() == flows.APART
    clock[0] = 100.0
    flow.sent(flows.AT_ONCE)
    assert flow.pause() == flows.APART


def test_a_page_that_shows_nothing_holds_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "APART", 0.0)
    flow = Flow()
    for release in (lambda: flow.seen(10**9), flow.restart, flow.close):
        flow.sent(flows.WINDOW)
        waiting = threading.Thread(target=flow.wait, daemon=True)
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        release()
        waiting.join(PATIENCE)
        assert not waiting.is_alive()


# Who is heard


def test_it_begins_with_the_page_and_hears_it(session: Session, page: Page) -> None:
    assert session.process is None
    attach(session, cols=91, rows=33)
    page.until(lambda page: page.shown == b"[91x33]")
    keys(session, "é")
    page.until(lambda page: "<é>".encode() in page.shown)
    session.heard({"kind": "size", "view": "a", "cols": 50, "rows": 10})
    page.until(lambda page: b'<{"type": "resize", "width": 50, "height": 10}>' in page.shown)
    session.heard({"kind": "focus", "view": "a"})
    page.until(lambda page: b'<{"type": "focus"}>' in page.shown)
    assert page.kinds("a")[0] == "begun"


def test_a_page_that_comes_later_takes_it_over_as_it_stands(session: Session, page: Page) -> None:
    attach(session)
    page.until(lambda page: page.shown)
    assert session.process is not None
    pid = session.process.pid
    attach(session, "b", 70, 20)
    page.until(lambda page: b'"type": "attach", "width": 70' in page.shown)
    assert page.kinds("a")[-1] == "elsewhere" and page.kinds("b")[0] == "begun"
    keys(session, "from a")
    keys(session, "from b", "b")
    page.until(lambda page: b"<from b>" in page.shown)
    assert b"from a" not in page.shown and session.process.pid == pid


def test_what_is_not_as_agreed_is_left_out(session: Session, page: Page) -> None:
    attach(session, cols="wide")
    attach(session, cols=0)
    attach(session, view="")
    attach(session, view="x" * 1000)
    attach(session, cols=10**9)
    page.until(lambda page: page.shown == b"[1000x24]")
    for odd in (None, 7, ["q"], "x" * (2**20 + 1)):
        keys(session, odd)
    session.heard({"kind": "size", "view": "a", "cols": None, "rows": 1})
    session.heard({"kind": "seen", "view": "a", "bytes": "all"})
    session.heard({"kind": "hello", "view": "a"})
    session.heard({})
    session.heard({"kind": ["keys"], "view": {}})
    keys(session, "on")
    page.until(lambda page: page.shown == b"[1000x24]<on>")


# How it ends


def test_it_is_left_and_opened_again(session: Session, page: Page) -> None:
    attach(session)
    keys(session, "q")
    page.until(lambda page: page.kinds("a")[-1] == "ended")
    assert page.messages[-1]["text"].endswith("Run x goes on.") and session.process is None
    keys(session, "nobody hears it")
    attach(session)
    page.until(lambda page: page.shown.count(b"[80x24]") == 2)


def test_its_last_words_are_shown_as_words(session: Session, page: Page) -> None:
    attach(session)
    keys(session, "die")
    page.until(lambda page: page.kinds("a")[-1] == "ended")
    assert "it broke" in page.messages[-1]["text"] and "\x1b" not in page.messages[-1]["text"]


def test_it_ends_without_a_page_and_begins_with_the_next(session: Session, page: Page) -> None:
    attach(session)
    page.until(lambda page: page.shown)
    process = session.process
    assert process is not None
    for _ in range(MISSED):
        session.beat()
    session.heard({"kind": "seen", "view": "a", "bytes": 7})
    for _ in range(MISSED):
        session.beat()
    assert session.process is process
    session.beat()
    assert session.process is None
    process._process.wait(PATIENCE)
    attach(session, "b")
    page.until(lambda page: "out" in page.kinds("b"))


def test_closing_ends_it_also_if_it_does_not_listen(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptopt.notebook.embedded.process.GRACE", 0.2)
    deaf = (
        "import os, time, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "os.write(1, b'__GANGLION__\\nD\\x00\\x00\\x00\\x01x')\ntime.sleep(100)"
    )
    session = Session(None, page.send, command=[sys.executable, "-c", deaf])
    attach(session)
    page.until(lambda page: page.shown == b"x")
    process = session.process
    assert process is not None
    session.close()
    assert not process.alive
    attach(session)
    assert session.process is None


def test_what_is_no_terminal_ui_ends_with_what_it_said(page: Page) -> None:
    session = Session(
        None, page.send, command=[sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    )
    attach(session)
    page.until(lambda page: page.kinds("a")[-1:] == ["ended"])
    assert "no such thing" in page.messages[-1]["text"]
    session.close()


# What a page sends

MOVES = "\x1b[<35;1;1M\x1b[<35;2;1M\x1b[<35;3;2M"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize(
    ("typed", "focused", "sent"),
    [
        ("abc", True, "abc"),
        (MOVES, True, "\x1b[<35;3;2M"),
        (MOVES, False, ""),
        (f"a{MOVES}b\x1b[<0;3;2M\x1b[<0;3;2m", True, "a\x1b[<35;3;2Mb\x1b[<0;3;2M\x1b[<0;3;2m"),
        ("\x1b[<64;3;2M\x1b[<64;3;2M", True, "\x1b[<64;3;2M\x1b[<64;3;2M"),
        ("\x1b[200~日本\n<b>\x1b[201~", False, "\x1b[200~日本\n<b>\x1b[201~"),
    ],
)
def test_of_moves_of_the_mouse_the_last_is_sent(typed: str, focused: bool, sent: str) -> None:
    keys = Path(packets.__file__).parent / "js" / "src" / "keys.js"
    script = (
        f"import {{ condensed }} from {json.dumps(keys.as_uri())};\n"
        f"process.stdout.write(JSON.stringify(condensed({json.dumps(typed)}, {json.dumps(focused)})));"
    )
    done = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, check=True)
    assert json.loads(done.stdout) == sent
