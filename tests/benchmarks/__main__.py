"""``python -m tests.benchmarks [--cases N] [--at-once C] [--latency SECONDS] [--rounds R]``.

``python -m tests.benchmarks optimizers`` compares optimizers, see ``tests/benchmarks/optimizers.py``;
``python -m tests.benchmarks cockpit`` measures the terminal UI, see ``tests/benchmarks/cockpit.py``;
``python -m tests.benchmarks compliance`` what looking for personal data and the audit log take.

Without them, this prints how close an evaluation with everything on (relay, receipts, journal, budget,
events, checks) comes to what the server's latency allows, what a call costs in processor time and memory,
what the journal's share is, and how long a killed run takes to be back at its frontier.
"""

import argparse
import contextlib
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from promptopt.domain import events as ev
from promptopt.domain.chat import ChatRequest, LLMResponse
from promptopt.domain.prompt import Message
from promptopt.store.journal import Journal
from promptopt.store.runlog import RunLog, Stored
from promptopt.store.schema import calls as calls_table
from promptopt.store.schema import intents
from tests.engine.bench import Bench
from tests.loopback import API_KEY, API_KEY_ENV, write_project


@dataclass(frozen=True)
class Measured:
    """One evaluation: seconds from the first call to the last result, and what it took."""

    cases: int
    seconds: float
    processor: float
    peak_mb: float

    def bound(self, at_once: int, latency: float) -> float:
        """Share of the rate that the latency allows."""
        return math.ceil(self.cases / at_once) * latency / self.seconds


@contextlib.contextmanager
def wire_server(latency: float) -> Iterator[str]:
    """A server process; gives its address."""
    command = [sys.executable, "-m", "tests.benchmarks.wire_server", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def evaluate(bench: Bench, folder: Path, url: str, cases: int, at_once: int, **more: Any) -> Measured:
    """Score one prompt on ``cases`` cases, in a worker process."""
    models = {"target": {"max_concurrency": at_once}}
    run_id = bench.create(write_project(folder, url, (4, cases, 4), models=models, **more), kind="eval")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    bench.start(run_id)
    peak = 0.0
    while bench.workers[run_id].poll() is None:
        peak = max(peak, _resident_mb(bench.workers[run_id].pid))
        time.sleep(0.05)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    state = bench.state(run_id)
    assert state.status == "finished" and not state.finished.detail, bench.said(run_id)  # type: ignore[union-attr]
    with bench.database.read() as connection:
        began = connection.execute(
            select(func.min(intents.c.at)).where(intents.c.run_id == run_id)
        ).scalar_one()
    ended = max(s.at for s in events(bench, run_id) if isinstance(s.event, ev.CasesFinished))
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(cases, ended - began, processor, peak)


def events(bench: Bench, run_id: str) -> Iterator[Stored]:
    """All events of a run."""
    log, n = RunLog(bench.database, run_id), 0
    while batch := log.after(n):
        yield from batch
        n = batch[-1].n


def journal_cost(bench: Bench, folder: Path, calls: int) -> float:
    """Milliseconds for one call's intent and record, in group commits of 64."""
    run_id = bench.create(write_project(folder, "http://127.0.0.1:9", (4, 4, 4)))
    journal = Journal(bench.database, run_id)
    request = ChatRequest(model="m", messages=(Message(role="user", content="Ticket: about login " * 5),))
    response = LLMResponse(text="bug", usage={"prompt_tokens": 20, "completion_tokens": 1}, cost=0.00001)
    started = time.perf_counter()
    for first in range(0, calls, 64):
        numbers = range(first, min(first + 64, calls))
        for future in [journal.intend(f"i{n}", "target", 0.0, 100) for n in numbers]:
            future.result()
        done = [journal.record(f"i{n}", "target", request, (f"k{n}", "", 0), response) for n in numbers]
        for future in done:
            future.result()
    return (time.perf_counter() - started) / calls * 1000


def resume_seconds(bench: Bench, folder: Path, url: str, calls: int) -> tuple[float, float]:
    """How long a run that was killed after ``calls`` answers takes to be back.

    Returns:
        Seconds from the new worker's start until all is replayed, and until its first new call is answered.
    """
    models = {"target": {"max_concurrency": 64}}
    run_id = bench.create(write_project(folder, url, (4, calls + 2000, 4), models=models), kind="eval")
    bench.start(run_id)
    bench.wait(lambda: bench.state(run_id).meters.get("calls", ev.Meter()).spent >= calls)
    bench.kill(run_id)
    with bench.database.read() as connection:
        recorded = select(func.count()).where(calls_table.c.run_id == run_id)
        known = connection.execute(recorded).scalar_one()
    length = RunLog(bench.database, run_id).length()
    started = time.time()
    bench.start(run_id)

    def budgets() -> list[Stored]:
        stored = [s for s in events(bench, run_id) if s.n > length]
        return [s for s in stored if isinstance(s.event, ev.BudgetMoved)]

    def first_new() -> float | None:
        new = [s.at for s in budgets() if s.event.meters["calls"].spent > known + 64]  # type: ignore[union-attr]
        return new[0] - started if new else None

    new_call: float = bench.wait(first_new)
    bench.kill(run_id)
    replayed = next(s.at for s in budgets() if s.event.replayed >= known)  # type: ignore[union-attr]
    return replayed - started, new_call


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    if sys.argv[1:2] == ["optimizers"]:
        from tests.benchmarks import optimizers

        optimizers.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["cockpit"]:
        from tests.benchmarks import cockpit

        cockpit.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["compliance"]:
        from tests.benchmarks import compliance

        compliance.main(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--cases", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument(
        "--rounds", type=int, default=3, help="evaluations of the first size; medians are printed"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PROMPTOPT_HOME"] = str(folder / "home")
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        os.environ[API_KEY_ENV] = API_KEY
        bench = Bench()
        try:
            _print_all(bench, folder, options)
        finally:
            bench.close()


def _print_all(bench: Bench, folder: Path, options: argparse.Namespace) -> None:
    at_once, latency = options.at_once, options.latency
    with wire_server(latency) as url:
        for number, cases in enumerate(options.cases):
            rounds = options.rounds if number == 0 else 1
            measured = [evaluate(bench, folder / f"e{cases}-{n}", url, cases, at_once) for n in range(rounds)]
            shares = [m.bound(at_once, latency) for m in measured]
            middle = sorted(measured, key=lambda m: m.seconds)[len(measured) // 2]
            print(
                f"{cases:,} cases, {at_once} at once, {latency * 1000:g} ms: "
                f"{statistics.median(shares):.1%} of the bound (best {max(shares):.1%}), "
                f"{cases / middle.seconds:.0f} calls/s, peak {middle.peak_mb:.0f} MB",
                flush=True,
            )
    with wire_server(0.0) as url:
        few, many = (evaluate(bench, folder / f"p{n}", url, n, at_once) for n in (1000, 5000))
        cost = (many.processor - few.processor) / (many.cases - few.cases) * 1000
        print(
            f"no latency: {many.cases / many.seconds:.0f} calls/s, {cost:.2f} ms of processor time a call "
            "(worker, relay and checks)",
            flush=True,
        )
        print(
            f"journal: {journal_cost(bench, folder / 'j', 5000):.3f} ms a call, intent and record", flush=True
        )
        back, new_call = resume_seconds(bench, folder / "r", url, 10_000)
        print(f"resume after 10,000 calls: {back:.1f} s to the last replay, {new_call:.1f} s to a new call")


if __name__ == "__main__":
    main()
