"""Embeddings of texts, for checks: each text is asked for once in a run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from promptopt.domain.chat import LLMResponse
from promptopt.domain.results import Judging
from promptopt.domain.vectors import Vector, unpack

MOST_KEPT = 4096
"""Embeddings at hand, of some 6 kB each; others are read from the journal again."""


@dataclass(frozen=True)
class Embedded:
    """The embedding of a text, and whether it is a simulation's."""

    vector: Vector
    simulated: bool = False


Embed = Callable[[str], Awaitable[Embedded]]
"""Embeds a text; raises CallFailed if there is no answer."""

AskEmbedding = Callable[[str], Awaitable[LLMResponse]]
"""Asks the embedding model for a text's embedding, or finds the answer that there is."""


class Embedder:
    """Embeds texts. Those used last are at hand: the expected output of a case is wanted for every prompt."""

    def __init__(self) -> None:
        self._known: dict[str, Embedded] = {}
        self._counted: set[int] = set()

    async def embed(self, text: str, ask: AskEmbedding) -> tuple[Embedded, Judging]:
        """The embedding of ``text``, and what it took: nothing, if it was wanted before.

        Raises:
            CallFailed: no answer came.
        """
        known = self._known.pop(text, None)
        took = Judging()
        if known is None:
            fresh = hash(text) not in self._counted
            self._counted.add(hash(text))
            response = await ask(text)
            known = Embedded(unpack(response.vector), bool(response.metadata.get("simulated")))
            took = Judging.of(response) if fresh else took
        self._known[text] = known  # the last one used is the last one to go
        while len(self._known) > MOST_KEPT:
            del self._known[next(iter(self._known))]
        return known, took
