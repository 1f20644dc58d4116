"""What sends a search elsewhere, and the checkpoints that say what it had taken up."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from promptopt.domain.prompt import Prompt
from promptopt.domain.stopping import Redirected, Turned
from promptopt.runs.checkpoints import Checkpoint, Checkpoints
from promptopt.runs.redirects import Redirects

FIRST, SECOND = Prompt(text="first"), Prompt(text="second")


async def forever() -> str:
    await asyncio.Event().wait()
    return "never"


async def at_once() -> str:
    return "done"


async def test_work_under_way_is_given_up_for_an_edit_and_goes_on_once_it_is_taken() -> None:
    redirects = Redirects()
    work = asyncio.create_task(redirects.unless_redirected(forever()))
    await asyncio.sleep(0)
    redirects.adopt(FIRST)
    redirects.adopt(SECOND)
    with pytest.raises(Redirected):
        await work
    with pytest.raises(Redirected):
        await redirects.unless_redirected(forever())
    assert redirects.edit_waits
    assert (redirects.adopted(), redirects.adopted()) == (SECOND, None)
    assert redirects.taken == 2 and not redirects.edit_waits
    assert await redirects.unless_redirected(at_once()) == "done"


async def test_a_search_that_turns_is_given_up_until_a_new_one_begins() -> None:
    redirects = Redirects()
    redirects.adopt(FIRST)
    redirects.turn()
    assert redirects.turns and not redirects.edit_waits  # the edit is part of where the new one begins
    with pytest.raises(Turned):
        await redirects.unless_redirected(forever())
    redirects.begin(0)
    assert not redirects.turns
    assert await redirects.unless_redirected(at_once()) == "done"


@pytest.mark.parametrize("taken", [0, 1])
async def test_edits_that_no_checkpoint_holds_wait_for_the_next_worker(taken: int) -> None:
    redirects = Redirects()
    redirects.restore([FIRST, SECOND], taken)
    with pytest.raises(Redirected):
        await redirects.unless_redirected(forever())
    assert redirects.adopted() == SECOND
    redirects.restore([FIRST, SECOND], 2)
    assert redirects.adopted() is None
    assert await redirects.unless_redirected(at_once()) == "done"


async def test_a_fault_of_the_work_comes_through() -> None:
    async def breaks() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await Redirects().unless_redirected(breaks())


def store(body: str | None = None) -> Any:
    """A run's cells, as far as its checkpoint goes."""
    kept = SimpleNamespace(body=body)

    def save(_: int, text: str) -> None:
        kept.body = text

    return SimpleNamespace(checkpoint=lambda: kept.body, save_checkpoint=save)


def test_a_checkpoint_is_there_for_the_next_worker_as_it_was_kept() -> None:
    cells = store()
    checkpoints = Checkpoints(cells)
    assert checkpoints.last == Checkpoint(leg=1, edits=0, state=None, must_pass=None)
    checkpoints.keep(3, {"best": "ü"}, edits=2, must_pass={"line": ["a"]})
    assert json.loads(cells.checkpoint()) == {
        "leg": 1,
        "edits": 2,
        "state": {"best": "ü"},
        "must_pass": {"line": ["a"]},
    }
    assert Checkpoints(cells).last == checkpoints.last == Checkpoint(1, 2, {"best": "ü"}, {"line": ["a"]})


def test_a_search_that_begins_anew_has_what_it_kept_itself_and_nothing_of_another() -> None:
    cells = store('{"leg": 1, "edits": 1, "state": {"pool": []}, "must_pass": {}}')
    checkpoints = Checkpoints(cells)
    assert checkpoints.begin(2) == Checkpoint(leg=2)
    checkpoints.keep(4, {"pool": [1]}, edits=0, must_pass={})
    later = Checkpoints(cells)
    assert later.begin(2).state == {"pool": [1]}
    assert later.begin(3).state is None


def test_a_checkpoint_without_later_fields_is_of_the_first_search() -> None:
    last = Checkpoints(store('{"edits": 1, "state": {"a": 1}}')).last
    assert last == Checkpoint(leg=1, edits=1, state={"a": 1}, must_pass=None)


async def test_nothing_is_begun_while_an_edit_waits() -> None:
    redirects, begun = Redirects(), False

    async def work() -> None:
        nonlocal begun
        begun = True

    redirects.adopt(FIRST)
    with pytest.raises(Redirected):
        await redirects.unless_redirected(work())
    assert not begun
