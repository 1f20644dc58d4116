"""The trust region: how far a variant is from its parent, and what that costs.

Distance in words and letters stands in for the KL term of reinforcement learning. The price adapts as in
PPO's adaptive-KL variant (Schulman et al. 2017): it doubles when what works is found too far out, and
halves when it is found close by.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from rapidfuzz.distance import Indel

from promptopt.evaluation.checks.texts import ngram_cosine

SHORTEST = 60
"""Words that a prompt counts as having at least. In a prompt of one line every new rule would be far away."""

LEAST_BETA, MOST_BETA = 0.01, 2.0

PLAIN_CHARS = 1200
"""Characters, about 300 tokens, up to which a prompt is not long."""


def distance(text: str, other: str) -> float:
    """Distance of two prompts, from 0 (equal) to 1.

    ``0.5 * (1 - word overlap in order) + 0.3 * (1 - cosine of letter n-grams) + 0.2 * min(1, |log2 of the
    ratio of their lengths|)``; what the shorter one lacks to ``SHORTEST`` words counts as equal words.
    """
    if text == other:
        return 0.0
    one, two = text.split(), other.split()
    padding = max(0, SHORTEST - min(len(one), len(two)))
    size = len(one) + len(two) + 2 * padding
    words = Indel.distance(one, two) / size if size else 0.0
    own = size - 2 * padding
    letters = (1 - ngram_cosine(text, other)) * (own / size if size else 0.0)
    ratio = abs(math.log2((len(one) + padding) / (len(two) + padding))) if size else 0.0
    return min(1.0, 0.5 * words + 0.3 * letters + 0.2 * min(1.0, ratio))


@dataclass
class TrustRegion:
    """What distance and length cost.

    Attributes:
        beta: price of distance beyond the target, in reward; it adapts.
        start, end: target distance of the first and of the last group.
        furthest: distance from which a variant is refused, and from which the seed pulls.
        seed_anchor: price of the distance to the seed beyond ``furthest``.
        length_penalty: price of twice the first prompt's length.
    """

    beta: float
    start: float = 0.35
    end: float = 0.15
    furthest: float = 0.6
    seed_anchor: float = 0.1
    length_penalty: float = 0.05

    def target(self, progress: float) -> float:
        """The distance that variants should have; ``progress`` from 0 (first group) to 1 (last)."""
        return self.start + (self.end - self.start) * min(1.0, max(0.0, progress))

    def price(self, text: str, parent: str, seed: str, progress: float) -> float:
        """What a variant's distance and length take off its advantage."""
        far = max(0.0, distance(text, parent) - self.target(progress))
        astray = max(0.0, distance(text, seed) - self.furthest)
        longer = max(0.0, len(text) / max(len(seed), PLAIN_CHARS) - 1)
        return self.beta * far + self.seed_anchor * astray + self.length_penalty * longer

    def adapt(self, good: Sequence[float], progress: float) -> None:
        """Adapt the price to the distances of variants that did well."""
        if not good:
            return
        mean, target = fmean(good), self.target(progress)
        if mean > 1.5 * target:
            self.beta = min(MOST_BETA, max(LEAST_BETA, 2 * self.beta))
        elif mean < target / 1.5:
            self.beta = max(LEAST_BETA, self.beta / 2)
