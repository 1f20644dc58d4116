"""Falls of a score against its test, and shifts of inputs."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain.dataset import Example
from promptopt.evaluation.falls import (
    ALARM,
    LEVEL,
    Scores,
    cases_to_hold,
    detectable_fall,
    fall_between,
    running_sums,
)
from promptopt.evaluation.shifts import FEWEST, Profile, profile, shifts, stability_index


def passing(passed: int, n: int) -> Scores:
    return Scores([1.0] * passed + [0.0] * (n - passed))


@pytest.mark.parametrize(("passed", "n"), [(10, 20), (20, 20), (0, 5), (299, 300)])
def test_the_bounds_for_pass_and_fail_are_newcombes(passed: int, n: int) -> None:
    proportion: Any = pytest.importorskip("statsmodels.stats.proportion")
    found = fall_between(passing(54, 60), passing(passed, n))
    expected = proportion.confint_proportions_2indep(54, 60, passed, n, method="newcomb", alpha=2 * LEVEL)
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-9)


def test_what_is_said_of_a_fall() -> None:
    assert fall_between(passing(54, 60), passing(10, 20)).verdict == "has fallen"
    assert fall_between(passing(54, 60), passing(18, 20)).verdict == "can't tell"
    assert fall_between(passing(900, 1000), passing(920, 1000)).verdict == "holds"
    assert fall_between(passing(1, 1), passing(0, 1)).verdict == "can't tell"


def test_p_values_are_the_levels_at_which_the_bounds_meet_the_margin() -> None:
    found = fall_between(passing(54, 60), passing(35, 50))
    assert found.p_value + found.p_holds == pytest.approx(1)
    assert found.p_value < LEVEL < found.p_holds and found.low > found.margin
    at = fall_between(passing(54, 60), passing(35, 50), margin=found.low)
    assert at.p_value == pytest.approx(LEVEL, abs=1e-6)


@pytest.mark.parametrize("graded", [False, True])
def test_each_test_is_wrong_in_one_of_twenty_at_the_margin(graded: bool) -> None:
    rng = random.Random(7)

    def drawn(share: float, n: int) -> Scores:
        if not graded:
            return Scores([float(rng.random() < share) for _ in range(n)])
        return Scores([min(1.0, max(0.0, rng.gauss(share, 0.1))) for _ in range(n)])

    said = [
        fall_between(drawn(0.7, 60), drawn(0.65, 50), margin=0.05).verdict
        for _ in range(100 if graded else 400)
    ]
    for verdict in ("has fallen", "holds"):
        assert said.count(verdict) / len(said) < 2.2 * LEVEL


def test_so_many_cases_show_the_fall_that_they_are_said_to_show() -> None:
    rng = random.Random(3)
    then = passing(180, 200)
    fall = detectable_fall(then, 40)
    assert fall is not None
    shown = 0
    for _ in range(150):
        base = Scores([float(rng.random() < 0.9) for _ in range(200)])
        now = Scores([float(rng.random() < 0.9 - fall) for _ in range(40)])
        shown += fall_between(base, now).verdict == "has fallen"
    assert 0.68 < shown / 150 < 0.92


def test_few_cases_show_nothing_and_a_small_test_can_never_be_held() -> None:
    assert detectable_fall(passing(2, 4), 2) is None
    assert cases_to_hold(passing(9, 10)) is None
    needed = cases_to_hold(passing(900, 1000))
    assert needed is not None and 200 < needed < 600
    assert cases_to_hold(passing(900, 1000), margin=0.0) is None


def test_weights_and_equal_graded_scores_have_bounds() -> None:
    found = fall_between(Scores([0.8] * 20, [1.0, 3.0] * 10), Scores([0.8] * 30))
    assert found.low < 0 < found.high and found.verdict == "can't tell"


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=30),
       st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=30))  # fmt: skip
def test_bounds_always_hold_the_fall(then: list[float], now: list[float]) -> None:
    found = fall_between(Scores(then), Scores(now))
    assert -1 <= found.low <= found.fall + 1e-12 and found.fall <= found.high + 1e-12 <= 1 + 1e-9
    assert 0 <= found.p_value <= 1


def test_the_running_sum_adds_up_small_falls_and_forgets_when_there_are_none() -> None:
    small = running_sums(0.8, [(0.7, 20)] * 15)
    assert small == sorted(small) and small[0] < ALARM < small[-1]
    assert running_sums(0.8, [(0.9, 20)] * 5) == [0.0] * 5
    assert running_sums(0.8, [(0.0, 30)])[0] > ALARM
    assert running_sums(0.0, [(0.0, 20)])[0] < ALARM and running_sums(1.0, [(1.0, 5)]) == [0.0]


def test_false_alarms_of_the_running_sum_are_as_rare_as_it_is_said() -> None:
    rng = random.Random(5)
    alarms = looks = 0
    for _ in range(60):
        scores = [(sum(rng.random() < 0.8 for _ in range(20)) / 20, 20) for _ in range(200)]
        sums = running_sums(0.8, scores)
        first = next((at for at, height in enumerate(sums) if height >= ALARM), len(sums) - 1)
        alarms += sums[first] >= ALARM
        looks += first + 1
    assert alarms / looks <= 1 / 200


def case(number: int, text: str, expected: str | None = None, tags: tuple[str, ...] = ()) -> Example:
    return Example(id=f"c{number}", inputs={"text": text}, expected=expected, tags=tags)


WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


def drawn(seed: int, n: int, words: list[str] = WORDS, length: int = 8, labels: str = "aab") -> list[Example]:
    rng = random.Random(seed)
    return [
        case(at, " ".join(rng.choices(words, k=rng.randint(length - 3, length + 3))), rng.choice(labels))
        for at in range(n)
    ]


def shifted(then: list[Example], now: list[Example]) -> set[str]:
    return {one.what for one in shifts(profile(then), now) if one.shifted}


def test_nothing_shifts_among_cases_of_one_kind() -> None:
    found = [shifted(drawn(seed, 60), drawn(seed + 1000, 25)) for seed in range(30)]
    assert sum(map(bool, found)) <= 4


def test_shifts_are_seen_and_named() -> None:
    base = drawn(1, 60)
    assert shifted(base, drawn(2, 25, length=20)) == {"length of the input"}
    assert shifted(base, drawn(2, 25, words=[*WORDS, "omega", "psi", "chi"])) == {"unseen words"}
    assert shifted(base, drawn(2, 25, labels="bbbbbc")) == {"labels"}
    tagged = [one.model_copy(update={"tags": ("mobile",)}) for one in drawn(2, 25)]
    assert shifted(base, tagged) == {"tags"}


def test_few_cases_say_nothing_of_their_kind() -> None:
    assert shifts(profile(drawn(1, 60)), drawn(2, FEWEST - 1)) == []
    assert shifts(profile(drawn(1, 60)), [case(n, "") for n in range(9)])


def test_a_profile_holds_no_text_and_comes_back_from_json() -> None:
    found = profile([case(n, "secretword number", f"long answer {n}") for n in range(9)])
    assert "secretword" not in str(found.as_json()) and not found.labels
    assert Profile.of_json(found.as_json()) == found


def test_the_stability_index_of_equal_mixes_is_nothing() -> None:
    assert stability_index([10, 20], [10, 20]) == pytest.approx(0)
    assert stability_index([90, 10], [10, 90]) > 1
