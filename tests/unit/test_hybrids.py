"""Hybrids: what they need is what their members need."""

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


def test_a_plan_has_what_the_members_plan() -> None:
    scale = Scale(train=20, validation=20, shared=False, prompt_chars=100)
    plan, grpo = Sequential(stages=["refine", "grpo"]).plan(scale), GrpoOptimizer().plan(scale)
    assert plan and plan.reply_prompts == grpo.reply_prompts > 1
    assert plan.optimizer_calls.high > grpo.optimizer_calls.high  # type: ignore[operator]
