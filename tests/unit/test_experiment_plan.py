"""From an experiment file to its cells: words, datasets, budgets, refusals."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.experiments.config import ExperimentFile, OptimizerEntry, load_experiment
from promptopt.experiments.datasets import GENERIC
from promptopt.experiments.planning import Cell, Plan, make_plan
from promptopt.experiments.words import read_optimizers
from promptopt.runs.scoreboard import NONE

SEED_FILE = (Path(__file__).parents[1] / "experiment_config.yaml").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "exp"
    (where / "data").mkdir(parents=True)
    at = 0
    for name, size in (("train", 12), ("val", 8), ("test", 6)):
        rows = [{"question": f"question {at + n}?", "answer": "yes" if n % 2 else "no"} for n in range(size)]
        at += size
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (where / "data" / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return where


def write(folder: Path, said: Any) -> str:
    path = folder / "experiment.yaml"
    path.write_text(said if isinstance(said, str) else yaml.safe_dump(said), encoding="utf-8")
    return str(path)


def usual(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "experiment": {"name": "e"},
        "optimizers": [{"type": "refine"}],
        "datasets": {"train": "data/train.jsonl", "val": "data/val.jsonl", "test": "data/test.jsonl"},
        "models": {"target": "sim/target", "optimizer": "sim/optimizer"},
    }
    return {**base, **changes}


def planned(folder: Path, said: Any, **how: Any) -> Plan:
    return make_plan(load_experiment(write(folder, said)), **how)


def test_the_file_of_the_plan_is_taken_as_it_stands(folder: Path) -> None:
    plan = planned(folder, SEED_FILE, simulate=True)
    labels = list(dict.fromkeys(cell.label for cell in plan.cells))
    assert labels == [NONE, "dspy-mipro", "grpo", "sequential"]
    searches = {cell.label: plan.settings[cell].optimizer for cell in plan.cells if cell.optimizes}
    grpo = dict(searches["grpo"].model_extra or {})
    assert (grpo["group"], grpo["performance"], grpo["format"]) == (8, 0.7, 0.3)
    sequential = dict(searches["sequential"].model_extra or {})
    assert sequential["stages"] == ["dspy-mipro", "grpo"] and sequential["settings"]["grpo"]["group"] == 8
    assert {cell.judge for cell in plan.cells if cell.judge} == {"gpt-4", "claude-3"}
    assert len(plan.cells) == 4 * 3 and plan.output_dir == folder / "results"
    own = plan.settings[Cell("data", "grpo", 0)]
    assert [check.name or check.type for check in own.checks] == ["accuracy", "f1", "bleu"]
    assert own.data.input == "question" and own.data.expected == "answer"
    assert own.prompt == GENERIC and any(GENERIC in notice for notice in plan.notices)
    assert plan.simulated


def test_without_a_model_it_says_what_to_do(folder: Path) -> None:
    with pytest.raises(SettingsError, match="no model to run the prompts on") as failure:
        planned(folder, SEED_FILE)
    assert "--simulate" in failure.value.fix and "--model" in failure.value.fix


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"optimizer": []}, "optimizer: unknown key, did you mean optimizers?"),
        ({"experiment": {"name": "e", "outputdir": "x"}}, "did you mean output_dir"),
        ({"evaluation": {"metric": ["f1"]}}, "did you mean metrics"),
        ({"evaluation": {"metrics": ["acuracy"]}}, "did you mean 'accuracy'"),
        ({"evaluation": {"colour": "red"}}, "evaluation.colour: unknown key, known: metrics"),
        ({"budget": {"dollars": 3}}, "budget.dollars: unknown key"),
        ({"optimizers": [{"type": "refin"}]}, "did you mean 'refine'"),
        ({"optimizers": [{"type": "refine", "config": {"platau": 2}}]}, "did you mean 'plateau'"),
        ({"optimizers": [{"type": "refine", "config": {"plateau": 0}}]}, "optimizer.plateau"),
        ({"optimizers": [{"type": "hybrid", "config": {"strategy": "seqential"}}]}, "'sequential'"),
        ({"optimizers": [{"type": "dspy", "config": {"optimizer": "MIPROv3"}}]}, "no 'MIPROv3'"),
        ({"optimizers": []}, "optimizers"),
        ({"datasets": {}}, "there is no dataset"),
        ({"datasets": {"train": "data/train.jsonl", "tset": "x"}}, "did you mean 'test'"),
        ({"datasets": ["data/nosuch.csv"]}, "nosuch.csv"),
        ({"datasets": [{"example": "nosuch"}]}, "there is no example 'nosuch'"),
        ({"datasets": [{"project": ".", "train": "x"}]}, "has cases of its own"),
        ({"experiment": {"name": "e", "seeds": []}}, "seeds"),
        ({"budget": {"calls": 3}}, "too small for 2 runs"),
    ],
)
def test_what_can_not_be_used_is_refused_with_its_place(folder: Path, change: Any, said: str) -> None:
    with pytest.raises(SettingsError) as failure:
        planned(folder, usual(**change))
    assert said in str(failure.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such experiment file"):
        load_experiment(str(tmp_path / "nosuch.yaml"))
    (tmp_path / "list.yaml").write_text("- a\n- b\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="expected a table"):
        load_experiment(str(tmp_path / "list.yaml"))


def test_cells_are_every_dataset_optimizer_seed_and_judge(folder: Path) -> None:
    said = usual(
        experiment={"name": "e", "seeds": [0, 3], "baselines": ["none", "refine"]},
        optimizers=[{"type": "refine"}, {"type": "refine", "name": "patient", "config": {"plateau": 9}}],
        datasets={"one": "data/train.jsonl", "two": {"file": "data/val.jsonl", "split": [1, 1, 0]}},
        evaluation={"judges": [{"model": "sim/judge", "name": "j"}]},
    )
    plan = planned(folder, said)
    labels = {NONE, "refine", "patient", "refine (baseline)"}
    assert {cell.label for cell in plan.cells} == labels
    assert len(plan.cells) == 2 * 2 * 4 * 2
    assert [cell.label == NONE for cell in plan.cells[:5]] == [True] * 4 + [False]
    assert all(cell.judge for cell in plan.cells[16:])
    own = plan.settings[Cell("one", "patient", 3)]
    assert own.optimizer.model_extra == {"plateau": 9, "seed": 3}
    assert plan.split(Cell("two", NONE, 0)) == "validation"
    assert any("two has no sealed test" in notice for notice in plan.notices)
    judging = plan.settings[Cell("one", "patient", 3, "j")]
    assert [check.type for check in judging.checks] == ["judge"] and judging.cache.sampled
    assert judging.models["judge"].model == "sim/judge"


def test_the_same_file_is_the_same_experiment_until_something_changes(folder: Path) -> None:
    same = [planned(folder, usual()).digest() for _ in range(2)]
    assert same[0] == same[1]
    others = [
        planned(folder, usual(prompt="Another.")),
        planned(folder, usual(experiment={"name": "e", "seeds": [1]})),
        planned(folder, usual(budget={"calls": 1000})),
        planned(folder, usual(), changes={"usd": 3.0}),
    ]
    (folder / "data" / "test.jsonl").write_text(
        '{"question": "new", "answer": "yes"}\n' * 3, encoding="utf-8"
    )
    others.append(planned(folder, usual()))
    assert len({*same, *(plan.digest() for plan in others)}) == 1 + len(others)
    quicker = planned(folder, usual(), changes={"parallel": 9})
    assert quicker.parallel == 9


def test_a_project_brings_its_own_prompt_checks_and_models(folder: Path) -> None:
    (folder / "p").mkdir()
    (folder / "p" / "project.toml").write_text(
        'name = "mine"\nprompt = "Say it."\n[models.target]\nmodel = "sim/small"\n'
        '[models.optimizer]\nmodel = "sim/optimizer"\n[budget]\ncalls = 50\n'
        '[data]\nfile = "../data/train.jsonl"\n[[checks]]\ntype = "contains"\nvalue = "y"\n',
        encoding="utf-8",
    )
    plan = planned(folder, usual(datasets=["p", {"project": "p", "name": "again"}], models={}))
    own = plan.settings[Cell("mine", "refine", 0)]
    assert own.prompt == "Say it." and own.models["target"].model == "sim/small"
    assert [check.type for check in own.checks] == ["contains"]
    assert plan.capped(Cell("mine", "refine", 0), {}).budget.calls == 50
    other = planned(
        folder,
        usual(datasets=["p"], models={"target": "sim/large"}, evaluation={"metrics": ["f1"], "repeats": 2}),
    )
    own = other.settings[Cell("mine", "refine", 0)]
    assert own.models["target"].model == "sim/large" and own.evaluation.repeats == 2
    assert [check.name for check in own.checks] == ["f1"]


@settings(deadline=None)
@given(
    calls=st.integers(2000, 100_000),
    seeds=st.integers(1, 4),
    optimizers=st.integers(1, 4),
    judges=st.integers(0, 2),
    used=st.floats(0, 1),
)
def test_shares_of_the_budget_never_sum_to_more(
    calls: int, seeds: int, optimizers: int, judges: int, used: float
) -> None:
    labels = [f"o{n}" for n in range(optimizers)]
    cells = [Cell("d", label, seed) for seed in range(seeds) for label in (NONE, *labels)]
    cells += [Cell("d", c.label, c.seed, f"j{n}") for c in list(cells) for n in range(judges)]
    raw = {"name": "x", "prompt": "x", "models": {"target": {"model": "sim/target"}}}
    own = dict.fromkeys(cells, ProjectSettings.model_validate(raw))
    plan = Plan("x", Path(), Path(), 1, tuple(cells), own, {}, {"calls": calls}, {})
    baselines = [cell for cell in cells if cell.label == NONE and not cell.judge]
    spent = sum(int(used * (plan.capped(cell, {}).budget.calls or 0)) for cell in baselines)
    caps = {cell: plan.capped(cell, {"calls": spent}).budget.calls or 0 for cell in cells}
    others = sum(caps[cell] for cell in cells if cell not in baselines)
    assert spent + others <= calls
    searches = {caps[cell] for cell in cells if cell.optimizes}
    assert len(searches) == 1, "each search has the same share"


def test_words_of_dspy_and_of_hybrids() -> None:
    def read(*entries: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
        made = [OptimizerEntry.model_validate(entry) for entry in entries]
        return [(named.label, named.name, named.config) for named in read_optimizers(made, "f")]

    assert read({"type": "dspy"})[0][1] == "dspy-mipro"
    assert read({"type": "dspy-mipro", "config": {"auto": "heavy"}})[0][2] == {"auto": "heavy"}
    assert [label for label, _, _ in read({"type": "grpo"}, {"type": "grpo"})] == ["grpo", "grpo 2"]
    hybrid = {"type": "hybrid", "config": {"optimizers": ["dspy", "grpo"]}}
    assert read(hybrid)[0][2]["stages"] == ["dspy-mipro", "grpo"]
    with pytest.raises(
        SettingsError, match=r"f: optimizers\[0\]\.config\.reward_weights: unknown key 'speed'"
    ):
        read({"type": "grpo", "config": {"reward_weights": {"speed": 1}}})
    made = [OptimizerEntry(type="dspy", config={"max_iterations": 3})]
    (named,) = read_optimizers(made, "f")
    assert named.config == {} and "says nothing there" in named.notices[0]


def test_every_key_of_the_file_has_its_words() -> None:
    from promptopt.domain.describing import attribute_docs
    from promptopt.experiments import config

    for part in (ExperimentFile, config.About, config.OptimizerEntry, config.EvaluationPart):
        assert attribute_docs(part).keys() >= part.model_fields.keys()
