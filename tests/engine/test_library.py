"""promptopt.optimize() and evaluate(): whole runs carried out by the calling program."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import promptopt
from promptopt import (
    BaseOptimizer,
    Constraint,
    Example,
    OptimizedPrompt,
    Prompt,
    RunContext,
    StopRun,
    TaskSpec,
)
from promptopt.domain.errors import ModelError, RunError, SettingsError
from promptopt.models.simulator import simulator
from promptopt.optimizers.refine import RefineOptimizer
from promptopt.runs.launch import resume_run
from promptopt.store.cells import Cells
from promptopt.store.commands import Edit, Pause, Resume, Stop
from promptopt.store.runs import Runs
from tests.engine.bench import Bench
from tests.engine.warm import WarmScript
from tests.loopback import API_KEY_ENV, LoopbackServer, ticket_cases
from tests.loopback.persona import SEED_PROMPT
from tests.unit.test_readme import section

MINE = f"{SEED_PROMPT} Answer with one word. That is all."


@pytest.fixture
def models(loopback: LoopbackServer) -> dict[str, Any]:
    key = {"api_key_env": API_KEY_ENV}
    return {
        "target": {
            **key,
            "model": "openai/gpt-4o-mini",
            "base_url": f"{loopback.url}/v1",
            "max_tokens": 64,
            "temperature": 0.0,
        },
        "optimizer": {**key, "model": "anthropic/claude-opus-4-5", "base_url": loopback.url},
    }


@pytest.fixture
def aside() -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Does something in another thread while a run goes on here."""
    threads: list[threading.Thread] = []

    def start(work: Callable[[], Any]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        threads.append(thread)

    yield start
    for thread in threads:
        thread.join(60)


def test_a_whole_run(bench: Bench, loopback: LoopbackServer, models: dict[str, Any]) -> None:
    best = promptopt.optimize(
        "Label a support ticket.",
        ticket_cases(120),
        prompt=SEED_PROMPT,
        models=models,
        checks="exact",
        budget=5.0,
        optimizer=RefineOptimizer(max_iterations=4),
        progress=False,
    )
    assert isinstance(best, OptimizedPrompt) and best.text.startswith(f"{SEED_PROMPT}\n")
    about = best.metadata
    state = bench.state(about["run_id"])
    assert state.status == "finished" and state.best_id == best.id and not state.simulated
    assert about["comparison"]["verdict"] == "better" and about["test"]["n"] == 30
    assert about["calls"] == loopback.count() and about["cost_usd"] > 0
    assert bench.status(about["run_id"]) == "finished"
    loopback.clear()
    scored = promptopt.evaluate(best, ticket_cases(20, start=500))
    assert scored.score.n == 20 and scored.prompt_id == best.id and loopback.count() == 20
    assert Runs(bench.database).find("latest").kind == "eval"


def test_beside_a_running_event_loop(bench: Bench, models: dict[str, Any]) -> None:
    async def notebook() -> tuple[OptimizedPrompt, OptimizedPrompt]:
        here = promptopt.optimize("Label it.", ticket_cases(24), models=models, progress=False)
        free = await asyncio.to_thread(
            promptopt.optimize, "Label it.", ticket_cases(24), models=models, progress=False
        )
        return here, free

    here, free = asyncio.run(notebook())
    assert here.id == free.id


def test_functions_of_the_program_judge(
    bench: Bench, loopback: LoopbackServer, models: dict[str, Any]
) -> None:
    judged: list[str] = []

    def short(output: str) -> bool:
        judged.append(output)
        return len(output.split()) == 1

    async def near(output: str, expected: str | None) -> tuple[float, str]:
        return (1.0, "") if output == expected else (0.25, "another label")

    task = TaskSpec(
        description="Label a support ticket.",
        constraints=[Constraint(name="short", description="one word", validator=short, hard=True)],
    )
    best = promptopt.optimize(
        task, ticket_cases(40), prompt=SEED_PROMPT, models=models, checks=[near], progress=False
    )
    run_id = best.metadata["run_id"]
    asked = [record for record in loopback.records() if "gpt" in record.model]
    assert len(judged) >= len(asked)
    results = bench_results(bench, run_id, bench.state(run_id).seed_id)
    checks = {check.name: check for result in results for check in result.checks}
    assert checks["constraint short"].hard and set(checks) == {"near", "constraint short"}
    assert {check.reason for r in results for check in r.checks if check.score == 0.25} == {"another label"}
    settings = Runs(bench.database).settings(run_id)
    assert settings.task.constraints[0].validator and settings.checks[0].type == "python"


def bench_results(bench: Bench, run_id: str, prompt_id: str) -> list[Any]:
    return list(Cells(bench.database, run_id).results(prompt_id, "validation").values())


def test_a_worker_refuses_a_run_whose_functions_it_does_not_have(
    bench: Bench, models: dict[str, Any]
) -> None:
    rule = Constraint(name="short", description="one word", validator=lambda said: len(said) < 20)
    task = TaskSpec(description="Label a support ticket.", constraints=[rule])
    cases = ticket_cases(40)
    with pytest.raises(KeyboardInterrupt):
        promptopt.optimize(task, cases, models=models, progress=interrupt_at("search"))
    run_id = Runs(bench.database).find("latest").id
    worker = resume_run(bench.database, run_id)
    worker.wait(60)
    state = bench.state(run_id)
    assert state.status == "failed" and state.finished
    assert "'short'" in state.finished.detail and "promptopt.optimize(resume=" in state.finished.detail
    with pytest.raises(RunError, match="'short' is a Python function"):
        promptopt.optimize(resume=run_id, progress=False)
    best = promptopt.optimize(task, resume=run_id, progress=False)
    assert best.metadata["run_id"] == run_id and best.metadata["status"] == "finished"


def interrupt_at(phase: str) -> Callable[[Any, Any], None]:
    def show(event: Any, _state: Any) -> None:
        if event.kind == "phase_started" and event.phase == phase:
            raise KeyboardInterrupt

    return show


def test_interrupted_and_resumed_it_pays_nothing_twice(
    bench: Bench, loopback: LoopbackServer, models: dict[str, Any]
) -> None:
    how: dict[str, Any] = {"prompt": SEED_PROMPT, "models": models}
    calm = promptopt.optimize("Label it.", ticket_cases(48), progress=False, **how)
    loopback.clear()
    with pytest.raises(KeyboardInterrupt):
        promptopt.optimize("Label it.", ticket_cases(48), progress=interrupt_at("search"), **how)
    run_id = Runs(bench.database).find("latest").id
    assert bench.state(run_id).status == "stopped"
    again = promptopt.optimize(resume="latest", progress=False)
    assert again.id == calm.id and again.metadata["run_id"] == run_id
    assert again.metadata["comparison"] == calm.metadata["comparison"]
    assert loopback.answered_twice() == {}
    with pytest.raises(RunError, match="come to its end"):
        promptopt.optimize(resume=run_id)
    with pytest.raises(SettingsError, match="has its own models"):
        promptopt.optimize(resume=run_id, models=models)


def test_it_is_steered_from_outside(
    bench: Bench,
    loopback: LoopbackServer,
    models: dict[str, Any],
    aside: Callable[[Callable[[], Any]], None],
) -> None:
    loopback.latency = 0.02

    def steer() -> None:
        run_id = bench.wait(lambda: next((row.id for row in Runs(bench.database).list()), None))
        bench.until(run_id, lambda state: state.phase == "search")
        bench.send(run_id, Pause())
        bench.until(run_id, lambda state: state.status == "paused")
        bench.send(run_id, Edit(text=MINE))
        bench.until(run_id, lambda state: state.edit and state.edit.adopted)
        bench.send(run_id, Resume())
        bench.until(run_id, lambda s: s.edit and any(c.parent_id == s.edit.candidate_id for c in s.course()))
        bench.send(run_id, Stop())

    aside(steer)
    best = promptopt.optimize(
        "Label it.", ticket_cases(48), prompt=SEED_PROMPT, models=models, progress=False
    )
    state = bench.state(best.metadata["run_id"])
    assert any(c.source == "human" and c.text == MINE for c in state.candidates.values())
    assert state.status in ("stopped", "finished") and "test" in state.candidates[state.seed_id].scores


class Fails(BaseOptimizer):
    """Fails."""

    name = "fails"

    async def search(self, context: RunContext) -> StopRun:
        raise LookupError("nothing there")


def test_a_fault_of_the_optimizer_is_raised_with_its_cause(bench: Bench, models: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="LookupError: nothing there") as failure:
        promptopt.optimize("Label it.", ticket_cases(24), models=models, optimizer=Fails, progress=False)
    assert isinstance(failure.value.__cause__, LookupError)
    run_id = Runs(bench.database).find("latest").id
    assert f"resume={run_id!r}" in failure.value.fix and bench.status(run_id) == "failed"


def test_a_model_that_answers_nobody_ends_the_call(
    bench: Bench, models: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptopt.models.sending._backoff", lambda *_: 0.0)
    models["target"] |= {"base_url": "http://127.0.0.1:9/v1"}
    with pytest.raises(RunError, match="the run had to stop") as failure:
        promptopt.optimize("Label it.", ticket_cases(24), models=models, progress=False)
    run_id = Runs(bench.database).find("latest").id
    assert run_id in failure.value.fix and bench.state(run_id).status == "stopped"


def test_an_optimizer_is_asked_itself(bench: Bench, models: dict[str, Any]) -> None:
    optimizer = RefineOptimizer(max_iterations=2)
    best = optimizer.optimize(
        "Label it.", ticket_cases(48), prompt=SEED_PROMPT, models=models, checks=["f1"], progress=False
    )
    assert bench.state(best.metadata["run_id"]).max_iterations == 2
    scored = optimizer.evaluate(Prompt(text=SEED_PROMPT), ticket_cases(12, start=300))
    assert [check.name for check in scored.results[0].checks] == ["f1"]


def test_demonstrations_are_sent_and_measured(
    bench: Bench, loopback: LoopbackServer, models: dict[str, Any]
) -> None:
    shown = Example(id="d", inputs={"input": "Ticket 900: about login"}, expected="account")
    prompt = Prompt(text=SEED_PROMPT, demonstrations=(shown,))
    scored = promptopt.evaluate(prompt, ticket_cases(10), models=models)
    assert scored.prompt_id == prompt.id
    assert [m["content"] for m in loopback.records()[0].body["messages"]][1:3] == [
        "Ticket 900: about login",
        "account",
    ]


SCRIPT = f"""
import sys
from promptopt import BaseOptimizer, Prompt, StopRun, TaskSpec, Constraint, optimize
from tests.loopback import ticket_cases

class Mine(BaseOptimizer):
    '''Tries two endings.'''
    name = "mine"
    async def search(self, context):
        best = context.seed_prompt
        score = await context.evaluate(best, "validation")
        for number, ending in enumerate(("Answer with one word.", "Money questions are billing."), 1):
            other = Prompt(text=best.text + " " + ending)
            context.iteration(number)
            context.candidate(other, iteration=number, parent=best, reasoning=ending)
            after = await context.evaluate(other, "validation")
            better = after.score.mean >= score.score.mean
            context.judged(other, best, better, "", None)
            best, score = (other, after) if better else (best, score)
        return StopRun("max_iterations")

task = TaskSpec(description="Label it.", constraints=[
    Constraint(name="short", description="short", validator=lambda said: len(said) < 200)])
key = {{"api_key_env": {API_KEY_ENV!r}}}
url = sys.argv[1]
models = {{
    "target": {{**key, "model": "openai/gpt-4o-mini", "base_url": url + "/v1", "max_tokens": 64}},
    "optimizer": {{**key, "model": "anthropic/claude-opus-4-5", "base_url": url}},
}}
if sys.argv[2] == "new":
    best = optimize(task, ticket_cases(60), prompt={SEED_PROMPT!r}, models=models, optimizer=Mine)
else:
    best = optimize(task, optimizer=Mine, resume=sys.argv[2])
print(best.text)
"""


def test_a_script_with_a_class_of_its_own_is_killed_and_resumed(
    bench: Bench, forking: None, loopback: LoopbackServer, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")

    def start(what: str) -> WarmScript:
        folder = tmp_path / what
        folder.mkdir()
        return WarmScript([str(script), loopback.url, what], folder)

    loopback.latency = 0.02
    process = start("new")
    bench.wait(lambda: loopback.count(answered=True) >= 25)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    run_id = Runs(bench.database).find("latest").id
    bench.wait(lambda: bench.status(run_id) == "interrupted")
    process = start(run_id)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith(SEED_PROMPT) and f"promptopt attach {run_id}" in err
    assert loopback.answered_twice() == {} and bench.state(run_id).optimizer == "mine"
    assert bench.state(run_id).status == "finished"


def test_ctrl_c_stops_a_script_and_leaves_a_run_to_resume(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, str(script), loopback.url, "new"]
    with loopback.holding(after=20):  # so that it can't end by itself before it is asked to
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What a shell starts in the background ignores Ctrl-C, and so does all that is started from it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        bench.wait(lambda: loopback.count() > 20)
        run_id = Runs(bench.database).find("latest").id
        process.send_signal(signal.SIGINT)
        bench.wait(lambda: bench.state(run_id).stop_requested is not None)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0 and "KeyboardInterrupt" in err
    state = bench.state(run_id)
    assert state.status == "stopped" and state.resumable


def test_without_a_model_nothing_is_made(bench: Bench) -> None:
    with pytest.raises(SettingsError, match="no model is given"):
        promptopt.optimize("Label it.", ticket_cases(12))
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        promptopt.optimize("Label it.", ticket_cases(12), models="openai/gpt-4o-mini")
    with pytest.raises(SettingsError, match="no model is given"):
        promptopt.evaluate("Label it.", ticket_cases(12))
    assert Runs(bench.database).list() == []


def test_the_example_of_the_readme(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, model in simulator.MODELS.items():
        monkeypatch.setitem(simulator.MODELS, name, replace(model, latency=0.0))
    code, _ = re.findall(r"```python\n(.*?)```", section("From Python"), re.DOTALL)
    exec(code, {})
    assert Runs(bench.database).find("latest").simulated
    assert "mean=" in capsys.readouterr().out


def test_an_optimizer_of_dspy_prints_nothing_of_its_own(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    models = {"target": {"model": "sim/target", "latency": 0.0}, "optimizer": {"model": "sim/optimizer"}}
    best = promptopt.optimize(
        "Label the ticket.", ticket_cases(12), optimizer="dspy-bootstrap", models=models, progress=False
    )
    assert best.text and capsys.readouterr().out == ""
