"""Cases are made up from a cell: the run is shown, waited for, and is the same when the cell comes again."""

from typing import Any

import pytest

from promptopt.data import GeneratedDataset, SyntheticDataGenerator
from promptopt.notebook.making import MakingRun
from promptopt.notebook.starting import attach

COMPANY = {"company": "<script>alert(1)</script>"}


@pytest.fixture
def started(home: Any, monkeypatch: pytest.MonkeyPatch) -> MakingRun:
    generator = SyntheticDataGenerator({"generator": {"model": "sim/generator", "latency": 0}})
    return generator.start("email", COMPANY, 10, live=False)


def test_waiting_gives_the_cases_and_the_same_call_the_same_run(started: MakingRun) -> None:
    cases = started.wait(60)
    assert isinstance(cases, GeneratedDataset) and len(cases) == 10 == len(started.dataset())
    generator = SyntheticDataGenerator({"generator": {"model": "sim/generator", "latency": 0}})
    again = generator.generate("email", COMPANY, 10, progress=False)
    assert again.run_id == started.id and again == cases
    assert isinstance(attach(started.id, live=False), MakingRun)
    assert generator.generate("email", COMPANY, 10, progress=False, fresh=True).run_id != started.id
    shown = started._repr_mimebundle_()["text/html"]
    assert "10 of 10 cases made" in shown and "<script>" not in shown and "quality" in str(cases.report)
