"""The sandbox: code of people is run, ended when it must be, and never disturbs the next call."""

import asyncio
import os
import re
import signal
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.evaluation import sandbox as module
from promptopt.evaluation.boxes import Boxes, run_once
from promptopt.evaluation.sandbox import Outcome, Request, Sandbox

FINE = Request("assert", "assert output == 'ok'", "ok")
posix = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX systems")
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory limits hold on Linux only")


@pytest.fixture
async def sandbox():
    box = Sandbox()
    yield box
    await box.close()


async def test_passing_and_failing_assertions(sandbox: Sandbox):
    assert await sandbox.run(FINE) == Outcome(1.0)
    failed = await sandbox.run(Request("assert", "x = len(output)\nassert x == 3, 'three letters'", "four"))
    assert failed == Outcome(0.0, "assert x == 3 (was 4): three letters")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("assert len(output) == len(input)", "assert len(output) == len(input) (was 6 against 4)"),
        ("assert (\n  len(output)\n  == 3\n)", "assert len(output) == 3 (was 6)"),
        ("assert 'z' in output", "assert 'z' in output (was 'output')"),
        ("assert output.isupper()", "assert output.isupper()"),
        ("assert 1 < 2 < 1", "assert 1 < 2 < 1"),
        ("def f(n):\n  assert n % 2 == 0\nf(3)", "assert n % 2 == 0 (was 1)"),
        ("class A:\n  assert 1 + 1 == 3", "assert 1 + 1 == 3 (was 2)"),
        ("raise AssertionError('own words')", "AssertionError: own words"),
    ],
)
async def test_a_failed_assertion_shows_its_source_and_values(sandbox: Sandbox, code: str, reason: str):
    assert await sandbox.run(Request("assert", code, "output", input="text")) == Outcome(0.0, reason)


async def test_what_is_bound(sandbox: Sandbox):
    code = "assert (output, expected, input, inputs) == ('o', None, 'a: 1', {'a': '1'})"
    assert (await sandbox.run(Request("assert", code, "o", None, "a: 1", {"a": "1"}))).score == 1


async def test_names_do_not_live_on_in_the_next_call(sandbox: Sandbox):
    await sandbox.run(Request("assert", "kept = 1\nassert kept"))
    after = await sandbox.run(Request("assert", "assert 'kept' not in globals()"))
    assert after.score == 1


ATTACKS = [
    ("import sys; sys.exit(3)", "SystemExit: 3"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("import os; os._exit(3)", "it ended its process (exit code 3)"),
    ("while True: pass", "took longer than 0.3 s and was ended"),
    ("import time; time.sleep(60)", "took longer than 0.3 s and was ended"),
    ("def f(): f()\nf()", "RecursionError"),
    ("open('/etc/passwd').read()", "the sandbox does not allow reading '/etc/passwd'"),
    ("import os; open(f'/proc/{os.getppid()}/environ')", "does not allow reading '/proc/"),
    ("import os; os.listdir('/')", "the sandbox does not allow listing '/'"),
    ("open('made', 'w').write('x')", "the sandbox does not allow writing files"),
    ("import os; os.mkdir('made')", "the sandbox does not allow os.mkdir"),
    ("import os; os.fork()", "the sandbox does not allow os.fork"),
    ("import os; os.system('true')", "the sandbox does not allow os.system"),
    ("import subprocess; subprocess.run(['true'])", "the sandbox does not allow subprocess.Popen"),
    ("import os; os.kill(os.getppid(), 9)", "the sandbox does not allow os.kill"),
    ("import socket; socket.socket()", "the sandbox does not allow socket"),
    ("import threading; threading.Thread(target=print).start()", "the sandbox does not allow threads"),
    ("import ctypes", "the sandbox does not allow ctypes"),
    ("import gc; gc.get_objects()", "the sandbox does not allow gc.get_objects"),
    ("input()", "TypeError"),
    ("import sys; assert sys.stdin.read()", "assert sys.stdin.read()"),
    ("1 / 0", "ZeroDivisionError: division by zero (line 1)"),
    ("import json; json.loads(output)", "JSONDecodeError"),
    ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module' (line 1)"),
]


@posix
@pytest.mark.parametrize(("code", "reason"), ATTACKS)
async def test_attacks_fail_with_a_reason_and_the_next_call_works(sandbox: Sandbox, code: str, reason: str):
    outcome = await sandbox.run(Request("assert", code, "ok", timeout=0.3))
    assert outcome.score == 0
    assert reason in outcome.reason
    assert await sandbox.run(FINE) == Outcome(1.0)


@linux
@pytest.mark.parametrize("code", ["x = b'x' * 10**12", "x = [0]\nwhile True: x += x"])
async def test_a_memory_bomb_costs_its_worker_only(sandbox: Sandbox, code: str):
    outcome = await sandbox.run(Request("assert", code, timeout=20))
    assert outcome == Outcome(0.0, "MemoryError: it used more memory than the sandbox has", broken=True)
    assert await sandbox.run(FINE) == Outcome(1.0)


async def test_output_to_the_standard_streams_goes_nowhere(sandbox: Sandbox):
    code = (
        "import os, sys\nfor _ in range(2000): print('x' * 9999)\nsys.stderr.write('{}')\nos.write(1, b'{}')"
    )
    assert await sandbox.run(Request("assert", code, timeout=20)) == Outcome(1.0)


@posix
async def test_forged_answers_are_noticed(sandbox: Sandbox):
    code = """
import os
for fd in range(3, 16):
    try: os.write(fd, b'{"id": "0", "score": 1.0, "reason": ""}\\n')
    except OSError: pass
assert False
"""
    outcome = await sandbox.run(Request("assert", code))
    assert outcome == Outcome(0.0, "the code wrote into the sandbox's own channel", broken=True)
    assert await sandbox.run(FINE) == Outcome(1.0)


@posix
async def test_a_worker_that_died_between_calls_does_not_cost_the_next_one():
    sandbox = Sandbox(size=1)
    os.kill(await _pid(sandbox), signal.SIGKILL)
    assert await sandbox.run(FINE) == Outcome(1.0)
    await sandbox.close()


async def _pid(sandbox: Sandbox) -> int:
    told = await sandbox.run(Request("assert", "import os\nassert os.getppid() < 0"))
    found = re.search(r"was (\d+)", told.reason)
    assert found
    return int(found[1])


async def test_the_environment_is_empty_of_the_parents(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_API_KEY", "sk-secret")
    code = "import os\nassert not [name for name in os.environ if 'KEY' in name or name == 'HOME']"
    assert await sandbox.run(Request("assert", code)) == Outcome(1.0)


async def test_the_standard_library_can_be_imported(sandbox: Sandbox):
    code = "import statistics, decimal, difflib, csv, uuid, hashlib\nassert statistics.mean([1, 3]) == 2"
    assert await sandbox.run(Request("assert", code)) == Outcome(1.0)


async def test_many_calls_at_once_queue_for_few_workers(sandbox: Sandbox):
    code = "import os\nassert int(input) % 2 == 0, os.getppid()"
    calls = [sandbox.run(Request("assert", code, input=str(i))) for i in range(64)]
    outcomes = await asyncio.gather(*calls)
    assert [outcome.score for outcome in outcomes] == [1.0, 0.0] * 32
    assert len({re.sub(r".*: ", "", outcome.reason) for outcome in outcomes if outcome.reason}) <= 2


@posix
async def test_close_leaves_no_process_and_no_zombie():
    sandbox = Sandbox()
    pid = await _pid(sandbox)
    busy = asyncio.create_task(sandbox.run(Request("assert", "while True: pass", timeout=60)))
    await asyncio.sleep(0)
    await sandbox.close()
    assert (await busy).score == 0
    with pytest.raises(ProcessLookupError):  # a zombie would still be there
        os.kill(pid, 0)
    assert (await sandbox.run(FINE)).reason == "the sandbox is closed"


async def test_a_cancelled_call_does_not_answer_the_next_one():
    sandbox = Sandbox(size=1)
    await sandbox.run(FINE)
    busy = asyncio.create_task(sandbox.run(Request("assert", "import time; time.sleep(60)", timeout=60)))
    await asyncio.sleep(0)
    busy.cancel()
    with pytest.raises(asyncio.CancelledError):
        await busy
    assert (await sandbox.run(Request("assert", "assert 1 > 2"))).reason == "assert 1 > 2"
    await sandbox.close()


async def test_a_request_beyond_the_limit_is_refused(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LONGEST_REQUEST", 1000)
    outcome = await sandbox.run(Request("assert", "assert output", "x" * 1000))
    assert outcome == Outcome(0.0, "the output is too long to be judged", broken=True)


async def test_long_outputs_and_long_reasons(sandbox: Sandbox):
    long = Request("assert", "assert len(output) == 500_000", "é" * 500_000, timeout=20)
    assert await sandbox.run(long) == Outcome(1.0)
    assert len((await sandbox.run(Request("assert", "raise ValueError('x' * 10**6)"))).reason) <= 300


async def test_patterns(sandbox: Sandbox):
    assert (await sandbox.run(Request("regex", "B+", "abba", ignore_case=True))).score == 1
    assert (await sandbox.run(Request("regex", "b+", "abba", full=True))).score == 0
    endless = await sandbox.run(Request("regex", "(a+)+b", "a" * 50, timeout=0.3))
    assert endless == Outcome(0.0, "took longer than 0.3 s and was ended", broken=True)


MODULE = """
import sys
def true(output, expected, inputs): return output == expected
def half(output, expected, inputs): return 0.5
def pair(output, expected, inputs): return 0.25, f"{inputs['a']} is wrong"
def table(output, expected, inputs): return {"score": 1, "reason": "fine"}
def two(output, expected, inputs): return 2
def nan(output, expected, inputs): return float("nan")
def nothing(output, expected, inputs): pass
def no_score(output, expected, inputs): return {"reason": "x"}
def boom(output, expected, inputs): return inputs["b"]
def loop(output, expected, inputs):
    while True: pass
class Score:
    @staticmethod
    def good(output, expected, inputs): return True
"""


@pytest.fixture
async def modules(tmp_path):
    (tmp_path / "scoring.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "endless.py").write_text("while True: pass", encoding="utf-8")
    box = Sandbox(paths=[str(tmp_path), *filter(None, sys.path)])
    yield box
    await box.close()


@pytest.mark.parametrize(
    ("function", "score", "reason"),
    [
        ("scoring:true", 1, ""),
        ("scoring:half", 0.5, ""),
        ("scoring:pair", 0.25, "1 is wrong"),
        ("scoring:table", 1, "fine"),
        ("scoring:Score.good", 1, ""),
        ("scoring:two", 0, "the function returned 2, which is not in [0, 1]"),
        ("scoring:nan", 0, "the function returned nan, which is not in [0, 1]"),
        ("scoring:nothing", 0, "the function returned None, not a bool or a score"),
        ("scoring:no_score", 0, "the function returned a dict without 'score'"),
        ("scoring:boom", 0, "KeyError: 'b' (line 11 of scoring.py)"),
        ("scoring:loop", 0, "took longer than 0.3 s and was ended"),
        ("no_such:f", 0, "can't import no_such: ModuleNotFoundError: No module named 'no_such'"),
    ],
)
async def test_functions_of_modules(modules: Sandbox, function: str, score: float, reason: str):
    outcome = await modules.run(Request("call", function, "x", "x", inputs={"a": "1"}, timeout=0.3))
    assert (outcome.score, outcome.reason) == (score, reason)
    assert "scoring" not in sys.modules


async def test_a_missing_function_names_its_module(modules: Sandbox):
    outcome = await modules.run(Request("call", "scoring:nope"))
    assert re.fullmatch(r"scoring \(.*scoring\.py\) has no function nope", outcome.reason)


async def test_an_endless_import_is_waited_for_once(modules: Sandbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "START_TIMEOUT", 2.0)
    first = await modules.run(Request("call", "endless:f"))
    assert first.reason == "took longer than 2 s and was ended"
    second = await modules.run(Request("call", "endless:f"))
    assert second.reason == "the import of endless:f took longer than 2 s and was ended"


def test_without_an_event_loop():
    assert run_once(FINE) == Outcome(1.0)
    assert run_once(Request("assert", "while True: pass", timeout=0.3)).reason.startswith("took longer")


async def test_without_awaiting_inside_an_event_loop():
    assert run_once(FINE) == Outcome(1.0)


@given(st.lists(st.text(st.characters(exclude_categories=())), min_size=1, max_size=20))
@settings(derandomize=True, deadline=None, max_examples=15)
def test_every_text_arrives_as_it_is(texts: list[str]):
    code = "assert output.encode('utf-8', 'surrogatepass').hex() == inputs['hex'], output"

    async def send() -> list[Outcome]:
        sandbox = Sandbox(size=1)
        try:
            hexes = [text.encode("utf-8", "surrogatepass").hex() for text in [*texts, "\0\ud800\r\n\u2028é"]]
            pairs = zip([*texts, "\0\ud800\r\n\u2028é"], hexes, strict=True)
            return [await sandbox.run(Request("assert", code, text, inputs={"hex": h})) for text, h in pairs]
        finally:
            await sandbox.close()

    assert set(asyncio.run(send())) == {Outcome(1.0)}


@pytest.mark.parametrize(
    ("code", "broken"),
    [
        ("{}[output]", False),
        ("int(output)", False),
        ("output.nothing", False),
        ("nothing", True),
        ("import nothing", True),
        ("raise SystemExit", True),
        ("def f(): f()\nf()", True),
    ],
)
async def test_errors_that_an_output_can_cause_are_told_from_slips_in_the_code(
    sandbox: Sandbox, code: str, broken: bool
):
    outcome = await sandbox.run(Request("assert", code, "x"))
    assert outcome.score == 0 and outcome.reason and outcome.broken is broken


async def test_broken_code_is_reported_but_not_what_closing_cuts_off():
    told: list[tuple[Request, Outcome]] = []
    box = Boxes(on_broken=lambda request, outcome: told.append((request, outcome)))
    request = Request("assert", "nothing")
    outcome = await box.run(request)
    await box.run(FINE)
    await box.close()
    assert (await box.run(FINE)).broken
    assert told == [(request, outcome)]
