"""From a run's state to lines, without a terminal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from promptopt.domain import events as ev
from promptopt.domain.dataset import Example
from promptopt.domain.forecast import Need, Spread
from promptopt.domain.results import CaseResult, CheckResult, Interval
from promptopt.evaluation.reliability import merge
from promptopt.runs.state import RunState
from promptopt_tui import formatting as fm
from promptopt_tui.actions import PANELS, TOURNAMENT
from promptopt_tui.paint import Line, plain, width_of
from promptopt_tui.views import case, diff, header, outcome, panels, tournament
from promptopt_tui.views.chart import course
from promptopt_tui.views.view import View, choose_shown, choose_split

from .story import HUMAN, SECOND

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


def test_the_budget_shows_what_was_expected(story: Make, view: Make) -> None:
    told = story().begin()
    calls = Spread(low=20, likely=1200, high=2000)
    need = Need(calls=calls, prompt_tokens=calls, completion_tokens=calls, usd=Spread.exactly(0.25))
    told.tell(ev.BudgetMoved(meters={"usd": ev.Meter(spent=0.2)}))
    assert "forecast" not in plain(panels.budget(view(told), 38, 12))
    told.tell(ev.Forecast(roles={"target": need}, total=need, seconds=Spread.exactly(9)))
    assert "1,200 calls · $0.25" in plain(panels.budget(view(told), 38, 12))
    unknown = need.model_copy(update={"usd": None})
    told.tell(ev.Forecast(roles={"target": unknown}, total=unknown, seconds=Spread.exactly(9)))
    assert "$" not in next(
        line for line in plain(panels.budget(view(told), 38, 12)).splitlines() if "forecast" in line
    )


def test_with_room_the_budget_shows_each_model_beside_what_was_likely(story: Make, view: Make) -> None:
    told = story().begin()
    calls = Spread(low=20, likely=1200, high=2000)
    need = Need(calls=calls, prompt_tokens=calls, completion_tokens=calls, usd=Spread.exactly(0.25))
    meters = {
        "usd": ev.Meter(spent=0.2),
        "target_calls": ev.Meter(spent=900),
        "target_usd": ev.Meter(spent=0.2),
        "embedding_calls": ev.Meter(spent=7),
        "embedding_usd": ev.Meter(),
        "embedding_minutes": ev.Meter(spent=0.5, limit=2.0),
    }
    told.tell(ev.BudgetMoved(meters=meters, unpriced=["embedding"]))
    told.tell(ev.Forecast(roles={"target": need}, total=need, seconds=Spread.exactly(9)))
    shown = plain(panels.budget(view(told), 60, 30))
    assert "900 of about 1,200 calls · $0.20 of about $0.25" in shown
    assert "7 calls · cost unknown" in shown
    assert "embedding time" in shown and "00:30 / 02:00" in shown
    assert "of about" not in plain(panels.budget(view(told), 60, 12))


def test_a_partly_unknown_price_is_said_to_be_more(story: Make, view: Make) -> None:
    told = story(simulated=False).live()
    told.tell(ev.BudgetMoved(meters={"usd": ev.Meter(spent=0.2)}, unpriced=["judge"]))

    assert plain([header.money(view(told))]) == "$0.20+unknown"


def test_a_model_that_refuses_calls_is_told_in_the_budget(story: Make, view: Make) -> None:
    told = story().live()
    told.tell(ev.EndpointMoved(role="target", at_once=12, most=64, refused=9, held=3.0))
    text = plain(panels.budget(view(told), 60, 30))
    assert "target: 12 of 64 calls at once, 9 refused; nothing for 3 s" in text
    told.tell(ev.EndpointMoved(role="target", at_once=12, most=64, refused=9, late=9))
    assert "12 of 64 calls at once, 9 not answered in time" in plain(panels.budget(view(told), 60, 30))


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


def test_the_result_names_broken_cases_that_must_pass(story: Make, view: Make) -> None:
    seen = view(story().finish())
    assert seen.state.finished
    assert "must pass" not in plain(outcome.outcome(seen, 90))
    seen.state.finished = seen.state.finished.model_copy(update={"must_pass_broken": ["t1", "t\x1b2"]})
    assert "must pass, and broken: t1, t␛2" in plain(outcome.outcome(seen, 90))


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


def test_an_edit_that_breaks_a_must_pass_case_is_said_to(story: Make, view: Make) -> None:
    told = story().edited()
    assert "can't win" not in plain(outcome.edit_lines(view(told), 80))
    edit, against = told.ids["edit"], told.ids["first"]
    judged = view(told).state.edit.comparison
    told.tell(
        ev.EditJudged(
            candidate_id=edit,
            against_id=against,
            comparison=judged,
            waiting=True,
            breaks="breaks the case val-003 that must pass, on the validation cases",
            command_id=1,
        )
    )
    said = plain(outcome.edit_lines(view(told), 80)).replace("\n", " ")
    assert "It breaks the case val-003 that must pass, on the validation cases: it can't win." in said


def test_what_fails_alike_is_told_with_a_case_that_passes(story: Make, view: Make) -> None:
    told = story().stop(tested=False)
    seen = view(told, input_of=lambda split, case_id: f"{split} text of {case_id}")
    lines = plain(panels.errors(seen, 60)).splitlines()
    start = lines.index("what fails alike, on validation")

    assert lines[start + 1 : start + 4] == [
        "2× too verbose: exact",
        "   ✗ val-017 validation text of val-017",
        "   ✓ val-000 validation text of val-000",
    ]
    assert "and 3 more, each kind rarer" in lines


def test_until_its_own_failures_are_known_those_of_its_parent_are_told(story: Make, view: Make) -> None:
    told = story().live()
    text = plain(panels.errors(view(told), 70))
    parent = view(told).name(told.ids["first"])
    assert f"what fails alike under its parent {parent}, on validation" in text
    told.tell(ev.FeedbackReady(candidate_id=told.ids["second"], split="train", categories={"refusal": 1}))
    assert "parent" not in plain(panels.errors(view(told), 70))


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


def answers(*outputs: str) -> CaseResult:
    """A case that was sent several times; ``2`` passes, and what begins with ``!`` is a failed call."""
    return merge(
        [
            CaseResult(case_id="c1", error=output[1:], category="error")
            if output.startswith("!")
            else CaseResult(case_id="c1", output=output, score=float(output == "2"), passed=output == "2")
            for output in outputs
        ]
    )


def test_every_answer_to_a_case_is_shown_with_its_score_and_how_far_they_agree() -> None:
    example = Example(id="c1", inputs={"input": "two apples"}, expected="2")
    text = plain(case.case_lines(example, answers("2", "two", "2", "!timed out"), None, 100))
    lines = text.splitlines()
    start = lines.index("answers")

    assert lines[start + 1 : start + 8] == [
        "  2 of 4 pass   flaky   pass^1 50.0%   pass^2 16.7%   pass^3 0.0%   pass^4 0.0%   consistency 33.3%",
        "  ✓ 1, 3  100.0%",
        "    2",
        "  ✗ 2  0.0%  the checks below are of this one",
        "    two",
        "  ✗ 4  0.0%",
        "    timed out",
    ]
    assert "output" not in lines, "the answers are shown once"
    assert "expected" in lines


def test_a_case_that_was_sent_once_has_no_answers_to_compare() -> None:
    example = Example(id="c1", inputs={"input": "two apples"}, expected="2")
    text = plain(case.case_lines(example, answers("two"), None, 80))

    assert "answers" not in text and "pass^" not in text and "output" in text


def test_answers_that_all_failed_are_told_by_their_errors() -> None:
    example = Example(id="c1", inputs={"input": "two apples"}, expected="2")
    text = plain(case.case_lines(example, answers("!lost", "!late"), None, 40))

    assert "lost" in text and "late" in text and "0 of 2 pass" in text
    assert "consistency 100.0%" in text.replace("\n  ", " ").replace("\n", " ")


@pytest.mark.parametrize("width", [40, 90])
def test_many_long_answers_stay_in_their_place(width: int) -> None:
    example = Example(id="c1", inputs={"input": "x"}, expected="2")
    result = answers(*(f"{number} " + "\x1b]52;c;eA==\x07 [/x] " * 3000 for number in range(30)))
    lines = case.case_lines(example, result, None, width)

    assert all(width_of(line) <= width for line in lines)
    assert len(plain(lines)) < 120_000 and "more characters" in plain(lines)
    assert "\x1b" not in plain(lines)


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


def test_a_perfect_score_fits_its_column() -> None:
    assert fm.interval(Interval(mean=1.0, low=0.886, high=1.0, n=30)) == "100% [88.6, 100]"
    assert len(fm.interval(Interval(mean=0.999, low=0.99, high=0.9999, n=30))) <= 18


def _abandoned(story: Make) -> Any:
    """A person's edit is adopted while a candidate of the same iteration is being scored."""
    told = story().live()
    told.ids["edit"] = edit = told.propose(HUMAN, "human", iteration=3, parent=told.ids["first"])
    told.score(edit, 20)
    told.tell(ev.EditDecided(candidate_id=edit, adopted=True, by="ada"))
    return told


def test_a_candidate_that_an_edit_replaced_is_not_under_way_any_more(story: Make, view: Make) -> None:
    told = _abandoned(story)
    seen = view(told)

    assert seen.state.given_up == {told.ids["second"]}
    assert seen.progress is None
    assert seen.shown_id == told.ids["edit"]
    assert "15/24" not in plain(panels.progress(seen, 40, 12)) + plain(header.summary(seen, 76))


def test_the_candidate_after_an_edit_is_under_way(story: Make, view: Make) -> None:
    told = _abandoned(story)
    told.ids["next"] = following = told.propose("Next.", iteration=3, parent=told.ids["edit"])
    told.score(following, 4, upto=5)
    seen = view(told)

    assert seen.state.given_up == {told.ids["second"]}
    assert seen.progress and seen.progress.candidate_id == following


def test_a_candidate_is_not_replaced_by_an_edit_that_was_put_aside(story: Make, view: Make) -> None:
    told = story().live()
    edit = told.propose(HUMAN, "human", iteration=3, parent=told.ids["first"])
    told.tell(ev.EditDecided(candidate_id=edit, adopted=False, by="ada"))
    seen = view(told)

    assert seen.state.given_up == set()
    assert seen.progress and seen.progress.candidate_id == told.ids["second"]


def test_an_evaluation_of_one_prompt_has_a_result_of_its_own(story: Make, view: Make) -> None:
    told = story()
    seed = told.propose("Sort.", "seed")
    told.score(seed, 12)
    told.tell(
        ev.RunFinished(status="finished", stop_reason="scored", seed_id=seed, best_id=seed, iterations=0)
    )
    seen = view(told)
    text = plain(outcome.outcome(seen, 90))

    assert "✓ scored" in text
    assert "12 of 24 pass" in text
    assert "best prompt" not in text
    assert "the prompt is scored" in plain(header.banners(seen, 100))


def test_every_reason_to_stop_has_words() -> None:
    assert set(get_args(ev.StopReason)) == set(fm.STOP_REASONS)


def test_the_end_is_told_once(story: Make, view: Make) -> None:
    told = story().live()
    detail = "3 iterations, as many as were allowed"
    seed = told.ids["seed"]
    told.tell(
        ev.RunFinished(
            status="finished",
            stop_reason="max_iterations",
            detail=detail,
            seed_id=seed,
            best_id=seed,
            iterations=3,
        )
    )
    text = plain(outcome.outcome(view(told), 100))

    assert f"ended         {detail}\n" in text


def test_it_is_said_which_models_are_simulated(story: Make, view: Make) -> None:
    told = story().finish()
    seen = view(told)
    assert outcome.SIMULATED in plain(outcome.outcome(seen, 100))
    seen.state.models = {
        "target": ev.ModelInfo(model="openai/own"),
        "optimizer": ev.ModelInfo(model="sim/optimizer", simulated=True),
    }
    text = plain(outcome.outcome(seen, 100)) + plain(panels.budget(seen, 60, 30))

    assert outcome.SIMULATED not in text
    assert "the built-in simulator was the optimizer model" in text
    assert "no money was spent" not in text


def test_the_clock_never_goes_back(story: Make, view: Make) -> None:
    told = story().live()
    told.summarize(active_seconds=20.0, heartbeat_at=told.clock[0])
    seen = view(told)
    seen.row = told.runs.find(told.run_id)
    running = seen.active_seconds
    assert running > 20
    seen.shown_seconds, seen.status = running, "paused"

    assert seen.active_seconds == running


def test_the_banner_says_what_the_edit_is_compared_with(story: Make, view: Make) -> None:
    seen = view(story().edited())

    assert "the edit is better than #1 " in plain(header.banners(seen, 100))


@pytest.mark.parametrize("width", [37, 78])
def test_labels_of_the_budget_are_never_cut(story: Make, view: Make, width: int) -> None:
    seen = view(story().live())
    seen.row = None
    seen.state.started_at = 1.0
    seen.now = 61.0
    lines = plain(panels.budget(seen, width, 30))
    assert "\nrate " in lines and "ra…" not in lines
    assert all(width_of(line) <= width for line in panels.budget(seen, width, 30))


@pytest.mark.parametrize("width", [60, 78, 98])
@pytest.mark.parametrize("active", ["progress", "standings"])
@pytest.mark.parametrize("with_tournament", [False, True])
def test_no_two_tabs_are_called_alike(width: int, active: str, with_tournament: bool) -> None:
    there = {*PANELS, *([TOURNAMENT] if with_tournament else [])}
    (line,) = header.tabs(active, there, width)
    assert width_of(line) <= width
    names = [text.split(maxsplit=1)[1] for text, _ in line if len(text.split()) > 1]
    assert len(set(names)) == len(names) and (width < 78 or len(names) == len(there))


def test_why_a_run_paused_itself_is_told_in_full(story: Make, view: Make) -> None:
    told = story().live()
    why = (
        "no call of the target model is answered: http://localhost:9 can't be reached; start the server there"
    )
    told.tell(ev.Paused(by="promptopt", reason=why, itself=True))
    seen = view(told)
    for width in (76, 116):
        lines = header.banners(seen, width)
        assert why in " ".join(plain(lines).replace("space try again", "").split())
        assert all(width_of(line) <= width for line in lines) and "space try again" in plain(lines[:1])
    told.tell(ev.Paused(by="promptopt", reason=why * 20, itself=True))
    assert len(header.banners(view(told), 76)) == 3 and plain(header.banners(view(told), 76)).endswith("…")


def test_a_line_of_the_budget_is_not_clipped(story: Make, view: Make) -> None:
    told = story().live()
    told.spend(0.1, 300, replayed=123_456)
    lines = panels.budget(view(told), 37, 30)

    assert all(width_of(line) <= 37 for line in lines)
    assert "free" in plain(lines)


def test_a_verdict_says_that_the_search_has_gone_on(story: Make, view: Make) -> None:
    told = story().edited()
    assert "Meanwhile" not in plain(outcome.edit_lines(view(told), 90))
    better = told.propose(SECOND, iteration=3, parent=told.ids["first"])
    told.score(better, 23)
    told.tell(
        ev.CandidateJudged(
            candidate_id=better, against_id=told.ids["first"], accepted=True, reason="", comparison=None
        )
    )

    assert "Meanwhile the search went on to #3 " in plain(outcome.edit_lines(view(told), 90))


def test_without_a_tournament_there_is_none_to_see(story: Make, view: Make) -> None:
    assert "no tournament" in plain(tournament.tournament(view(story().live()), 60, 20))


@pytest.mark.parametrize("width", [36, 50, 77, 116])
@pytest.mark.parametrize("format", ["round_robin", "single_elimination", "duels"])
def test_a_tournament_fits_whatever_the_width(story: Make, view: Make, width: int, format: str) -> None:
    seen = view(story().tournament(format, over=True))
    lines = tournament.tournament(seen, width, 20)
    assert max(width_of(line) for line in lines) <= width, plain(lines)
    assert "162" in plain(lines)


def test_standings_tell_ratings_intervals_cases_and_chances(story: Make, view: Make) -> None:
    text = plain(tournament.tournament(view(story().tournament()), 110, 40))
    assert "round robin, 5 of 7 matches" in text and "leads (chance to be the best 74%)" in text
    first = next(line for line in text.splitlines() if " edit " in line and "+162" in line)
    assert "[+52, +272]" in first and "15–0–22" in first and "74%" in first
    assert first.index("●") > first.index("─")
    assert "cases won against" in text and "last matches" in text and "haiku" in text


def test_a_bar_is_as_wide_as_its_room(story: Make, view: Make) -> None:
    rating = ev.Rating(candidate_id="a", rating=0, low=-100, high=50, wins=0, losses=0, ties=0, win_rate=0.5)
    drawn = plain([tournament.bar(rating, -200, 100, 31)])
    assert drawn == "·" * 10 + "─" * 10 + "●" + "─" * 5 + "·" * 5
    alone = plain([tournament.bar(rating.model_copy(update={"low": 0, "high": 0}), 0, 0, 9)])
    assert alone == "●" + "·" * 8


def test_a_bracket_tells_who_went_on_and_why(story: Make, view: Make) -> None:
    text = plain(tournament.tournament(view(story().tournament("single_elimination", over=True)), 110, 40))
    assert "semi-final" in text and "  final" in text and "won the final" in text
    assert "decided, evidence 18.3 to 1" in text and "last matches" not in text


def test_the_end_of_a_tournament_is_its_standings(story: Make, view: Make) -> None:
    told = story().tournament(over=True)
    seen = view(told)
    seen.state.optimizer = "tournament"
    best = seen.state.tournament.champion_id
    told.tell(
        ev.RunFinished(
            status="finished", stop_reason="played", seed_id=told.ids["seed"], best_id=best, iterations=0
        )
    )
    for item in list(told.log.after())[-1:]:
        seen.state.apply(item.event, item.at)
    seen.status = "finished"
    text = plain(outcome.outcome(seen, 100))
    assert "★ won the final" in text and "[+52, +272]" in text and "promptopt export" in text
    assert "sealed" not in text and "won the final" in plain(header.banners(seen, 100))
    seen.state.tournament = seen.state.tournament.model_copy(update={"decided": False})
    assert "Its lead can be chance" in plain(outcome.outcome(seen, 100))
    seen.state.tournament = None
    assert "nothing was played" in plain(outcome.outcome(seen, 100))


def test_hostile_names_of_prompts_and_judges_are_made_safe(story: Make, view: Make) -> None:
    told = story().tournament()
    seen = view(told)
    table = seen.state.tournament
    seen.state.candidates[table.ratings[0].candidate_id].label = "\x1b]52;c;x\x07[bold]"
    seen.state.tournament = table.model_copy(update={"notes": ["\x1b[2Jjudge\nx"]})
    assert "\x1b" not in plain(tournament.tournament(seen, 110, 40))
