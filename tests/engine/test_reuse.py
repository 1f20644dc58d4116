"""A second run of a project is answered by the first one, where it may be."""

from pathlib import Path

from tests.engine.bench import Bench
from tests.loopback import LoopbackServer, write_project


def test_a_second_run_pays_for_no_equal_request(
    bench: Bench, loopback: LoopbackServer, tmp_path: Path
) -> None:
    project = write_project(
        tmp_path / "p", loopback, (12, 16, 12), cache={"reuse": True}, optimizer={"max_iterations": 2}
    )
    first = bench.run(project)
    assert not first.reused and first.meters["calls"].spent == loopback.count()
    sent = loopback.count()
    second = bench.run(project)
    assert second.status == "finished", bench.said(second.run_id)
    assert second.meters["calls"].spent == loopback.count() - sent
    assert second.reused[first.run_id] >= 12 + 16 + 12  # the seed prompt on every case
    assert second.meters["target_calls"].spent < first.meters["target_calls"].spent
    assert first.forecast and second.forecast
