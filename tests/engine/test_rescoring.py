"""What is exported is what was sent, and scoring it again sends it again."""

import json
from pathlib import Path
from typing import Any

from tests.engine.bench import Bench
from tests.loopback import LoopbackServer, write_project
from tests.unit.command_line import CommandLine

WARM = True
TESTS = 12


def sent(loopback: LoopbackServer, since: int = 0) -> list[Any]:
    """The messages of the target's requests, in an order of their own."""
    bodies: list[Any] = [record.body for record in loopback.records()[since:]]
    return sorted((body["messages"] for body in bodies), key=json.dumps)


def test_an_exported_module_sends_what_the_run_sent_and_what_scoring_again_sends(
    bench: Bench,
    loopback: LoopbackServer,
    tmp_path: Path,
    cli: CommandLine,
) -> None:
    project = write_project(
        tmp_path / "p", loopback, (12, 12, TESTS), cache={"reuse": True}, optimizer={"max_iterations": 2}
    )
    run = bench.run(project)
    assert run.status == "finished", bench.said(run.run_id)
    during = sent(loopback)
    module = tmp_path / "prompt.py"
    assert cli("export", run.run_id, "--format", "python", "--output", str(module)).status == 0
    names: dict[str, Any] = {}
    exec(module.read_text("utf-8"), names)
    cases = [json.loads(line) for line in (project.parent / "test.jsonl").read_text("utf-8").splitlines()]
    exported = sorted((names["messages"]({"input": case["input"]}) for case in cases), key=json.dumps)
    assert all(each in during for each in exported)

    before = loopback.count()
    result = cli("rescore", str(module), "--json")

    assert result.status == 0, result.err
    (told,) = result.objects
    assert told["holds"] is True and told["n"] == TESTS and told["split"] == "test"
    assert sent(loopback, before) == exported, "each case once, and no answer of the run was used"
