"""Hybrids: what they need is what their members need."""

import re
from typing import Any

import pytest

from promptopt.domain.errors import SettingsError
from promptopt.domain.forecast import Scale
from promptopt.domain.settings import ProjectSettings
from promptopt.optimizers import registry
from promptopt.optimizers.grpo.optimizer import GrpoOptimizer
from promptopt.optimizers.hybrids.sequential import Sequential

JUDGE = {"judge": {"model": "sim/judge"}}


def project(optimizer: dict[str, Any], **models: Any) -> ProjectSettings:
    return ProjectSettings.model_validate(
        {
            "name": "p",
            "prompt": "x",
            "models": {"target": {"model": "sim/target"}, **models},
            "checks": [{"type": "length", "max": 9}],
            "optimizer": optimizer,
        }
    )


@pytest.mark.parametrize(
    ("optimizer", "judged"),
    [
        ({"name": "grpo"}, True),
        ({"name": "sequential", "stages": ["refine", "grpo"]}, True),
        ({"name": "sequential", "stages": ["refine"]}, False),
        ({"name": "ensemble", "optimizers": ["refine", "dspy-gepa"], "judging": "judges"}, True),
        ({"name": "ensemble", "optimizers": ["refine", "dspy-gepa"]}, False),
    ],
)
def test_judges_are_needed_if_a_member_lets_them_decide(optimizer: dict[str, Any], judged: bool) -> None:
    assert registry.make(project(optimizer, **JUDGE)).needs_judges is judged


def test_a_member_that_the_project_does_not_suit_is_refused_before_anything_is_spent() -> None:
    settings = {"grpo": {"reward": "judges"}}
    with pytest.raises(SettingsError, match="there is no judge model"):
        registry.make(project({"name": "sequential", "stages": ["grpo"], "settings": settings}))
    with pytest.raises(SettingsError) as refused:
        Sequential(stages=["refine"], settings={"refine": {"plateau": "soon"}})
    assert refused.value.where == "optimizer.settings.refine.plateau"


@pytest.mark.parametrize(
    ("optimizer", "where", "said"),
    [
        ({"name": "ensemble", "optimizers": ["refine", "refine"]}, "optimizers", "'refine' is given twice"),
        ({"name": "cost-aware", "optimizers": ["grpo", "grpo"]}, "optimizers", "'grpo' is given twice"),
        (
            {"name": "sequential", "stages": ["refine"], "shares": [1, 2]},
            "",
            "^give 1 shares above 0, one per stage$",
        ),
        (
            {"name": "sequential", "stages": ["refine"], "settings": {"grpo": {"group": 4}}},
            "settings.grpo",
            "sequential runs no optimizer 'grpo'",
        ),
    ],
)
def test_what_would_be_left_out_or_run_twice_is_refused(
    optimizer: dict[str, Any], where: str, said: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        registry.make(project(optimizer, **JUDGE))
    assert refused.value.where == f"optimizer.{where}".rstrip(".") and re.search(said, refused.value.what)


def test_stages_of_a_sequence_may_repeat() -> None:
    made = registry.make(project({"name": "sequential", "stages": ["refine", "grpo", "refine"]}, **JUDGE))
    assert made.plan(SCALE)


def test_a_plan_has_what_the_members_plan() -> None:
    scale = Scale(train=20, validation=20, shared=False, prompt_chars=100)
    plan, grpo = Sequential(stages=["refine", "grpo"]).plan(scale), GrpoOptimizer().plan(scale)
    assert plan and plan.reply_prompts == grpo.reply_prompts > 1
    assert plan.optimizer_calls.high > grpo.optimizer_calls.high  # type: ignore[operator]


SCALE = Scale(train=60, validation=30, shared=False, prompt_chars=100)


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [
        ({"name": "ensemble", "optimizers": ["refine", "grpo"], "first_calls": 50}, 0, 100),
        ({"name": "ensemble", "optimizers": ["refine", "grpo"], "first_calls": 50, "rungs": 2}, 0, 200),
        ({"name": "cost-aware", "optimizers": ["refine"], "slice_calls": 50, "max_slices": 4}, 0, 200),
        # Two searches a round on a share of the calls, and what each found plays on 40 training cases.
        ({"name": "feedback", "optimizer": "refine", "calls": 300, "train_cases": 10}, 20, 300),
        # 2 configurations on each of 3 folds of 30 cases, and the search of the choice.
        ({"name": "auto", "configs": [{"name": "refine"}, {"name": "grpo"}], "final": False}, 180, 1620),
    ],
)
def test_a_hybrid_expects_its_stages_to_take_what_they_may(
    settings: dict[str, Any], low: float, high: float
) -> None:
    plan = registry.make(project(settings)).plan(SCALE)
    assert plan
    calls = plan.target_calls
    assert (calls.low >= low, calls.high) == (True, high)
    assert calls.likely is not None and calls.low <= calls.likely <= high
    assert plan.optimizer_calls.low <= (plan.optimizer_calls.likely or 0) <= (plan.optimizer_calls.high or 0)


def test_of_configurations_that_are_given_up_nothing_more_is_expected() -> None:
    def calls(folds: int) -> float:
        configs = [{"name": "refine", "seed": seed} for seed in range(4)]
        settings = {"name": "auto", "configs": configs, "folds": folds, "block_calls": 10, "final": False}
        plan = registry.make(project(settings)).plan(SCALE)
        assert plan and plan.target_calls.high is not None
        return plan.target_calls.high

    assert calls(2) == 4 * (10 + 45) + 2 * (10 + 45)
    assert calls(3) == 4 * (10 + 30) + 2 * (10 + 30) + 2 * (10 + 30)
