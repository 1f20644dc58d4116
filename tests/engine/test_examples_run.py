"""The example tasks run on the simulator."""

import pytest

from promptopt import optimize
from promptopt.examples import example_dir, example_names
from tests.engine.bench import Bench


@pytest.mark.parametrize("name", example_names())
def test_an_example_runs_to_its_sealed_test(bench: Bench, name: str) -> None:
    swift = {"model": "x", "latency": 0.0}
    best = optimize(
        project=example_dir(name),
        simulate=True,
        progress=False,
        models={"target": {**swift, "max_tokens": 400}, "optimizer": swift},
        optimizer={"name": "refine", "max_iterations": 6, "plateau": 6},
    )
    about = best.metadata
    assert about["status"] == "finished" and about["simulated"]
    assert about["validation"]["score"] >= about["seed"]["validation"]["score"]
    assert about["seed"]["test"] and about["test"] and about["iterations"] >= 1
