"""Concurrency that adapts, and limits per minute that hold in every minute."""

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from promptopt.models.limits import IN_A_ROW, LONGEST_HOLD, WINDOW, Limiter, Turn, _Window


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def waiting(*entering: "asyncio.Task[Turn]") -> list[bool]:
    for _ in range(5):
        await asyncio.sleep(0)
    return [not task.done() for task in entering]


def enter(limiter: Limiter, tokens: int = 1) -> "asyncio.Task[Turn]":
    return asyncio.ensure_future(limiter.enter(tokens))


async def test_turns_are_given_in_order_and_no_more_than_allowed() -> None:
    limiter = Limiter(2)
    first, second, third, fourth = (enter(limiter) for _ in range(4))
    assert await waiting(first, second, third, fourth) == [False, False, True, True]
    limiter.leave(first.result())
    limiter.leave(first.result())
    assert await waiting(third, fourth) == [False, True]
    assert limiter.in_use == 2
    fourth.cancel()
    await asyncio.gather(fourth, return_exceptions=True)
    limiter.leave(second.result())
    limiter.leave(third.result())
    assert limiter.in_use == 0


async def test_who_gives_up_waiting_leaves_no_turn_behind() -> None:
    limiter = Limiter(1)
    first, second, third = enter(limiter), enter(limiter), enter(limiter)
    await waiting(first)
    limiter.leave(first.result())
    second.cancel()  # at the moment at which it was given its turn
    await asyncio.gather(second, return_exceptions=True)
    assert await waiting(third) == [False]
    assert limiter.in_use == 1


def play(limiter: Limiter, rounds: int, takes: Callable[[int], int]) -> list[int]:
    """Send as many at once as are allowed, round after round; the server takes ``takes(round)`` of them."""
    allowed: list[int] = []
    for number in range(rounds):
        sent = limiter.at_once
        allowed.append(sent)
        for call in range(sent):
            if call < takes(number):
                limiter.answered(Turn(0.0, 1), 1)
            else:
                limiter.failed(crowded=True)
    return allowed


async def test_a_server_that_takes_ten_gets_about_ten() -> None:
    allowed = play(Limiter(64), 40, lambda _: 10)
    assert allowed[0] == 64
    assert max(allowed[8:]) <= 18 and min(allowed[8:]) >= 8


async def test_a_server_that_takes_all_again_gets_all_again() -> None:
    allowed = play(Limiter(64), 60, lambda number: 4 if number < 20 else 64)
    assert allowed[20] <= 10
    assert allowed[-1] == 64


async def test_stray_refusals_cost_little() -> None:
    limiter = Limiter(64)
    for number in range(2000):
        if number % 10 == 0:
            limiter.failed(crowded=True)
        else:
            limiter.answered(Turn(0.0, 1), 1)
    assert limiter.at_once > 48


async def test_other_failures_change_nothing() -> None:
    limiter = Limiter(8)
    for _ in range(100):
        limiter.failed(crowded=False)
    assert (limiter.at_once, limiter.refused, limiter.late) == (8, 0, 0)


async def test_what_came_too_late_is_counted_apart_from_what_was_refused() -> None:
    limiter = Limiter(8)
    for late in (True, True, False):
        limiter.failed(crowded=True, late=late)
    assert (limiter.refused, limiter.late) == (3, 2)


async def test_it_never_comes_to_a_standstill() -> None:
    limiter = Limiter(4)
    play(limiter, 30, lambda _: 0)
    assert limiter.at_once == 1


async def test_retry_after_holds_for_all_once_nobody_gets_through() -> None:
    clock = Clock()
    limiter = Limiter(8, clock=clock)
    limiter.failed(crowded=True, retry_after=9)
    assert limiter.held == 0
    for _ in range(IN_A_ROW):
        limiter.failed(crowded=True, retry_after=9)
    assert limiter.held == 9
    limiter.hold(10**6)
    assert limiter.held == LONGEST_HOLD
    held = enter(limiter)
    assert await waiting(held) == [True]
    clock.now += LONGEST_HOLD
    limiter._serve()
    assert await waiting(held) == [False]


async def test_requests_per_minute() -> None:
    clock = Clock()
    limiter = Limiter(100, requests_per_minute=3, clock=clock)
    turns = [enter(limiter) for _ in range(4)]
    assert await waiting(*turns) == [False] * 3 + [True]
    clock.now += WINDOW - 1
    limiter._serve()
    assert await waiting(turns[3]) == [True]
    clock.now += 1
    limiter._serve()
    assert await waiting(turns[3]) == [False]


async def test_what_went_out_before_a_kill_counts() -> None:
    clock = Clock()
    limiter = Limiter(100, requests_per_minute=2, tokens_per_minute=100, clock=clock)
    limiter.remember([(50, 60), (5, 30)])
    third = enter(limiter, 20)
    assert await waiting(third) == [True]
    clock.now += 11
    limiter._serve()
    assert await waiting(third) == [False]


async def test_a_turn_that_was_not_used_counts_nowhere() -> None:
    limiter = Limiter(100, requests_per_minute=1, tokens_per_minute=10, clock=Clock())
    limiter.unused(await limiter.enter(10))
    assert await waiting(enter(limiter, 10)) == [False]


async def test_tokens_per_minute_count_what_was_used() -> None:
    clock = Clock()
    limiter = Limiter(100, tokens_per_minute=100, clock=clock)
    first = await limiter.enter(90)
    second = enter(limiter, 50)
    assert await waiting(second) == [True]
    limiter.answered(first, 40)
    limiter.leave(first)
    assert await waiting(second) == [False]
    limiter.answered(second.result(), 60)
    third = enter(limiter, 1000)  # more than the limit: alone in its minute
    clock.now += WINDOW
    limiter._serve()
    assert await waiting(third) == [False]


async def test_mean_concurrency() -> None:
    clock = Clock()
    limiter = Limiter(4, clock=clock)
    first = await limiter.enter(1)
    clock.now += 2
    second = await limiter.enter(1)
    clock.now += 1
    limiter.leave(first)
    clock.now += 1
    assert limiter.busy() == 2 * 1 + 1 * 2 + 1 * 1
    limiter.leave(second)


@given(
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 40)), min_size=1, max_size=60), st.integers(1, 100)
)
def test_no_window_of_a_minute_is_ever_over_the_limit(steps: list[tuple[float, int]], limit: int) -> None:
    """Whatever is asked for, and whenever: the limit holds, wherever the minute is laid."""
    window = _Window(float(limit), lambda turn: turn.tokens)
    now = 0.0
    granted: list[Turn] = []
    for pause, tokens in steps:
        now += pause
        now += window.wait(now, tokens)
        assert window.wait(now, tokens) <= 1e-9
        turn = Turn(now, tokens)
        window.add(turn)
        granted.append(turn)
    for first in granted:
        inside = [turn for turn in granted if first.at <= turn.at < first.at + WINDOW - 1e-6]
        assert sum(turn.tokens for turn in inside) <= max(limit, max(turn.tokens for turn in inside))


def test_without_a_limit_nothing_is_counted() -> None:
    window = _Window(None, lambda turn: 1)
    window.add(Turn(0.0, 1))
    assert window.wait(0.0, 10**9) == 0.0
    assert not window.turns


async def test_more_or_fewer_calls_at_once_are_allowed_at_once() -> None:
    limiter = Limiter(1)
    first, second, third = (enter(limiter) for _ in range(3))
    assert await waiting(first, second, third) == [False, True, True]
    limiter.resize(3)
    assert await waiting(second, third) == [False, False]
    limiter.resize(1)
    fourth = enter(limiter)
    limiter.leave(first.result())
    limiter.leave(second.result())
    assert await waiting(fourth) == [True]  # one is still under way
    limiter.leave(third.result())
    assert await waiting(fourth) == [False]


def test_what_refusals_have_taught_is_not_forgotten_when_more_is_allowed() -> None:
    limiter = Limiter(16)
    for _ in range(200):
        limiter.failed(crowded=True)
    assert limiter.at_once == 1
    limiter.resize(32)
    assert (limiter.most, limiter.at_once) == (32, 1)
