"""Intervals and comparisons, against scipy, against published values, and by what must always hold."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import promptopt.evaluation.statistics as module
from promptopt.domain.results import CaseResult, Comparison, Evaluation, Interval
from promptopt.evaluation.effects import cohens_h, effect_size
from promptopt.evaluation.statistics import (
    compare,
    compare_several,
    holm,
    interval,
    mcnemar,
    smallest_detectable,
    tango,
)

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60)
SCORE = st.floats(0, 1)


def evaluation(scores: list[float], weights: list[float] | None = None, start: int = 0) -> Evaluation:
    results = tuple(
        CaseResult(
            case_id=f"c{start + i}", score=score, passed=score == 1, weight=weights[i] if weights else 1
        )
        for i, score in enumerate(scores)
    )
    return Evaluation(prompt_id="p", split="validation", results=results, score=interval(scores))


# --- intervals ---


@pytest.mark.parametrize(("passed", "n"), [(0, 1), (1, 1), (0, 10), (10, 10), (7, 10), (33, 100), (1, 500)])
def test_pass_fail_scores_get_the_wilson_interval(passed: int, n: int):
    found = interval([1.0] * passed + [0.0] * (n - passed))
    wanted = stats.binomtest(passed, n).proportion_ci(method="wilson")
    assert found.mean == pytest.approx(passed / n)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    assert found.n == n


def test_graded_scores_get_students_interval():
    scores = [0.2, 0.5, 0.4, 0.7, 0.9]
    low, high = stats.t.interval(0.95, 4, loc=0.54, scale=stats.sem(scores))
    found = interval(scores)
    assert (found.mean, found.low, found.high) == pytest.approx((0.54, low, high))


def test_nothing_is_known_of_no_scores():
    assert interval([]).model_dump() == {"mean": 0.0, "low": 0.0, "high": 1.0, "n": 0}


@pytest.mark.parametrize("n", [1, 2, 10, 100])
def test_equal_graded_scores_keep_a_width(n: int):
    found = interval([0.5] * n)
    unseen = 1 - 0.025 ** (1 / n)
    assert (found.low, found.high) == pytest.approx((0.5 - unseen / 2, 0.5 + unseen / 2))
    assert found.low < found.mean < found.high


def test_equal_weights_are_no_weights():
    for scores in ([1.0, 0.0, 1.0], [0.3, 0.5, 0.9]):
        assert interval(scores, [7.0] * 3).model_dump() == pytest.approx(interval(scores).model_dump())


def test_weights_move_the_mean_and_widen_the_interval():
    even, uneven = interval([1, 0, 1, 0]), interval([1, 0, 1, 0], [9, 1, 9, 1])
    assert uneven.mean == pytest.approx(0.9)
    assert interval([1.0] * 4, [9, 1, 9, 1]).low < interval([1.0] * 4).low
    assert even.mean == 0.5


@given(st.lists(SCORE | st.sampled_from([0.0, 1.0]), min_size=1, max_size=40), st.data())
@PROPERTY
def test_an_interval_holds_its_mean_and_has_a_width(scores: list[float], data: st.DataObject):
    weights = data.draw(
        st.none() | st.lists(st.floats(0.01, 100), min_size=len(scores), max_size=len(scores))
    )
    found = interval(scores, weights)
    assert 0 <= found.low <= found.mean <= found.high <= 1
    assert found.low < found.high
    assert min(scores) - 1e-9 <= found.mean <= max(scores) + 1e-9


# --- McNemar and Tango ---


@pytest.mark.parametrize(
    ("lost", "won"), [(0, 0), (0, 5), (0, 6), (1, 8), (3, 12), (12, 3), (40, 60), (600, 700)]
)
def test_mcnemar_is_the_binomial_test(lost: int, won: int):
    wanted = stats.binomtest(lost, lost + won, 0.5).pvalue if lost + won else 1.0
    assert mcnemar(lost, won) == pytest.approx(wanted)


def test_tango_gives_the_published_interval():
    # Airway hyper-responsiveness, Fagerland, Lydersen and Laake 2014: n = 21, b = 1, c = 7.
    assert tango(7, 1, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_tango_without_a_differing_case_has_its_closed_form():
    half = module.Z**2 / (module.Z**2 + 10)
    assert tango(0, 0, 10) == pytest.approx((-half, half))


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
@PROPERTY
def test_tango_is_antisymmetric_and_inverts_its_test(lost: int, won: int, tied: int):
    n = lost + won + tied
    if n == 0:
        return
    low, high = tango(lost, won, n)
    assert (low, high) == pytest.approx(tuple(-x for x in reversed(tango(won, lost, n))), abs=1e-9)
    assert -1 <= low <= (won - lost) / n <= high <= 1
    assert low < high


# --- comparisons ---


def test_six_fixed_cases_are_just_enough():
    six = compare(evaluation([0.0] * 6 + [1.0] * 4), evaluation([1.0] * 10))
    assert six.verdict == "better"
    assert six.p_value == pytest.approx(0.03125)
    assert six.fixed == ("c0", "c1", "c2", "c3", "c4", "c5")
    assert six.method == "Tango score interval, exact McNemar test"
    five = compare(evaluation([0.0] * 5 + [1.0] * 5), evaluation([1.0] * 10))
    assert five.verdict == "not distinguishable"


def test_worse_is_told_too():
    found = compare(evaluation([1.0] * 12), evaluation([0.0] * 10 + [1.0] * 2))
    assert found.verdict == "worse"
    assert found.broken == tuple(f"c{i}" for i in range(10))
    assert found.difference.high < 0


def test_only_common_cases_are_compared():
    found = compare(evaluation([0.0] * 10), evaluation([1.0] * 10, start=5))
    assert found.difference.n == 5
    assert found.fixed == ("c5", "c6", "c7", "c8", "c9")


def test_no_case_in_common():
    found = compare(evaluation([0.0]), evaluation([1.0], start=5))
    assert found.difference.model_dump() == {"mean": 0.0, "low": -1.0, "high": 1.0, "n": 0}
    assert (found.p_value, found.verdict, found.method) == (1.0, "not distinguishable", "no case in common")


def test_an_evaluation_is_not_distinguishable_from_itself():
    for scores in ([1.0, 0.0, 1.0], [0.3, 0.6, 0.1], [0.5] * 30):
        found = compare(evaluation(scores), evaluation(scores))
        assert (found.verdict, found.p_value, found.difference.mean) == ("not distinguishable", 1.0, 0)
        assert found.difference.low < 0 < found.difference.high


def test_few_graded_pairs_use_students_t():
    first, second = [0.1, 0.4, 0.3, 0.2, 0.5, 0.6], [0.3, 0.5, 0.6, 0.6, 0.7, 0.7]
    found = compare(evaluation(first), evaluation(second))
    wanted = stats.ttest_rel(second, first).confidence_interval(0.95)
    assert (found.difference.low, found.difference.high) == pytest.approx((wanted.low, wanted.high))
    exact = stats.permutation_test(
        ([b - a for a, b in zip(first, second, strict=True)],),
        lambda x: sum(x),
        permutation_type="samples",
        n_resamples=10_000,
    )
    assert found.p_value == pytest.approx(exact.pvalue)
    assert found.method == "paired t interval, exact sign-flip test"
    assert found.verdict == "better"


def graded(n: int, gain: float) -> tuple[list[float], list[float]]:
    first = [0.3 + 0.2 * math.sin(i) for i in range(n)]
    return first, [score + gain + 0.1 * math.sin(7.3 * i) for i, score in enumerate(first)]


def test_many_graded_pairs_use_bca():
    found = compare(*map(evaluation, graded(60, 0.1)))
    assert found.method == "BCa bootstrap interval, sign-flip test (9999 permutations)"
    assert found.verdict == "better"
    gaps = [b - a for a, b in zip(*graded(60, 0.1), strict=True)]
    low, high = stats.t.interval(0.95, 59, loc=sum(gaps) / 60, scale=stats.sem(gaps))
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high), abs=0.01)
    assert compare(*map(evaluation, graded(60, 0.0))).verdict == "not distinguishable"


def test_a_comparison_is_repeatable():
    pair = [evaluation(scores) for scores in graded(40, 0.02)]
    assert compare(*pair) == compare(*pair)


def test_equal_differences_are_a_case_of_their_own():
    found = compare(evaluation([0.25] * 8), evaluation([0.5] * 8))
    assert found.method == "all differences equal: rule of three, sign flips"
    assert found.p_value == pytest.approx(2 / 2**8)
    assert found.difference.low < 0.25 < found.difference.high
    assert (
        found.verdict == "not distinguishable"
    )  # eight cases leave room for a ninth that goes the other way
    assert compare(evaluation([0.25] * 40), evaluation([0.5] * 40)).verdict == "better"


def test_weighted_cases_count_by_their_weight():
    weights = [10.0, 1.0, 1.0]
    found = compare(evaluation([0, 1, 1], weights), evaluation([1, 0, 0], weights))
    assert found.difference.mean == pytest.approx(8 / 12)
    assert found.verdict == "not distinguishable"


@given(st.lists(st.tuples(SCORE, SCORE) | st.tuples(*[st.sampled_from([0.0, 1.0])] * 2), max_size=30))
@PROPERTY
def test_comparing_the_other_way_round_gives_the_opposite(pairs: list[tuple[float, float]]):
    first, second = evaluation([a for a, _ in pairs]), evaluation([b for _, b in pairs])
    there, back = compare(first, second), compare(second, first)
    assert there.p_value == pytest.approx(back.p_value)
    assert there.difference.mean == pytest.approx(-back.difference.mean, abs=1e-9)
    assert there.difference.low == pytest.approx(-back.difference.high, abs=1e-6)
    assert there.difference.high == pytest.approx(-back.difference.low, abs=1e-6)
    assert (there.fixed, there.broken) == (back.broken, back.fixed)
    opposite = {"better": "worse", "worse": "better"}
    assert there.verdict == opposite.get(back.verdict, back.verdict)
    assert -1 <= there.difference.low <= there.difference.mean <= there.difference.high <= 1


def test_smallest_detectable_gain():
    assert smallest_detectable(50) == pytest.approx(0.217, abs=1e-3)
    assert smallest_detectable(200) == pytest.approx(0.108, abs=1e-3)
    assert smallest_detectable(1) == smallest_detectable(0) == 1.0


def test_pass_fail_scores_need_no_scipy():
    code = """
import sys
from promptopt.evaluation.statistics import interval, mcnemar, tango
interval([1.0, 0.0]); mcnemar(1, 2); tango(1, 2, 5)
print(*[name for name in ("scipy", "numpy") if name in sys.modules])
"""
    core = str(Path(module.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": core}
    )
    assert done.stdout.strip() == ""


# --- effect sizes, rank test, several candidates ---


def test_effect_sizes_are_those_of_statsmodels_and_scipy():
    from statsmodels.stats.proportion import proportion_effectsize

    assert cohens_h(0.3, 0.55) == pytest.approx(proportion_effectsize(0.55, 0.3))
    first, second = graded(40, 0.07)
    found = compare(evaluation(first), evaluation(second))
    gaps = [b - a for a, b in zip(first, second, strict=True)]
    assert found.effects["cohens_dz"] == pytest.approx(sum(gaps) / 40 / stats.tstd(gaps))
    wins = stats.mannwhitneyu(second, first).statistic
    assert found.effects["cliffs_delta"] == pytest.approx(2 * wins / 40**2 - 1)
    assert found.wilcoxon == pytest.approx(stats.wilcoxon(second, first).pvalue, rel=1e-6)


def test_pass_fail_scores_have_cohens_h_alone():
    found = compare(evaluation([0.0] * 6 + [1.0] * 4), evaluation([1.0] * 10))
    assert found.effects == {"cohens_h": pytest.approx(cohens_h(0.4, 1.0))}
    assert found.wilcoxon is None


def test_an_effect_that_is_not_defined_is_left_out():
    assert compare(evaluation([0.25] * 8), evaluation([0.5] * 8)).effects == {"cliffs_delta": 1.0}
    assert compare(evaluation([0.0]), evaluation([1.0], start=5)).effects == {}


def test_effects_have_the_usual_words():
    assert [effect_size("cohens_h", value) for value in (0.1, -0.2, 0.5, -0.9)] == [
        "negligible", "small", "medium", "large"
    ]  # fmt: skip
    assert effect_size("cliffs_delta", 0.474) == "large"


@given(
    st.lists(st.tuples(SCORE, SCORE, st.floats(0.1, 10)), min_size=1, max_size=30),
    st.sampled_from([False, True]),
)
@PROPERTY
def test_effects_turn_their_sign_with_the_order(rows: list[tuple[float, float, float]], whole: bool):
    scores = [[round(row[side]) if whole else row[side] for row in rows] for side in (0, 1)]
    weights = [row[2] for row in rows]
    first, second = (evaluation(side, weights) for side in scores)
    there, back = compare(first, second), compare(second, first)
    assert there.effects.keys() == back.effects.keys()
    for name, value in there.effects.items():
        assert value == pytest.approx(-back.effects[name], abs=1e-6)
    assert there.wilcoxon == pytest.approx(back.wilcoxon)
    assert there.wilcoxon is None or 0 <= there.wilcoxon <= 1
    assert abs(there.effects.get("cliffs_delta", 0)) <= 1


@pytest.fixture(scope="module")
def multipletests():
    """That of statsmodels, without the whole garbage collection that it does in each call."""
    from statsmodels.stats.multitest import multipletests

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gc.collect", lambda *_: 0)
        yield multipletests


@given(st.lists(SCORE, max_size=12))
@PROPERTY
def test_holm_is_that_of_statsmodels(multipletests, p_values: list[float]):
    found = holm(p_values)
    if p_values:
        assert found == pytest.approx(list(multipletests(p_values, method="holm")[1]))
    by_size = [found[i] for i in sorted(range(len(p_values)), key=lambda i: p_values[i])]
    assert by_size == sorted(by_size)
    assert all(p <= q <= 1 for p, q in zip(p_values, found, strict=True))


def test_several_comparisons_are_corrected_for_their_number():
    base = evaluation([0.0] * 6 + [1.0] * 6)
    better, same = evaluation([1.0] * 12), evaluation([0.0] * 6 + [1.0] * 6)
    (alone,) = compare_several([(base, better)])
    assert (alone.verdict, alone.p_adjusted) == ("better", None)
    first, second = compare_several([(base, better), (base, same)])
    assert first.p_value == pytest.approx(0.03125)
    assert first.p_adjusted == pytest.approx(0.0625)
    assert (first.verdict, second.verdict, second.p_adjusted) == (
        "not distinguishable", "not distinguishable", 1.0
    )  # fmt: skip
    assert compare_several([]) == []


GRADED = [0.1, 0.9, 0.3, 0.45, 0.2, 0.8, 0.55, 0.62, 0.7, 0.33]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([0.0] * 12 + [1.0] * 8, [1.0] * 9 + [0.0] * 3 + [1.0] * 8),  # Tango
        ([0.2] * 10, GRADED),  # Student
        ([0.3] * 20, [*GRADED, *GRADED[:9], 0.97]),  # bootstrap
        ([0.0] * 9, [0.5] * 9),  # rule of three
    ],
)
def test_intervals_of_several_comparisons_hold_together(before: list[float], after: list[float]) -> None:
    base, other = evaluation(before), evaluation(after)
    (alone,) = compare_several([(base, other)])
    three = compare_several([(base, other), (base, base), (base, other)])
    wide = three[0].difference
    assert wide.low < alone.difference.low <= alone.difference.high < wide.high
    assert wide.mean == alone.difference.mean
    assert (alone.together, alone.interval_name, alone.correction) == (1, "95 % interval", "")
    assert three[0].interval_name == "simultaneous 95 % interval of 3 comparisons"
    assert three[0].correction == (
        "corrected for 3 comparisons: p by Holm, each interval at 98.33 % (Bonferroni), "
        "to 0 where p leaves it open"
    )
    assert "together" not in alone.model_dump(mode="json")
    assert Comparison.model_validate(three[0].model_dump(mode="json")) == three[0]


@PROPERTY
@given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0])] * 4), min_size=3, max_size=30))
def test_no_corrected_verdict_stands_beside_an_interval_that_says_something_else(
    cases: list[tuple[float, ...]],
) -> None:
    base, *others = (evaluation(list(column)) for column in zip(*cases, strict=True))
    for one in compare_several([(base, other) for other in others]):
        low, high = one.difference.low, one.difference.high
        assert (one.verdict == "better") == (low > 0)
        assert (one.verdict == "worse") == (high < 0)
        assert low <= one.difference.mean <= high and not one.doubt
        assert (one.exceeds(0.0) == "met") == (one.verdict == "better")
        assert (one.exceeds(0.0) == "missed") == (high < 0)


def test_a_criterion_on_the_gain_goes_by_verdict_and_whole_interval() -> None:
    about = {"difference": Interval(mean=0.2, low=0.02, high=0.38, n=30), "method": "m", "p_value": 0.03}
    shown = Comparison(verdict="better", **about)
    assert [shown.exceeds(least) for least in (0.0, 0.02, 0.4)] == ["met", "not shown either way", "missed"]
    assert Comparison(verdict="not distinguishable", **about).exceeds(0.0) == "not shown either way"


def test_mcnemar_is_that_of_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar as reference

    for lost, won in ((1, 8), (3, 12), (7, 7)):
        assert mcnemar(lost, won) == pytest.approx(reference([[5, lost], [won, 5]], exact=True).pvalue)


def test_a_verdict_that_the_interval_alone_would_not_give_comes_with_its_p_value() -> None:
    gap = Interval(mean=-0.2, low=-0.386, high=-0.019, n=30)
    about = {"difference": gap, "method": "m", "p_value": 0.0703}
    assert Comparison(verdict="not distinguishable", **about).doubt == "p = 0.07"
    assert Comparison(verdict="worse", **about).doubt == ""
    level = {**about, "difference": Interval(mean=0.0, low=-0.1, high=0.1, n=30)}
    assert Comparison(verdict="not distinguishable", **level).doubt == ""
    assert Comparison(verdict="not distinguishable", p_adjusted=0.21, **about).doubt == "p = 0.21"
