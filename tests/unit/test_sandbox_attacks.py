"""Attacks on full Python: each is one failed check with a reason, and the next call is judged right.

The audit hook gives the reasons. Behind it stand the kernel's walls, which are tried without it: a function
of a module calls the C library directly. Those tests are for Linux with landlock and seccomp.
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from promptopt.evaluation.boxes import Boxes, what_holds
from promptopt.evaluation.sandbox import Outcome, Request, Sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX systems")
WALLS = what_holds()[1] if sys.platform == "linux" else []
walls = pytest.mark.skipif(WALLS != ["landlock", "seccomp"], reason="this kernel lacks landlock or seccomp")
linux = pytest.mark.skipif(sys.platform != "linux", reason="memory limits hold on Linux only")

LATE = "took longer than 0.5 s and was ended"
SECRET = "-----BEGIN KEY-----"


@pytest.fixture
def their_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a key in it, and an environment with one."""
    folder = tmp_path / "somebody"
    (folder / ".ssh").mkdir(parents=True)
    (folder / ".ssh" / "id_rsa").write_text(SECRET)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("SECRET_API_KEY", SECRET)
    return folder


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


Attack = Callable[..., Awaitable[str]]


@pytest.fixture
async def attack() -> AsyncIterator[Attack]:
    """Runs code as an assertion; its reason. What comes after it is judged right, good or bad."""
    boxes = Boxes()

    async def run(code: str, timeout: float = 0.5) -> str:
        outcome = await boxes.run(Request("assert", code, "ok", timeout=timeout))
        assert outcome.score == 0 and outcome.reason
        fine = "import json\nassert json.loads(output) == {'a': len('1')}"
        assert await boxes.run(Request("assert", fine, '{"a": 1}')) == Outcome(1.0)
        assert (await boxes.run(Request("assert", fine, '{"a": 2}'))).score == 0
        assert (await boxes.run(Request("regex", "^b+$", "abba"))).score == 0
        return outcome.reason

    yield run
    await boxes.close()


async def test_endless_loop(attack: Attack):
    assert await attack("while True: pass") == LATE


async def test_endless_loop_that_catches_everything(attack: Attack):
    code = """
import signal
for n in range(1, 32):
  try: signal.signal(n, signal.SIG_IGN)
  except Exception: pass
while True:
  try:
    while True: pass
  except BaseException: pass
"""
    assert await attack(code) == LATE


@linux
async def test_memory_bomb(attack: Attack):
    assert (await attack("x = [0]\nwhile True: x += x", timeout=20)).startswith("MemoryError")


async def test_fork_bomb(attack: Attack):
    assert "os.fork" in await attack("import os\nwhile True: os.fork()")


async def test_fork_bomb_that_catches_everything(attack: Attack):
    code = "import os\nwhile True:\n  try: os.fork()\n  except BaseException: pass"
    assert await attack(code) == LATE


async def test_ending_the_process(attack: Attack):
    assert await attack("import os\nos._exit(0)") == "it ended its process (exit code 0)"


async def test_exit(attack: Attack):
    assert await attack("import sys\nsys.exit(0)") == "SystemExit: 0 (line 2)"


async def test_crash(attack: Attack):
    deep = "x = []\nfor _ in range(10**6): x = [x]\nassert not repr(x)\n"
    assert await attack(deep)


async def test_reading_a_key(attack: Attack, their_home: Path):
    key = their_home / ".ssh" / "id_rsa"
    for way in (
        f"open({str(key)!r}).read()",
        f"os.open({str(key)!r}, os.O_RDONLY)",
        f"os.listdir({str(key.parent)!r})",
    ):
        assert "does not allow" in await attack(f"import os\nraise ValueError({way})")


async def test_reading_the_environment(attack: Attack, their_home: Path):
    told = await attack("import os\nassert not os.environ, dict(os.environ)")
    assert SECRET not in told and str(their_home) not in told


async def test_writing_outside(attack: Attack, their_home: Path):
    mine = their_home / "made"
    for way in (f"open({str(mine)!r}, 'w')", f"os.mkdir({str(mine)!r})", f"os.mknod({str(mine)!r})"):
        await attack(f"import os\n{way}")
    assert not mine.exists()


async def test_a_link_out_of_the_folder(attack: Attack, their_home: Path):
    code = f"import os\nos.symlink({str(their_home / '.ssh')!r}, 'keys')\nopen('keys/id_rsa').read()"
    assert "os.symlink" in await attack(code)


async def test_network(attack: Attack, server: socket.socket):
    port = server.getsockname()[1]
    assert "socket" in await attack(f"import socket\nsocket.create_connection(('127.0.0.1', {port}))")
    with pytest.raises(BlockingIOError):
        server.accept()


async def test_gigabytes_of_output(attack: Attack):
    assert await attack("import sys\nwhile True: print('x' * 10**6); sys.stderr.write('y' * 10**6)") == LATE


async def test_gigabytes_into_every_open_file(attack: Attack):
    code = """
import os
while True:
  for fd in range(16):
    try: os.write(fd, b'x' * 10**6)
    except OSError: pass
"""
    assert await attack(code) in (LATE, "the code wrote into the sandbox's own channel")


async def test_killing_the_parent(attack: Attack):
    assert "os.kill" in await attack("import os\nos.kill(os.getppid(), 9)")


async def test_killing_the_group(attack: Attack):
    assert "os.killpg" in await attack("import os\nos.killpg(0, 9)")


async def test_deep_recursion(attack: Attack):
    assert (await attack("import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()")).startswith(
        ("RecursionError", "it ended", "its process crashed", "MemoryError", LATE)
    )


async def test_catastrophic_pattern(attack: Attack):
    assert await attack("import re\nassert re.match('(a+)+b', 'a' * 60)") == LATE


@pytest.mark.parametrize("file", ["environ", "mem", "maps", "fd/0"])
async def test_opening_the_parents_proc(attack: Attack, file: str):
    assert "does not allow reading" in await attack(
        f"import os\nopen(f'/proc/{{os.getppid()}}/{file}', 'rb')"
    )


async def test_a_thread_left_behind(attack: Attack):
    code = (
        "import threading\nthreading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()\nassert False"
    )
    assert "threads" in await attack(code)


async def test_changing_the_worker_so_that_later_cases_pass(attack: Attack):
    await attack(
        """
import builtins, json, re, sys
worker = sys.modules['__main__']
worker._OPERATIONS['assert'] = worker._OPERATIONS['regex'] = lambda request: {'score': 1.0, 'reason': ''}
worker._judged = worker._judged_apart = lambda *a: {'score': 1.0, 'reason': ''}
worker._compiled = worker._assert = lambda *a: {'score': 1.0, 'reason': ''}
json.loads = lambda text: {'a': 1}
re.compile = None
builtins.len = lambda x: 1
assert False
"""
    )


async def test_an_answer_of_its_own_and_one_for_the_next_case(attack: Attack):
    line = b'{"score": 1.0, "reason": "", "id": "0"}\n' * 2
    code = f"""
import os
for fd in range(3, 16):
  try: os.write(fd, {line!r})
  except OSError: pass
assert False
"""
    assert await attack(code) == "the code wrote into the sandbox's own channel"


# --- Behind the audit hook: machine code in a function of a module ---

MODULE = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
def call(x86, arm, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(x86 if X86 else arm, *arguments)
    return result if result >= 0 else -ctypes.get_errno()
AT = -100
def told(output, result): return (1 if result >= 0 else 0), f"{result}"
def kill_parent(output, e, i): return told(output, call(62, 129, os.getppid(), 9))
def open_file(output, e, i): return told(output, call(257, 56, AT, output.encode(), 0))
def write_file(output, e, i): return told(output, call(257, 56, AT, output.encode(), 0o101, 0o600))
def make_folder(output, e, i): return told(output, call(258, 34, AT, output.encode(), 0o700))
def link(output, e, i): return told(output, call(266, 36, output.encode(), AT, b"link"))
def change_mode(output, e, i): return told(output, call(268, 53, AT, output.encode(), 0))
def connect(output, e, i): return told(output, call(41, 198, 2, 1, 0))
def datagram(output, e, i): return told(output, call(41, 198, 2, 2, 0))
def unix(output, e, i): return told(output, call(41, 198, 1, 1, 0))
def fork(output, e, i): return told(output, libc.fork())
def clone(output, e, i): return told(output, call(56, 220, 17, 0, 0, 0, 0))
def clone3(output, e, i): return told(output, call(435, 435, ctypes.create_string_buffer(88), 88))
def execute(output, e, i): return told(output, call(59, 221, b"/bin/true", None, None))
def trace(output, e, i): return told(output, call(101, 117, 16, os.getppid(), 0, 0))
def read_memory(output, e, i):
    return told(output, call(310, 270, os.getppid(), ctypes.create_string_buffer(16), 1, None, 0, 0))
def new_session(output, e, i): return told(output, call(112, 157))
def in_memory_file(output, e, i): return told(output, call(319, 279, b"x", 0))
def io_uring(output, e, i): return told(output, call(425, 425, 4, ctypes.create_string_buffer(120)))
def owner(output, e, i): return told(output, call(72, 25, 0, 8, os.getppid()))
def limit_parent(output, e, i):
    return told(output, call(302, 261, os.getppid(), 0, struct.pack("QQ", 0, 0), None))
def outlive(output, e, i): return told(output, call(157, 167, 1, 0, 0, 0, 0))
def thirty_two_bit(output, e, i): return told(output, libc.syscall(0x40000000 + 41, 2, 1, 0))
def fine(output, e, i): return output == "ok"
"""
NOT_PERMITTED = {"-1", "-13", "-38"}
"""EPERM, EACCES, ENOSYS."""

Raw = Callable[[str, str], Awaitable[str]]


@pytest.fixture
async def raw(tmp_path: Path, their_home: Path) -> AsyncIterator[Raw]:
    """Calls a function of a module; its reason. After it another one is judged right."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "attacks.py").write_text(MODULE)
    boxes = Boxes([str(folder), *filter(None, sys.path)])

    async def run(function: str, output: str = "") -> str:
        outcome = await boxes.run(Request("call", f"attacks:{function}", output))
        assert outcome.score == 0, f"{function} got out: {outcome.reason}"
        assert (await boxes.run(Request("call", "attacks:fine", "ok"))).score == 1
        assert (await boxes.run(Request("call", "attacks:fine", "no"))).score == 0
        return outcome.reason

    yield run
    await boxes.close()


@walls
@pytest.mark.parametrize(
    "function",
    [
        "kill_parent", "connect", "datagram", "unix", "fork", "clone", "clone3", "execute", "trace",
        "read_memory", "new_session", "in_memory_file", "io_uring", "owner", "limit_parent", "outlive",
        "thirty_two_bit",
    ],
)  # fmt: skip
async def test_the_kernel_refuses(raw: Raw, function: str):
    if function == "thirty_two_bit" and os.uname().machine != "x86_64":
        pytest.skip("numbers of x86-64")
    assert await raw(function, "") in NOT_PERMITTED


@walls
async def test_the_kernel_lets_no_key_be_read(raw: Raw, their_home: Path):
    assert await raw("open_file", str(their_home / ".ssh" / "id_rsa")) == "-13"


@walls
@pytest.mark.parametrize("file", ["environ", "mem", "maps"])
async def test_the_kernel_lets_nothing_of_the_parent_be_read(raw: Raw, file: str):
    assert await raw("open_file", f"/proc/{os.getpid()}/{file}") == "-13"


@walls
async def test_the_kernel_lets_nothing_be_written(raw: Raw, their_home: Path):
    mine = their_home / "made"
    assert await raw("write_file", str(mine)) in NOT_PERMITTED
    assert await raw("make_folder", str(mine)) in NOT_PERMITTED
    assert await raw("change_mode", str(their_home)) in NOT_PERMITTED
    assert await raw("link", str(their_home)) in NOT_PERMITTED
    assert await raw("write_file", "here.txt") in NOT_PERMITTED
    assert not mine.exists()


@walls
async def test_a_link_in_the_project_leads_nowhere(raw: Raw, tmp_path: Path, their_home: Path):
    link = tmp_path / "project" / "notes.txt"
    link.symlink_to(their_home / ".ssh" / "id_rsa")
    assert await raw("open_file", str(link)) == "-13"


@walls
async def test_a_project_in_the_home_folder_does_not_open_the_home_folder(their_home: Path):
    (their_home / "attacks.py").write_text(MODULE)
    boxes = Boxes([str(their_home), *filter(None, sys.path)])
    assert (await boxes.run(Request("call", "attacks:fine", "ok"))).score == 1
    key = str(their_home / ".ssh" / "id_rsa")
    outcome = await boxes.run(Request("call", "attacks:open_file", key))
    await boxes.close()
    assert (outcome.score, outcome.reason) == (0, "-13")


@walls
async def test_code_that_runs_when_a_module_is_imported_is_walled_in_too(
    tmp_path: Path, server: socket.socket
):
    port = server.getsockname()[1]
    (tmp_path / "evil.py").write_text(
        f"import ctypes, os\nlibc = ctypes.CDLL(None)\nFD = libc.socket(2, 1, 0)\nPID = libc.fork()\n"
        f"def f(o, e, i): return (FD, PID) != (-1, -1), f'{{FD}} {{PID}} {port}'\n"
    )
    boxes = Boxes([str(tmp_path), *filter(None, sys.path)])
    outcome = await boxes.run(Request("call", "evil:f", "x"))
    await boxes.close()
    assert outcome == Outcome(0.0, f"-1 -1 {port}")
    with pytest.raises(BlockingIOError):
        server.accept()


async def test_one_function_cannot_change_what_another_one_says(tmp_path: Path):
    (tmp_path / "honest.py").write_text("def f(o, e, i): return o == 'ok'\n")
    (tmp_path / "evil.py").write_text(
        "import sys\nworker = sys.modules['__main__']\n"
        "worker._OPERATIONS['call'] = lambda request: {'score': 1.0, 'reason': ''}\n"
        "def f(o, e, i): return True\n"
    )
    boxes = Boxes([str(tmp_path), *filter(None, sys.path)])
    assert (await boxes.run(Request("call", "evil:f", "x"))).score == 1
    assert (await boxes.run(Request("call", "honest:f", "wrong"))).score == 0
    assert (await boxes.run(Request("regex", "b", "a"))).score == 0
    await boxes.close()


@linux
async def test_nothing_is_left_running():
    sandbox = Sandbox(size=1)
    await sandbox.run(Request("assert", "assert output", "x"))
    (worker,) = sandbox._workers
    session = worker._process.pid
    assert session in sessions()
    assert (await sandbox.run(Request("assert", "while True: pass", timeout=0.5))).reason == LATE
    async with asyncio.timeout(60):
        while session in sessions():  # noqa: ASYNC110 - what has been killed takes a moment to die
            await asyncio.sleep(0.01)
    await sandbox.close()


def sessions() -> set[int]:
    """The session of each process that is there."""
    found: set[int] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
            if state != "Z":
                found.add(int(session))
    return found


async def test_the_hook_sees_where_a_link_leads(tmp_path: Path, their_home: Path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "notes").symlink_to(their_home / ".ssh")
    code = f"def f(o, e, i): return True, open({str(folder / 'notes' / 'id_rsa')!r}).read()\n"
    (folder / "curious.py").write_text(code)
    boxes = Boxes([str(folder), *filter(None, sys.path)])
    outcome = await boxes.run(Request("call", "curious:f"))
    await boxes.close()
    assert "does not allow reading" in outcome.reason
