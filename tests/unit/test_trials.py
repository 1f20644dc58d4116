"""Optimizers that are tried out by cross-validation: who is given up, who is chosen, and how surely."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.cli.trials import trial_lines
from promptopt.domain import events as ev
from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.optimizers.hybrids.auto import Auto
from promptopt.optimizers.hybrids.trials import Trial, choose, decision, give_up, progress
from promptopt.runs.state import RunState
from promptopt.runs.summary import summarize

FOLD = [Example(id=f"c{n}", inputs={"input": str(n)}) for n in range(20)]
NEXT = [Example(id=f"d{n}", inputs={"input": str(n)}) for n in range(20)]


def trial(name: str, passed: int, used: int = 50, second: int | None = None, **settings: Any) -> Trial:
    """Of 20 cases of which the prompt to start from passes 5, and of 20 more, if it played a second fold."""
    made = Trial({"name": name, **settings})
    for fold, right in ((FOLD, passed), (NEXT, second)):
        if right is not None:
            before = {case.id: float(at < 5) for at, case in enumerate(fold)}
            made.add(fold, before, {case.id: float(at < right) for at, case in enumerate(fold)}, used)
    return made


def test_what_a_trial_tells_is_what_it_came_to() -> None:
    mark = trial("refine", 15, second=10, plateau=2).mark()
    assert str(mark) == "refine (plateau = 2)" and mark.calls == 100 and mark.folds == [0.5, 0.25]
    assert mark.score and mark.score.mean == 25 / 40 and mark.score.n == 40
    assert mark.gain and mark.gain.mean == pytest.approx(15 / 40) and mark.gain.low > 0
    unplayed = Trial({"name": "refine"}).mark()
    assert unplayed.score is None and unplayed.gain is None and unplayed.folds == []


def test_weights_of_cases_count() -> None:
    heavy = [case.model_copy(update={"weight": 9.0 if case.id == "c0" else 1.0}) for case in FOLD]
    made = Trial({"name": "x"})
    made.add(heavy, {c.id: 0.0 for c in heavy}, {c.id: float(c.id == "c0") for c in heavy}, 1)
    assert made.mean == pytest.approx(9 / 28) and made.folds == [pytest.approx(9 / 28)]
    assert made.mark().gain.mean == pytest.approx(9 / 28)  # type: ignore[union-attr]


def test_the_poorer_half_is_given_up_of_equals_the_dearer() -> None:
    a, b, c, d = trial("a", 10, 90), trial("b", 10, 30), trial("c", 6), trial("d", 12)
    assert [each.name for each in give_up([a, b, c, d], 1)] == ["d", "b"]
    assert (a.given_up, b.given_up, c.given_up, d.given_up) == (1, None, 1, None)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=9), st.integers(1, 6))
def test_two_at_least_play_to_the_end_and_the_best_is_among_them(passed: list[int], folds: int) -> None:
    racing = [trial(str(at), right) for at, right in enumerate(passed)]
    best = max(each.mean for each in racing)
    for number in range(1, folds + 1):
        racing = give_up(racing, number)
        assert len(racing) >= 2 and racing[0].mean == best


def test_the_cheapest_within_one_standard_error_is_chosen_and_that_is_said() -> None:
    dear, cheap, poor = trial("dear", 13, 900, 13), trial("cheap", 12, 60, 12), trial("poor", 5, 10)
    poor.given_up = 1
    found = decision([dear, poor, cheap], 2, 2)
    assert choose([dear, poor, cheap]) is cheap
    assert (found.chosen, found.runner_up) == (2, 0)
    assert found.reason == (
        "of the 2 that played all 2 folds, the best gained 5.0 points more, within a standard error; "
        "this one took 120 target calls in place of 1800"
    )
    assert found.comparison and found.comparison.difference.mean < 0
    assert found.comparison.verdict == "not distinguishable" and found.comparison.p_adjusted is not None


def test_a_clear_winner_is_better_and_equals_are_not_told_apart() -> None:
    clear = decision([trial("a", 5, second=5), trial("b", 20, second=20)], 2, 2)
    assert clear.chosen == 1 and clear.comparison and clear.comparison.verdict == "better"
    assert clear.reason == "of the 2 that played all 2 folds, it gained most"
    equal = decision([trial("a", 5, 9, second=5), trial("b", 5, 3, second=5)], 2, 2)
    assert equal.chosen == 1 and equal.comparison and equal.comparison.p_value == 1
    assert "gained nothing, as none did" in equal.reason


def test_the_fold_and_all_faces_tell_it() -> None:
    trials = [trial("refine", 6), trial("grpo", 12), trial("dspy-mipro", 9)]
    stay = give_up(trials, 1)
    first = progress(trials, 1, 2)
    state = RunState()
    state.apply(first, 1.0)
    assert state.activity[-1].text == "fold 1 of 2 is played, given up: refine"
    for each in stay:
        each.add(NEXT, dict.fromkeys([c.id for c in NEXT], 0.0), {c.id: 1.0 for c in NEXT}, 10)
    state.apply(decision(trials, 2, 2), 2.0)
    said = len(state.activity)
    state.apply(first, 3.0)  # a resumed run says it again
    assert len(state.activity) == said and state.trials and state.trials.chosen == 1
    figures = summarize(state)["trials"]
    assert figures["chosen"] == 1 and figures["trials"][0]["given_up"] == 1
    shown = "\n".join(trial_lines(figures, " (simulated)"))
    assert "chosen     grpo" in shown and "runner-up  dspy-mipro" in shown and "after fold 1" in shown
    assert "against the runner-up, dspy-mipro" in shown and "(simulated)" in shown
    assert "none was chosen" in "\n".join(trial_lines(summarize(_at(first))["trials"]))
    assert summarize(RunState())["trials"] is None


def _at(event: ev.TrialsUpdated) -> RunState:
    state = RunState()
    state.apply(event, 1.0)
    return state


def test_what_can_not_be_tried_out_is_refused_before_anything_is_spent() -> None:
    with pytest.raises(SettingsError, match="unknown setting"):
        Auto(configs=[{"name": "refine", "plateux": 1}, {"name": "grpo"}])
    with pytest.raises(SettingsError, match="auto can't be one of its own"):
        Auto(configs=[{"name": "auto"}, {"name": "grpo"}])
