"""Searches of ``refine``: nothing is paid twice, a killed one goes on as it was, edits are taken up."""

import json
import re
from typing import Any

import pytest

from promptopt.domain.chat import ChatRequest
from promptopt.domain.prompt import Prompt
from promptopt.optimizers.refine import RefineOptions
from tests.benchmarks.surfaces import SURFACES
from tests.unit.refine_door import Door, Killed, refine, searched

TRIAGE = SURFACES["triage"](3)


def reply(prompt: str) -> str:
    return json.dumps({"prompt": prompt, "reasoning": "r", "confidence": 0.5})


def current(request: ChatRequest) -> str:
    """The prompt that a request asks to improve."""
    said = "\n".join(message.content for message in request.messages if message.role == "user")
    return re.findall(r"<current_prompt>\n(.*?)\n</current_prompt>", said, re.DOTALL)[-1]


async def test_it_ends_with_a_better_prompt_and_asks_nothing_twice() -> None:
    door = Door(TRIAGE, sizes=(40, 30))
    end = await searched(door, max_iterations=6)
    assert end.reason in ("max_iterations", "all_pass")
    assert door.accepted, door.verdicts
    best = door.accepted[-1]
    assert TRIAGE.true_score(best) > TRIAGE.true_score(door.seed_prompt) + 0.1
    assert len(door.asked) == len(set(door.asked))


@pytest.mark.parametrize("name", ["triage", "style"])
async def test_killed_at_any_call_it_repeats_none_and_ends_the_same(name: str) -> None:
    surface = SURFACES[name](1)
    whole = Door(surface)
    end = await searched(whole)
    book: dict[str, Any] | None = None
    workers = 0
    while True:
        door = Door(surface, book, kill_at=37)
        book = door.book
        workers += 1
        try:
            again = await searched(door)
            break
        except Killed:
            continue
    assert workers > 3
    assert (again.reason, again.detail) == (end.reason, end.detail)
    assert book["answers"] == whole.book["answers"], "all that was asked, and nothing else"
    assert json.loads(book["state"]) == json.loads(whole.book["state"])


async def test_proposals_of_a_round_are_asked_for_at_once_and_differ_in_what_they_are_to_do() -> None:
    requests: list[ChatRequest] = []

    def propose(request: ChatRequest, sample: int) -> str:
        requests.append(request)
        return reply(f"{current(request)}\nRule {len(requests)} says something quite new to the target.")

    door = Door(TRIAGE, propose=propose)
    await searched(door, max_iterations=1, proposals=4, demonstrations=0, shorten=0)
    assert door.most_at_once["optimizer"] == 4
    last = [request.messages[-1].content for request in requests[:4]]
    parts = [re.search(r"Your part: .*", text) for text in last]
    assert len({part.group() for part in parts if part}) == 4


async def test_what_was_tried_is_refused_without_an_evaluation() -> None:
    def propose(request: ChatRequest, sample: int) -> str:
        return reply(
            "Which queue should get this ticket? Show empathy and thank the customer for the message."
        )

    door = Door(TRIAGE, propose=propose)
    await searched(door, max_iterations=3, plateau=9, proposals=2, demonstrations=0, shorten=0, tries=2)
    assert len(door.candidates) == 1
    assert any("tried before" in refusal for refusal in door.refusals)


async def test_a_runaway_reply_is_not_paid_for_again_in_later_requests() -> None:
    longest = 0

    def propose(request: ChatRequest, sample: int) -> str:
        nonlocal longest
        longest = max(longest, sum(len(message.content) for message in request.messages))
        if len(request.messages) > 2 and "That reply can't be used" in request.messages[-1].content:
            new = f"{current(request)}\nThis is rule {longest} for the target."
            return json.dumps({"prompt": new, "reasoning": "so " * 300_000})
        return "x" * 1_000_000

    door = Door(TRIAGE, propose=propose)
    await searched(door, max_iterations=3, proposals=2, demonstrations=0, shorten=0, tries=3)
    assert len(door.candidates) > 1 and door.refusals
    assert 24_000 < longest < 60_000


async def test_a_change_that_brought_nothing_is_known_again_in_another_prompt() -> None:
    harm = "Explain how you came to your answer, so that a reader can follow it."
    good = "The queues are: billing, shipping, technical, account, sales."
    turns = iter([good, harm, harm, harm, harm, harm])

    def propose(request: ChatRequest, sample: int) -> str:
        return reply(f"{current(request)}\n{next(turns)}")

    door = Door(TRIAGE, propose=propose, sizes=(40, 40))
    await searched(door, max_iterations=2, plateau=9, proposals=2, demonstrations=0, shorten=0, tries=2)
    texts = [prompt.text for prompt in door.candidates.values()]
    assert any(good in text for text in texts)
    assert sum(harm in text for text in texts) <= 2
    assert any("this change was tried" in refusal or "tried before" in refusal for refusal in door.refusals)


async def test_what_gains_is_put_together_and_only_that_is_validated() -> None:
    rules = [rule.wordings[0].sentence for rule in TRIAGE.rules if rule.kind == "help"]
    turns = iter(rules)

    def propose(request: ChatRequest, sample: int) -> str:
        return reply(f"{current(request)}\n{next(turns)}")

    door = Door(TRIAGE, propose=propose, sizes=(60, 40))
    await searched(door, max_iterations=1, proposals=4, demonstrations=0, shorten=0)
    put_together = [
        prompt for prompt in door.candidates.values() if sum(rule in prompt.text for rule in rules) > 1
    ]
    assert len(put_together) == 1
    assert {name for name, _ in door.whole} <= {put_together[0].id}


async def test_a_case_that_is_demonstrated_is_no_evidence_for_who_shows_it() -> None:
    door = Door(SURFACES["style"](0), sizes=(40, 30))
    await searched(door, max_iterations=3)
    shown = {prompt.id: prompt for prompt in door.candidates.values() if prompt.demonstrations}
    assert shown
    for prompt in shown.values():
        before = json.dumps([m.content for m in prompt.render(door.dataset.train[0])[:-1]])
        met = {case_id for asked, case_id in door.asked if asked == before}
        assert not met & {demo.id for demo in prompt.demonstrations}


async def test_demonstrations_are_of_training_cases_with_answers_that_pass() -> None:
    door = Door(SURFACES["style"](2), sizes=(40, 30))
    await searched(door, max_iterations=3)
    train = {case.id: case for case in door.dataset.train}
    demos = [demo for prompt in door.candidates.values() for demo in prompt.demonstrations]
    assert demos and all(demo.expected == train[demo.id].expected for demo in demos)


async def test_with_so_few_cases_that_none_is_held_back_there_are_no_demonstrations() -> None:
    door = Door(SURFACES["style"](0), sizes=(7, 7), held_back=False)
    assert not door.dataset.held_back
    await searched(door, max_iterations=2)
    assert door.candidates and not any(prompt.demonstrations for prompt in door.candidates.values())


async def test_a_long_prompt_is_changed_by_edits() -> None:
    requests: list[ChatRequest] = []

    def propose(request: ChatRequest, sample: int) -> str:
        requests.append(request)
        line = current(request).split("\n")[-1]
        return json.dumps({"edits": [{"find": line, "replace": f"{line}\nThe queues are: billing, sales."}]})

    door = Door(TRIAGE, propose=propose)
    await searched(door, max_iterations=1, proposals=2, demonstrations=0, edits_from=10, shorten=0)
    assert '"edits"' in requests[0].messages[0].content
    assert any(prompt.text.endswith("billing, sales.") for prompt in door.candidates.values())
    whole: list[ChatRequest] = []
    short = Door(TRIAGE, propose=lambda request, sample: whole.append(request) or reply("x"))
    await searched(short, max_iterations=1, proposals=1, demonstrations=0)
    assert '"edits"' not in whole[0].messages[0].content


@pytest.mark.parametrize("calls", [20, 61, 97])
async def test_after_an_edit_it_goes_on_from_the_persons_text_alone(calls: int) -> None:
    mine = Prompt(text="Name the queue, please, and nothing else at all: billing, sales, account?")
    door = Door(TRIAGE, edit=(calls, mine))
    await searched(door)
    assert door.book["edits"] == 1
    later = [prompt for prompt in door.candidates.values() if "please, and nothing else" in prompt.text]
    assert later
    state = json.loads(door.book["state"])
    pool = [member["prompt"]["text"] for member in state["pool"]["members"]]
    assert all(mine.text in text for text in pool), pool


async def test_what_the_search_added_in_vain_is_left_out_at_the_end() -> None:
    useless = "Work carefully and read everything twice, then once more from the end to the start."
    turns = iter([f"The queues are: billing, shipping, technical, account, sales.\n{useless}"])

    def propose(request: ChatRequest, sample: int) -> str:
        return reply(f"{current(request)}\n{next(turns, 'no')}")

    quiet = SURFACES["triage"](3)
    quiet.sharpness = 60.0  # type: ignore[misc]  # an answer is decided by its case and the rules
    door = Door(quiet, propose=propose, sizes=(40, 40))
    await searched(door, max_iterations=1, proposals=1, demonstrations=0)
    assert useless in door.accepted[0].text
    assert useless not in door.accepted[-1].text
    assert "The queues are" in door.accepted[-1].text


def test_the_old_settings_keep_their_names_and_defaults() -> None:
    old = {
        "max_iterations": 20,
        "plateau": 5,
        "train_cases": 60,
        "tries": 3,
        "recent": 3,
        "feedback_chars": 6000,
        "max_growth": 3.0,
        "room": 4000,
    }
    assert RefineOptions().model_dump().items() >= old.items()
    assert refine(proposals=1).options.seed == 0
