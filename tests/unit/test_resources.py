"""Caps and concurrency of a running run, as people change them."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from promptopt.domain import events as ev
from promptopt.domain.settings import ModelSettings, Price
from promptopt.models.budget import Amount, Ledger, Stopwatch
from promptopt.models.endpoint import Endpoint
from promptopt.runs.resources import Resources
from promptopt.runs.state import RunState
from promptopt.store.commands import Command, Sent, SetConcurrency, SetLimits


class Bench:
    def __init__(self) -> None:
        self.state, self.ledger = RunState(), Ledger({"calls": 10.0}, Stopwatch())
        self.at_once = 0
        transport, price = cast(Any, None), Price(input=1, output=1)
        self.endpoints = {
            "target": Endpoint(ModelSettings(model="t", max_concurrency=3), transport, price),
            "optimizer": Endpoint(ModelSettings(model="o"), transport, None),
            "judge/a": Endpoint(ModelSettings(model="a"), transport, price),
            "judge/b": Endpoint(ModelSettings(model="b"), transport, price),
        }
        self.resources = self.open()

    def open(self) -> Resources:
        engine = SimpleNamespace(state=self.state, emit=lambda event: self.state.apply(event, 1.0))
        runner = SimpleNamespace(resize=self._resize)
        return Resources(cast(Any, engine), self.ledger, self.endpoints, cast(Any, runner))

    def _resize(self, at_once: int) -> None:
        self.at_once = at_once

    def told(self, command: Command) -> str | None:
        return self.resources.handlers[type(command)](Sent(1, "anna", command), command)


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_caps_are_changed_lifted_and_told(bench: Bench) -> None:
    assert bench.told(SetLimits(limits={"calls": None, "target_tokens": 5e5}, reason="why not")) == (
        "the caps were changed"
    )
    assert bench.ledger.limits == bench.state.limits == {"target_tokens": 5e5}
    assert bench.state.deeds[-1].reason == "why not"
    assert bench.told(SetLimits(limits={"target_tokens": 5e5})) == "these are the caps already"


async def test_the_log_says_which_caps_changed(bench: Bench) -> None:
    bench.state.limits = {"calls": 10.0}
    bench.told(SetLimits(limits={"calls": None, "target_tokens": 5e5}))
    line = bench.state.activity[-1].text
    assert line == "the cap on calls is lifted, the cap on target tokens is now 500,000 (anna)"


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"dollars": 3.0}, "there is no cap dollars"),
        ({"calls": 0.0}, "must be more than 0"),
        ({"calls": float("nan")}, "must be more than 0"),
        ({"usd": 3.0}, "the price of o is unknown"),
        ({"optimizer_usd": 3.0}, "the price of o is unknown"),
        ({"target_usd": 3.0}, "changed"),
    ],
)
async def test_caps_that_can_not_be_kept_are_refused(
    bench: Bench, limits: dict[str, float], said: str
) -> None:
    before = bench.ledger.limits
    assert said in (bench.told(SetLimits(limits=dict(limits))) or "")
    assert (bench.ledger.limits == before) is (said != "changed")


async def test_a_cap_that_is_used_up_is_said_to_end_the_run(bench: Bench) -> None:
    await bench.ledger.reserve("target", Amount(1))
    await bench.ledger.settle("target", Amount(1), Amount(5))
    assert bench.told(SetLimits(limits={"calls": 4.0})) == "the cap on calls is used up: the run ends"


async def test_a_cap_that_leaves_no_room_for_the_sealed_test_is_said_to(bench: Bench) -> None:
    await bench.ledger.reserve("target", Amount(1))
    await bench.ledger.settle("target", Amount(1), Amount(5))
    bench.ledger.hold({"target": Amount(calls=60)}, {})
    assert bench.told(SetLimits(limits={"calls": 65.0})) == "the caps were changed"
    said = bench.told(SetLimits(limits={"calls": 64.0})) or ""
    assert "leaves less than is held back for the sealed test" in said
    assert any("sealed test" in line.text for line in bench.state.activity)


async def test_concurrency_holds_for_every_judge_and_for_the_next_worker(bench: Bench) -> None:
    assert bench.told(SetConcurrency(role="generator", most=2)) == "the run asks no generator model"
    bench.told(SetConcurrency(role="judge", most=2))
    bench.told(SetConcurrency(role="target", most=7))
    mosts = {seat: endpoint.limiter.most for seat, endpoint in bench.endpoints.items()}
    assert mosts == {"target": 7, "optimizer": 16, "judge/a": 2, "judge/b": 2} and bench.at_once == 14
    again = Bench()
    again.state.apply(ev.ConcurrencySet(role="target", most=7, by="anna"), 1.0)
    again.open()
    assert again.endpoints["target"].limiter.most == 7
