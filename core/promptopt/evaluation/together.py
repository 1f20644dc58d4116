"""Doing several things at once such that a signal that ends a run stays what it is."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


async def together(work: Iterable[Awaitable[T]]) -> list[T]:
    """Results of all, in their order. If one raises, the others are given up before it is raised here.

    Unlike a TaskGroup's, what is raised is what was raised: signals that end a run stay what they are.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    if not tasks:
        return []
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def both(one: Awaitable[S], other: Awaitable[T]) -> tuple[S, T]:
    """Results of two things done at once, as :func:`together` does them."""
    first: list[S] = []
    second: list[T] = []

    async def keep_first() -> None:
        first.append(await one)

    async def keep_second() -> None:
        second.append(await other)

    await together([keep_first(), keep_second()])
    return first[0], second[0]
