"""What a user who looks elsewhere is told, once."""

from collections.abc import Callable
from typing import Any

import pytest

from promptopt.domain import events as ev
from promptopt.runs.state import RunState
from promptopt_tui.terminal import RESTORE_TITLE, SAVE_TITLE, Terminal
from promptopt_tui.views.news import News, title
from promptopt_tui.views.view import View

Make = Callable[..., Any]


def look(told: Any, status: str = "") -> View:
    state = RunState()
    for item in told.log.after():
        state.apply(item.event, item.at)
    return View(state, None, status or state.status, told.clock[0])


def test_the_end_of_a_run_is_told_once(story: Make) -> None:
    told, news = story().live(), News()
    assert news.of(look(told)) == []
    told.finish_from_live()
    (said,) = news.of(look(told))
    assert said.startswith("finished: better, +37.5 points")
    assert news.of(look(told)) == []


def test_what_was_so_at_the_first_look_is_no_news(story: Make) -> None:
    assert News().of(look(story().finish())) == []
    assert News().of(look(story().live(), "interrupted")) == []


def test_a_worker_that_died_is_told_again_when_it_dies_again(story: Make) -> None:
    told, news = story().live(), News()
    news.of(look(told))
    assert "R resumes it" in news.of(look(told, "interrupted"))[0]
    assert news.of(look(told)) == []
    assert "R resumes it" in news.of(look(told, "interrupted"))[0]


def test_a_budget_that_is_nearly_used_up_is_told(story: Make) -> None:
    told, news = story().live(), News()
    told.tell(ev.BudgetMoved(meters={"usd": ev.Meter(spent=0.5, held=0.3, limit=1.0)}))
    assert news.of(look(told)) == []
    told.tell(ev.BudgetMoved(meters={"usd": ev.Meter(spent=0.61, held=0.3, limit=1.0)}))
    (said,) = news.of(look(told))
    assert said.endswith("(money: $0.61 and $0.30 held for the test, of $1.00)")
    told.tell(ev.BudgetMoved(meters={"usd": ev.Meter(spent=0.62, held=0.3, limit=1.0)}))
    assert news.of(look(told)) == []


def test_a_run_that_paused_itself_is_told(story: Make) -> None:
    told, news = story().live(), News()
    news.of(look(told))
    told.tell(ev.Paused(by="promptopt", reason="no call\x1b[2J is answered", itself=True))
    (said,) = news.of(look(told))
    assert said.startswith("paused itself: no call") and "\x1b" not in said


def test_the_title_says_where_the_run_stands(story: Make) -> None:
    assert title(look(story(project="a\x1b]2;b\x07c").live())).startswith("● running ")
    assert "\x1b" not in title(look(story(project="a\x1b]2;b\x07c").live()))


def test_a_terminal_gets_its_title_back() -> None:
    sent: list[str] = []
    terminal = Terminal(sent.append)
    terminal.close()
    assert sent == []
    terminal.title("one\x1b\\two")
    terminal.title("one\x1b\\two")
    terminal.call("three\x07four")
    terminal.close()
    assert sent[0].startswith(f"{SAVE_TITLE}\x1b]2;one") and sent[0].count("\x1b") == 3
    assert sent[1].startswith("\x07\x1b]9;three") and sent[1].count("\x07") == 1
    assert sent[2:] == [RESTORE_TITLE]
    Terminal(None).call("nobody")


@pytest.mark.parametrize(
    ("wanted", "focused", "called"),
    [("", True, 0), ("", False, 1), ("always", True, 1), ("never", False, 0)],
)
async def test_the_bell_rings_when_it_should(make_app: Make, wanted: str, focused: bool, called: int) -> None:
    app, sent = make_app(), []
    app._terminal = Terminal(sent.append)
    if wanted:
        app.preferences.set("notify", wanted)
    async with app.run_test() as pilot:
        app.app_focus = focused
        app.call("done [/x]")
        await pilot.pause()
        assert len([text for text in sent if text.startswith("\x07")]) == called
        assert any("done [/x]" in note.message for note in app._notifications)
