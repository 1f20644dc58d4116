"""Checks that measure how alike two texts are: ``bleu``, ``rouge``, ``similarity``.

They are lexical: they count shared words and characters, and know nothing of meaning. Only ``similarity`` may
ask an embedding model instead.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

from rapidfuzz.distance import LCSseq

from promptopt.domain.dataset import Example
from promptopt.domain.errors import CallFailed, SettingsError
from promptopt.domain.events import Role
from promptopt.domain.forecast import Asking, Spread
from promptopt.domain.vectors import cosine
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.base import NO_ROLES, RIGHT, Check, Opinion, Tools
from promptopt.evaluation.diff import similarity

MOST_CHARS = 20_000
"""Characters of each text that are compared; what comes after them is not looked at."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")


class _Graded(Check):
    """A measure against the expected output."""

    @property
    def needs_expected(self) -> bool:
        return True

    def check_expected(self, expected: str) -> str:
        return "" if expected.strip() else "the expected output is empty, so there is nothing to compare with"


class Bleu(_Graded):
    """Sentence BLEU against the expected output, by sacrebleu (extra ``metrics``), from 0 to 1.

    Computed with effective order and exponential smoothing, as sacrebleu advises for single sentences.

    Attributes:
        tokenize: sacrebleu's tokenizer: ``13a`` (most languages), ``intl``, ``char``, ``zh``, ``none``.
            Default: ``13a``.
        ignore_case: upper and lower case are the same. Default: false.
    """

    passes_from: ClassVar[float] = 0.3
    tokenize: Literal["13a", "intl", "char", "zh", "none"] = "13a"
    ignore_case: bool = False

    def check_options(self, where: str, project_dir: Path) -> None:
        if find_spec("sacrebleu") is None:
            raise SettingsError(
                "the check bleu needs the package sacrebleu, which is not installed",
                where=where,
                fix="pip install 'promptopt[metrics]', or use the check rouge, which needs nothing more",
            )

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        metrics: Any = import_module("sacrebleu.metrics")
        measure = metrics.BLEU(lowercase=self.ignore_case, tokenize=self.tokenize, effective_order=True)
        expected = (case.expected or "").strip()[:MOST_CHARS]
        score = measure.sentence_score(output.strip()[:MOST_CHARS], [expected]).score / 100
        return _told("BLEU", min(1.0, score), expected, output)


class Rouge(_Graded):
    """ROUGE against the expected output, from 0 to 1, on lower-cased words without stemming (Lin 2004).

    Chinese and Japanese characters count as a word each.

    Attributes:
        variant: ``rouge1`` (words in common), ``rouge2`` (pairs of words) or ``rougeL`` (longest common
            subsequence). Default: ``rougeL``.
        measure: ``f1``, ``recall`` (of the expected output) or ``precision``. Default: ``f1``.
    """

    passes_from: ClassVar[float] = 0.5
    variant: Literal["rouge1", "rouge2", "rougeL"] = "rougeL"
    measure: Literal["f1", "recall", "precision"] = "f1"

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        expected = case.expected or ""
        precision, recall, both = rouge(expected, output, self.variant)
        score = {"precision": precision, "recall": recall, "f1": both}[self.measure]
        name = self.variant.replace("rouge", "ROUGE-")
        return _told(name if self.measure == "f1" else f"{name} {self.measure}", score, expected, output)


class Similarity(_Graded):
    """Similarity to the expected output: letters and words in common or, with ``embedding``, meaning.

    Lexical is the mean of rapidfuzz's ratio (characters in order) and the cosine of character n-grams (3 to
    5, inside words, in any order). A near-copy comes close to 1; a true paraphrase may score no more than any
    text. With ``embedding`` it is the cosine of the embeddings of both texts, by the model of that role, 0 if
    it is negative; what texts of other meanings score depends on the model.

    Attributes:
        method: ``both``, or only ``ratio`` or ``ngrams``, or ``embedding``. Default: ``both``.
        ignore_case: upper and lower case are the same; says nothing of embeddings. Default: true.
    """

    passes_from: ClassVar[float] = 0.8
    method: Literal["both", "ratio", "ngrams", "embedding"] = "both"
    ignore_case: bool = True

    @property
    def asks(self) -> frozenset[Role]:
        return frozenset({"embedding"}) if self.method == "embedding" else NO_ROLES

    def asking(self, case: Example) -> Sequence[Asking]:
        """Nobody is asked of an answer that equals the expected one."""
        if self.method != "embedding":
            return ()
        expected = (case.expected or "").strip()[:MOST_CHARS]
        return [Asking("embedding", Spread.of(0, 1, 1), once=(expected,))]

    def check_options(self, where: str, project_dir: Path) -> None:
        if self.method == "embedding" and "ignore_case" in self.model_fields_set:
            raise SettingsError(
                "upper and lower case are the embedding model's business",
                where=f"{where}.ignore_case",
                fix="leave ignore_case out",
            )

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        expected = case.expected or ""
        if self.method == "embedding":
            return await _by_meaning(expected.strip(), output.strip(), tools)
        one, other = self._plain(expected), self._plain(output)
        parts = {"ratio": (similarity,), "ngrams": (ngram_cosine,)}.get(
            self.method, (similarity, ngram_cosine)
        )
        score = sum(part(one, other) for part in parts) / len(parts)
        return _told("lexical similarity", score, expected, output)

    def _plain(self, text: str) -> str:
        text = " ".join(text[:MOST_CHARS].split())
        return text.casefold() if self.ignore_case else text


async def _by_meaning(expected: str, output: str, tools: Tools) -> Opinion:
    """Cosine of the embeddings of both texts. Equal ones are alike, and nothing is like an empty one."""
    if output == expected:
        return RIGHT
    if not output:
        return Opinion(0.0, "the output is empty", passed=False)
    try:
        if tools.embed is None:
            raise CallFailed("there is no embedding model to ask")
        one, other = [await tools.embed(text[:MOST_CHARS]) for text in (expected, output)]
        score = cosine(one.vector, other.vector)
    except (CallFailed, ValueError) as error:
        tools.warn(
            "some texts have no embedding that can be compared, which fails the check; its reasons say why"
        )
        return Opinion(0.0, f"{reasons.NO_EMBEDDING}{error}", passed=False)
    name = "simulated embedding similarity" if one.simulated else "embedding similarity"
    return _told(name, score, expected, output)


def rouge(expected: str, output: str, variant: str) -> tuple[float, float, float]:
    """Precision, recall and F1 of one ROUGE variant (see :class:`Rouge`)."""
    one, other = words(expected), words(output)
    if variant == "rougeL":
        sizes, common = (len(one), len(other)), LCSseq.similarity(one, other)
    else:
        n = int(variant[-1])
        left, right = _ngrams(one, n), _ngrams(other, n)
        sizes, common = (left.total(), right.total()), (left & right).total()
    if not any(sizes):
        same = float(one == other)
        return same, same, same
    recall = common / sizes[0] if sizes[0] else 0.0
    precision = common / sizes[1] if sizes[1] else 0.0
    return precision, recall, 2 * common / sum(sizes)


def words(text: str) -> list[str]:
    """Words in lower case, without punctuation."""
    return _TOKEN.findall(text[:MOST_CHARS].lower())


def ngram_cosine(one: str, other: str) -> float:
    """Cosine of the counts of character n-grams (3 to 5) inside words, in [0, 1]."""
    left, right = _char_ngrams(one), _char_ngrams(other)
    if not left or not right:
        return float(one == other)
    if left == right:
        return 1.0
    product = sum(count * right[gram] for gram, count in left.items())
    size = math.sqrt(sum(c * c for c in left.values())) * math.sqrt(sum(c * c for c in right.values()))
    return min(1.0, product / size)


def _ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(n)), strict=False))


def _char_ngrams(text: str) -> Counter[str]:
    grams: Counter[str] = Counter()
    for word in text.split():
        padded = f" {word[:200]} "
        for n in (3, 4, 5):
            grams.update(padded[start : start + n] for start in range(max(1, len(padded) - n + 1)))
    return grams


def _told(name: str, score: float, expected: str, output: str) -> Opinion:
    score = min(1.0, max(0.0, score))
    if score == 1:
        return RIGHT
    shown = reasons.expected_but_got(expected.strip(), output.strip(), 80)
    return Opinion(score, f"{name} {score:.2f}; {shown}")
