"""The ledger: no interleaving crosses a cap."""

import asyncio
import math
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.events import BudgetMoved
from promptopt.domain.stopping import StopRun
from promptopt.domain.words import ROLES, Role
from promptopt.models.budget import WRAP_UP_SECONDS, Amount, Ledger, Stopwatch
from promptopt.runs.meters import seconds_by_role
from promptopt.runs.state import RunState
from promptopt.store.journal import Spending
from tests.unit.virtual_time import VirtualLoop


def ledger(**limits: float) -> Ledger:
    return Ledger(limits, Stopwatch())


async def spend(book: Ledger, bound: Amount, actual: Amount, role: str = "target") -> None:
    await book.reserve(role, bound)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await book.settle(role, bound, actual)  # type: ignore[arg-type]


MEASURES = {
    "usd": st.floats(0.0005, 1.0),
    "calls": st.integers(1, 60).map(float),
    "tokens": st.integers(100, 50_000).map(float),
    "minutes": st.floats(0.01, 2.0),
}
CAPS = {
    f"{role}_{measure}" if role else measure: values
    for role in ("", *ROLES)
    for measure, values in MEASURES.items()
}
TIMEOUT = 20.0


@dataclass
class Load:
    """Workers that spend at random, in the time of ``loop``, until a cap ends them."""

    book: Ledger
    rng: random.Random
    failing: float
    loop: VirtualLoop
    prices: dict[Role, float] = field(init=False)
    spans: dict[Role, list[tuple[float, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prices = {role: self.rng.choice([0.0, self.rng.uniform(1e-7, 1e-4)]) for role in ROLES}

    def check(self) -> None:
        for name, meter in self.book.meters().items():
            if meter.limit is not None:
                assert meter.spent + meter.reserved + meter.uncertain <= meter.limit + 1e-6, name

    async def work(self) -> None:
        for _ in range(200):
            role = self.rng.choice(ROLES)
            if self.rng.random() < 0.1:
                await asyncio.sleep(min(self.rng.expovariate(0.5), self.left(role)))
            await self.call(role)
            self.check()

    def left(self, role: Role) -> float:
        """Seconds that nothing may outlast."""
        left = self.book.seconds_left(role)
        return float("inf") if left is None else max(0.0, left)

    async def call(self, role: Role) -> None:
        rng = self.rng
        tokens = rng.randint(1, 2000)
        bound = Amount(1, tokens, tokens * self.prices[role])
        await self.book.reserve(role, bound, finishing=rng.random() < 0.2)
        self.check()
        most = min(TIMEOUT, self.left(role))
        takes, began = rng.choice([0.0, rng.expovariate(1.0), 1e9]), self.loop.time()
        await asyncio.sleep(min(takes, most))
        used = rng.randint(0, tokens)
        actual, uncertain = Amount(1, used, used * self.prices[role]), False
        if takes > most or rng.random() < self.failing:
            uncertain = rng.random() < 0.5
            actual = bound if uncertain else Amount(calls=rng.randint(0, 1))
        await self.book.settle(role, bound, actual, uncertain=uncertain)
        self.spans.setdefault(role, []).append((began, self.loop.time()))


def covered(spans: list[tuple[float, float]]) -> float:
    """Length of the union of spans of time."""
    length, until = 0.0, float("-inf")
    for began, ended in sorted(spans):
        length += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return length


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    limits=st.lists(st.sampled_from(sorted(CAPS)), min_size=1, max_size=6, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: CAPS[name] for name in names})
    ),
    workers=st.integers(1, 64),
    failing=st.floats(0, 1),
    hold=st.booleans(),
)
def test_no_cap_is_ever_crossed(
    seed: int, limits: dict[str, float], workers: int, failing: float, hold: bool
) -> None:
    """Of no measure, for no role and not for the run, whatever prices, failures and hang-ups there are."""
    loop = VirtualLoop()
    watch = Stopwatch(clock=loop.time)
    load = Load(Ledger(limits, watch), random.Random(seed), failing, loop)
    if hold:
        load.book.hold({"target": Amount(3, 500, 0.001), "judge": Amount(2)}, {"target": 1.0, "judge": 0.5})

    async def run() -> list[BaseException | None]:
        watch.go_on()
        tasks = [asyncio.create_task(load.work()) for _ in range(workers)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    ends = loop.run_until_complete(run())
    loop.close()
    assert all(end is None or (isinstance(end, StopRun) and end.reason == "budget") for end in ends), ends
    assert load.book.in_flight == 0
    load.check()
    meters = load.book.meters()
    for role, spans in load.spans.items():
        assert meters[f"{role}_minutes"].spent * 60 == pytest.approx(covered(spans), abs=1e-6)
        assert meters[f"{role}_minutes"].spent <= meters["minutes"].spent + 1e-9
        for measure in ("usd", "calls", "tokens"):
            assert meters[f"{role}_{measure}"].reserved == pytest.approx(0, abs=1e-9)


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
    book.hold({"target": Amount(calls=8)}, {})
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
    assert book.seconds_left("target") == pytest.approx(20.0 - WRAP_UP_SECONDS)
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


async def test_a_role_s_time_is_that_in_which_a_call_of_it_is_under_way() -> None:
    now = [0.0]
    book = Ledger({"judge_minutes": 1.0}, Stopwatch(clock=lambda: now[0]))
    call = Amount(1)

    async def after(seconds: float, *, begins: bool) -> float:
        now[0] += seconds
        await (book.reserve("judge", call) if begins else book.settle("judge", call, call))
        return book.meters()["judge_minutes"].spent * 60

    assert await after(5, begins=True) == 0
    assert await after(10, begins=True) == 10  # two at once
    assert await after(10, begins=False) == pytest.approx(20)
    assert await after(10, begins=False) == pytest.approx(30)
    assert await after(100, begins=True) == pytest.approx(30)  # nothing was under way
    now[0] += 5
    assert book.ticks == (35,) and book.seconds_left("target") is None
    assert book.seconds_left("judge") == pytest.approx(25 - WRAP_UP_SECONDS)
    assert await after(24.9, begins=False) == pytest.approx(59.9)
    await book.reserve("target", call)
    with pytest.raises(StopRun, match="minutes of the judge model"):
        await book.reserve("judge", call)


async def test_time_of_earlier_workers_and_time_that_is_held_back_count() -> None:
    now = [0.0]
    book = Ledger({"judge_minutes": 1.0, "minutes": 9.0}, Stopwatch(clock=lambda: now[0]))
    book.restore({}, {"judge": 30.0})
    assert book.meters()["judge_minutes"].spent == 0.5
    book.hold({"judge": Amount(calls=1)}, {"judge": 29.9})
    assert book.meters()["judge_minutes"].held == book.meters()["minutes"].held == pytest.approx(29.9 / 60)
    with pytest.raises(StopRun, match="minutes of the judge model"):
        await book.reserve("judge", Amount(1))
    await book.reserve("judge", Amount(1), finishing=True)


async def test_what_a_run_has_told_of_its_roles_time_is_what_a_new_worker_starts_from() -> None:
    now = [0.0]
    first = Ledger({}, Stopwatch(clock=lambda: now[0]))
    await first.reserve("embedding", Amount(1))
    now[0] += 12.5
    state = RunState()
    state.apply(BudgetMoved(meters=first.meters()), 1.0)
    second = ledger()
    second.restore({}, seconds_by_role(state))
    assert second.meters()["embedding_minutes"].spent * 60 == pytest.approx(12.5)
    assert "target_minutes" not in second.meters()


async def test_what_is_held_back_beside_the_test_is_let_go_for_other_calls() -> None:
    book = Ledger({"calls": 10.0}, Stopwatch())
    book.hold({"target": Amount(4)}, {})
    assert book.share_of_rest({"target": Amount(3)}) == 0.5
    book.hold_more({"target": Amount(3)})
    for _ in range(3):
        await book.reserve("target", Amount(1))
        await book.settle("target", Amount(1), Amount(1))
    with pytest.raises(StopRun):
        await book.reserve("target", Amount(1))
    book.let_go({"target": Amount(3)})
    for _ in range(3):
        await book.reserve("target", Amount(1))
        await book.settle("target", Amount(1), Amount(1))
    with pytest.raises(StopRun):
        await book.reserve("target", Amount(1))
    for _ in range(4):
        await book.reserve("target", Amount(1), finishing=True)
        await book.settle("target", Amount(1), Amount(1))
    assert (
        book.share_of_rest({"target": Amount(1)}) == math.inf
        and Ledger({}, Stopwatch()).share_of_rest({"target": Amount(1)}) == 0.0
    )


async def test_a_cap_that_is_raised_lets_those_go_on_who_wait_and_a_lower_one_ends_them() -> None:
    book = ledger(calls=1)
    await book.reserve("target", Amount(1))
    waiting = asyncio.create_task(book.reserve("target", Amount(1)))
    await asyncio.sleep(0)
    assert not waiting.done()
    book.set_limits({"calls": 2, "judge_minutes": 3})
    await waiting
    assert book.meters()["judge_minutes"].limit == 3
    book.set_limits({"calls": 1})
    for _ in range(2):  # what is in flight ends by itself
        await book.settle("target", Amount(1), Amount(1))
    with pytest.raises(StopRun, match="the budget's cap on calls is reached"):
        await book.reserve("target", Amount(1))
    book.set_limits({})
    await book.reserve("target", Amount(1))


@given(st.lists(st.tuples(st.sampled_from([None, *range(1, 12)]), st.integers(0, 3)), max_size=12))
def test_no_cap_is_crossed_however_often_caps_are_changed(steps: list[tuple[int | None, int]]) -> None:
    async def play() -> None:
        book, open_ = ledger(calls=3), list[asyncio.Task[None]]()
        for cap, asked in steps:
            before = book.meters()["calls"]
            book.set_limits({} if cap is None else {"calls": cap})
            open_ += [asyncio.create_task(spend(book, Amount(1), Amount(1))) for _ in range(asked)]
            for _ in range(6):
                await asyncio.sleep(0)
            after = book.meters()["calls"]
            used = before.spent + before.reserved
            if cap is not None:
                assert after.spent + after.reserved <= max(cap, used)
        await asyncio.gather(*open_, return_exceptions=True)

    asyncio.run(play())
