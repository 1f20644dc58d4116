"""``python -m tests.benchmarks cockpit``: the terminal UI as its user feels it.

The real program in a pseudo-terminal of 120 × 40: until its first frame, from a key to the screen while a run
emits events and holds many results, until a finished run of many events is shown, and the memory it takes.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import insert

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Interval
from promptopt.domain.settings import ModelSettings, ProjectSettings
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from promptopt.store.schema import cells, events
from tests.benchmarks.terminal import Condition, Terminal, promptopt

SIZE = (120, 40)
CURSOR = "1a3450"
"""Colour behind the row under the cursor, in the default theme."""

SEED = Prompt(text="Sort.")

ESCAPE = "\x1b[27u"
"""As terminals with the kitty protocol send it; of the others' lone one nobody knows at first what it is."""

CATEGORIES = ("", "", "", "wrong format", "too verbose", "wrong reasoning")


def main(arguments: list[str]) -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks cockpit", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=2000, help="events a second")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument(
        "--only", choices=["first", "keys", "open"], nargs="+", default=["first", "keys", "open"]
    )
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        os.environ["PROMPTOPT_HOME"] = name
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        database = Database.open()
        try:
            if "first" in options.only:
                first_frame(9)
            if "keys" in options.only:
                keys(database, options.cases, options.rate, options.keys)
            if "open" in options.only:
                open_finished(database, options.events)
        finally:
            database.close()


def first_frame(rounds: int) -> None:
    """Until the first frame, of the list of runs and of Textual's smallest app."""
    hello = "from textual.app import App\nfrom textual.widgets import Static\n"
    hello += "class A(App):\n def compose(self): yield Static('ready to go')\nA().run()"
    ours = [_until(promptopt(), "Projects") for _ in range(rounds)]
    least = [_until([sys.executable, "-c", hello], "ready to go") for _ in range(rounds)]
    print(
        f"first frame: {statistics.median(ours) * 1000:.0f} ms (best {min(ours) * 1000:.0f}); "
        f"an app of Textual's with one word: {statistics.median(least) * 1000:.0f} ms",
        flush=True,
    )


def _until(command: list[str], text: str) -> float:
    terminal = Terminal(command, SIZE, os.environ)
    try:
        return terminal.until(lambda it: it.shows(text)) - terminal.started
    finally:
        terminal.close()


def keys(database: Database, cases: int, rate: int, count: int) -> None:
    """From a key to the screen, while a run emits events."""
    run_id = Recorded(database, cases).live()
    feeder = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.cockpit", run_id, str(cases), str(rate)]
    )
    terminal = Terminal(promptopt("attach", run_id), SIZE, os.environ)
    try:
        terminal.until(lambda it: it.shows("Standings", "case-00005"))
        terminal.rest(3.0)
        before, at = terminal.seconds_of_processor(), time.perf_counter()
        took = sorted(_press(terminal, count))
        busy = (terminal.seconds_of_processor() - before) / (time.perf_counter() - at)
        assert feeder.poll() is None, "the feeder has ended"
        print(
            f"key to screen at {rate:,} events/s and {cases:,} results: median {_ms(took, 0.5)}, "
            f"95th percentile {_ms(took, 0.95)}, worst {_ms(took, 1.0)} of {len(took)} keys; "
            f"{busy:.0%} of a processor, peak {terminal.peak_mb():.0f} MB",
            flush=True,
        )
    finally:
        terminal.close()
        feeder.kill()
        feeder.wait()


def _ms(took: list[float], share: float) -> str:
    return f"{took[min(len(took) - 1, int(len(took) * share))] * 1000:.0f} ms"


Step = tuple[str, Callable[[Terminal], Condition]]
"""A key, and what makes of the screen before it how the screen after it is known."""


def _press(terminal: Terminal, count: int) -> Iterator[float]:
    """Seconds from each key until its effect is on the screen."""
    down: list[Step] = [("\x1b[B", _cursor_moves)] * 24
    steps: list[Step] = [
        ("4", _framed("4 Cases")),
        *down,
        ("3", _framed("3 Prompt")),
        ("d", _appears("against seed", "is the seed")),
        ("d", _appears("against best", "is the best")),
        ("d", _goes("against", "is the best")),
        ("d", _appears("against parent")),
        ("?", _appears("─ Keys ─")),
        (ESCAPE, _goes("─ Keys ─")),
        ("2", _framed("2 Standings")),
        ("]", _framed("8 Lineage")),
        ("[", _framed("2 Standings")),
    ]
    for number, (key, expect) in enumerate(itertools.islice(itertools.cycle(steps), count)):
        terminal.catch_up()
        expected = expect(terminal)
        at = terminal.send(key)
        yield terminal.until(expected, 10.0, since=at) - at
        terminal.rest(0.05 + number * 7 % 41 / 1000)  # keys come at any moment between two frames


def _cursor_moves(before: Terminal) -> Condition:
    """The row under the cursor is another one, or the rows under it are."""
    columns = slice(50, 100)
    row = before.row_behind(CURSOR, columns)
    said = before.screen.display[row]
    return lambda it: it.row_behind(CURSOR, columns) not in (-1, row) or it.screen.display[row] != said


def _framed(title: str) -> Callable[[Terminal], Condition]:
    """The panel with this title has the focus: it is written in the colour of what has."""

    def check(it: Terminal) -> bool:
        for y, line in enumerate(it.screen.display):
            x = line.find(title)
            if x >= 0:
                return bool(it.screen.buffer[y][x].bold)
        return False

    return lambda _: check


def _appears(*texts: str) -> Callable[[Terminal], Condition]:
    return lambda _: lambda it: any(it.shows(text) for text in texts)


def _goes(*texts: str) -> Callable[[Terminal], Condition]:
    return lambda _: lambda it: not any(it.shows(text) for text in texts)


def open_finished(database: Database, count: int) -> None:
    """From enter in the list of runs until a finished run is shown whole."""
    run_id = Recorded(database, 1000).finished(count)
    terminal = Terminal(promptopt(), SIZE, os.environ)
    try:
        terminal.until(lambda it: it.shows(run_id))
        terminal.rest(2.0)
        at = terminal.send("\r")
        shown = terminal.until(lambda it: it.shows("Standings", "the last word", "finished"), 300.0) - at
        print(
            f"a finished run of {count:,} events: {shown:.2f} s, peak {terminal.peak_mb():.0f} MB", flush=True
        )
    finally:
        terminal.close()


class Recorded:
    """A run in the store, as a worker would have left it."""

    def __init__(self, database: Database, cases: int) -> None:
        self.database = database
        self.ids = [f"case-{number:05}" for number in range(cases)]
        rows = tuple(
            Example(id=one, inputs={"input": f"Ticket {one}: {'please help ' * 8}"}, expected="bug")
            for one in self.ids
        )
        dataset = Dataset(train=rows[:10], validation=rows, test=rows[:10], held_back=True)
        settings = ProjectSettings(
            name="benchmark", prompt="Sort.", models={"target": ModelSettings(model="sim/target")}
        )
        self.runs = Runs(database)
        self.run_id = self.runs.create(settings, dataset, Path("/projects/benchmark"))
        self.log = RunLog(database, self.run_id)
        self.runs.summarize(self.run_id, status="running", heartbeat_at=4e9)

    def live(self) -> str:
        """The seed is scored on all cases, the first candidate is under way."""
        seed = SEED
        for event in (*_start(self.run_id, len(self.ids)), *proposal(seed.id, seed.text, "seed")):
            self.log.append(event)
        marks = [mark(one, number) for number, one in enumerate(self.ids)]
        self.log.append(ev.EvaluationStarted(candidate_id=seed.id, split="validation", total=len(marks)))
        for start in range(0, len(marks), 500):
            self.log.append(
                ev.CasesFinished(candidate_id=seed.id, split="validation", cases=marks[start : start + 500])
            )
        self.log.append(scored(seed.id, marks))
        self.log.append(ev.PhaseStarted(phase="search"))
        self.keep_cells(seed.id, marks)
        return self.run_id

    def keep_cells(self, prompt_id: str, marks: list[ev.CaseMark]) -> None:
        """The results of a prompt."""
        rows = [
            {
                "run_id": self.run_id,
                "prompt_id": prompt_id,
                "split": "validation",
                "case_id": one.case_id,
                "score": one.score,
                "passed": one.passed,
                "category": one.category,
                "body": json.dumps({"case_id": one.case_id, "output": "bug", "score": one.score}),
            }
            for one in marks
        ]
        self.database.transact(lambda connection: connection.execute(insert(cells), rows) and None).result()

    def _insert(self, rows: list[dict[str, object]]) -> None:
        self.database.transact(lambda connection: connection.execute(insert(events), rows) and None).result()

    def finished(self, count: int) -> str:
        """A run of so many events that has come to its end, with what its worker keeps at that."""
        from promptopt.runs.snapshots import Snapshots
        from promptopt.runs.state import RunState

        state, rows, at = RunState(), list[dict[str, object]](), time.time()
        for n, event in enumerate(story(self.run_id, self.ids, count), 1):
            at += 0.01
            body = event.model_dump_json(exclude_defaults=True)
            rows.append({"run_id": self.run_id, "n": n, "at": at, "kind": event.kind, "body": body})
            state.apply(event, at)
            if len(rows) == 20_000 or n == count:
                self._insert(rows)
                rows = []
        Snapshots(self.log).keep(state, count)
        self.runs.summarize(self.run_id, status="finished", heartbeat_at=None)
        self.database.transact(lambda connection: None).result()
        return self.run_id


def _start(run_id: str, cases: int) -> Iterator[ev.Event]:
    yield ev.RunStarted(
        run_id=run_id,
        project="benchmark",
        optimizer="refine",
        models={"target": ev.ModelInfo(model="sim/target", simulated=True)},
        limits={"usd": 100.0},
        sizes={"train": 10, "validation": cases, "test": 10},
        max_iterations=1000,
        simulated=True,
    )
    yield ev.PhaseStarted(phase="baseline")


def proposal(prompt_id: str, text: str, source: ev.Source, iteration: int = 0) -> Iterator[ev.Event]:
    parent = None if source == "seed" else SEED.id
    yield ev.CandidateProposed(
        candidate_id=prompt_id, text=text, source=source, iteration=iteration, parent_id=parent
    )


def mark(case_id: str, number: int) -> ev.CaseMark:
    category = CATEGORIES[number % len(CATEGORIES)]
    return ev.CaseMark(case_id=case_id, score=float(not category), passed=not category, category=category)


def scored(prompt_id: str, marks: list[ev.CaseMark]) -> ev.CandidateScored:
    passed = sum(one.passed for one in marks)
    mean = passed / len(marks)
    score = Interval(mean=mean, low=max(0, mean - 0.01), high=min(1, mean + 0.01), n=len(marks))
    return ev.CandidateScored(candidate_id=prompt_id, split="validation", score=score, passed=passed)


def meters(calls: int) -> ev.BudgetMoved:
    return ev.BudgetMoved(
        meters={
            "usd": ev.Meter(spent=calls * 0.0001, reserved=0.01, limit=100.0),
            "calls": ev.Meter(spent=calls),
            "tokens": ev.Meter(spent=calls * 70),
            "minutes": ev.Meter(spent=calls / 6000),
            "target_calls": ev.Meter(spent=calls),
        },
        in_flight=64,
    )


def evaluations(case_ids: list[str]) -> Iterator[ev.Event]:
    """One candidate after the other is proposed and scored, two cases an event, for ever."""
    for iteration in itertools.count(1):
        text = "\n".join(f"Sort the ticket, rule {number} of {iteration}." for number in range(12))
        prompt = Prompt(text=text)
        yield ev.IterationStarted(iteration=iteration)
        yield from proposal(prompt.id, text, "optimizer", iteration)
        yield ev.EvaluationStarted(candidate_id=prompt.id, split="validation", total=len(case_ids))
        marks: list[ev.CaseMark] = []
        for start in range(0, len(case_ids), 2):
            new = [mark(case_ids[n], n + iteration) for n in range(start, min(start + 2, len(case_ids)))]
            marks += new
            yield ev.CasesFinished(candidate_id=prompt.id, split="validation", cases=new)
            if start % 4 == 0:
                yield meters(iteration * len(case_ids) + start)
        yield scored(prompt.id, marks)
        yield ev.CandidateJudged(
            candidate_id=prompt.id, against_id=prompt.id, accepted=iteration % 3 == 0, reason="the score"
        )
        yield ev.Notice(text=f"iteration {iteration} is over")


def story(run_id: str, case_ids: list[str], count: int) -> Iterator[ev.Event]:
    """A whole run of ``count`` events."""
    seed = SEED
    yield from _start(run_id, len(case_ids))
    yield from proposal(seed.id, seed.text, "seed")
    yield scored(seed.id, [mark(one, 0) for one in case_ids])
    yield from itertools.islice(evaluations(case_ids), count - 6)
    yield ev.Notice(text="the last word")
    yield ev.RunFinished(
        status="finished", stop_reason="plateau", seed_id=seed.id, best_id=seed.id, iterations=9
    )


def feed(run_id: str, cases: int, rate: int) -> None:
    """Be the worker of a run: emit ``rate`` events a second."""
    database = Database.open()
    log = RunLog(database, run_id)
    started = time.perf_counter()
    case_ids = [f"case-{number:05}" for number in range(cases)]
    for sent, event in enumerate(evaluations(case_ids), 1):
        log.append(event)
        ahead = sent / rate - (time.perf_counter() - started)
        if ahead > 0.005:
            time.sleep(ahead)


if __name__ == "__main__":
    feed(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
