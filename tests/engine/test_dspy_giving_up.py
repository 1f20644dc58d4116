"""DSPy's optimizers and an optimizer model whose replies can't be used."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from promptopt.domain.events import Notice
from promptopt.store.runlog import RunLog
from tests.engine.bench import Bench
from tests.loopback import API_KEY, API_KEY_ENV, LabelTask, LoopbackServer, write_project
from tests.loopback.wire import Call

SIZES = (10, 8, 6)
COPRO = {"name": "dspy-copro", "breadth": 3, "depth": 2}


@dataclass(frozen=True)
class Mute(LabelTask):
    """A server whose optimizer model replies nothing to some requests."""

    to: Callable[[Call], bool] = lambda call: True

    def __call__(self, call: Call) -> str:
        return "" if "opus" in call.model and self.to(call) else super().__call__(call)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(API_KEY_ENV, API_KEY)


def test_what_was_tried_before_counts(bench: Bench, tmp_path: Path) -> None:
    later = Mute(base=0.2, ceiling=0.85, to=lambda call: "attempted_instructions" in call.text)
    with LoopbackServer(later) as server:
        state = bench.run(write_project(tmp_path, server, SIZES, optimizer=COPRO))
    assert state.status == "finished", bench.said(state.run_id)
    assert state.finished and "dspy-copro gave up after" in state.finished.detail
    tried = [one for one in state.candidates.values() if one.source == "optimizer"]
    assert tried and any(one.accepted for one in tried) and state.best_id != state.seed_id
    log = [stored.event for stored in RunLog(bench.database, state.run_id).after(0)]
    told = [event.text for event in log if isinstance(event, Notice) and "gave up" in event.text]
    assert len(told) == 1 and "AdapterParseError" in told[0] and "\n" not in told[0]


def test_without_any_prompt_it_says_what_to_do(bench: Bench, tmp_path: Path) -> None:
    with LoopbackServer(Mute()) as server:
        state = bench.run(write_project(tmp_path, server, SIZES, optimizer=COPRO))
    assert state.status == "failed" and state.finished
    assert "gave up before it had tried any prompt" in state.finished.detail
    assert "promptopt trace" in state.finished.detail
