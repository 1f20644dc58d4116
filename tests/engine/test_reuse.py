"""A second run of a project is answered by the first one, where it may be."""

from pathlib import Path

from tests.engine.bench import Bench
from tests.loopback import LoopbackServer, write_project
from tests.unit.command_line import CommandLine

WARM = True


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


def test_scoring_a_prompt_again_asks_nobody_if_that_is_wanted(
    bench: Bench,
    loopback: LoopbackServer,
    tmp_path: Path,
    cli: CommandLine,
) -> None:
    project = str(write_project(tmp_path / "p", loopback, (4, 12, 4), budget={"usd": 1.0}))
    (first,) = cli("eval", project, "--json").objects
    assert first["calls"] == loopback.count() == 12 and first["reused"] == {}
    (again,) = cli("eval", project, "--json").objects  # not without being told
    assert loopback.count() == 24 and again["reused"] == {}
    result = cli("eval", project, "--reuse", "--json", "--split", "all")
    assert result.objects, result.err
    (second,) = result.objects
    assert loopback.count() == 24 + 8 == 24 + second["calls"]
    assert sum(second["reused"].values()) == 12
    told = cli("eval", project, "--reuse").out
    assert "free: 12 answers" in told and "$0.0000, 0 calls" in told
    assert loopback.count() == 32
