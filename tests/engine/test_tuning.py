"""MetaOptimizer.auto_tune(): optimizers and settings tried out in a whole run."""

from typing import Any

import pytest

from promptopt import BaseOptimizer, MetaOptimizer, Prompt, RunContext, StopRun
from promptopt.domain.errors import RunError
from promptopt.domain.events import TrialsUpdated
from promptopt.evaluation.statistics import compare
from promptopt.store.runlog import RunLog
from tests.engine.bench import Bench
from tests.loopback import ticket_cases
from tests.loopback.persona import SEED_PROMPT

MODELS = {role: {"model": f"sim/{role}", "latency": 0.001} for role in ("target", "optimizer")}
SIMULATED: dict[str, Any] = {"models": MODELS, "checks": "exact", "prompt": SEED_PROMPT, "progress": False}


class Adds(BaseOptimizer):
    """Adds one sentence; no package has it."""

    name = "adds"

    async def search(self, context: RunContext) -> StopRun:
        before = await context.evaluate(context.seed_prompt, "validation")
        other = Prompt(text=f"{context.seed_prompt.text} Answer with the label alone.")
        context.candidate(other, iteration=1, parent=context.seed_prompt, reasoning="a sentence")
        gap = compare(before, await context.evaluate(other, "validation"))
        context.judged(other, context.seed_prompt, gap.difference.mean > 0, "as measured", gap)
        context.checkpoint(1, {})
        return StopRun("max_iterations", "one sentence was tried")


def tune(**how: Any) -> Any:
    return MetaOptimizer().auto_tune(
        [Adds, "refine"],
        "Label a support ticket.",
        None if "resume" in how else ticket_cases(40),
        grid={"refine": {"max_iterations": [1, 2]}},
        tuning={"folds": 3, "block_calls": 40},
        **how,
    )


def test_the_choice_is_the_runs_own_and_can_be_used(bench: Bench) -> None:
    tuned = tune(**SIMULATED)
    state = bench.state(tuned.prompt.metadata["run_id"])
    told = state.trials
    assert told and told.chosen is not None and (told.played, told.folds) == (3, 3)
    assert tuned.trials == tuple(told.trials) and len(tuned.trials) == 3
    assert tuned.config["name"] == told.trials[told.chosen].optimizer == tuned.optimizer.name
    assert sorted(len(trial.folds) for trial in tuned.trials) == [1, 3, 3]
    assert [trial.given_up for trial in tuned.trials if len(trial.folds) == 1] == [1]
    fold = 10  # cases, on which what a trial found is scored
    held = sum(state.sizes[split] for split in ("train", "validation"))
    assert tuned.score.n == held and tuned.gain.n == held and tuned.simulated
    assert all(0 < trial.calls <= (40 + fold) * len(trial.folds) for trial in tuned.trials)
    assert state.best_id == tuned.prompt.id and "test" in state.candidates[state.seed_id].scores
    again = tuned.optimize(dataset=ticket_cases(40), progress=False)
    assert again.metadata["optimizer"] == tuned.config["name"] and again.metadata["simulated"]
    assert tuned.evaluate(again, ticket_cases(10, start=300)).score.n == 10


def test_interrupted_it_goes_on_to_the_same_choice(bench: Bench) -> None:
    calm = tune(**SIMULATED)

    def interrupt(event: Any, _state: Any) -> None:
        if isinstance(event, TrialsUpdated) and event.played == 1:
            raise KeyboardInterrupt

    slow = {**MODELS, "optimizer": {"model": "sim/optimizer", "latency": 0.4}}
    with pytest.raises(KeyboardInterrupt):
        tune(**SIMULATED | {"progress": interrupt, "models": slow})
    resumed = tune(resume="latest", progress=False)
    assert resumed.prompt.metadata["run_id"] != calm.prompt.metadata["run_id"]
    assert resumed.trials == calm.trials and resumed.config == calm.config
    log = RunLog(bench.database, resumed.prompt.metadata["run_id"])
    finals = [s for s in log.after(0) if isinstance(s.event, TrialsUpdated) and s.event.chosen is not None]
    assert len(finals) == 1


def test_without_budget_for_a_choice_it_says_so(bench: Bench) -> None:
    with pytest.raises(RunError, match="before an optimizer was chosen"):
        tune(**SIMULATED, budget={"calls": 60})
