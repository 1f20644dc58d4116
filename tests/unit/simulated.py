"""Cases, prompts and calls for tests of the simulator."""

import asyncio
from collections.abc import Sequence
from typing import Any

from promptopt.domain.chat import ChatRequest
from promptopt.domain.dataset import Example, split_cases
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.settings import ProjectSettings
from promptopt.models.simulator import Simulator
from promptopt.models.transport import Reply

LABELS = ("refund", "delivery", "login", "outage")
VAGUE = "Handle this message."
NAMED = f"{VAGUE} Choose one of: {', '.join(LABELS)}."
BARE = f"{NAMED} Answer with only the label, nothing else. No explanation."


def label_cases(n: int = 200) -> list[Example]:
    verbs = ("asks about", "complains of", "mentions", "reports", "wonders about")
    return [
        Example(
            id=f"c{i}",
            inputs={"input": f"Message {i}: the writer {verbs[i % 5]} matter number {i * 37 % 101}"},
            expected=LABELS[i % 4],
        )
        for i in range(n)
    ]


def settings(**more: Any) -> ProjectSettings:
    return ProjectSettings.model_validate(
        {"name": "p", "prompt": VAGUE, "models": {"target": {"model": "sim/target"}}, **more}
    )


def simulator(cases: Sequence[Example] | None, model: str = "sim/target", **more: Any) -> Simulator:
    dataset = split_cases(cases) if cases else None
    project = settings(**more.pop("project", {}))
    return Simulator(model, dataset, project, more.get("seed", 0), more.get("latency", 0.0))


def ask(sim: Simulator, messages: Sequence[Message], *, sample: int = 0, **request: Any) -> Reply:
    made = ChatRequest(model="sim/target", messages=tuple(messages), **{"temperature": 0.0, **request})
    return asyncio.run(sim.complete(made, sample=sample, timeout=30))


def answers(sim: Simulator, prompt: Prompt | str, cases: Sequence[Example]) -> list[str]:
    made = Prompt(text=prompt) if isinstance(prompt, str) else prompt

    async def run() -> list[str]:
        rendered = (tuple(made.render(case)) for case in cases)
        requests = [ChatRequest(model="sim/target", messages=m, temperature=0.0) for m in rendered]
        return [(await sim.complete(r, sample=0, timeout=30)).text for r in requests]

    return asyncio.run(run())
