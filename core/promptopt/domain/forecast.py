"""What a run will need, before it is started: figures as least, likely and most."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from promptopt.domain.words import Role


class Spread(BaseModel):
    """A figure that is not known yet. ``likely`` and ``high`` are None if nobody can say.

    Always ``low <= likely <= high``, as far as they are known.
    """

    model_config = ConfigDict(frozen=True)

    low: float
    likely: float | None
    high: float | None

    @classmethod
    def of(cls, low: float, likely: float | None, high: float | None) -> "Spread":
        """A spread of three figures that may be out of order; the wider one counts."""
        if high is not None:
            high = max(high, low, likely or 0.0)
        return cls(low=low, likely=None if likely is None else max(low, likely), high=high)

    @classmethod
    def exactly(cls, value: float) -> "Spread":
        """A figure that is known."""
        return cls(low=value, likely=value, high=value)

    def __add__(self, other: "Spread") -> "Spread":
        return Spread(
            low=self.low + other.low,
            likely=_sum(self.likely, other.likely),
            high=_sum(self.high, other.high),
        )

    def __mul__(self, other: "Spread") -> "Spread":
        """Product of two figures of which neither is negative."""
        return Spread(
            low=self.low * other.low,
            likely=_product(self.likely, other.likely),
            high=_product(self.high, other.high),
        )

    def rounded(self, digits: int = 0) -> "Spread":
        """The same with fewer digits."""
        likely = None if self.likely is None else round(self.likely, digits)
        high = None if self.high is None else round(self.high, digits)
        return Spread(low=round(self.low, digits), likely=likely, high=high)


NONE = Spread.exactly(0)


class Need(BaseModel):
    """What one model, or all of them, will be asked for.

    Attributes:
        calls: answered calls; retries are not among them.
        prompt_tokens, completion_tokens: sent and generated.
        usd: None if a price is unknown.
        seconds: of one model, the time in which calls of it are under way; None if nobody can say.
    """

    model_config = ConfigDict(frozen=True)

    calls: Spread
    prompt_tokens: Spread
    completion_tokens: Spread
    usd: Spread | None
    seconds: Spread | None = None

    @property
    def tokens(self) -> Spread:
        """Sent and generated together."""
        return self.prompt_tokens + self.completion_tokens


class CapReached(BaseModel):
    """The cap that would end a run first.

    Attributes:
        name: as in ``[budget]``.
        limit: the cap.
        needed: what the run would use without it.
        certain: even the least that the run needs is more; else ``expected``: the likely need is; else only
            the most that it can need.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    limit: float
    needed: float | None
    certain: bool = False
    expected: bool = False


@dataclass(frozen=True)
class Scale:
    """How large a search would be: what an optimizer is told before it states its plan.

    Attributes:
        train, validation: numbers of cases.
        must_pass: training cases that must pass, which every sample of them has.
        shared: they are the same cases, and equal requests are answered once.
        prompt_chars: length of the prompt to start from.
        task_chars: length of what the task says of itself.
        reply_tokens: most tokens of one reply of the optimizer model.
    """

    train: int
    validation: int
    shared: bool
    prompt_chars: int
    task_chars: int = 0
    reply_tokens: int = 4096
    must_pass: int = 0


@dataclass(frozen=True)
class Asking:
    """What a check asks of a model to judge one answer of the target.

    Attributes:
        role: the model.
        calls: how many; equal requests are one call.
        sent: bytes that each sends beside the answer.
        tries: a reply that can't be read is asked for again, up to so many calls in all.
        once: texts that are asked about once in a run, in a call each, for all answers together.
    """

    role: Role
    calls: Spread
    sent: int = 0
    tries: int = 1
    once: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """Calls of a model beside target and optimizer that a search makes: how many, of how many characters."""

    calls: Spread
    chars: Spread


@dataclass(frozen=True)
class Plan:
    """What an optimizer will do with a project, the baseline and the sealed test left out.

    Attributes:
        iterations: how many.
        first_target_calls: on the prompt to start from, beyond the baseline on the validation cases; each
            case counts once, however often it is sent.
        target_calls: on prompts that it proposes, likewise.
        optimizer_calls: of the optimizer model.
        added_chars: by which a proposed prompt is longer than the first one.
        optimizer_chars: length of one request to the optimizer model.
        reply_prompts: whole prompts that a reply of the optimizer model has, usually.
        optimizer_at_once: calls of the optimizer model that are made at once, usually.
        others: what it asks of other models (a generator, say).
    """

    iterations: Spread
    first_target_calls: Spread
    target_calls: Spread
    optimizer_calls: Spread
    added_chars: Spread = NONE
    optimizer_chars: Spread = NONE
    reply_prompts: float = 1.0
    optimizer_at_once: int = 1
    others: Mapping[Role, Question] = field(default_factory=dict[Role, Question])


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second


def _product(first: float | None, second: float | None) -> float | None:
    if first == 0 or second == 0:
        return 0.0
    return None if first is None or second is None else first * second
