"""DSPy's optimizers and an optimizer model whose replies can't be used."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from promptopt.domain.events import Notice
from promptopt.models.simulator.forms import form_of
from promptopt.store.runlog import RunLog
from tests.engine.bench import Bench
from tests.loopback import API_KEY, API_KEY_ENV, LabelTask, LoopbackServer, write_project
from tests.loopback.persona import SEED_PROMPT
from tests.loopback.wire import Call

WARM = True

SIZES = (10, 8, 6)
COPRO = {"name": "dspy-copro", "breadth": 3, "depth": 2}


@dataclass(frozen=True)
class Mute(LabelTask):
    """A server whose optimizer model replies nothing to some requests."""

    to: Callable[[Call], bool] = lambda call: True

    def __call__(self, call: Call) -> str:
        return "" if "opus" in call.model and self.to(call) else super().__call__(call)


class Fresh(LabelTask):
    """A server whose optimizer model never replies the same."""

    def __call__(self, call: Call) -> str:
        if "opus" not in call.model:
            return super().__call__(call)
        form = form_of(call.text)
        assert form is not None
        rule = f"Rule {hashlib.sha256(call.text.encode()).hexdigest()[:8]}."
        return form.write(f"{SEED_PROMPT} {rule}", ["It is missing."], [rule])


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY_ENV, API_KEY)


def notices(bench: Bench, run_id: str, about: str) -> list[str]:
    log = [stored.event for stored in RunLog(bench.database, run_id).after(0)]
    return [event.text for event in log if isinstance(event, Notice) and about in event.text]


def test_what_was_tried_before_counts(bench: Bench, tmp_path: Path) -> None:
    later = Mute(base=0.2, ceiling=0.85, to=lambda call: "attempted_instructions" in call.text)
    with LoopbackServer(later) as server:
        state = bench.run(write_project(tmp_path, server, SIZES, optimizer=COPRO))
    assert state.status == "finished", bench.said(state.run_id)
    assert state.finished and "dspy-copro gave up after" in state.finished.detail
    tried = [one for one in state.candidates.values() if one.source == "optimizer"]
    assert tried and any(one.accepted for one in tried) and state.best_id != state.seed_id
    told = notices(bench, state.run_id, "gave up")
    assert len(told) == 1 and "AdapterParseError" in told[0] and "\n" not in told[0]


def test_without_any_prompt_it_says_what_to_do(bench: Bench, tmp_path: Path) -> None:
    with LoopbackServer(Mute()) as server:
        state = bench.run(write_project(tmp_path, server, SIZES, optimizer=COPRO))
    assert state.status == "failed" and state.finished
    assert "gave up before it had tried any prompt" in state.finished.detail
    assert "promptopt trace" in state.finished.detail


def test_in_a_hybrid_the_others_go_on(bench: Bench, tmp_path: Path) -> None:
    table = {"name": "sequential", "stages": ["dspy-copro", "dspy-bootstrap"]}
    with LoopbackServer(Mute(base=0.2, ceiling=0.85)) as server:
        state = bench.run(write_project(tmp_path, server, SIZES, optimizer=table))
    assert state.status == "finished", bench.said(state.run_id)
    assert notices(bench, state.run_id, "dspy-copro ended without a result")
    assert any("dspy-bootstrap" in one.made_by for one in state.candidates.values())


@pytest.mark.parametrize(("task", "times"), [(Mute(base=0.2), 1), (Fresh(base=0.2, ceiling=0.2), 0)])
def test_replies_that_bring_nothing_are_told_once(
    bench: Bench, tmp_path: Path, task: LabelTask, times: int
) -> None:
    gepa = {"name": "dspy-gepa", "max_metric_calls": 120}
    with LoopbackServer(task) as server:
        state = bench.run(write_project(tmp_path, server, SIZES, optimizer=gepa))
        asked = server.count(model="opus")
    assert state.status == "finished", bench.said(state.run_id)
    assert asked > 10 and len(notices(bench, state.run_id, "brought no new prompt")) == times
