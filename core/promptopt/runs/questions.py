"""What checks will ask of models to judge the answers of a run, for the forecast."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.events import Role
from promptopt.domain.forecast import NONE, Asking, Spread
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.checks import Judge
from promptopt.runs.setup import model_of
from promptopt.runs.tokens import BYTES_PER_TOKEN, MOST_BYTES_PER_TOKEN, size_of, tokens_of

SAMPLED = 2000
"""Cases of a split that are looked at; of more, as many, evenly spread."""

CORRECTION = 300
"""Bytes that tell a judge what was wrong with its reply, at most."""


@dataclass(frozen=True)
class Asked:
    """Calls to one model, and the tokens that are sent with them."""

    calls: Spread
    tokens: Spread

    def __add__(self, other: "Asked") -> "Asked":
        return Asked(self.calls + other.calls, self.tokens + other.tokens)


NOTHING = Asked(NONE, NONE)


@dataclass(frozen=True)
class Answers:
    """Answers of the target to prompts on cases of a split.

    Attributes:
        split: None for train or validation, whichever it is.
        calls: how many.
        judged: of them, those that differ from what was judged before.
        added: tokens by which the prompts are longer than the first one.
    """

    split: Split | None
    calls: Spread
    judged: Spread
    added: Spread = NONE


class Questions:
    """What the checks of a project ask for.

    Args:
        answer: tokens of one answer of the target.
    """

    def __init__(self, settings: ProjectSettings, dataset: Dataset, judge: Judge, answer: Spread) -> None:
        self._settings = settings
        self._dataset = dataset
        self._judge = judge
        # Another model may have another tokenizer.
        most = None if answer.high is None else answer.high * MOST_BYTES_PER_TOKEN / BYTES_PER_TOKEN
        self._answer = with_high(answer, most)
        self._asked: dict[Split, list[Asking]] = {}

    def of(self, role: Role, answers: Sequence[Answers]) -> Asked:
        """Calls of the model of ``role`` that judging ``answers`` takes."""
        total = NOTHING
        for part in answers:
            splits: tuple[Split, ...] = ("train", "validation") if part.split is None else (part.split,)
            total += _either([self._each(role, split) for split in splits], part.judged)
        texts: set[str] = set()
        for split, share in self._shares(answers):
            total += self._once(role, split, share, texts)
        return total

    def _each(self, role: Role, split: Split) -> Asked:
        """Per answer, on average over a split."""
        asked = self._asking(role, split)
        varied = _variety(asked)
        total = NOTHING
        for asking in asked:
            calls = asking.calls
            if asking.once and calls.likely is not None:  # equal answers are asked about once
                calls = Spread.of(calls.low, calls.likely * varied, calls.high)
            if calls.high is not None:
                calls = with_high(calls, calls.high * asking.tries)
            total += Asked(calls, calls * self._tokens(role, asking))
        share = Spread.exactly(1 / max(1, len(some(self._dataset[split]))))
        return Asked(total.calls * share, total.tokens * share)

    def _tokens(self, role: Role, asking: Asking) -> Spread:
        """Of one call."""
        tokens = tokens_of(asking.sent) + self._answer
        if asking.tries > 1 and tokens.high is not None:
            reply = model_of(self._settings, role).max_tokens * MOST_BYTES_PER_TOKEN + CORRECTION
            tokens = with_high(tokens, tokens.high + (asking.tries - 1) * reply)
        return tokens

    def _once(self, role: Role, split: Split, share: Spread, before: set[str]) -> Asked:
        """Texts that are asked about once; those of ``before`` have been counted."""
        texts = {text for asking in self._asking(role, split) for text in asking.once} - before
        before |= texts
        number = Spread.exactly(len(self._dataset[split]) / len(some(self._dataset[split]))) * share
        tokens = sum((tokens_of(size_of(text)) for text in texts), NONE)
        return Asked(number * Spread.exactly(len(texts)), number * tokens)

    def _shares(self, answers: Sequence[Answers]) -> list[tuple[Split, Spread]]:
        """The splits that are answered, and which part of the cases of each is at all."""
        found: dict[Split, Spread] = {}
        for part in answers:
            for split in ("train", "validation") if part.split is None else (part.split,):
                number = len(self._dataset[split])
                if not number:
                    continue
                likely, high = part.judged.likely, part.judged.high
                found[split] = _larger(
                    found.get(split, NONE),
                    Spread.of(
                        0,  # every answer may be the expected one
                        None if likely is None else min(1.0, likely / number),
                        None if high is None else float(high > 0),
                    ),
                )
        return list(found.items())

    def _asking(self, role: Role, split: Split) -> list[Asking]:
        """What an answer to each case of a split asks of a model, cases in a row."""
        if split not in self._asked:
            cases = some(self._dataset[split])
            self._asked[split] = [asking for case in cases for asking in self._judge.asking(case)]
        return [asking for asking in self._asked[split] if asking.role == role]


def some(cases: Sequence[Example]) -> Sequence[Example]:
    """All cases, or as many as are looked at, evenly spread."""
    return cases if len(cases) <= SAMPLED else cases[:: ceil(len(cases) / SAMPLED)]


def with_high(spread: Spread, high: float | None) -> Spread:
    """The same with another most."""
    return Spread.of(spread.low, spread.likely, high)


def _variety(asked: Sequence[Asking]) -> float:
    """How much texts that are asked about once differ, from 0 to 1; answers are as varied, likely."""
    texts = [text for asking in asked for text in asking.once]
    return len(set(texts)) / len(texts) if texts else 1.0


def _either(each: Sequence[Asked], judged: Spread) -> Asked:
    """So many answers, each as on one split or the other."""
    return Asked(
        judged * _between([one.calls for one in each]), judged * _between([one.tokens for one in each])
    )


def _between(spreads: Sequence[Spread]) -> Spread:
    known = [spread.likely for spread in spreads if spread.likely is not None]
    high = [spread.high for spread in spreads if spread.high is not None]
    return Spread.of(
        min(spread.low for spread in spreads),
        sum(known) / len(known) if len(known) == len(spreads) else None,
        max(high) if len(high) == len(spreads) else None,
    )


def _larger(one: Spread, other: Spread) -> Spread:
    def most(first: float | None, second: float | None) -> float | None:
        return None if first is None or second is None else max(first, second)

    return Spread.of(max(one.low, other.low), most(one.likely, other.likely), most(one.high, other.high))
