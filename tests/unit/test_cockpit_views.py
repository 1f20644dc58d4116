"""Small parts of the cockpit: pace, trials."""

from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain import events as ev
from promptopt.domain.results import Interval
from promptopt.runs.state import RunState
from promptopt_tui.paint import plain, width_of
from promptopt_tui.views.pace import LEAST, WINDOW, Pace
from promptopt_tui.views.panels import budget
from promptopt_tui.views.trials import trials
from promptopt_tui.views.view import View


def spent(usd: float) -> dict[str, ev.Meter]:
    return {"usd": ev.Meter(spent=usd)}


def test_the_pace_is_of_the_last_minute() -> None:
    pace = Pace()
    pace.see(0.0, spent(0.0))
    assert pace.per_minute("usd") is None
    pace.see(LEAST, spent(1.0))
    assert pace.per_minute("usd") == 1.0 / LEAST * 60
    for second in range(int(LEAST), 200):
        pace.see(float(second), spent(1.0))
    assert pace.per_minute("usd") == 0.0
    assert pace.per_minute("calls") is None


def test_a_meter_that_comes_later_is_told_of_from_then_on() -> None:
    pace = Pace()
    for second in range(3):
        pace.see(float(second), {})
    for second in range(3, 20):
        pace.see(float(second), spent(float(second)))
    assert pace.per_minute("usd") == 60.0


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e3)), max_size=60))
def test_the_pace_never_looks_back_further_and_never_fails(looks: list[tuple[float, float]]) -> None:
    pace = Pace()
    for seconds, usd in looks:
        pace.see(seconds, spent(usd))
        seen = pace._seen
        assert seen[-1][0] - seen[0][0] <= WINDOW
        pace.per_minute("usd")


def view(told: ev.TrialsUpdated) -> View:
    state = RunState()
    state.apply(told, 1.0)
    return View(state, None, "running", 0.0)


def test_trials_tell_who_is_in_and_who_is_out() -> None:
    score = Interval(mean=0.8, low=0.6, high=0.9, n=20)
    gain = Interval(mean=0.1, low=0.02, high=0.2, n=20)
    marks = [
        ev.TrialMark(optimizer="refine", settings={"width": 3}, folds=[0.1], score=score, gain=gain),
        ev.TrialMark(optimizer="grpo", folds=[-0.1], score=score, gain=gain, given_up=1),
        ev.TrialMark(optimizer="dspy-copro"),
    ]
    told = ev.TrialsUpdated(trials=marks, played=1, folds=3)
    said = plain(trials(view(told), 60))
    assert "trying out" in said and "1 of 3 folds" in said
    assert "… refine (width = 3)" in said and "gain +10.0 [+2.0, +20.0]" in said
    assert "✗ grpo" in said and "out after fold 1" in said
    assert "not scored yet" in said

    chosen = told.model_copy(update={"chosen": 0, "runner_up": 2, "reason": "it gained most", "played": 3})
    said = plain(trials(view(chosen), 60))
    assert "tried out" in said and "★ refine" in said and "chosen" in said and "it gained most" in said
    assert all(width_of(line) <= 40 for line in trials(view(chosen), 40))


def test_without_trials_there_is_nothing() -> None:
    assert trials(View(RunState(), None, "running", 0.0), 40) == []


def test_the_budget_tells_what_the_last_minute_took() -> None:
    state, pace = RunState(), Pace()
    for second in (0.0, 30.0):
        meters = {"usd": ev.Meter(spent=second / 100), "calls": ev.Meter(spent=second)}
        state.apply(ev.BudgetMoved(meters=meters), 1.0 + second)
        pace.see(second, meters)
    said = plain(budget(View(state, None, "running", 40.0, pace=pace), 60, 12))
    assert "$0.60 · 60 calls" in said
    assert "60 calls" not in plain(budget(View(state, None, "finished", 40.0, pace=pace), 60, 12))
