"""An event loop whose time goes by only when everybody waits for it: hours pass in no time."""

import asyncio
import selectors
from typing import Any


class _Waits(selectors.SelectSelector):
    """Does not wait: what it was to wait for goes by on the loop's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("everybody waits for something that can't come")
        self.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time()`` starts at 0. Nothing outside of the loop can be waited for."""

    def __init__(self) -> None:
        self._waits = _Waits()
        super().__init__(self._waits)

    def time(self) -> float:
        return self._waits.now
