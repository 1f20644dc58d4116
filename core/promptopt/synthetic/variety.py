"""How different texts are from each other, in words alone (no model is asked)."""

import random
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

SAMPLE = 800
"""Texts that are compared with each other."""

PAIRS = 5_000
"""Pairs of words that are looked at."""

LONGEST = 4_000
"""Characters of a text that are read."""

_DIMENSIONS = 2_048


def distinct_pairs(texts: Sequence[str], seed: int = 0) -> float | None:
    """Distinct-2: share of different pairs of words among the first ``PAIRS`` of the texts, shuffled.

    None if there is no pair of words.
    """
    order = list(range(len(texts)))
    random.Random(f"pairs/{seed}").shuffle(order)
    found: list[tuple[str, str]] = []
    for place in order:
        found += pairwise(texts[place][:LONGEST].casefold().split())
        if len(found) >= PAIRS:
            break
    kept = found[:PAIRS]
    return round(len(set(kept)) / len(kept), 4) if kept else None


def neighbour_distance(texts: Sequence[str], seed: int = 0) -> float | None:
    """Mean over a sample of 1 − cosine to the nearest other text of it, by weighted words and pairs of words.

    Weights are TF-IDF (log-scaled counts); words are hashed into a fixed number of dimensions. None for fewer
    than two texts.
    """
    if len(texts) < 2:
        return None
    from importlib import import_module

    np: Any = import_module("numpy")
    chosen = _sample(texts, seed)
    table = np.zeros((len(chosen), _DIMENSIONS), dtype=np.float32)
    for row, text in enumerate(chosen):
        words = text[:LONGEST].casefold().split()
        for feature in (*words, *map(" ".join, pairwise(words))):
            table[row, zlib.crc32(feature.encode("utf-8", "replace")) % _DIMENSIONS] += 1
    weight = np.log((1 + len(chosen)) / (1 + (table > 0).sum(axis=0))) + 1
    table = np.log1p(table) * weight
    size = np.linalg.norm(table, axis=1, keepdims=True)
    table /= np.maximum(size, 1e-9)
    alike = table @ table.T
    np.fill_diagonal(alike, -1.0)
    distance = float(np.mean(1 - np.clip(alike.max(axis=1), 0.0, 1.0)))
    return round(distance, 4)


def _sample(texts: Sequence[str], seed: int) -> list[str]:
    if len(texts) <= SAMPLE:
        return list(texts)
    places = random.Random(f"sample/{seed}").sample(range(len(texts)), SAMPLE)
    return [texts[place] for place in sorted(places)]
