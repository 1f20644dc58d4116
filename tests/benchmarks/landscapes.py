"""``python -m tests.benchmarks.landscapes [--seeds N] [--calls C] [--optimizers NAME …] [--wire]``.

Runs optimizers on landscapes (``landscape.py``), each with the same number of target calls, and prints how
much better the prompts that they end with are on inputs that nobody saw: the mean over tasks, its standard
error, and the paired difference to the first optimizer. Each regime is a landscape of its own kind.

Without ``--wire`` searches run in this process, at a door without engine; with it they are whole runs over
HTTP, in worker processes, against a server on loopback.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from tests.benchmarks.door import Door, searched
from tests.benchmarks.landscape import SEED_PROMPT, Landscape
from tests.engine.bench import Bench
from tests.loopback import API_KEY, API_KEY_ENV, LoopbackServer, write_project

REGIMES: dict[str, dict[str, float]] = {
    "usual": {},
    "weak proposer": {"insight": 0.2},
    "small effects": {"scale": 0.5},
    "no agreement between prompts": {"steady": 0.0},
}

ENDLESS = {"max_iterations": 500, "plateau": 500}
"""Only the calls end a search."""


@dataclass(frozen=True)
class Result:
    """One search. Qualities are chances of a right answer on inputs that nobody saw.

    Attributes:
        gain: of its best prompt over the first one.
        claimed: what its validation cases say of that.
        target_calls, optimizer_calls: that it took.
        accepted: prompts that took another's place.
    """

    gain: float
    claimed: float
    target_calls: int
    optimizer_calls: int
    accepted: int


def here(landscape: Landscape, optimizer: Mapping[str, Any], calls: int, sizes: tuple[int, int]) -> Result:
    """One search in this process."""
    door = Door(landscape, dict(optimizer), sizes=sizes, calls=calls)
    asyncio.run(searched(door))
    first, best = door.on_validation[door.seed_prompt.id], door.on_validation[door.best.id]
    return Result(
        gain=landscape.quality(door.best.text) - landscape.quality(SEED_PROMPT),
        claimed=best - first,
        target_calls=door.target_calls,
        optimizer_calls=sum(role == "optimizer" for role, _ in door.asked),
        accepted=len(door.accepted) - 1,
    )


def over_wire(
    landscape: Landscape, optimizer: Mapping[str, Any], calls: int, sizes: tuple[int, int]
) -> Result:
    """One whole run over HTTP."""
    with tempfile.TemporaryDirectory() as folder, LoopbackServer(landscape) as server:
        os.environ["PROMPTOPT_HOME"] = str(Path(folder) / "home")
        data = {"train": None, "validation": None, "test": None, "cases": rows(landscape, sizes)}
        project = write_project(
            Path(folder) / "project",
            server,
            prompt=SEED_PROMPT,
            task={"description": "Label items."},
            optimizer=dict(optimizer),
            data=data,
            budget={"target_calls": calls},
            models={"optimizer": {"max_tokens": 4096}, "target": {"max_concurrency": 32}},
        )
        bench = Bench()
        try:
            state = bench.run(project)
        finally:
            bench.close()
    seed, best = state.candidates[state.seed_id], state.candidates[state.best_id]
    assert seed.validation and best.validation, state.finished
    return Result(
        gain=landscape.quality(best.text) - landscape.quality(SEED_PROMPT),
        claimed=best.validation.mean - seed.validation.mean,
        target_calls=round(state.meters["target_calls"].spent),
        optimizer_calls=round(state.meters["optimizer_calls"].spent),
        accepted=sum(bool(candidate.accepted) for candidate in state.candidates.values()),
    )


def rows(landscape: Landscape, sizes: tuple[int, int]) -> list[dict[str, Any]]:
    """Cases of both splits, the split told in a column; and one to be tested on, which costs two calls."""
    splits = (("train", "t", sizes[0]), ("validation", "v", sizes[1]), ("test", "s", 1))
    return [{**row, "split": split} for split, name, size in splits for row in landscape.cases(size, name)]


def told(name: str, results: Sequence[Result], first: Sequence[Result]) -> str:
    """One line of the table."""
    gaps = [mine.gain - other.gain for mine, other in zip(results, first, strict=True)]
    against = "" if results is first else f"   {_points(gaps)} against the first"
    return (
        f"  {name:12} gain {_points([r.gain for r in results])}{against}\n"
        f"  {'':12} validation claims {_points([r.claimed for r in results])}; calls of the target "
        f"{fmean(r.target_calls for r in results):.0f}, of the optimizer "
        f"{fmean(r.optimizer_calls for r in results):.1f}; accepted {fmean(r.accepted for r in results):.1f}"
    )


def _points(values: Sequence[float]) -> str:
    error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{100 * fmean(values):+5.1f} ± {100 * error:.1f} points"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.landscapes", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="tasks of each regime")
    parser.add_argument("--calls", type=int, default=1000, help="of the target model, for each search")
    parser.add_argument("--optimizers", nargs="+", default=["refine", "grpo"])
    parser.add_argument("--regimes", nargs="+", default=list(REGIMES), choices=list(REGIMES))
    parser.add_argument("--sizes", type=int, nargs=2, default=(60, 40), help="training, validation cases")
    parser.add_argument("--wire", action="store_true", help="whole runs over HTTP")
    options = parser.parse_args()
    os.environ[API_KEY_ENV] = API_KEY
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    run = over_wire if options.wire else here
    for regime in options.regimes:
        print(f"{regime}: {options.seeds} tasks, {options.calls} calls of the target", flush=True)
        found: dict[str, list[Result]] = {name: [] for name in options.optimizers}
        for seed in range(options.seeds):
            landscape = Landscape(seed, **REGIMES[regime])
            for name, results in found.items():
                sizes = (options.sizes[0], options.sizes[1])
                results.append(run(landscape, {"name": name, **ENDLESS}, options.calls, sizes))
        first = next(iter(found.values()))
        for name, results in found.items():
            print(told(name, results, first), flush=True)


if __name__ == "__main__":
    main()
