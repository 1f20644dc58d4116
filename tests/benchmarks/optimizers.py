"""``python -m tests.benchmarks optimizers [--seeds N] [--surfaces …] [--optimizers …] [--json FILE]``.

Optimizers of this project and DSPy's own, at equal target calls, on tasks whose hidden model none of them can
see into (``tests/benchmarks/surfaces``) and with one mediocre proposer for all. Reported are, with 95 %
intervals over seeds: the true score of the prompt that each comes to, the target calls after which it had
90 % of what is attainable, and how far its validation score was above its true one. The last table holds
ours at half the calls against DSPy's GEPA at all of them.

An optimizer's best prompt so far is the one that its run would end with: for ours the best accepted one, for
DSPy's the one with the highest validation score, as DSPy chooses.
"""

import argparse
import contextlib
import io
import json
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

CALLS = 540
"""Target calls of each run: what DSPy's GEPA takes by itself as ``auto="light"`` with 40 validation cases."""

ALMOST = 0.9
"""Share of the attainable gain whose calls are counted."""

OURS = ("refine", "grpo")
RIVAL = "dspy-gepa"

NO_END = 10_000

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "refine": {"max_iterations": NO_END, "plateau": NO_END},
    "refine, one at a time": {
        "name": "refine",
        "max_iterations": NO_END,
        "plateau": NO_END,
        "proposals": 1,
        "demonstrations": 0,
        "pool": 1,
    },
    "grpo": {"max_iterations": NO_END, "plateau": NO_END},
    "dspy-gepa": {"max_metric_calls": NO_END},
    "dspy-mipro": {"auto": "medium"},
    "dspy-bootstrap-random-search": {"num_candidates": 16},
    "dspy-copro": {"breadth": 3, "depth": 2},
}
"""What is compared: each with settings that let it use all the calls, as far as it can; else its defaults.

The key is the optimizer's name, unless the settings have one.
"""

THREADS = 4


@dataclass(frozen=True)
class Result:
    """One run.

    Attributes:
        true, half: true score of its best prompt after all the calls, and after half of them.
        first, attainable: true scores of the prompt to start from, and of the best that is known.
        validation: what its best prompt scored on validation.
        reached: target calls to ``ALMOST`` of the attainable gain; None: it did not get there.
        course: target calls, true score and validation score of each best prompt.
    """

    surface: str
    optimizer: str
    seed: int
    true: float
    half: float
    first: float
    attainable: float
    validation: float
    reached: int | None
    target_calls: int
    optimizer_calls: int
    end: str
    course: list[tuple[int, float, float]]


def run(surface_name: str, optimizer: str, seed: int, calls: int, more: Mapping[str, Any]) -> Result:
    """Run one optimizer on one surface, in this process."""
    from promptopt.store.database import Database
    from tests.benchmarks.inprocess import play
    from tests.benchmarks.surfaces import SURFACES

    surface = SURFACES[surface_name](seed)
    settings = {"name": optimizer, "seed": seed, **OPTIMIZERS.get(optimizer, {}), **more}
    if settings["name"].startswith("dspy-"):
        settings["threads"] = THREADS
    home = Path(os.environ["PROMPTOPT_HOME"])
    database = Database.open()
    try:
        # DSPy draws progress bars on either stream.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            played = play(
                database,
                home / f"{surface_name}-{settings['name']}-{seed}-{len(optimizer)}",
                surface,
                settings,
                calls,
            )
    finally:
        database.close()
    assert "litellm" not in sys.modules, "nothing here goes over a network"
    first, attainable = played.course[0].true, surface.true_score(surface.best_prompt())
    return Result(
        surface=surface_name,
        optimizer=optimizer,
        seed=seed,
        true=played.last.true,
        half=played.at(calls / 2),
        first=first,
        attainable=attainable,
        validation=played.last.validation,
        reached=played.calls_to(first + ALMOST * (attainable - first)) if attainable > first else None,
        target_calls=played.target_calls,
        optimizer_calls=played.optimizer_calls,
        end=played.end,
        course=[(step.calls, step.true, step.validation) for step in played.course],
    )


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % interval (Student's t; 0 for fewer than two values)."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, 0.0
    from scipy import stats

    width = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return mean, float(width)


def _shown(values: Sequence[float], sign: str = "") -> str:
    mean, width = interval(values)
    return f"{mean * 100:{sign}.1f} ± {width * 100:.1f}"


def _reached(results: Sequence[Result]) -> str:
    """The median of the calls to ``ALMOST``, if half of the runs came there; and how many did."""
    known = sorted(result.reached or math.inf for result in results)
    middle = statistics.median_high(known)
    count = sum(value < math.inf for value in known)
    return f"{'–' if middle == math.inf else f'{middle:.0f}'} ({count}/{len(results)})"


def table(results: Sequence[Result]) -> list[str]:
    """The report on each surface."""
    lines: list[str] = []
    for surface in dict.fromkeys(result.surface for result in results):
        here = [result for result in results if result.surface == surface]
        first, best = (statistics.fmean(getattr(r, key) for r in here) for key in ("first", "attainable"))
        lines += [
            f"{surface}: from {first:.1%}, attainable {best:.1%}",
            f"  {'optimizer':30}{'held out, %':>14}{'at half':>14}{'to 90 %':>13}{'gap':>14}"
            f"{'target':>8}{'optimizer':>11}",
        ]
        for optimizer in dict.fromkeys(result.optimizer for result in here):
            rows = [result for result in here if result.optimizer == optimizer]
            calls = statistics.fmean(row.target_calls for row in rows)
            asked = statistics.fmean(row.optimizer_calls for row in rows)
            gap = _shown([row.validation - row.true for row in rows], "+")
            reached = _reached(rows) if best - first > 0.01 else "nothing to"
            whole, half = _shown([row.true for row in rows]), _shown([row.half for row in rows])
            lines.append(
                f"  {optimizer:30}{whole:>14}{half:>14}{reached:>13}{gap:>14}{calls:>8.0f}{asked:>11.0f}"
            )
    return lines


def against_rival(results: Sequence[Result]) -> list[str]:
    """Ours at half the calls against DSPy's GEPA at all of them, seed by seed."""
    lines: list[str] = []
    rival = {(r.surface, r.seed): r for r in results if r.optimizer == RIVAL}
    for ours in OURS:
        pairs = [
            (r, rival[r.surface, r.seed])
            for r in results
            if r.optimizer == ours and (r.surface, r.seed) in rival
        ]
        if not pairs:
            continue
        lines.append(f"{ours} at half the calls less {RIVAL} at all of them, points:")
        for surface in dict.fromkeys(one.surface for one, _ in pairs):
            gaps = [one.half - other.true for one, other in pairs if one.surface == surface]
            lines.append(f"  {surface:30}{_shown(gaps, '+'):>14}")
        means = _by_seed([(one.seed, one.half - other.true) for one, other in pairs])
        lines.append(f"  {'all, mean over surfaces':30}{_shown(means, '+'):>14}")
        whole = _by_seed([(one.seed, one.true - other.true) for one, other in pairs])
        lines.append(f"  {'the same at equal calls':30}{_shown(whole, '+'):>14}")
    return lines


def _by_seed(pairs: Sequence[tuple[int, float]]) -> list[float]:
    seeds = dict.fromkeys(seed for seed, _ in pairs)
    return [statistics.fmean(value for seed, value in pairs if seed == one) for one in seeds]


def _start(home: str) -> None:
    """Prepare a process: a data directory of its own, no progress bars."""
    own = Path(home) / str(os.getpid())
    own.mkdir(exist_ok=True)
    os.environ.update(PROMPTOPT_HOME=str(own), TQDM_DISABLE="1")


def _all(options: argparse.Namespace, home: str) -> Iterator[Result]:
    from promptopt.optimizers.registry import names
    from tests.benchmarks.surfaces import SURFACES

    known = names()
    wanted: list[str] = []
    for name in options.optimizers or OPTIMIZERS:
        if OPTIMIZERS.get(name, {}).get("name", name) in known:
            wanted.append(name)
        else:
            print(f"{name} is left out: there is no such optimizer", flush=True)
    jobs = [
        (surface, optimizer, seed)
        for surface in options.surfaces or SURFACES
        for optimizer in wanted
        for seed in range(options.first_seed, options.first_seed + options.seeds)
    ]
    more: Mapping[str, Any] = json.loads(options.settings)
    with ProcessPoolExecutor(options.jobs, get_context("spawn"), _start, (home,)) as pool:
        waiting = [pool.submit(run, *job, options.calls, more.get(job[1], {})) for job in jobs]
        for number, one in enumerate(waiting, 1):
            yield one.result()
            print(f"\r{number} of {len(jobs)} runs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def main(arguments: Sequence[str]) -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks optimizers", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--surfaces", nargs="+", help="default: all")
    parser.add_argument("--optimizers", nargs="+", help="default: all")
    parser.add_argument("--calls", type=int, default=CALLS, help="target calls of each run")
    parser.add_argument("--settings", default="{}", help="JSON: optimizer to settings in place of its own")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="a file for all results")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as home:
        results = list(_all(options, home))
    print("\n".join([*table(results), *against_rival(results)]))
    if options.json:
        options.json.write_text(
            json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8"
        )
