"""Draws that depend on content alone: not on call order, process or hash seed."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_SPAN = float(2**53)


class Dice:
    """A family of fixed draws, named by words. Equal parts and names give equal draws, everywhere."""

    def __init__(self, *parts: object) -> None:
        text = "\x1f".join(str(part) for part in parts)
        self._key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()

    def roll(self, name: str) -> float:
        """A draw in [0, 1)."""
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=self._key, digest_size=8).digest()
        return (int.from_bytes(digest, "big") >> 11) / _SPAN

    def pick(self, options: Sequence[T], name: str) -> T:
        """One of ``options``, each as likely as the others."""
        return options[int(self.roll(name) * len(options))]

    def pick_weighted(self, weighted: Sequence[tuple[T, float]], name: str) -> T:
        """One of the options, as likely as its weight says."""
        left = self.roll(name) * sum(weight for _, weight in weighted)
        for option, weight in weighted:
            left -= weight
            if left < 0:
                return option
        return weighted[-1][0]
