"""From what a program gives to settings and cases; without a model being asked."""

from pathlib import Path
from typing import Any

import pytest

from promptopt import (
    BaseOptimizer,
    Constraint,
    Dataset,
    EvaluationMetric,
    Example,
    OptimizedPrompt,
    Prompt,
    TaskSpec,
    evaluate,
    optimize,
)
from promptopt.domain.errors import SettingsError
from promptopt.domain.results import CaseResult, Evaluation, Interval
from promptopt.domain.settings import BudgetSettings, CheckSettings, ModelSettings, ProjectSettings
from promptopt.evaluation.checks import build_judge
from promptopt.evaluation.constraints import build_task
from promptopt.optimizers.refine import RefineOptimizer
from promptopt.runs.assembling import Assembled, assemble, cases_to_score, own_of
from promptopt.store.projects import save_project

CASES = [{"text": f"message {n}", "label": "yes" if n % 2 else "no"} for n in range(16)]
MODEL = "openai/gpt-4o-mini"


def made(task: Any = "Label it.", cases: Any = CASES, **how: Any) -> Assembled:
    return assemble(task, cases, {"models": MODEL, **how})  # type: ignore[typeddict-item]


def test_columns_are_recognized_and_cases_are_split() -> None:
    found = made()
    assert found.dataset.train[0].inputs.keys() == {"text"} and found.dataset.train[0].expected in (
        "yes",
        "no",
    )
    assert [len(found.dataset[split]) for split in ("train", "validation", "test")] == [8, 4, 4]
    named = made(data={"input": "label", "expected": "text", "split": [1, 1, 0], "seed": 3})
    assert named.dataset.train[0].inputs.keys() == {"label"} and not named.dataset.test


def test_settings_of_a_run_that_named_no_columns_name_none() -> None:
    frozen = ProjectSettings.model_validate_json(made().project.settings.model_dump_json())
    found = assemble(None, CASES, {"models": MODEL}, frozen)
    assert found.dataset.train[0].inputs.keys() == {"text"} and found.dataset.train[0].expected


class Frame:
    """What we use of a data frame."""

    columns = ("text", "label")

    def to_dict(self, orient: str) -> list[dict[str, str]]:
        assert orient == "records"
        return CASES


@pytest.mark.parametrize("kind", ["frame", "generator", "examples", "file", "dataset"])
def test_cases_come_in_many_forms(kind: str, tmp_path: Path) -> None:
    usual = made().dataset
    path = tmp_path / "cases.csv"
    path.write_text("text,label\n" + "".join(f"{c['text']},{c['label']}\n" for c in CASES), encoding="utf-8")
    forms: dict[str, Any] = {
        "frame": Frame(),
        "generator": (case for case in CASES),
        "examples": [Example(id=str(n + 1), inputs={"text": c["text"]}, expected=c["label"])
                     for n, c in enumerate(CASES)],
        "file": str(path),
        "dataset": usual,
    }  # fmt: skip
    assert made(cases=forms[kind]).dataset == usual


@pytest.mark.parametrize(
    ("cases", "said"),
    [(5, "can't be a int"), ({"a": 1}, "can't be a dict"), ([1, 2], "neither mappings"), (None, "no cases")],
)
def test_what_are_no_cases(cases: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        made(cases=cases)


def test_models_come_in_many_forms() -> None:
    class Client:
        settings = ModelSettings(model="mistral/small", temperature=0.5)

    assert made().project.settings.models["target"].model == MODEL
    assert (
        made(models={"model": MODEL, "temperature": 0.2}).project.settings.models["target"].temperature == 0.2
    )
    roles = made(models={"target": Client(), "optimizer": "gpt-4o", "judge": ModelSettings(model="j")})
    found = roles.project.settings.models
    assert {role: model.model for role, model in found.items()} == {
        "target": "mistral/small",
        "optimizer": "gpt-4o",
        "judge": "j",
    }
    assert found["optimizer"].max_tokens == 4096, "the optimizer's own defaults"
    panel = made(judges=["a/b", {"model": "c/d", "name": "strict", "weight": 2}]).project.settings.judges
    assert [(judge.name, judge.weight) for judge in panel] == [("a/b", None), ("strict", 2)]
    assert [judge.model for judge in made(judges="a/b").project.settings.judges] == ["a/b"]
    with pytest.raises(SettingsError, match="a model can't be a int"):
        made(models=3)
    with pytest.raises(SettingsError, match="targett"):
        made(models={"targett": MODEL})


def test_simulated_it_needs_no_model() -> None:
    found = made(models={}, simulate=True).project.settings
    assert {role: model.model for role, model in found.models.items()} == {
        "target": "sim/target",
        "optimizer": "sim/optimizer",
        "judge": "sim/judge",
    }
    with pytest.raises(SettingsError, match="no model is given") as failure:
        assemble("Label it.", CASES, {})
    assert "simulate=True" in failure.value.fix


def test_task_prompt_and_name() -> None:
    settings = made(
        TaskSpec(description="Label it.", signature="text -> label", output_format={"label": "yes"})
    )
    assert settings.project.settings.prompt == "Label it." == settings.project.settings.name
    assert settings.project.settings.task.output_format == {"label": "yes"}
    shown = Example(id="x", inputs={"text": "a"}, expected="yes")
    prompt = Prompt(text="Say yes or no.", demonstrations=(shown,))
    found = made(prompt=prompt, name="mine").project.settings
    assert found.seed_prompt.id == prompt.id and found.name == "mine"
    with pytest.raises(SettingsError, match="no prompt"):
        made(None)


def test_optimizers_come_in_many_forms() -> None:
    class Mine(BaseOptimizer):
        name = "mine"

        async def search(self, context: Any) -> Any: ...

    def options(given: Any) -> tuple[str, dict[str, Any], bool]:
        found = made(optimizer=given)
        table = found.project.settings.optimizer
        return table.name, dict(table.model_extra or {}), found.own.optimizer is not None

    assert options("refine") == ("refine", {}, False)
    assert options({"name": "refine", "plateau": 3}) == ("refine", {"plateau": 3}, False)
    name, extra, own = options(RefineOptimizer(max_iterations=5))
    assert (name, extra["max_iterations"], extra["plateau"], own) == ("refine", 5, 5, True)
    assert options(Mine) == ("mine", {"seed": 0}, True)
    with pytest.raises(SettingsError, match="an optimizer can't be a float"):
        made(optimizer=1.5)
    with pytest.raises(SettingsError, match=r"optimizer\.max_iteration: unknown setting"):
        RefineOptimizer(max_iteration=5)


class Length(EvaluationMetric):
    """Short is good."""

    def compute(self, predictions: Any, ground_truth: Any) -> float:
        return float(sum(len(p) for p in predictions) < 5)


def test_checks_come_in_many_forms() -> None:
    def right(output: str, expected: str) -> bool:
        return output == expected

    found = made(
        checks=[
            "exact",
            "f1",
            {"type": "contains", "value": "y"},
            CheckSettings(type="length", max=3),  # type: ignore[call-arg]
            Length(),
            right,
            lambda output: True,
            {"function": right, "weight": 3.0},
        ]
    )
    checks = found.project.settings.checks
    assert [check.type for check in checks] == [
        "exact",
        "rouge",
        "contains",
        "length",
        *["python"] * 4,
    ]
    assert [check.name for check in checks[4:]] == ["Length", "right", "check", "right 2"]
    assert checks[-1].weight == 3.0
    build_judge(found.project.settings, Path(), functions=found.own.functions)
    with pytest.raises(SettingsError, match="'Length' is a Python function that this process does not have"):
        build_judge(found.project.settings, Path())
    with pytest.raises(SettingsError, match="no metric 'acuracy'") as failure:
        made(checks="acuracy")
    assert "did you mean 'accuracy'" in failure.value.fix


def test_constraints_of_a_project_are_told_in_words_and_others_stay_functions(tmp_path: Path) -> None:
    raw = {"name": "short", "max_words": 3}
    project = made({"description": "x"} and "x").project.settings.model_copy(
        update={"task": made("x").project.settings.task.model_copy(update={"constraints": []})}
    )
    from promptopt.domain.settings import ConstraintSettings

    task = project.task.model_copy(update={"constraints": [ConstraintSettings.model_validate(raw)]})
    spec = build_task(project.model_copy(update={"task": task}))
    mine = Constraint(name="mine", description="mine", validator=lambda said: True, hard=True)
    found = made(spec.model_copy(update={"constraints": [*spec.constraints, mine]}))
    rules = found.project.settings.task.constraints
    assert (rules[0].max_words, rules[0].validator) == (3, None)
    assert rules[1].hard and "lambda" in (rules[1].validator or "")
    assert found.own.functions.validators.keys() == {"mine"}


def test_budget_comes_as_a_number_or_a_table() -> None:
    assert made(budget=2).project.settings.budget.usd == 2
    assert made(budget={"calls": 10}).project.settings.budget.limits() == {"calls": 10.0}
    assert made(budget=BudgetSettings(minutes=3)).project.settings.budget.limits() == {"minutes": 3.0}
    with pytest.raises(SettingsError, match=r"budget\.call"):
        made(budget={"call": 10})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"task": 5}, "task: a task can't be an int"),
        ({"prompt": 5}, "prompt: a prompt can't be an int"),
        ({"budget": "2"}, "budget: a budget can't be a str"),
        ({"task": "Label \ud800."}, r"task\.description: holds half a character"),
        ({"cases": [Example(id="x", inputs={"text": "\udcff"})]}, "case 'x': 'text' holds half a character"),
        (
            {"cases": [*CASES, {"text": "a", "label": float("nan")}]},
            "case 17: 'label' .* nan is not a number",
        ),
    ],
)
def test_what_can_not_be_used_is_named(how: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as failure:
        made(**how)
    assert failure.value.where


def test_a_constraint_needs_its_function() -> None:
    with pytest.raises(SettingsError, match="it needs description, validator; it has no max_words"):
        Constraint(name="short", max_words=3)  # type: ignore[call-arg]
    with pytest.raises(SettingsError, match="the validator can't be a int"):
        Constraint(name="short", description="short", validator=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", ["yes", None, 1])
def test_progress_and_prompts_are_looked_at_before_a_run_is_made(home: Path, wrong: Any) -> None:
    with pytest.raises(SettingsError, match="progress can't be"):
        optimize("Label it.", CASES, models=MODEL, progress=wrong)
    with pytest.raises(SettingsError, match="progress can't be"):
        evaluate("Label it.", CASES, models=MODEL, progress=wrong)
    with pytest.raises(SettingsError, match="a prompt can't be None"):
        evaluate(None, CASES, models=MODEL)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="a run's id can't be an int"):
        optimize(resume=5)  # type: ignore[arg-type]
    assert not (home / "store.db").exists()


def test_what_a_notebook_shows_is_short() -> None:
    prompt = OptimizedPrompt(text="x" * 5000, metadata={"figures": "y" * 5000})
    score = Interval(mean=0.5, low=0.4, high=0.6, n=900)
    results = tuple(CaseResult(case_id=str(n), passed=n < 9) for n in range(900))
    found = Evaluation(prompt_id="p", split="test", results=results, score=score)
    assert len(repr(prompt)) < 400 and "'figures'" in repr(prompt)
    assert len(repr(found)) < 200 and "9 of 900" in repr(found)


def test_a_slip_in_a_keyword_is_caught() -> None:
    with pytest.raises(SettingsError, match="no keyword 'modles'") as failure:
        made(modles=MODEL)
    assert "did you mean 'models'" in failure.value.fix


def test_a_project_says_what_is_not_given(home: Path, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "cases.csv").write_text("input,expected\n" + "a,b\nc,d\n" * 6, encoding="utf-8")
    saved = made(budget=1.0, checks="exact").project.settings.model_copy()
    saved.data.file = "cases.csv"
    save_project(saved, tmp_path / "p")
    found = assemble(None, None, {"project": tmp_path / "p", "budget": {"calls": 7}})
    assert found.project.dir == tmp_path / "p" and len(found.dataset) == 12
    assert found.project.settings.models["target"].model == MODEL
    assert found.project.settings.budget.limits() == {"calls": 7.0}


def test_the_cases_to_score_on() -> None:
    settings = made().project.settings
    whole = made().dataset
    assert cases_to_score(whole, settings, Path()) == whole.test
    assert len(cases_to_score(CASES, settings, Path())) == 16
    assert len(cases_to_score(Dataset(train=whole.train, validation=()), settings, Path())) == 8


def test_a_run_that_is_resumed_takes_functions_only() -> None:
    own = own_of("x", {"checks": [lambda output: True], "optimizer": RefineOptimizer()})
    assert own.optimizer is not None
    with pytest.raises(SettingsError, match="has its own budget and models"):
        own_of(None, {"models": MODEL, "budget": 1.0})
