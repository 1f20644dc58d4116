"""What people do to a run while it runs, whoever searches: nothing is paid twice, killed or not."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.events import Event
from promptopt.domain.words import Split
from promptopt.runs.state import RunState
from promptopt.store.cells import Cells
from promptopt.store.commands import (
    Command,
    Commands,
    Decide,
    Edit,
    Guide,
    Inject,
    Mend,
    Pause,
    Resume,
    SetApproval,
    SetConcurrency,
    SetLimits,
    SetModel,
    Step,
    Stop,
)
from tests.engine.bench import Bench
from tests.engine.test_every_optimizer import (
    LATENCY,
    SIZES,
    TASK,
    TEST,
    VALIDATION,
    Calm,
    answered,
    told,
    undisturbed,
)
from tests.engine.test_resume import story
from tests.everyone import small
from tests.loopback import LoopbackServer, Record, write_project

WARM = True

OPTIMIZERS = ("refine", "grpo", "dspy-gepa", "dspy-copro", "sequential")
"""Own ones with and without iterations of many prompts, others' with and without feedback, and a hybrid."""

MINE = "Sort the support ticket: billing, bug, account or feature. One word."


def project(folder: Path, server: LoopbackServer, name: str, **more: Any) -> Path:
    """A project whose search has a second iteration."""
    optimizer = small(name) | ({"max_metric_calls": 100} if name == "dspy-gepa" else {})
    return write_project(folder, server, SIZES, optimizer=optimizer, **more)


@pytest.fixture
def server(loopback: LoopbackServer) -> LoopbackServer:
    loopback.behaviour, loopback.latency = TASK, LATENCY
    return loopback


@pytest.fixture(params=OPTIMIZERS)
def calm(request: pytest.FixtureRequest, bench: Bench, server: LoopbackServer, tmp_path: Path) -> Calm:
    return undisturbed(request.param, project, bench, server, tmp_path / "calm")


def outcome(bench: Bench, run_id: str, command: Command, author: str = "anna") -> str:
    """Ask for something, and wait for what came of it."""
    number = bench.send(run_id, command, author)
    commands = Commands(bench.database, run_id)
    return bench.wait(lambda: commands.outcome(number), lambda: bench.said(run_id))


def paused_at(bench: Bench, run_id: str, iteration: int) -> RunState:
    state = bench.until(run_id, lambda state: state.status == "paused" and state.in_flight == 0)
    assert state.iteration == iteration, bench.said(run_id)
    return state


def stepped(bench: Bench, project: Path) -> str:
    """A run that has paused where its first iteration begins."""
    run_id = bench.create(project)
    bench.send(run_id, Step())
    bench.start(run_id)
    paused_at(bench, run_id, 1)
    return run_id


def killed_and_ended(bench: Bench, run_id: str, server: LoopbackServer) -> RunState:
    """Kill the worker, and let another one bring the run to its end."""
    bench.kill(run_id)
    bench.start(run_id)
    state = bench.end(run_id)
    assert bench.answered(run_id) == server.count(answered=True), "an answer was paid for twice"
    return state


def kinds(events: list[Event]) -> Counter[str]:
    return Counter(event.kind for event in events)


def test_steps_and_a_prompt_beside_the_search_change_nothing_of_it(
    calm: Calm, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = bench.create(project(tmp_path / "stepped", server, calm.name))
    bench.send(run_id, Step(reason="slowly"))
    bench.start(run_id)
    paused_at(bench, run_id, 1)
    outcome(bench, run_id, Step(reason="still"))
    paused_at(bench, run_id, 2)
    sent = server.count()
    bench.send(run_id, Inject(text=MINE, reason="shorter"), "ben")
    state = bench.until(run_id, lambda state: state.injection and state.injection.accepted is not None)
    assert state.status == "paused" and server.count() == sent + VALIDATION
    assert state.injection and state.candidates[state.injection.candidate_id].validation
    assert [deed.reason for deed in state.deeds if deed.by == "anna"] == [
        "slowly",
        "slowly",
        "still",
        "still",
    ]
    assert [deed.reason for deed in state.deeds if deed.by == "ben"] == ["shorter"]
    state = killed_and_ended(bench, run_id, server)
    requests = answered(server)
    assert calm.requests - requests == Counter(), "the search goes on as it would have"
    mine = requests - calm.requests
    assert set(mine.values()) == {1} and mine.total() in (VALIDATION, VALIDATION + TEST), bench.said(run_id)
    own = {key: value for key, value in story(state)["candidates"].items() if key in calm.state.candidates}
    assert own == story(calm.state)["candidates"], bench.said(run_id)
    assert state.injection and state.candidates[state.injection.candidate_id].name.startswith("added ")


def test_stopped_after_an_iteration_it_begins_no_other(
    calm: Calm, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = stepped(bench, project(tmp_path / "ended", server, calm.name))
    assert outcome(bench, run_id, Stop(after_iteration=True)) == "it ends when this iteration is over"
    state = bench.end(run_id)
    assert (state.status, state.iteration) == ("stopped", 1), bench.said(run_id)
    assert "test" in state.candidates[state.seed_id].scores


def test_other_caps_hold_at_once_and_after_a_kill(
    calm: Calm, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    cap = calm.calls - 4
    run_id = stepped(bench, project(tmp_path / "richer", server, calm.name, budget={"calls": cap}))
    assert outcome(bench, run_id, SetConcurrency(role="target", most=2)) == "at most 2 calls at once"
    assert (
        outcome(bench, run_id, SetLimits(limits={"calls": None}, reason="go on")) == "the caps were changed"
    )
    state = killed_and_ended(bench, run_id, server)
    assert answered(server) == calm.requests, bench.said(run_id)
    assert story(state)["end"] == story(calm.state)["end"]
    assert not state.limits and state.meters["calls"].limit is None


def test_a_cap_that_is_used_up_ends_the_run_in_order(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = stepped(bench, project(tmp_path / "poorer", server, "refine"))
    sent = server.count()
    outcome(bench, run_id, SetLimits(limits={"calls": sent + 2 * TEST}))
    outcome(bench, run_id, Resume())
    state = bench.end(run_id)
    assert state.finished and state.finished.stop_reason == "budget", bench.said(run_id)
    assert server.count() <= sent + 2 * TEST and "test" in state.candidates[state.best_id].scores


AVOIDED = "Read the whole ticket first."
"""What the server's optimizer model likes to write."""


def sent_prompts(records: Iterable[Record], demonstrations: bool = True) -> set[str]:
    """Texts of the prompts that the target model was sent."""
    asked = [record.body["messages"] for record in records if "opus" not in record.model]
    return {messages[0]["content"] for messages in asked if demonstrations or len(messages) == 2}


def test_what_people_ask_of_proposals_holds_for_each_and_nothing_is_paid_twice(
    calm: Calm, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = stepped(bench, project(tmp_path / "guided", server, calm.name))
    before = server.records()
    bench.send(run_id, Guide(form="note", text="NOTED BY ANNA", reason="a test"))
    assert "in force" in outcome(bench, run_id, Guide(form="avoid", text=AVOIDED))
    outcome(bench, run_id, Step())
    paused_at(bench, run_id, 2)
    state = killed_and_ended(bench, run_id, server)
    later = server.records()[len(before) :]
    proposing = [str(record.body) for record in later if "opus" in record.model]
    assert proposing and all("NOTED BY ANNA" in body for body in proposing)
    new = sent_prompts(later) - sent_prompts(before)
    assert not [text for text in new if AVOIDED in text], bench.said(run_id)
    assert AVOIDED not in state.candidates[state.best_id].text
    assert [(deed.by, deed.reason) for deed in state.deeds if "NOTED" in deed.text] == [("anna", "a test")]


def test_with_approval_nothing_is_paid_for_a_proposal_that_nobody_has_accepted(
    calm: Calm, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = bench.create(project(tmp_path / "approved", server, calm.name))
    bench.send(run_id, SetApproval(on=True, reason="let me see"))
    bench.start(run_id)
    rejected: set[str] = set()
    for turn in range(4):
        state = bench.until(
            run_id, lambda state: state.over or (state.wishes.waiting and not state.in_flight)
        )
        if state.over:
            break
        told, _ = next(iter(state.wishes.waiting.values()))
        if not told.demonstrations:
            assert told.text not in sent_prompts(server.records(), demonstrations=False), bench.said(run_id)
            rejected |= set() if turn % 2 else {told.text}
        if turn == 1:
            bench.kill(run_id)
            bench.start(run_id)
        answer = Decide(candidate_id=told.candidate_id, adopt=turn % 2 == 1, reason="as I like")
        bench.send(run_id, answer, "ben")
        bench.until(run_id, lambda state, of=told: state.over or of.candidate_id in state.wishes.decided)
    bench.send(run_id, SetApproval(on=False))
    state = bench.end(run_id)
    assert bench.answered(run_id) == server.count(answered=True), "an answer was paid for twice"
    assert not rejected & sent_prompts(server.records(), demonstrations=False), bench.said(run_id)
    assert {deed.by for deed in state.deeds if "proposal" in deed.text} == {"anna", "ben"}


def test_a_mended_case_is_judged_anew_free_and_the_search_begins_anew(
    calm: Calm, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = stepped(bench, project(tmp_path / "mended", server, calm.name))
    before = bench.state(run_id)
    cells = Cells(bench.database, run_id)
    wrong = [each for each in cells.results(before.seed_id, "validation").values() if not each.passed]
    sent = server.count()
    told = outcome(
        bench, run_id, Mend(case_id=wrong[0].case_id, expected=wrong[0].output, reason="mislabelled")
    )
    assert told.startswith("mended; all candidates are judged anew")
    seed_score = before.candidates[before.seed_id].scores["validation"].passed
    bench.until(run_id, lambda state: passed(state, "validation") == seed_score + 1)
    assert outcome(bench, run_id, Mend(case_id=wrong[1].case_id)).startswith("dropped")
    state = bench.until(
        run_id, lambda state: state.turn and state.turn.turn == 3 and passed(state, "validation")
    )
    assert state.candidates[state.seed_id].scores["validation"].interval.n == VALIDATION - 1
    assert state.sizes["validation"] == VALIDATION - 1
    assert server.count() == sent, "nothing was asked again"
    state = killed_and_ended(bench, run_id, server)
    assert state.status == "finished", bench.said(run_id)
    for candidate in state.candidates.values():
        if "validation" in candidate.scores:
            kept = cells.results(candidate.id, "validation")
            assert all(
                r.passed
                for r in kept.values()
                if r.case_id == wrong[0].case_id and r.output == wrong[0].output
            )
            assert candidate.scores["validation"].interval.n <= VALIDATION - 1
    assert "test" in state.candidates[state.best_id].scores
    assert [deed.reason for deed in state.deeds if "expects now" in deed.text] == ["mislabelled"]


def test_an_edit_after_a_mended_case_survives_a_kill(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = stepped(bench, project(tmp_path / "both", server, "refine"))
    state = bench.state(run_id)
    case_id = next(iter(Cells(bench.database, run_id).results(state.seed_id, "validation")))
    outcome(bench, run_id, Mend(case_id=case_id))
    outcome(bench, run_id, Edit(text=MINE, adopt="always"))
    edit = bench.state(run_id).edit
    assert edit and edit.adopted and edit.comparison
    assert edit.comparison.difference.n == VALIDATION - 1
    state = killed_and_ended(bench, run_id, server)
    children = [c for c in state.candidates.values() if c.parent_id == edit.candidate_id]
    assert children and all(MINE in child.text for child in children), bench.said(run_id)


def test_another_optimizer_model_is_asked_from_now_on_and_none_twice(
    calm: Calm, bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run_id = stepped(bench, project(tmp_path / "remodelled", server, calm.name))
    before = server.count()
    other = {"model": "anthropic/claude-opus-4-1", "price": {"input": 1, "output": 2}}
    told = outcome(bench, run_id, SetModel(role="optimizer", changes=other, reason="cheaper"))
    assert told == "anthropic/claude-opus-4-1 answers as the optimizer model from the next call on"
    assert "holds for a whole run" in outcome(bench, run_id, SetModel(role="target", changes=other))
    outcome(bench, run_id, Step())
    paused_at(bench, run_id, 2)
    state = killed_and_ended(bench, run_id, server)
    assert state.status == "finished", bench.said(run_id)
    later = [record.model for record in server.records()[before:] if "opus" in record.model]
    assert later and set(later) == {"claude-opus-4-1"}, bench.said(run_id)
    assert state.models["optimizer"].model == "anthropic/claude-opus-4-1"


def passed(state: RunState, split: Split) -> int | None:
    """Cases that the prompt to start from passes, if it has a score on a split."""
    score = state.candidates[state.seed_id].scores.get(split)
    return score.passed if score else None


def test_two_people_at_once_lose_no_act(bench: Bench, server: LoopbackServer, tmp_path: Path) -> None:
    run_id = stepped(bench, project(tmp_path / "two", server, "refine"))
    asked = [Resume(), Pause(), Inject(text=MINE), Step(), Inject(text=f"{MINE} No more."), Resume()]
    numbers = [
        bench.send(run_id, command, author)
        for at, command in enumerate(asked)
        for author in ("anna", "ben" if at % 2 else "carl")
    ]
    bench.end(run_id)
    commands = Commands(bench.database, run_id)
    outcomes = [commands.outcome(number) for number in numbers]
    assert all(outcomes), outcomes
    happened = kinds(told(bench, run_id))
    done = Counter(outcomes)
    assert happened["resumed"] == done["resumed"]
    assert happened["step_asked"] == 1 + done["it pauses when the next iteration begins"]
    assert happened["prompt_injected"] == happened["injection_judged"] == 2
