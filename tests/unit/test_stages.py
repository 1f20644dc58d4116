"""The door of a stage: what it has used, and when it is over."""

import asyncio
from typing import Any

import pytest

from promptopt.domain.chat import LLMResponse
from promptopt.domain.prompt import Message, Prompt
from promptopt.evaluation.together import together
from promptopt.optimizers.stages import Stage, StageOver

QUESTIONS = [f"question {number}" for number in range(5)]


class Slow:
    """A run whose models answer late; ``answered`` is what was not given up before."""

    def __init__(self) -> None:
        self.answered: list[str] = []

    async def complete(self, role: str, messages: list[Message], **_: Any) -> LLMResponse:
        for _ in range(len(self.answered) + 3):
            await asyncio.sleep(0)
        self.answered.append(messages[0].content)
        return LLMResponse(text="answer")


def stage(run: Slow, calls: int) -> Stage:
    return Stage(run, "1 refine", Prompt(text="p"), calls=calls, keep=lambda *_: None)  # type: ignore[arg-type]


async def test_what_was_asked_for_is_answered_before_a_stage_is_over() -> None:
    run = Slow()
    door = stage(run, calls=3)
    asked = [door.complete("target", [Message(role="user", content=text)]) for text in QUESTIONS]
    beside = door.complete("optimizer", [Message(role="user", content="proposal")], path="1")
    with pytest.raises(StageOver, match="its 3 target calls are used"):
        await together([*asked, beside])
    assert sorted(run.answered) == sorted([*QUESTIONS[:3], "proposal"])
    assert door.used == 3


async def test_what_was_asked_before_is_no_call_of_a_stage() -> None:
    run = Slow()
    door = stage(run, calls=1)
    for _ in range(2):
        await door.complete("target", [Message(role="user", content=QUESTIONS[0])])
    with pytest.raises(StageOver):
        await door.complete("target", [Message(role="user", content=QUESTIONS[1])])
