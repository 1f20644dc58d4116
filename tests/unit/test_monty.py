"""The closed sandbox: what it runs, how it says what failed, and that nothing gets out of it."""

import asyncio
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.evaluation import monty as module
from promptopt.evaluation.boxes import Boxes, run_once
from promptopt.evaluation.monty import WAY_OUT, MontySandbox, unsupported
from promptopt.evaluation.sandbox import Outcome, Request

FINE = Request("monty", "assert output == 'ok'", "ok")


@pytest.fixture
async def sandbox():
    box = MontySandbox()
    yield box
    await box.close()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("assert len(output) == len(input)", "assert len(output) == len(input) (was 6 against 4)"),
        ("assert (\n  len(output)\n  == 3\n)", "assert len(output) == 3 (was 6)"),
        ("assert 'z' in output", "assert 'z' in output (was 'output')"),
        ("assert output == 'a == b', 'no'", "assert output == 'a == b' (was 'output'): no"),
        ("assert output.isupper()", "assert output.isupper()"),
        ("assert 1 < 2 < 1", "assert 1 < 2 < 1"),
        ("assert 1 + 1 == 3, 'a\\nb'", "assert 1 + 1 == 3 (was 2): a b"),
        ("def f(n):\n  assert n % 2 == 0\nf(3)", "assert n % 2 == 0 (was 1)"),
        ("raise AssertionError('own words')", "AssertionError: own words"),
    ],
)
async def test_a_failed_assertion_shows_its_source_and_values(sandbox: MontySandbox, code: str, reason: str):
    assert await sandbox.run(Request("monty", code, "output", input="text")) == Outcome(0.0, reason)


async def test_what_is_bound(sandbox: MontySandbox):
    code = "assert (output, expected, input, inputs) == ('o', None, 'a: 1', {'a': '1'})"
    assert (await sandbox.run(Request("monty", code, "o", None, "a: 1", {"a": "1"}))).score == 1


async def test_names_do_not_live_on_in_the_next_call(sandbox: MontySandbox):
    await sandbox.run(Request("monty", "kept = 1\nassert kept"))
    after = await sandbox.run(Request("monty", "assert kept"))
    assert after.reason == "NameError: name 'kept' is not defined (line 1)"


@pytest.mark.parametrize(
    "code",
    [
        "import json, re, math, datetime, collections, itertools, functools\nassert json.loads('[1]') == [1]",
        "import re\nassert re.fullmatch(r'[A-Z]{2}\\d+', 'AB12')",
        "class A:\n  def f(self): return 3\nassert A().f() == 3",
        "try:\n  int('x')\nexcept ValueError as error:\n  assert 'x' in str(error)",
        "match output:\n  case 'ok': pass\n  case _: assert False",
        "assert sorted([3, 1], key=lambda x: -x) == [3, 1] and f'{3.14159:.2f}' == '3.14'",
    ],
)
async def test_everyday_code_runs(sandbox: MontySandbox, code: str):
    assert unsupported(code) == ""
    assert await sandbox.run(Request("monty", code, "ok")) == Outcome(1.0)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import statistics\nassert output", "No module named 'statistics'"),
        ("from os import fork\nassert output", "cannot import name 'fork'"),
        ("class A: pass\nclass B(A): pass\nassert output", "class inheritance"),
        ("def f():\n  yield 1\nassert output", "yield expressions"),
        ("from json import *\nassert output", "Wildcard imports"),
    ],
)
async def test_what_monty_lacks_is_told_before_and_names_the_way_out(
    sandbox: MontySandbox, code: str, said: str
):
    assert said in unsupported(code)
    outcome = await sandbox.run(Request("monty", code, "ok"))
    assert said in outcome.reason and WAY_OUT in outcome.reason and outcome.broken


def test_code_is_not_run_to_be_looked_at():
    assert unsupported("while True: pass") == ""
    assert unsupported("try:\n  import statistics\nexcept ImportError:\n  pass") == ""


async def test_a_missing_built_in_names_the_way_out(sandbox: MontySandbox):
    assert WAY_OUT in (await sandbox.run(Request("monty", "assert globals()"))).reason


async def attacked(sandbox: MontySandbox, code: str, output: str = "ok", timeout: float = 0.5) -> str:
    """The reason with which an attack failed; the next call is judged right, either way."""
    outcome = await sandbox.run(Request("monty", code, output, timeout=timeout))
    assert outcome.score == 0
    assert await sandbox.run(FINE) == Outcome(1.0)
    right = await sandbox.run(Request("monty", "assert output == 'ok'", "wrong"))
    assert right == Outcome(0.0, "assert output == 'ok' (was 'wrong')")
    return outcome.reason


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


LATE = "took longer than 0.5 s and was ended"
MEMORY = "MemoryError: it used more memory than the sandbox has"


async def test_endless_loop(sandbox: MontySandbox):
    assert await attacked(sandbox, "while True: pass") == LATE


async def test_endless_loop_that_catches_everything(sandbox: MontySandbox):
    code = "while True:\n  try:\n    while True: pass\n  except BaseException: pass"
    assert await attacked(sandbox, code) == LATE


async def test_sleep(sandbox: MontySandbox):
    assert await attacked(sandbox, "import time\ntime.sleep(60)") == LATE


@pytest.mark.parametrize("code", ["x = b'x' * 10**12", "x = [0]\nwhile True: x += x", "x = 10 ** 10 ** 10"])
async def test_memory_bomb(sandbox: MontySandbox, code: str):
    assert await attacked(sandbox, code, timeout=20.0) == MEMORY


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.fork()",
        "import os\nos._exit(0)",
        "import sys\nsys.exit(0)",
        "raise SystemExit(0)",
        "import os\nos.kill(os.getppid(), 9)",
        "import subprocess",
        "import threading",
        "import multiprocessing",
        "import ctypes",
        "import socket",
        "import urllib.request",
        "import signal",
        "import gc",
        "().__class__.__base__.__subclasses__()",
        "print.__self__.open",
        "(lambda: 0).__globals__",
    ],
)
async def test_processes_network_and_introspection_are_not_there(sandbox: MontySandbox, code: str):
    assert await attacked(sandbox, code)


async def test_files_and_keys(sandbox: MontySandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    key = tmp_path / ".ssh" / "id_rsa"
    key.parent.mkdir()
    key.write_text("secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    for code in (
        f"open({str(key)!r}).read()",
        f"from pathlib import Path\nPath({str(key)!r}).read_text()",
        f"import os\nos.listdir({str(tmp_path)!r})",
        f"import os\nos.symlink({str(key)!r}, 'link')\nopen('link').read()",
        f"open({str(tmp_path / 'made')!r}, 'w').write('x')",
        f"open('/proc/{os.getpid()}/environ').read()",
        f"open('/proc/{os.getpid()}/mem', 'rb').read(1)",
    ):
        assert "secret" not in await attacked(sandbox, code)
    assert names(tmp_path) == {".ssh"}


@pytest.mark.parametrize("code", ["os.environ['SECRET_KEY']", "os.getenv('SECRET_KEY')"])
async def test_environment(monkeypatch: pytest.MonkeyPatch, code: str):
    monkeypatch.setenv("SECRET_KEY", "sk-secret")
    box = MontySandbox()
    assert "sk-secret" not in await attacked(box, f"import os\nraise ValueError({code})")
    await box.close()


async def test_network(sandbox: MontySandbox):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        code = f"import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', {port}))"
        await attacked(sandbox, code)
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_gigabytes_of_output(sandbox: MontySandbox):
    assert await attacked(sandbox, "while True: print('x' * 100_000)") == LATE


async def test_deep_recursion(sandbox: MontySandbox):
    assert (await attacked(sandbox, "def f(): f()\nf()")).startswith("RecursionError")


async def test_deeply_nested_code(sandbox: MontySandbox):
    assert "nested" in await attacked(sandbox, "assert " + "-" * 100_000 + "1")


async def test_catastrophic_pattern(sandbox: MontySandbox):
    await attacked(sandbox, r"import re" + "\n" + r"assert re.match(r'(a|aa)+\1$', output)", "a" * 80 + "b")


async def test_changing_what_later_cases_meet(sandbox: MontySandbox):
    code = "import json\njson.loads = lambda text: 1\nlen = print = lambda *a: 0\nassert False"
    assert await attacked(sandbox, code)
    assert (
        await sandbox.run(Request("monty", "import json\nassert json.loads(output) == 2", "2"))
    ).score == 1


async def test_an_escape_sequence_in_a_reason_stays_one_line(sandbox: MontySandbox):
    assert "\n" not in await attacked(sandbox, "raise ValueError('a\\nb' * 10_000)")


async def test_many_calls_at_once_queue_for_few_workers(sandbox: MontySandbox):
    calls = [sandbox.run(Request("monty", "assert int(input) % 2 == 0", input=str(i))) for i in range(64)]
    assert [outcome.score for outcome in await asyncio.gather(*calls)] == [1.0, 0.0] * 32


async def test_closing_ends_a_call_at_work():
    box = MontySandbox()
    await box.run(FINE)
    busy = asyncio.create_task(box.run(Request("monty", "while True: pass", timeout=60)))
    await asyncio.sleep(0)
    await box.close()
    assert (await busy).reason == (await box.run(FINE)).reason == "the sandbox is closed"


async def test_a_cancelled_call_does_not_answer_the_next_one():
    box = MontySandbox(size=1)
    busy = asyncio.create_task(box.run(Request("monty", "while True: pass", timeout=60)))
    await asyncio.sleep(0)
    busy.cancel()
    with pytest.raises(asyncio.CancelledError):
        await busy
    assert (await box.run(Request("monty", "assert 1 > 2"))).reason == "assert 1 > 2"
    await box.close()


async def test_a_text_beyond_the_limit_is_refused(sandbox: MontySandbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LONGEST_REQUEST", 1000)
    outcome = await sandbox.run(Request("monty", "assert output", "x" * 1001))
    assert outcome == Outcome(0.0, "the output is too long to be judged", broken=True)


@pytest.mark.parametrize(
    ("code", "broken"),
    [
        ("{}[output]", False),
        ("int(output)", False),
        ("output.nothing", False),
        ("import json\njson.loads(output)", False),
        ("nothing", True),
        ("def f(): f()\nf()", True),
    ],
)
async def test_errors_that_an_output_can_cause_are_told_from_slips_in_the_code(
    sandbox: MontySandbox, code: str, broken: bool
):
    outcome = await sandbox.run(Request("monty", code, "x"))
    assert outcome.score == 0 and outcome.reason and outcome.broken is broken


def test_without_an_event_loop():
    assert run_once(FINE) == Outcome(1.0)


async def test_each_kind_of_code_runs_where_it_belongs():
    boxes = Boxes()
    python = "import statistics\nassert statistics.mean([1, 3]) == 2"
    assert (await boxes.run(Request("assert", python))).score == 1
    assert "statistics" in (await boxes.run(Request("monty", python))).reason
    assert (await boxes.run(Request("regex", "b+", "abba"))).score == 1
    await boxes.close()


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",))), min_size=1, max_size=20))
@settings(derandomize=True, deadline=None, max_examples=15)
def test_every_text_arrives_as_it_is(texts: list[str]):
    code = "assert output.encode('utf-8').hex() == inputs['hex'], output"

    async def send() -> set[Outcome]:
        box = MontySandbox(size=1)
        try:
            return {
                await box.run(Request("monty", code, text, inputs={"hex": text.encode().hex()}))
                for text in [*texts, "\0\r\n\u2028é"]
            }
        finally:
            await box.close()

    assert asyncio.run(send()) == {Outcome(1.0)}


async def test_half_a_surrogate_pair_becomes_a_question_mark(sandbox: MontySandbox):
    assert (await sandbox.run(Request("monty", "assert output == 'a?'", "a\ud800"))).score == 1
