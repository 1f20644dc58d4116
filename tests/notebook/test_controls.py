"""The buttons below a live view: what they offer, what they ask for, and what they say came of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.errors import RunError
from promptopt.notebook import live
from promptopt.runs.state import RunState, fold
from promptopt.store.database import Database
from tests.notebook.test_live_view import seen
from tests.tui.story import FIRST, Story

pytest.importorskip("ipywidgets")


class FakeRun:
    """Keeps what was asked of it."""

    def __init__(self, state: RunState) -> None:
        self.state = state
        self.asked: list[tuple[Any, ...]] = []

    @contextmanager
    def reading(self) -> Iterator[RunState]:
        yield self.state

    def pause(self) -> str:
        raise RunError("there is <b>nothing</b> to pause", where="run 1")

    def resume(self) -> str:
        return self._asked("resume")

    def stop(self, *, now: bool) -> str:
        return self._asked("stop", now)

    def edit(self, text: str, reason: str, *, adopt: str) -> str:
        return self._asked("edit", text, reason, adopt)

    def answer(self, accept: bool) -> str:
        return self._asked("answer", accept)

    def _asked(self, *what: Any) -> str:
        self.asked.append(what)
        return f"asked to {what[0]}"


class FakeLive:
    """A view that counts how often it was drawn after something was asked."""

    def __init__(self, run: FakeRun) -> None:
        self.run = run
        self.drawn = threading.Semaphore(0)

    def refresh(self) -> None:
        self.drawn.release()


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Callable[..., Story]]:
    database = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield lambda: Story(database)
    database.close()


def controls_of(story: Story) -> tuple[Any, FakeLive]:
    from promptopt.notebook.controls import Controls

    view = FakeLive(FakeRun(fold(story.log)))
    made: Any = Controls(view)  # type: ignore[arg-type]
    made.follow(seen(story))
    return made, view


def press(button: Any, view: FakeLive) -> None:
    """Click, and wait until what was asked is done."""
    button.click()
    assert view.drawn.acquire(timeout=30)


def test_pause_becomes_resume_and_errors_are_said(story: Callable[..., Story]) -> None:
    told = story().live()
    made, view = controls_of(told)
    press(made.pause, view)
    assert "✗" in made.said.value and "&lt;b&gt;nothing" in made.said.value
    made.follow(seen(told, "paused"))
    assert made.pause.description == "Resume"
    press(made.pause, view)
    assert view.run.asked == [("resume",)] and "asked to resume" in made.said.value
    made.follow(seen(told, "interrupted"))
    assert made.pause.description == "Resume" and made.stop.disabled and not made.pause.disabled


def test_stop_asks_once_more(story: Callable[..., Story]) -> None:
    made, view = controls_of(story().live())
    assert made.stopping.layout.display == "none"
    made.stop.click()
    assert made.stopping.layout.display == "" and view.run.asked == []
    _, test, now, back = made.stopping.children
    back.click()
    assert made.stopping.layout.display == "none" and view.run.asked == []
    press(test, view)
    press(now, view)
    assert view.run.asked == [("stop", False), ("stop", True)]


def test_an_edit_begins_with_the_current_prompt(story: Callable[..., Story]) -> None:
    made, view = controls_of(story().live())
    made.edit.click()
    assert made.text.value == FIRST and made.editor.layout.display == ""
    made.text.value, made.reason.value, made.adopt.value = "Sort.", "shorter", "ask"
    send = made.editor.children[1].children[2]
    press(send, view)
    assert view.run.asked == [("edit", "Sort.", "shorter", "ask")]
    assert made.editor.layout.display == "none"


def test_an_answer_is_asked_for_only_if_something_waits(story: Callable[..., Story]) -> None:
    made, _ = controls_of(story().live())
    assert made.answering.layout.display == "none"
    made, view = controls_of(story().edited())
    assert made.answering.layout.display == ""
    _, yes, no = made.answering.children
    press(yes, view)
    press(no, view)
    assert view.run.asked == [("answer", True), ("answer", False)]


def test_without_widgets_a_line_names_the_methods(
    story: Callable[..., Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    from promptopt.notebook.run import Run

    told = story().live()
    shown: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(live, "_has_widgets", lambda: False)
    monkeypatch.setattr(live, "_publish", lambda data, name, update=False: shown.append((name, data)))
    monkeypatch.setattr(live.Live, "follow", lambda self: None)
    view = live.Live(Run(told.database, told.run_id))
    view.show(view.run)
    assert len(shown) == 1 and "run.pause(), run.resume()" in shown[0][1]["text/html"]
    view.refresh()
    assert len(shown) == 1  # there is nothing new
    told.spend(0.1, 400)
    view.refresh()
    assert len(shown) == 2 and shown[0][0] == shown[1][0] and "$0.10 of $0.50" in shown[1][1]["text/html"]
