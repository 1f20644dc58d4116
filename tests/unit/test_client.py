"""LLMClient: one model, asked directly, over the gateway that runs use."""

import asyncio
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptopt import CallFailed, LLMClient, Message
from promptopt.domain.errors import ModelError, SettingsError
from tests.loopback import API_KEY, FaultPlan, LoopbackServer
from tests.loopback.faults import Fault
from tests.loopback.wire import Call


@pytest.fixture
def client(home: Path, loopback: LoopbackServer) -> Iterator[LLMClient]:
    with LLMClient(
        "openai", "gpt-4o-mini", API_KEY, base_url=f"{loopback.url}/v1", max_tokens=64, retries=0
    ) as client:
        yield client


def test_it_asks_and_tells_tokens_and_cost(client: LLMClient, loopback: LoopbackServer) -> None:
    response = client.generate("Ticket 7: about login", system="Label it.", temperature=0.0)
    assert response.text and response.usage["prompt_tokens"] > 0 and response.cost and response.cost > 0
    body = loopback.records()[0].body
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["temperature"] == 0.0
    client.generate("Ticket 7: about login", system="Label it.", temperature=0.0)
    assert loopback.count() == 2, "each call is a call"
    assert client.cost_tracker.calculate_cost(response.usage) == pytest.approx(response.cost)
    client.generate([Message(role="user", content="Ticket 8: about login")])


def test_many_at_once_in_order_and_beside_an_event_loop(client: LLMClient) -> None:
    tickets = [f"Ticket {n}: about {'login' if n % 2 else 'refund'}" for n in range(12)]
    one_by_one = [client.generate(ticket).text for ticket in tickets]

    async def inside() -> list[str]:
        return [response.text for response in client.batch_generate(tickets)]

    assert asyncio.run(inside()) == one_by_one


def test_a_call_that_fails_is_told(client: LLMClient, loopback: LoopbackServer) -> None:
    loopback.faults = FaultPlan(rates={Fault.CONTENT_POLICY: 1.0})
    with pytest.raises(CallFailed):
        client.generate("Ticket 2: about login")
    (response,) = client.batch_generate(["Ticket 3: about login"])
    assert response.text == "" and response.metadata["error"]
    loopback.faults = FaultPlan(rates={Fault.SERVER_ERROR: 1.0})
    with pytest.raises(ModelError, match="answers no call"):
        client.batch_generate([f"Ticket {n}: about login" for n in range(4)])
    loopback.faults = FaultPlan()
    assert client.generate("Ticket 5: about login").text


def test_caps_hold(home: Path, loopback: LoopbackServer) -> None:
    with LLMClient(
        "openai", "gpt-4o-mini", API_KEY, base_url=f"{loopback.url}/v1", budget={"calls": 2}
    ) as client:
        client.batch_generate(["Ticket 1: about login", "Ticket 2: about login"])
        with pytest.raises(ModelError, match="cap on calls"):
            client.generate("Ticket 3: about login")
    assert loopback.count() == 2
    with pytest.raises(ModelError, match="price of openai/unheard-of is unknown"):
        LLMClient("openai", "unheard-of", API_KEY, base_url=f"{loopback.url}/v1", budget=1.0)


def test_the_key_is_asked_for_and_goes_with_the_client(home: Path, loopback: LoopbackServer) -> None:
    with pytest.raises(ModelError, match="OPENAI_API_KEY"):
        LLMClient("openai", "gpt-4o-mini")
    before = dict(os.environ)
    client = LLMClient("openai", "gpt-4o-mini", API_KEY, base_url=f"{loopback.url}/v1")
    assert API_KEY not in repr(client.settings)
    client.close()
    client.close()
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("preferred", "winner", "confidence"), [("good", "a", 1.0), ("bad", "b", 1.0), ("", "tie", 0.0)]
)
def test_it_judges_in_both_orders(
    client: LLMClient, loopback: LoopbackServer, preferred: str, winner: str, confidence: float
) -> None:
    def judge(call: Call) -> str:
        other = {"good": "bad", "bad": "good"}.get(preferred, "")
        first = call.last_user.index(preferred) <= call.last_user.index(other)
        return '{"reason": "so it is", "winner": "' + ("first" if first else "second") + '"}'

    loopback.behaviour = judge
    found = client.judge_comparison("a good answer", "a bad answer", "It is good.", input="question")
    assert (found.winner, found.confidence) == (winner, confidence)
    assert loopback.count() == 2 and found.cost and "so it is" in found.reason


def test_a_judge_without_a_verdict_is_no_tie(client: LLMClient, loopback: LoopbackServer) -> None:
    loopback.behaviour = lambda call: "hm"
    with pytest.raises(CallFailed, match="no verdict"):
        client.judge_comparison("a", "b", "It is good.")


def test_the_simulator_has_no_price_to_pay(home: Path) -> None:
    with LLMClient("sim", "judge", latency=0) as client:
        assert client.judge_comparison("a", "b", "It is good.").cost == 0.0


def test_what_can_not_be_asked_is_refused_before_anything_is_sent(
    client: LLMClient, loopback: LoopbackServer
) -> None:
    for wrong in (None, 5, [], [5], "a\ud800", [Message(role="user", content="\ud800")]):
        with pytest.raises(SettingsError):
            client.generate(wrong)  # type: ignore[arg-type]
        with pytest.raises(SettingsError):
            client.batch_generate(["fine", wrong])  # type: ignore[list-item]
    for wrong in ("abc", None):
        with pytest.raises(SettingsError, match="the prompts can't be"):
            client.batch_generate(wrong)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="a prompt can't be 5"):
        client.judge_comparison(5, "a", "b")  # type: ignore[arg-type]
    assert loopback.count() == 0


@pytest.mark.filterwarnings("error")
def test_a_closed_client_says_so(client: LLMClient) -> None:
    client.close()
    for ask in (lambda: client.generate("a"), lambda: client.batch_generate(["a"])):
        with pytest.raises(ModelError, match="this client was closed"):
            ask()
    gc.collect()
