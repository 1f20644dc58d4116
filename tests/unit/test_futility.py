"""A validation is given up only when it can't, or can hardly, bring what it was begun for."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.results import CaseResult, Evaluation
from promptopt.evaluation.futility import FEWEST, hopeless
from promptopt.evaluation.gates import gate
from promptopt.evaluation.statistics import interval
from promptopt.optimizers.refine.validating import not_worse


def evaluation(scores: Sequence[float], first: int = 0) -> Evaluation:
    rows = tuple(
        CaseResult(case_id=str(first + n), score=score, passed=score == 1) for n, score in enumerate(scores)
    )
    return Evaluation(prompt_id="p", split="validation", results=rows, score=interval(list(scores)))


binary = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=2, max_size=40
)


@settings(deadline=None)
@given(binary, st.data())
def test_what_is_given_up_early_would_not_pass_with_every_case_to_come_won(
    pairs: list[tuple[float, float]], data: st.DataObject
) -> None:
    before = evaluation([first for first, _ in pairs])
    met = data.draw(st.integers(1, min(len(pairs), FEWEST - 1)))
    so_far = evaluation([second for _, second in pairs[:met]])
    won = evaluation([second for _, second in pairs[:met]] + [1.0] * (len(pairs) - met))
    if hopeless(before, so_far):
        assert met < len(pairs) and not gate(before, won)[0]
    elif met < len(pairs):
        assert gate(before, won)[0]


@settings(deadline=None)
@given(binary)
def test_a_whole_validation_is_never_given_up(pairs: list[tuple[float, float]]) -> None:
    before, after = (evaluation([pair[side] for pair in pairs]) for side in (0, 1))
    assert not hopeless(before, after)
    assert not hopeless(before, evaluation([]))


def test_a_trend_downwards_ends_it_and_one_upwards_does_not() -> None:
    before = evaluation([0.0, 1.0] * 20)
    losing = evaluation([0.0, 0.0] * 8)
    gaining = evaluation([1.0, 1.0] * 8)
    assert hopeless(before, losing)
    assert not hopeless(before, gaining)


def test_few_cases_without_a_difference_prove_nothing_yet() -> None:
    before = evaluation([0.0, 1.0] * 20)
    assert not hopeless(before, evaluation([0.0, 1.0] * 6))


def test_graded_scores_are_judged_on_their_own_scale() -> None:
    before = evaluation([0.5 + 0.01 * (n % 5) for n in range(40)])
    assert hopeless(before, evaluation([0.45 + 0.01 * (n % 5) for n in range(16)]))
    assert not hopeless(before, evaluation([0.55 + 0.01 * (n % 5) for n in range(16)]))


def test_shorter_is_as_good_only_without_a_loss_in_sight() -> None:
    before = evaluation([0.0, 1.0] * 10)
    assert not_worse(before, evaluation([0.0, 1.0] * 10))
    assert not_worse(before, evaluation([1.0, 1.0] * 10))
    assert not not_worse(before, evaluation([0.0, 1.0] * 9 + [0.0, 0.0]))
    assert not not_worse(before, evaluation([0.0, 1.0] * 9 + [1.0, 0.0])), "one lost, one won: who knows"
