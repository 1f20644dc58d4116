"""What sends a search elsewhere while it is on its way: a person's edit to go on from, or other cases."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from promptopt.domain.prompt import Prompt
from promptopt.domain.stopping import Redirected, Turned

T = TypeVar("T")


class Redirects:
    """Where the search of one run is sent. It hears of it out of whatever it awaits
    (:meth:`unless_redirected`), and takes edits up with :meth:`adopted`.

    Attributes:
        taken: how many of the adopted edits it has taken up.
    """

    def __init__(self) -> None:
        self.taken = 0
        self._edits: list[Prompt] = []
        self._turning = False
        self._waits = asyncio.Event()
        """Something is to be heard of."""

    @property
    def edit_waits(self) -> bool:
        """An adopted edit has not been taken up yet."""
        return self.taken < len(self._edits)

    @property
    def turns(self) -> bool:
        """The search is to be given up, for a new one."""
        return self._turning

    def restore(self, edits: Sequence[Prompt], taken: int) -> None:
        """Take over the edits that were adopted before this worker came; those not ``taken`` up wait."""
        self._edits = list(edits)
        self.begin(taken)

    def begin(self, taken: int) -> None:
        """A search begins that has taken up so many of the adopted edits before."""
        self._turning = False
        self.taken = taken
        if self.edit_waits:
            self._waits.set()
        else:
            self._waits.clear()

    def adopt(self, prompt: Prompt) -> None:
        """Let the search go on from a person's edit, as soon as it looks."""
        self._edits.append(prompt)
        self._waits.set()

    def adopted(self) -> Prompt | None:
        """The edit to go on from, if one was adopted since the last call."""
        self._waits.clear()
        if not self.edit_waits:
            return None
        self.taken = len(self._edits)
        return self._edits[-1]

    def turn(self) -> None:
        """Have the search given up, for one that begins anew from where it stands."""
        self._edits, self.taken = [], 0  # they are part of where it begins
        self._turning = True
        self._waits.set()

    @property
    def _error(self) -> type[BaseException]:
        return Turned if self._turning else Redirected

    async def unless_redirected(self, work: Coroutine[Any, Any, T]) -> T:
        """Do ``work``, and give it up as soon as there is something to hear of. Requests that were sent are
        answered and kept.

        Raises:
            Redirected: an edit was adopted.
            Turned: the search is to be given up.
        """
        if self._waits.is_set():  # nothing is begun, or told of, that is given up in the same moment
            work.close()
            raise self._error
        task = asyncio.ensure_future(work)
        redirected = asyncio.ensure_future(self._waits.wait())
        try:
            await asyncio.wait({task, redirected}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise self._error
        finally:
            redirected.cancel()
            task.cancel()
            await asyncio.gather(task, redirected, return_exceptions=True)
