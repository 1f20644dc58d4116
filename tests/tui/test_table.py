"""Tables of any length, and the log that follows its end."""

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen

from promptopt.domain.marks import Marks
from promptopt.runs.state import RunState
from promptopt_tui.app import PromptoptApp
from promptopt_tui.casebook import CaseRow
from promptopt_tui.views.view import View
from promptopt_tui.widgets.cases import CasesPanel
from promptopt_tui.widgets.table import CACHED
from promptopt_tui.widgets.tail import Tail

MANY = 100_000


class Bench(Screen[None]):
    """One widget alone."""

    def __init__(self, widget: CasesPanel | Tail) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


async def put(pilot: Pilot[int], widget: CasesPanel | Tail) -> None:
    await pilot.app.push_screen(Bench(widget))
    widget.styles.height = 20
    widget.focus()
    await pilot.pause()


class Book:
    """Cases, all of them scored."""

    def __init__(self, count: int = MANY) -> None:
        self.rows = [
            CaseRow(f"c{n:06}", f'{{"id":"c{n:06}","inputs":{{"input":"text {n}"}}}}') for n in range(count)
        ]
        self.scored = Marks()
        for n, case in enumerate(self.rows):
            self.scored.put(case.id, n % 7 / 6, n % 10 > 0, "other")

    def cases(self, split: str) -> list[CaseRow]:
        return self.rows

    def marks(self, state: RunState, candidate_id: str, split: str) -> Marks:
        return self.scored


async def put_cases(pilot: Pilot[int], count: int = MANY) -> CasesPanel:
    table = CasesPanel(Book(count))
    await put(pilot, table)
    table.show(View(RunState(), None, "running", 0.0))
    return table


@pytest.fixture
def app(make_app) -> PromptoptApp:
    return make_app()


async def test_only_visible_rows_of_100_000_are_built(app: PromptoptApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        table = await put_cases(pilot)
        await pilot.pause()

        assert 0 < table.built <= 60
        before = table.built
        await pilot.press("end")
        await pilot.pause()
        assert table.cursor == MANY - 1
        assert table.built - before <= 60
        assert len(table._strips) <= CACHED

        for _ in range(40):
            await pilot.press("pageup")
        await pilot.pause()
        assert len(table._strips) <= CACHED


async def test_filter_and_order_of_100_000(app: PromptoptApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        table = await put_cases(pilot)

        await pilot.press("n")
        assert len(table.rows) == MANY // 10
        table.filter = "C0999"
        table.reorder()
        assert [case.id for case in table.rows] == [f"c{n:06}" for n in range(99_900, MANY, 10)]
        assert table.clear_filter()
        assert len(table.rows) == MANY
        assert not table.clear_filter()

        await pilot.press("greater_than_sign", "greater_than_sign", "greater_than_sign")
        assert table.heading(table.columns[2]) == "score ▲"
        scores = [table.marks[case.id].score for case in table.rows]
        assert scores == sorted(scores)
        await pilot.press("r")
        scores = [table.marks[case.id].score for case in table.rows]
        assert scores == sorted(scores, reverse=True)


async def test_the_cursor_stays_with_its_row(app: PromptoptApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        table = await put_cases(pilot, 100)
        await pilot.press("down", "down", "j", "k", "down")
        here = table.row.id
        assert here == "c000003"

        table.order = (1, True)
        table.reorder()

        assert table.row.id == here
        assert table.cursor == 96


async def test_a_click_on_a_heading_sorts(app: PromptoptApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        table = await put_cases(pilot, 50)
        await pilot.click(table, offset=(8, 1))
        await pilot.pause()
        assert table.order == (1, False)
        await pilot.click(table, offset=(8, 1))
        await pilot.pause()
        assert table.order == (1, True)
        await pilot.click(table, offset=(8, 4))
        await pilot.pause()
        assert table.cursor == 2


async def test_the_log_follows_until_one_scrolls_up(app: PromptoptApp) -> None:
    tail = Tail()
    async with app.run_test(size=(60, 30)) as pilot:
        await put(pilot, tail)

        def grow(total: int) -> None:
            kept = range(max(0, total - 50), total)
            tail.show_tail([[(f"line {n}", "")] for n in kept], total)

        grow(40)
        await pilot.pause()
        height = tail.height
        assert tail.render_line(height - 1).text.strip() == "line 39"

        await pilot.press("up")
        grow(45)
        assert tail.missed == 6
        assert "+6 new" in tail.render_line(height - 1).text
        assert tail.render_line(height - 1).text.startswith("line 38")

        await pilot.press("end")
        assert tail.missed == 0
        assert tail.render_line(height - 1).text.strip() == "line 44"


async def test_the_log_does_not_show_lines_that_are_gone(app: PromptoptApp) -> None:
    tail = Tail()
    async with app.run_test(size=(60, 30)) as pilot:
        await put(pilot, tail)
        tail.show_tail([[(f"line {n}", "")] for n in range(30)], 30)
        await pilot.press("home")
        tail.show_tail([[(f"line {n}", "")] for n in range(900, 930)], 930)

        shown = [tail.render_line(y).text.strip() for y in range(tail.height)]

        assert shown[0] == "line 900"
