"""EnterpriseDSPyAdapter: a whole run under the rules of a business."""

import re
from typing import Any

import pytest

from promptopt import EnterpriseDSPyAdapter, EnterpriseSequentialHybrid
from promptopt.runs.launch import resume_run
from promptopt.store.cells import Cells
from promptopt.store.runs import Runs
from tests.engine.bench import Bench
from tests.loopback import ticket_cases
from tests.loopback.persona import SEED_PROMPT
from tests.unit.test_readme import section

MODELS = {role: {"model": f"sim/{role}", "latency": 0.001} for role in ("target", "optimizer")}
HOW: dict[str, Any] = {"models": MODELS, "prompt": SEED_PROMPT, "progress": False}
ACME = {"company": "Acme", "forbidden_words": ["cheap"], "max_words": 2}


def test_its_rules_are_checked_in_every_output_and_told(bench: Bench) -> None:
    adapter = EnterpriseDSPyAdapter("BootstrapFewShot", ACME)
    best = adapter.optimize_for_business_use("Label a support ticket.", ticket_cases(40), **HOW)
    run_id, about = best.metadata["run_id"], best.metadata
    settings = Runs(bench.database).settings(run_id)
    assert [c.type for c in settings.checks] == ["exact"]
    assert [(c.name, c.max_words) for c in settings.task.constraints] == [
        ("business: forbidden words", None),
        ("business: at most 2 words", 2),
    ]
    assert settings.prompt.startswith(SEED_PROMPT) and "at most 2 words" in settings.prompt
    assert "Company: Acme" in settings.task.description
    results = Cells(bench.database, run_id).results(best.id, "test").values()
    kept = sum(len(result.output.split()) <= 2 for result in results)
    (told,) = [one for one in about["compliance"] if one["rule"] == "business: at most 2 words"]
    assert (told["kept"], told["outputs"], told["split"]) == (kept, len(results), "test") and results
    assert about["business_context"]["company"] == "Acme"
    assert about["task"]["description"] == "Label a support ticket."
    scored = adapter.evaluate(best, ticket_cases(10, start=300))
    assert {check.name for check in scored.results[0].checks} == {
        "exact",
        "constraint business: forbidden words",
        "constraint business: at most 2 words",
    }
    for text in adapter.create_team_deployment_assets(best).values():
        assert f"kept by {kept} of {len(results)} sealed test outputs" in text
        assert "simulated models: says nothing about a real one" in text


def test_any_worker_can_take_it_up(bench: Bench) -> None:
    def interrupt(event: Any, _state: Any) -> None:
        if event.kind == "phase_started" and event.phase == "search":
            raise KeyboardInterrupt

    slow = {role: {**model, "latency": 0.05} for role, model in MODELS.items()}
    hybrid = EnterpriseSequentialHybrid(["dspy-bootstrap", {"name": "refine", "max_iterations": 1}])
    with pytest.raises(KeyboardInterrupt):
        hybrid.optimize_for_enterprise(
            "Label a support ticket.",
            ticket_cases(40),
            ACME,
            **HOW | {"progress": interrupt, "models": slow},
        )
    run_id = Runs(bench.database).find("latest").id
    bench.workers[run_id] = resume_run(bench.database, run_id)
    state = bench.until(run_id, lambda state: state.status == "finished")
    assert state.optimizer == "sequential" and "test" in state.candidates[state.seed_id].scores


def test_the_example_of_the_readme(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", section("Tuned, combined, for a business"), re.DOTALL)
    space: dict[str, Any] = {"quick": MODELS}
    exec(code.replace("simulate=True", "models=quick"), space)
    said = capsys.readouterr().out
    assert str(space["tuned"]) in said and "(simulated)" in said
    assert space["tuned"].prompt.id in said and len(space["tuned"].table) == 3
    assert space["assets"]["slack_template"] in said and "max_words" in str(space["best"].metadata)
