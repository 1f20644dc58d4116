"""Consistency of a project's prompt: two runs, one budget, nothing paid twice."""

from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.enterprise.agreeing import Begun, Measured, Wanted, measured
from promptopt.store.runs import Runs
from tests.engine.warm import WarmBench
from tests.loopback import API_KEY_ENV, LoopbackServer
from tests.loopback.wire import Call

WARM = True


def answer(call: Call) -> str:
    """A model that says a request in other words, and a target that goes by them."""
    if "maker" in call.model:
        return (
            f"{call.text.rpartition('<text-')[2].partition('>')[2].partition('</text-')[0].strip()} (again)"
        )
    return "urgent" if "again" not in call.last_user or "alike" in call.last_user else "low"


@pytest.fixture
def server(loopback: LoopbackServer) -> LoopbackServer:
    loopback.behaviour = answer
    return loopback


def wanted(server: LoopbackServer, folder: Path, **more: Any) -> Wanted:
    model = {"base_url": f"{server.url}/v1", "api_key_env": API_KEY_ENV, "price": {"input": 1, "output": 1}}
    settings = ProjectSettings.model_validate(
        {
            "name": "letters",
            "prompt": "Label {input}",
            "models": {
                "target": {**model, "model": "openai/small"},
                "generator": {**model, "model": "openai/maker"},
            },
            "checks": [{"type": "judge", "rubric": "good"}],
        }
    )
    cases = tuple(
        Example(id=f"c{n}", inputs={"input": f"{'alike' if n % 2 else 'apart'} {n} my screen is black"})
        for n in range(6)
    )
    return Wanted(settings, folder, folder, Dataset(train=(), validation=cases), **{"tasks": 4, **more})


def carried(bench: WarmBench, asked: Wanted) -> Measured:
    def carry(begun: Begun) -> None:
        assert begun.work
        bench.start(begun.row.id)
        bench.end(begun.row.id)

    return measured(bench.database, asked, carry, trusted=True)


def test_it_measures_once_inside_its_caps_and_asks_no_judge(
    bench: WarmBench, server: LoopbackServer, tmp_path: Path
) -> None:
    asked = wanted(server, tmp_path, caps={"calls": 60.0, "usd": 1.0}, phrasings=2)
    found = carried(bench, asked)
    assert (found.consistency.tasks, found.consistency.outputs) == (4, 8)
    assert found.consistency.agreement.mean == 0.5
    assert found.spent.calls == len(server.records()) == 4 + 8 and len(found.runs) == 2
    assert carried(bench, asked) == found, "the same again is read"
    assert len(server.records()) == 12
    with pytest.raises(SettingsError, match="can't disagree with itself"):
        carried(bench, wanted(server, tmp_path, phrasings=1))
    repeated = carried(bench, wanted(server, tmp_path, phrasings=1, repeats=3))
    assert len(repeated.runs) == 1 and repeated.consistency.agreement.mean == 1.0
    assert Runs(bench.database).settings(repeated.runs[0]).checks[0].type == "length"


def test_a_cap_that_ends_it_is_raised_and_what_was_answered_is_not_paid_again(
    bench: WarmBench, server: LoopbackServer, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="has not come to its end") as refused:
        carried(bench, wanted(server, tmp_path, caps={"calls": 6.0}, phrasings=2))
    assert "higher cap" in refused.value.fix and len(server.records()) <= 3
    found = carried(bench, wanted(server, tmp_path, caps={"calls": 40.0}, phrasings=2))
    assert found.consistency.outputs == 8
    assert len(server.records()) == 12 == found.spent.calls
