"""From a run's state to lines, without a terminal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain import events as ev
from promptopt.domain.dataset import Example
from promptopt.domain.results import CaseResult, CheckResult
from promptopt.runs.state import RunState
from promptopt_tui.paint import Line, plain, width_of
from promptopt_tui.views import case, diff, header, outcome, panels
from promptopt_tui.views.chart import course
from promptopt_tui.views.view import View, choose_shown, choose_split

Make = Callable[..., Any]


@pytest.fixture
def view(story: Make) -> Make:
    """A view of a recorded run."""

    def make(told: Any, **more: Any) -> View:
        state = RunState()
        for item in told.log.after():
            state.apply(item.event, item.at)
        shown = choose_shown(state, "")
        more.setdefault("status", state.status)
        return View(state, None, now=told.clock[0] + 5, shown_id=shown, **more)

    return make


def test_an_unknown_price_is_never_zero(story: Make, view: Make) -> None:
    told = story(simulated=False).live()
    told.tell(
        ev.BudgetMoved(meters={"usd": ev.Meter(limit=1.0), "calls": ev.Meter(spent=9)}, unpriced=["target"])
    )
    seen = view(told)

    assert "unknown" in plain([header.money(seen)])
    assert "unknown" in plain(panels.budget(seen, 38, 12))
    assert "$0.00" not in plain([header.money(seen)]) + plain(panels.budget(seen, 38, 12))


def test_a_partly_unknown_price_is_said_to_be_more(story: Make, view: Make) -> None:
    told = story(simulated=False).live()
    told.tell(ev.BudgetMoved(meters={"usd": ev.Meter(spent=0.2)}, unpriced=["judge"]))

    assert plain([header.money(view(told))]) == "$0.20+unknown"


def test_the_budget_tells_its_parts_and_where_it_ends(story: Make, view: Make) -> None:
    told = story().begin()
    told.tell(ev.IterationStarted(iteration=4))
    told.spend(0.1, 300, reserved=0.01, held=0.05)
    text = plain(panels.budget(view(told), 38, 30))

    assert "$0.10 / $0.50" in text
    assert "reserved $0.0100 · for the test" in text
    assert "optimizer calls" in text
    assert "$0.25 at the end" in text  # half of six iterations for 0.1, and what is held for the test
    assert "simulated: no money was spent" in text


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_figures_are_labelled(story: Make, view: Make, simulated: bool) -> None:
    seen = view(story(simulated=simulated).finish())

    for text in (plain(header.header(seen, 120)), plain(outcome.outcome(seen, 80))):
        assert ("SIMULATED" in text) == simulated


@pytest.mark.parametrize("verdict", ["better", "worse", "not distinguishable"])
def test_the_result_says_the_verdict_in_words(story: Make, view: Make, verdict: str) -> None:
    seen = view(story().finish(verdict))
    text = plain(outcome.outcome(seen, 90))

    assert verdict in text
    assert "+37.5 points [+16.5, +58.5]" in text
    assert "promptopt export" in text
    assert "no more progress" in text
    assert "45.8% [25.9, 65.8]" in text
    assert "83.3% [68.4, 98.2]" in text
    assert verdict in plain(header.banners(seen, 118))


def test_without_a_sealed_test_no_claim_is_made(story: Make, view: Make) -> None:
    text = plain(outcome.outcome(view(story().finish(test_note="too few cases for a test split")), 90))

    assert "not tested" in text
    assert "too few cases for a test split" in text
    assert "▲" not in text


def test_a_failed_run_says_what_to_do(story: Make, view: Make) -> None:
    seen = view(story().fail())
    text = plain(outcome.outcome(seen, 90))

    assert "no key in OPENAI_API_KEY" in text
    assert f"promptopt resume {seen.state.run_id}" in text


def test_a_dead_worker_is_told_with_the_way_back(story: Make, view: Make) -> None:
    seen = view(story().live(), status="interrupted")

    assert "worker died; press R to resume" in plain(header.banners(seen, 80))


@pytest.mark.parametrize("width", [58, 78, 118, 198])
def test_no_line_is_wider_than_its_place(story: Make, view: Make, width: int) -> None:
    for told in (story().live(), story().edited(), story().finish(), story().fail()):
        seen = view(told)
        lines: list[Line] = [
            *header.header(seen, width),
            *header.summary(seen, width),
            *header.banners(seen, width),
            *panels.progress(seen, width, 20),
            *panels.errors(seen, width),
            *panels.budget(seen, width, 20),
            *outcome.outcome(seen, width),
            *outcome.edit_lines(seen, width),
        ]
        assert [line for line in lines if width_of(line) > width] == []


def test_the_chart_has_a_place_for_every_score_and_its_interval(story: Make, view: Make) -> None:
    seen = view(story().finish())
    lines = course(seen.state.course(), 40, 10, seen.state.current_id)
    text = plain(lines)

    assert len(lines) == 10
    assert text.count("●") == 3
    assert text.count("○") == 1
    assert text.splitlines()[0].startswith(" 100%┤")
    place = next(line.index("○") for line in text.splitlines() if "○" in line)
    whisker = "".join(line[place : place + 1] for line in text.splitlines()).strip()
    above, below = whisker.split("○")
    assert set(above) == set(below) == {"│"}


def test_the_chart_keeps_the_seed_and_the_newest(story: Make, view: Make) -> None:
    told = story().begin()
    for number in range(60):
        told.score(told.propose(f"prompt {number}", iteration=3), 12)
    text = plain(course(view(told).state.course(), 30, 8))

    assert text.count("○") == 1
    assert max(len(line) for line in text.splitlines()) <= 30


def test_errors_are_counted_from_the_cases_at_hand(story: Make, view: Make) -> None:
    seen = view(story().live())
    text = plain(panels.errors(seen, 40))

    assert [line.split()[-1] for line in text.splitlines()[:2]] == ["1", "1"]
    assert "too verbose" in text


def test_a_unified_diff_marks_lines_by_a_sign_and_folds_what_is_the_same() -> None:
    old = "\n".join(f"line {n}" for n in range(20))
    text = plain(diff.unified(old, old.replace("line 12", "line twelve"), 40))

    assert "- line 12" in text
    assert "+ line twelve" in text
    assert "⋯ 10 lines unchanged" in text
    assert "line 3" not in text


def test_changed_words_are_marked_inside_a_changed_line() -> None:
    lines = diff.unified("Answer with one word.", "Answer with one lower-case word.", 60)
    marked = {text.strip() for line in lines for text, style in line if style == "added-word"}

    assert marked == {"lower-case"}


def test_side_by_side_puts_the_two_opposite_each_other() -> None:
    lines = plain(diff.side_by_side("same\nold words here", "same\nnew words here", 60)).splitlines()

    assert [part.strip() for part in lines[0].split("│")] == ["same", "same"]
    assert [part.strip() for part in lines[1].split("│")] == ["- old words here", "+ new words here"]


def test_a_trailing_newline_is_no_difference() -> None:
    assert "-" not in plain(diff.unified("a\nb", "a\nb\n", 20))


def test_a_slip_is_shown_by_characters() -> None:
    lines = diff.against("INV-2041", "INV-2014", 40)

    assert [text for line in lines for text, style in line if style == "removed-word"] == ["1"]
    assert plain(lines).splitlines()[0].startswith("- INV-2041")


def test_a_failed_case_tells_all_that_there_is() -> None:
    example = Example(id="c1", inputs={"input": "two apples"}, expected="2")
    check = CheckResult(name="exact", score=0.0, passed=False, reason="expected '2', found 'two'", hard=True)
    result = CaseResult(case_id="c1", output="two", category="wrong format", checks=(check,), cost=None)
    text = plain(case.case_lines(example, result, None, 80))

    for said in (
        "✗ fails",
        "wrong format",
        "two apples",
        "expected",
        "output",
        "✗ exact",
        "hard",
        "found 'two'",
    ):
        assert said in text
    assert "cost unknown" in text


def test_a_huge_text_is_cut() -> None:
    example = Example(id="c1", inputs={"input": "x" * 300_000})

    assert "280,000 more characters" in plain(case.case_lines(example, None, None, 80))


def test_what_is_shown_follows_the_run_unless_something_was_chosen(story: Make) -> None:
    told = story().live()
    state = RunState()
    for item in told.log.after():
        state.apply(item.event, item.at)

    assert choose_shown(state, "") == told.ids["second"]
    assert choose_shown(state, told.ids["seed"]) == told.ids["seed"]
    assert choose_shown(state, "no such candidate") == told.ids["second"]
    assert choose_split(state, told.ids["second"], None) == "validation"
    assert choose_split(state, told.ids["second"], "train") == "train"


def test_no_view_speaks_markup() -> None:
    """Lines are text and style names; nothing in this package builds markup from them."""
    for file in Path(panels.__file__).parent.glob("*.py"):
        assert "from_markup" not in file.read_text("utf-8")


@pytest.mark.parametrize("width", [58, 78, 118])
def test_the_header_never_loses_status_and_money(story: Make, view: Make, width: int) -> None:
    told = story(project="a project with a name that is much too long for a header of any width").live()
    text = plain(header.header(view(told), width))

    assert "● running" in text
    assert "$0.0721 / $0.50" in text
    assert "SIM" in text
