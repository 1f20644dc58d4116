"""The ledger: no interleaving crosses a cap."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.stopping import StopRun
from promptopt.models.budget import WRAP_UP_SECONDS, Amount, Ledger, Stopwatch
from promptopt.store.journal import Spending


def ledger(**limits: float) -> Ledger:
    return Ledger(limits, Stopwatch())


async def spend(book: Ledger, bound: Amount, actual: Amount, role: str = "target") -> None:
    await book.reserve(role, bound)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await book.settle(role, bound, actual)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    limit_usd=st.floats(0.0005, 1.0),
    limit_calls=st.integers(1, 60),
    limit_role=st.integers(100, 50_000),
    workers=st.integers(1, 64),
    failing=st.floats(0, 1),
)
def test_no_cap_is_ever_crossed(
    seed: int, limit_usd: float, limit_calls: int, limit_role: int, workers: int, failing: float
) -> None:
    rng = random.Random(seed)
    price = rng.uniform(1e-7, 1e-4)

    async def run() -> None:
        book = ledger(usd=limit_usd, calls=limit_calls, target_tokens=limit_role)

        def check() -> None:
            for meter in book.meters().values():
                if meter.limit is not None:
                    assert meter.spent + meter.reserved + meter.uncertain <= meter.limit + 1e-6

        async def work() -> None:
            while True:
                tokens = rng.randint(1, 2000)
                bound = Amount(1, tokens, tokens * price)
                role = rng.choice(["target", "optimizer"])
                await book.reserve(role, bound)  # type: ignore[arg-type]
                check()
                for _ in range(rng.randint(0, 3)):
                    await asyncio.sleep(0)
                used = rng.randint(0, tokens)
                actual = Amount(1, used, used * price)
                await book.settle(role, bound, actual, uncertain=rng.random() < failing)  # type: ignore[arg-type]
                check()

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
        assert all(isinstance(end, StopRun) and end.reason == "budget" for end in done)
        assert book.in_flight == 0
        check()

    asyncio.run(run())


async def test_a_call_waits_for_room_that_another_may_give_back() -> None:
    book = ledger(tokens=100)
    await book.reserve("target", Amount(1, 80, 0))
    waiting = asyncio.create_task(book.reserve("target", Amount(1, 50, 0)))
    await asyncio.sleep(0)
    assert not waiting.done()
    await book.settle("target", Amount(1, 80, 0), Amount(1, 10, 0))
    await waiting
    assert book.meters()["tokens"].reserved == 50


async def test_what_is_held_back_is_only_for_finishing() -> None:
    book = ledger(calls=10)
    book.hold({"target": Amount(calls=8)}, 0.0)
    await spend(book, Amount(1), Amount(1))
    await spend(book, Amount(1), Amount(1))
    with pytest.raises(StopRun, match="calls"):
        await book.reserve("target", Amount(1))
    for _ in range(8):
        await book.reserve("target", Amount(1), finishing=True)
    assert book.meters()["calls"].held == 0


async def test_what_earlier_workers_spent_counts() -> None:
    book = ledger(calls=5, usd=1.0)
    book.restore({"target": Spending(calls=3, usd=0.5, uncertain_calls=1, uncertain_usd=0.4)})
    await spend(book, Amount(1, 0, 0.05), Amount(1, 0, 0.05))
    with pytest.raises(StopRun, match=r"USD|calls"):
        await book.reserve("target", Amount(1, 0, 0.2))


async def test_minutes_do_not_run_while_paused() -> None:
    now = [0.0]
    watch = Stopwatch(before=30.0, clock=lambda: now[0])
    watch.go_on()
    book = Ledger({"minutes": 1.0}, watch)
    now[0] = 10.0
    watch.pause()
    now[0] = 1000.0
    assert book.seconds_left() == pytest.approx(20.0 - WRAP_UP_SECONDS)
    watch.go_on()
    now[0] = 1021.0
    with pytest.raises(StopRun, match="minutes"):
        await book.reserve("target", Amount(1))


async def test_an_unpriced_role_is_told() -> None:
    book = ledger(calls=5)
    await book.reserve("target", Amount(1, 10, 0.0))
    await book.settle("target", Amount(1, 10, 0.0), Amount(1, 10, 0.0), priced=False)
    assert book.unpriced == ["target"]


async def test_the_cap_of_one_role_leaves_the_other_alone() -> None:
    book = ledger(optimizer_calls=1)
    await spend(book, Amount(1), Amount(1), "optimizer")
    with pytest.raises(StopRun, match="calls of the optimizer model"):
        await book.reserve("optimizer", Amount(1))
    await spend(book, Amount(1), Amount(1), "target")
