"""A simulated model behind a shield: it knows cases by their texts, and writes as a model would that was sent
placeholders.
"""

from collections.abc import Mapping
from dataclasses import replace

from promptopt.domain.chat import Request
from promptopt.models.shield import Shield
from promptopt.models.transport import Reply, Transport
from promptopt.store.receipts import Kept, Slip


class Rehearsal:
    """Stands between the gateway and a simulated model, in this process.

    Args:
        simulated: answers what the request says with its values in it.
        shield: knows them.
    """

    def __init__(self, simulated: Transport, shield: Shield) -> None:
        self._simulated = simulated
        self._shield = shield

    @property
    def relay(self) -> str:
        return self._simulated.relay

    async def prepare(self) -> None:
        await self._simulated.prepare()

    async def complete(
        self,
        request: Request,
        *,
        sample: int,
        timeout: float,
        slip: Slip | None = None,
        kept: Mapping[str, Kept] | None = None,
    ) -> Reply:
        """Answer ``request``; what the answer repeats of its values is masked again."""
        reply = await self._simulated.complete(
            self._shield.lifted(request), sample=sample, timeout=timeout, slip=slip, kept=kept
        )
        return replace(reply, text=self._shield.lowered(reply.text, request)) if reply.text else reply

    async def close(self) -> None:
        await self._simulated.close()
