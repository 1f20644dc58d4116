"""What people ask of a run, at the moments at which it is between two things."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult, Comparison, Evaluation, Interval
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.statistics import interval
from promptopt.models.budget import Stopwatch
from promptopt.models.endpoint import PauseGate
from promptopt.runs.admission import Admission
from promptopt.runs.control import Control
from promptopt.runs.guiding import Guiding
from promptopt.runs.state import RunState
from promptopt.store.commands import (
    Command,
    Commands,
    Decide,
    Edit,
    GiveUp,
    Inject,
    Pause,
    Resume,
    Step,
    Stop,
)
from promptopt.store.database import Database
from promptopt.store.runs import Runs

SEED, MINE = Prompt(text="seed"), Prompt(text="mine")


class Bench:
    """A control over a run that does nothing by itself."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.open(f"sqlite:///{folder / 'store.db'}")
        settings = ProjectSettings.model_validate(
            {"name": "x", "prompt": "seed", "models": {"target": {"model": "m"}}}
        )
        case = Example(id="1", inputs={"text": "a"})
        run_id = Runs(self.database).create(settings, Dataset(train=(case,), validation=(case,)), folder)
        self.commands = Commands(self.database, run_id)
        self.state, self.watch = RunState(), Stopwatch()
        self.broken, self.scores = "", dict[str, float]()
        self.gate, self.stopped_by, self.adopted = PauseGate(), list[StopRun](), list[Prompt]()
        self.addenda: list[str] = []
        gateway = SimpleNamespace(gate=self.gate, stop=self.stopped_by.append, guide=self.guide)
        context = SimpleNamespace(
            adopt=self.adopted.append,
            prompt={SEED.id: SEED, MINE.id: MINE}.get,
            scoring=SimpleNamespace(score=self.score),
            propose=lambda *_, **__: None,
            breaks=lambda _: self.broken,
            on_iteration=self.on_iteration,
            dataset=SimpleNamespace(validation=()),
        )
        self.admission = Admission(self.state, self.emit)
        guiding = Guiding(self, self.admission, cast(Any, gateway), lambda: 0)
        self.control = Control(self, cast(Any, context), cast(Any, gateway), self.commands, guiding)

    def guide(self, addenda: list[str]) -> None:
        self.addenda = addenda

    def emit(self, event: ev.Event) -> None:
        self.state.apply(event, 1.0)

    def on_iteration(self, may_begin: Callable[[], bool], begun: Callable[[], None]) -> None:
        self.may_begin, self.begun = may_begin, begun

    def iteration(self, number: int) -> bool:
        """Begin a new iteration, as the door does; whether it may."""
        if not self.may_begin():
            return False
        self.emit(ev.IterationStarted(iteration=number))
        self.begun()
        return True

    async def score(self, prompt: Prompt, *_: object, **__: object) -> Evaluation:
        if not self.scores:
            raise RuntimeError("a check broke")
        score = self.scores[prompt.id]
        results = (
            CaseResult(case_id="1", score=score, passed=score == 1),
            CaseResult(case_id="2", score=0.0),
        )
        return Evaluation(
            prompt_id=prompt.id, split="validation", results=results, score=interval([score, 0])
        )

    async def told(self, command: Command) -> str | None:
        """What is answered to a command, None if it is left for later."""
        number = self.commands.send(command, "anna")
        watching = asyncio.create_task(self.control.watch_commands())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await asyncio.wrap_future(self.database.transact(lambda _: None))
        return self.commands.outcome(number)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.database.close()


async def ends(end: StopRun) -> StopRun:
    return end


async def test_a_stop_that_comes_while_the_worker_starts_is_kept(bench: Bench) -> None:
    assert await bench.told(Stop()) is None
    work = asyncio.create_task(bench.control.stoppable(cast(Any, asyncio.Event().wait())))
    await asyncio.sleep(0)
    watching = asyncio.create_task(bench.control.watch_commands())
    assert (await work).reason == "user"
    watching.cancel()


async def test_a_stop_at_once_between_search_and_test_leaves_the_test_out(bench: Bench) -> None:
    bench.emit(ev.PhaseStarted(phase="search"))
    assert (await bench.control.stoppable(ends(StopRun("plateau")))).reason == "plateau"
    assert await bench.told(Stop()) == "the run is already ending"
    assert await bench.told(Stop(now=True)) == "stopping"
    end = await bench.control.stoppable(ends(StopRun("all_pass")))
    assert (end.reason, end.now) == ("user", True)


async def test_a_command_is_carried_out_once_however_late_the_store_hears_of_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    number = bench.commands.send(Pause())
    with monkeypatch.context() as held:
        held.setattr(bench.database, "write", written.append)
        for _ in range(2):
            await bench.told(Resume() if bench.gate.shut else Pause())
    for statement in written:
        bench.database.write(statement)
    await asyncio.wrap_future(bench.database.transact(lambda _: None))
    assert bench.commands.outcome(number) == "paused"


async def test_a_pause_outlives_the_end_of_the_search(bench: Bench) -> None:
    bench.emit(ev.PhaseStarted(phase="search"))
    assert await bench.told(Pause()) == "paused"
    await bench.control.stoppable(ends(StopRun("plateau")))
    assert bench.gate.shut and bench.state.status == "paused"


async def test_once_the_search_is_over_no_edit_can_win_any_more(bench: Bench) -> None:
    bench.emit(ev.PhaseStarted(phase="search"))
    gap = Comparison(
        difference=Interval(mean=0, low=0, high=0, n=1), p_value=1, verdict="not distinguishable", method=""
    )
    judged = {"candidate_id": MINE.id, "against_id": SEED.id, "comparison": gap}
    bench.emit(ev.EditJudged(**judged, waiting=True, command_id=1))
    await bench.control.stoppable(ends(StopRun("budget")))
    for _ in ("calls in flight are waited for", "the sealed test is scored"):
        assert await bench.told(Decide(candidate_id=MINE.id, adopt=True)) == "the search is over"
        assert await bench.told(Edit(text="another")) == "the search is over"
        bench.emit(ev.PhaseStarted(phase="test", stop_reason="budget"))
    assert not bench.adopted


async def searching(bench: Bench) -> "asyncio.Task[StopRun]":
    """A search under way that does nothing by itself."""
    bench.emit(ev.RunStarted(run_id="r", project="p", optimizer="refine", models={}, sizes={}))
    bench.emit(ev.CandidateProposed(candidate_id=SEED.id, text="seed", source="seed"))
    bench.emit(ev.PhaseStarted(phase="search"))
    search = asyncio.create_task(bench.control.stoppable(cast(Any, asyncio.Event().wait())))
    await asyncio.sleep(0)
    return search


async def given_up(search: "asyncio.Task[StopRun]") -> None:
    search.cancel()
    await asyncio.gather(search, return_exceptions=True)


async def test_a_step_lets_a_paused_run_go_on_until_the_next_iteration_begins(bench: Bench) -> None:
    search = await searching(bench)
    assert await bench.told(Pause(reason="let me see")) == "paused"
    assert await bench.told(Step()) == "it pauses when the next iteration begins"
    assert not bench.gate.shut and bench.state.stepping and bench.watch.runs
    assert bench.iteration(1) and bench.gate.shut
    assert (bench.state.status, bench.state.paused_by, bench.state.stepping) == ("paused", "anna", False)
    assert await bench.told(Resume()) == "resumed"
    assert bench.iteration(2) and not bench.gate.shut  # one step is one iteration
    assert [(deed.by, deed.text, deed.reason) for deed in bench.state.deeds][:2] == [
        ("anna", "paused by anna: let me see", "let me see"),
        ("anna", "goes on until the next iteration begins, asked by anna", ""),
    ]
    await given_up(search)


async def test_a_step_is_over_when_somebody_lets_the_run_go_on(bench: Bench) -> None:
    search = await searching(bench)
    await bench.told(Step())
    assert await bench.told(Resume()) == "resumed"
    assert await bench.told(Resume()) == "was not paused"
    assert bench.iteration(1) and not bench.gate.shut and not bench.state.stepping
    await given_up(search)


async def test_a_stop_after_the_iteration_lets_no_other_begin(bench: Bench) -> None:
    search = await searching(bench)
    bench.iteration(1)
    await bench.told(Pause())
    assert await bench.told(Stop(after_iteration=True)) == "it ends when this iteration is over"
    assert not bench.gate.shut and not search.done()
    assert "no iteration follows" in (await bench.told(Step()) or "")
    assert not bench.iteration(2)
    end = await search
    assert (end.reason, end.now, bench.state.iteration) == ("user", False, 1)


async def test_a_stop_at_once_overtakes_one_after_the_iteration(bench: Bench) -> None:
    search = await searching(bench)
    await bench.told(Stop(after_iteration=True))
    assert await bench.told(Stop(now=True)) == "stopping"
    assert (await search).now


@pytest.mark.parametrize(
    ("mine", "broken"), [(1.0, ""), (0.5, ""), (1.0, "breaks the case 2 that must pass")]
)
async def test_a_prompt_put_in_the_running_does_not_turn_the_search(
    bench: Bench, mine: float, broken: str
) -> None:
    search = await searching(bench)
    bench.scores, bench.broken = {SEED.id: 0.5, MINE.id: mine}, broken
    await bench.told(Inject(text="mine", reason="an idea"))
    for _ in range(10):
        await asyncio.sleep(0)
    injection = bench.state.injection
    assert injection and injection.comparison and injection.accepted is not bool(broken)
    assert not bench.adopted and bench.state.current_id == SEED.id and not search.done()
    assert bench.state.deeds[-1].reason == "an idea"
    await given_up(search)


async def test_a_prompt_that_can_not_be_scored_is_told_of_and_can_not_win(bench: Bench) -> None:
    search = await searching(bench)
    assert "a check broke" in (await bench.told(Inject(text="mine")) or "")
    assert bench.state.injection and bench.state.injection.accepted is False
    assert await bench.told(Inject(text=" ")) == "an empty prompt is not taken"
    await given_up(search)


async def test_a_run_that_waits_for_nobody_ends_with_its_reason_and_can_be_resumed(bench: Bench) -> None:
    bench.emit(ev.PhaseStarted(phase="search"))
    search = asyncio.create_task(bench.control.stoppable(cast(Any, asyncio.Event().wait())))
    await asyncio.sleep(0)
    assert await bench.told(GiveUp()) == "it waits for nobody"
    assert await bench.told(Pause()) == "paused"
    assert await bench.told(GiveUp()) == "it waits for nobody"  # a person paused it
    assert await bench.told(Resume()) == "resumed"
    bench.control.pause_itself("the target model answers no call any more")
    assert await bench.told(GiveUp()) == "ending"
    end = await search
    assert (end.reason, end.detail, end.now) == ("error", "the target model answers no call any more", True)
    assert not bench.gate.shut


async def test_what_a_dead_worker_was_asked_is_not_asked_of_the_next_but_edits_are(bench: Bench) -> None:
    for command in (Stop(), Pause(), GiveUp(), Edit(text="mine")):
        bench.commands.send(command)
    bench.control.drop_stale()
    await asyncio.wrap_future(bench.database.transact(lambda _: None))
    assert [sent.command for sent in bench.commands.waiting()] == [Edit(text="mine")]


async def test_an_edit_that_breaks_a_check_is_answered_and_not_scored_for_ever(bench: Bench) -> None:
    bench.emit(ev.PhaseStarted(phase="search"))
    search = asyncio.create_task(bench.control.stoppable(cast(Any, asyncio.Event().wait())))
    await asyncio.sleep(0)
    assert "a check broke" in (await bench.told(Edit(text="mine")) or "")
    search.cancel()
    await asyncio.gather(search, return_exceptions=True)


@pytest.mark.parametrize(("adopt", "adopted"), [("if_not_worse", False), ("always", True)])
async def test_an_edit_that_breaks_a_must_pass_case_is_not_taken_unless_it_is_to_be_taken_always(
    bench: Bench, adopt: Any, adopted: bool
) -> None:
    bench.emit(ev.CandidateProposed(candidate_id=SEED.id, text="seed", source="seed"))
    bench.emit(ev.PhaseStarted(phase="search"))
    bench.scores, bench.broken = {SEED.id: 0.5, MINE.id: 1.0}, "breaks the case 2 that must pass"
    search = asyncio.create_task(bench.control.stoppable(cast(Any, asyncio.Event().wait())))
    await asyncio.sleep(0)
    await bench.told(Edit(text="mine", adopt=adopt))
    for _ in range(10):
        await asyncio.sleep(0)
    edit = bench.state.edit
    assert edit and edit.comparison and edit.breaks == bench.broken
    assert edit.adopted is adopted and bench.adopted == ([MINE] if adopted else [])
    assert any("it can't win" in line.text for line in bench.state.activity)
    search.cancel()
    await asyncio.gather(search, return_exceptions=True)
