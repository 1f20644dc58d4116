"""Optimizers as programs give them: fronts, hybrids of classes, tuning."""

from typing import Any, ClassVar

import pytest
from pydantic import Field

import promptopt
from promptopt import (
    BaseOptimizer,
    CostAwareHybrid,
    EnsembleHybrid,
    FeedbackHybrid,
    GRPOAdapter,
    MetaOptimizer,
    OptimizedPrompt,
    OptimizerOptions,
    RunContext,
    SimpleFeedbackHybrid,
    StopRun,
    TunedOptimizer,
    recommend_optimizer,
)
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.events import TrialMark
from promptopt.optimizers.fronts import Front, Given
from promptopt.optimizers.grpo.optimizer import GrpoOptimizer
from promptopt.optimizers.hybrids.auto import Auto
from promptopt.optimizers.hybrids.tuning import configurations
from promptopt.optimizers.refine import RefineOptimizer


class MineOptions(OptimizerOptions):
    steps: int = Field(default=2, ge=1)


class Mine(BaseOptimizer):
    """One that no package has."""

    name = "mine"
    Options: ClassVar[type[OptimizerOptions]] = MineOptions

    async def search(self, context: RunContext) -> StopRun:
        return StopRun("max_iterations", "")


CASES = [{"input": f"case {n}", "expected": "a"} for n in range(100)]


def test_what_is_given_becomes_tables_and_classes() -> None:
    given = Given(["refine", {"name": "grpo", "group": 4}, Mine(steps=5), RefineOptimizer(plateau=9)], "here")
    assert given.tables == [
        {"name": "refine"},
        {"name": "grpo", "group": 4},
        {"name": "mine", "steps": 5},
        {"name": "refine", "plateau": 9},
    ]
    assert given.classes == {"mine": Mine}
    made = given.make(given.tables[2], "here")
    assert isinstance(made, Mine) and made.options.steps == 5  # type: ignore[attr-defined]
    assert isinstance(given.make({"name": "refine"}, "here"), RefineOptimizer)
    with pytest.raises(SettingsError, match="can't be a int"):
        Given([3], "here")  # type: ignore[list-item]
    with pytest.raises(SettingsError, match="names no optimizer"):
        Given([{"plateau": 3}], "here")
    other = type("Other", (Mine,), {})
    with pytest.raises(SettingsError, match="two optimizers are called 'mine'"):
        Given([Mine, other], "here")


def test_a_front_is_the_optimizer_behind_it() -> None:
    front = Front(RefineOptimizer(max_iterations=7))
    assert front.name == "refine" and front.max_iterations == 7 and front.options.max_iterations == 7  # type: ignore[attr-defined]
    assert Given(front, "here").tables == [{"name": "refine", "max_iterations": 7}]


def test_an_adapter_is_made_anew_as_what_it_fronts() -> None:
    given = Given(GRPOAdapter({"tournament_size": 4}), "here")
    made = given.make(given.tables[0], "here")
    assert type(made) is GrpoOptimizer and made.options.group == 4  # type: ignore[attr-defined]


def test_hybrids_take_classes_and_instances() -> None:
    hybrid = EnsembleHybrid([Mine(steps=3), "grpo", RefineOptimizer], rungs=2)
    assert hybrid.members() == ["mine", "grpo", "refine"]
    assert hybrid.options.rungs == 2 and hybrid.options.settings == {"mine": {"steps": 3}}  # type: ignore[attr-defined]
    assert EnsembleHybrid().options == promptopt.optimizers.hybrids.ensemble.Ensemble().options  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match="refine is given with two settings"):
        EnsembleHybrid([RefineOptimizer(plateau=2), RefineOptimizer(plateau=3)])
    with pytest.raises(SettingsError, match="there is no optimizer 'refin'"):
        EnsembleHybrid(["refin", "grpo"])


def test_the_feedback_hybrids_by_the_names_of_their_loops() -> None:
    options: Any = FeedbackHybrid("refine", max_iterations=2, candidates_per_iteration=4).options
    assert (options.optimizer, options.rounds, options.prompts) == ("refine", 2, 4)
    options = SimpleFeedbackHybrid({"name": "dspy-copro", "depth": 2}, n_variations=5).options
    assert (options.optimizer, options.variations) == ("dspy-copro", 5)
    assert options.settings == {"dspy-copro": {"depth": 2}}
    with pytest.raises(SettingsError, match="rounds is given twice"):
        FeedbackHybrid(rounds=1, max_iterations=2)


def test_a_budget_is_a_cap_and_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr("promptopt.runs.library.optimize", lambda *a, **how: asked.update(how, given=a))
    hybrid = CostAwareHybrid(["refine"])
    hybrid.optimize_within_budget("Label it.", CASES, 0.5, budget={"calls": 9}, simulate=True)
    assert asked["budget"] == {"calls": 9, "usd": 0.5} and asked["optimizer"] is hybrid
    for twice in ({"usd": 1}, 1.0):
        with pytest.raises(SettingsError, match="given twice"):
            hybrid.optimize_within_budget("Label it.", CASES, 0.5, budget=twice)


def test_a_budget_that_is_none_is_refused(home: object) -> None:
    with pytest.raises(SettingsError, match="expected a number above 0"):
        CostAwareHybrid(["refine"]).optimize_within_budget("Label it.", CASES, 0, simulate=True)


def test_each_combination_of_a_grid_is_a_configuration() -> None:
    tables = [{"name": "refine", "seed": 3}, {"name": "grpo"}]
    found = configurations(tables, {"refine": {"plateau": [2, 4], "proposals": [3, 3]}})
    assert found == [
        {"name": "refine", "seed": 3, "plateau": 2, "proposals": 3},
        {"name": "refine", "seed": 3, "plateau": 4, "proposals": 3},
        {"name": "grpo"},
    ]
    for grid, said in (
        ({"refin": {"plateau": [2]}}, "not among the optimizers"),
        ({"refine": {"plateau": 3}}, "expected a list of values"),
        ({"refine": {"plateau": []}}, "expected a list of values"),
    ):
        with pytest.raises(SettingsError, match=said):
            configurations(tables, grid)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="1 configuration leaves nothing to choose"):
        configurations([{"name": "refine"}], {})


def test_settings_of_a_grid_are_checked_before_anything_is_spent() -> None:
    with pytest.raises(SettingsError, match="unknown setting"):
        MetaOptimizer().auto_tune(["refine", "grpo"], "x", CASES, grid={"refine": {"plateux": [3]}})
    with pytest.raises(SettingsError, match="auto knows"):
        MetaOptimizer().auto_tune(["refine", "grpo"], "x", CASES, tuning={"fold": 3})


def test_the_tuned_optimizer_says_what_the_run_said(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"mean": 0.6, "low": 0.4, "high": 0.8, "n": 20}
    tried = [
        TrialMark(
            optimizer="refine", settings={"plateau": at}, folds=[0.1], score=figures, gain=figures, calls=at
        )  # type: ignore[arg-type]
        for at in (1, 2)
    ]
    gap = {"verdict": "not distinguishable", "difference": 0.0, "interval": [-0.1, 0.1], "p_value": 1.0}
    trials: dict[str, Any] = {
        "trials": [*(t.model_dump() for t in tried), TrialMark(optimizer="grpo", given_up=1).model_dump()],
        "played": 3, "folds": 3, "chosen": 1, "runner_up": 0, "reason": "because", "comparison": gap,
    }  # fmt: skip
    about = {"trials": trials, "simulated": True, "run_id": "r", "detail": "no more"}
    asked: list[Any] = []

    def run(task: Any, dataset: Any, **how: Any) -> OptimizedPrompt:
        asked.append((task, how))
        return OptimizedPrompt(text="x", metadata=about)

    monkeypatch.setattr("promptopt.runs.library.optimize", run)
    tuned = MetaOptimizer().auto_tune(
        ["refine", Mine, "grpo"],
        "Label it.",
        CASES,
        grid={"refine": {"plateau": [1, 2]}},
        simulate=True,
        name="n",
    )
    assert isinstance(asked[0][1]["optimizer"], Auto) and isinstance(tuned, TunedOptimizer)
    assert tuned.config == {"name": "refine", "plateau": 2} and tuned.score.low == 0.4
    assert tuned.runner_up == tried[0] and tuned.reason == "because" and tuned.simulated
    assert [row["configuration"] for row in tuned.table] == [
        "refine (plateau = 2)",
        "refine (plateau = 1)",
        "grpo",
    ]
    assert tuned.table[2]["given_up_after"] == 1 and tuned.table[2]["score"] is None
    assert "not distinguishable" in str(tuned) and "(simulated)" in str(tuned)
    tuned.optimize(dataset=CASES)
    task, how = asked[-1]
    assert task == "Label it." and how == {"optimizer": tuned, "simulate": True}
    trials["chosen"] = None
    with pytest.raises(RunError, match="before an optimizer was chosen, 3 of 3 folds"):
        MetaOptimizer().auto_tune(["refine", "grpo"], "Label it.", CASES)


def test_which_first_is_said_without_a_model() -> None:
    few = recommend_optimizer("Label it.", CASES[:20])
    assert few.optimizer == "refine" and few.why.startswith("15 cases are few")
    ample = recommend_optimizer("Label it.", CASES, budget={"calls": 5000})
    assert ample.optimizer == "auto"
    with pytest.raises(SettingsError, match="there are no cases"):
        recommend_optimizer("Label it.")
