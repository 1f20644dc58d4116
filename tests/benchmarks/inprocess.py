"""Runs in this process whose models are a surface and its proposer: no server, no litellm, no waiting."""

import asyncio
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from promptopt.domain import events as ev
from promptopt.domain.chat import ChatRequest
from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.models import simulator
from promptopt.models.transport import Reply
from promptopt.runs.engine import Engine
from promptopt.runs.launch import create_run
from promptopt.runs.state import Candidate, RunState
from promptopt.store.database import Database
from promptopt.store.runs import Runs
from tests.benchmarks.surfaces.base import Surface
from tests.benchmarks.surfaces.proposer import Proposer

_CHARS_PER_TOKEN = 4


@dataclass
class Tally:
    """Calls that were answered, by role."""

    target: int = 0
    optimizer: int = 0


class SurfaceTransport:
    """A surface, or its proposer, as a model."""

    relay = ""

    def __init__(self, model: str, surface: Surface, proposer: Proposer, tally: Tally) -> None:
        self._proposes = model == "sim/optimizer"
        self._surface = surface
        self._proposer = proposer
        self._tally = tally

    async def prepare(self) -> None: ...

    async def close(self) -> None: ...

    async def complete(self, request: ChatRequest, *, sample: int, **_: object) -> Reply:
        await asyncio.sleep(0)
        if self._proposes:
            self._tally.optimizer += 1
            text = self._proposer.answer(request, sample)
        else:
            self._tally.target += 1
            text = self._surface.answer(request.messages, sample)
        size = sum(len(message.content) for message in request.messages)
        return Reply(text, size // _CHARS_PER_TOKEN, len(text) // _CHARS_PER_TOKEN, "stop", request.model)


@contextlib.contextmanager
def models_of(surface: Surface, tally: Tally) -> Iterator[None]:
    """Let the runs of this process have the surface's models, in the place of the simulator's."""
    proposer = Proposer(surface)
    usual = simulator.Simulator

    def surface_model(model: str, *_: object) -> SurfaceTransport:
        return SurfaceTransport(model, surface, proposer, tally)

    simulator.Simulator = surface_model  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        simulator.Simulator = usual  # type: ignore[misc]


@dataclass(frozen=True)
class Step:
    """The best prompt so far, from a number of target calls on: its true score, and on validation."""

    calls: int
    true: float
    validation: float


@dataclass
class Played:
    """How a run went.

    Attributes:
        course: the best prompt so far, each time that it changed; the first step is the first prompt's.
    """

    target_calls: int
    optimizer_calls: int
    end: str
    prompt: Prompt
    course: list[Step] = field(default_factory=list[Step])

    @property
    def last(self) -> Step:
        return self.course[-1]

    def at(self, calls: float) -> float:
        """The true score of the best prompt after so many target calls."""
        return [step.true for step in self.course if step.calls <= calls or step is self.course[0]][-1]

    def calls_to(self, score: float) -> int | None:
        """Target calls after which the best prompt had a true score of ``score`` and kept it; None: never."""
        if self.last.true < score:
            return None
        below = [at for at, step in enumerate(self.course) if step.true < score]
        return self.course[below[-1] + 1].calls if below else self.course[0].calls


class Watcher:
    """Notes the best prompt of a run each time that it changes.

    Args:
        highest: the best is whichever scored highest on validation, as DSPy's optimizers choose; else what
            the run says, for which only accepted candidates count.
    """

    def __init__(self, engine: Engine, surface: Surface, tally: Tally, *, highest: bool = False) -> None:
        self._engine = engine
        self._surface = surface
        self._tally = tally
        self._highest = highest
        self._emit = engine.emit
        self._best = ""
        self.course: list[Step] = []
        engine.emit = self.emit  # type: ignore[method-assign]

    def emit(self, event: ev.Event) -> None:
        self._emit(event)
        if isinstance(event, ev.CandidateScored | ev.CandidateJudged | ev.RunFinished):
            self._look(self._engine.state)

    def _look(self, state: RunState) -> None:
        best = self._of(state)
        if best is None or best.validation is None or best.id == self._best:
            return
        self._best = best.id
        true = self._surface.true_score(self.prompt(state))
        self.course.append(Step(self._tally.target, true, best.validation.mean))

    def prompt(self, state: RunState) -> Prompt:
        """The best prompt, its demonstrations too."""
        best = self._of(state)
        assert best
        demos = tuple(
            Example(id="shown", inputs=demo.inputs, expected=demo.output) for demo in best.demonstrations
        )
        return Prompt(text=best.text, demonstrations=demos)

    def _of(self, state: RunState) -> Candidate | None:
        scored = [candidate for candidate in state.course() if candidate.validation]
        if self._highest and scored:
            return max(scored, key=lambda candidate: candidate.validation.mean if candidate.validation else 0)
        return state.candidates.get(state.best_id)


def write_surface(folder: Path, surface: Surface, optimizer: Mapping[str, Any], calls: int) -> Path:
    """Write the project of a surface, with at most so many target calls."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "validation"):
        rows = [json.dumps(case.row) + "\n" for case in surface.splits[split]]
        (folder / f"{split}.jsonl").write_text("".join(rows), encoding="utf-8")
    model = {"latency": 0.0, "max_concurrency": 8}
    settings: dict[str, Any] = {
        "name": surface.name,
        "prompt": surface.seed_prompt,
        "task": {"description": surface.description},
        "models": {
            "target": {"model": "sim/target", "temperature": 0.0, **model},
            "optimizer": {"model": "sim/optimizer", "max_tokens": 4096, **model},
        },
        "optimizer": dict(optimizer),
        "budget": {"target_calls": calls},
        "data": {"train": "train.jsonl", "validation": "validation.jsonl"},
        "checks": surface.checks,
    }
    path = folder / "project.toml"
    path.write_text(tomli_w.dumps(settings), encoding="utf-8")
    return path


def play(
    database: Database, folder: Path, surface: Surface, optimizer: Mapping[str, Any], calls: int
) -> Played:
    """Run an optimizer on a surface until it ends, or has made so many target calls."""
    tally = Tally()
    run_id, _ = create_run(database, write_surface(folder, surface, optimizer, calls))
    with models_of(surface, tally):
        engine = Engine(database, Runs(database).find(run_id))
        highest = str(optimizer["name"]).startswith("dspy-")
        watcher = Watcher(engine, surface, tally, highest=highest)
        asyncio.run(engine.run())
    finished = engine.state.finished
    assert finished and finished.status == "finished", _said(engine.state)
    return Played(
        target_calls=tally.target,
        optimizer_calls=tally.optimizer,
        end=finished.stop_reason,
        prompt=watcher.prompt(engine.state),
        course=watcher.course,
    )


def _said(state: RunState) -> str:
    lines: Sequence[str] = [line.text for line in state.activity]
    return "\n".join(lines[-15:])
