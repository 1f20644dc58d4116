"""The widget without a page: what it is shown by, what it hears, what it sends."""

import asyncio
import sys
from collections.abc import Generator
from typing import Any

import pytest

from promptopt.notebook.embedded import widget as widgets
from promptopt.notebook.embedded.session import Session
from promptopt.notebook.embedded.widget import TerminalCell
from tests.notebook.test_embedded import ECHO, Page

pytest.importorskip("anywidget")


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def cell(page: Page, monkeypatch: pytest.MonkeyPatch) -> Generator[TerminalCell]:
    """A widget whose channel is the test, with a program that says what it is told."""
    monkeypatch.setattr(
        widgets, "Session", lambda _, send: Session(None, send, command=[sys.executable, "-c", ECHO])
    )
    cell = TerminalCell(rows=20)

    def sent(message: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        page.send(message, buffers[0] if buffers else None)

    monkeypatch.setattr(cell.widget, "send", sent)
    yield cell
    cell.close()


def says(cell: TerminalCell, content: Any) -> None:
    cell.widget._handle_custom_msg(content, [])


def test_it_carries_keys_one_way_and_bytes_the_other(cell: TerminalCell, page: Page) -> None:
    for odd in ("attach", None, [], {}):
        says(cell, odd)
    assert cell.session.process is None
    says(cell, {"kind": "attach", "view": "a", "cols": 60, "rows": 20})
    page.until(lambda page: page.shown == b"[60x20]")
    says(cell, {"kind": "keys", "view": "a", "text": " "})
    page.until(lambda page: page.shown == b"[60x20]< >")


def test_it_is_shown_with_its_script_and_says_what_else_there_is(cell: TerminalCell) -> None:
    shown, _ = cell._repr_mimebundle_()
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == cell.widget.model_id
    assert "promptopt attach latest" in shown["text/plain"]
    state = cell.widget.get_state()
    assert state["rows"] == 20 and "xterm" in state["_esm"] and state["_esm"].startswith("/*")
    for place in ("googleapis", "jsdelivr", "unpkg", "cdn."):
        assert place not in state["_esm"]


def test_its_end_is_the_end_of_the_terminal_ui(cell: TerminalCell, page: Page) -> None:
    says(cell, {"kind": "attach", "view": "a", "cols": 60, "rows": 20})
    process = cell.session.process
    assert process is not None and process.alive
    cell.close()
    assert not process.alive


async def test_it_is_left_alone_and_ends(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widgets, "BEAT", 0.0)
    monkeypatch.setattr(
        widgets, "Session", lambda _, send: Session(None, send, command=[sys.executable, "-c", ECHO])
    )
    cell = TerminalCell()
    says(cell, {"kind": "attach", "view": "a", "cols": 60, "rows": 20})
    process = cell.session.process
    assert process is not None
    while cell.session.process is not None:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await asyncio.to_thread(process._process.wait, 20)
    cell.close()
