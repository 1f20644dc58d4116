"""What the documents of a business case show. Plain values: whoever computes a case fills them in.

Every figure is a ``Told``, which has the numbers of its sources; ``CaseView.sources`` says what these are.
Texts of models, cases and people in it are plain text, without control characters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

STOP = "A step is stopped, and today's prompt comes back, if one of these holds"
ONWARD = "The next step begins only if all of these hold"
SIMULATED = "SIMULATED: says nothing about a real model"

Kind = Literal["measured", "assumption", "price list", "computed", "plan"]


@dataclass(frozen=True)
class Source:
    """Where figures come from: their mark, what kind of source it is, and what it says."""

    mark: int
    kind: Kind
    text: str


@dataclass(frozen=True)
class Told:
    """A figure in words, with the marks of its sources."""

    text: str
    marks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Line:
    """A figure with its name, and what to know about it."""

    label: str
    told: Told
    note: str = ""


@dataclass(frozen=True)
class Span:
    """A range to draw: the middle 90 % of the draws and their median, in USD; ``told`` says its ends."""

    label: str
    low: float
    middle: float
    high: float
    told: Told


@dataclass(frozen=True)
class Bar:
    """What one quantity does to the net present value, all others at their likeliest.

    Attributes:
        ends: its low and high end, in words.
        at_low, at_high: net present value there, in USD.
        share: of the spread of the draws.
        break_even: value at which the net present value is 0, in words; empty if there is none.
    """

    label: str
    ends: str
    at_low: float
    at_high: float
    share: float
    break_even: str
    marks: tuple[int, ...]


@dataclass(frozen=True)
class Score:
    """One optimizer: its score in [0, 1] with the 95 % interval, and its gain in words."""

    label: str
    mean: float
    low: float
    high: float
    told: str
    gain: str
    verdict: str
    cost: str
    chosen: bool
    baseline: bool


@dataclass(frozen=True)
class Example:
    """A case, and what both prompts made of it. ``change``: better, worse, the same."""

    case: str
    given: str
    expected: str
    before: str
    after: str
    change: str


@dataclass(frozen=True)
class Phase:
    """A step of the roll-out: who uses it, for how long, and what ends it."""

    name: str
    who: Told
    when: str
    stop: Told


@dataclass(frozen=True)
class Gate:
    """What steps of the roll-out have in common.

    Attributes:
        stop: one of these ends a step; ``onward``: all of these lead to the next one.
        none: why there is no step at all.
        note: what to know before the steps are taken.
    """

    stop: Sequence[Told] = ()
    onward: Sequence[Told] = ()
    none: Sequence[str] = ()
    note: str = ""


@dataclass(frozen=True)
class Input:
    """A figure that all is computed from.

    Attributes:
        name: as in a file of assumptions, and in the formulas of the workbook.
        editable: an assumption, or a price: a reader may put another figure in its place.
        told: low, likeliest and high in words.
    """

    name: str
    label: str
    unit: str
    low: float
    value: float
    high: float
    kind: Kind
    why: str
    mark: int
    told: str
    editable: bool


@dataclass(frozen=True)
class Result:
    """A result in numbers, for the workbook; ``months`` may be infinite."""

    name: str
    label: str
    kind: str
    low: float
    middle: float
    high: float
    base: float
    told: str


@dataclass(frozen=True)
class CaseView:
    """A business case, ready to be shown.

    Attributes:
        title, scenario, made: of the document.
        advice: recommended, not shown or against; ``headline`` says it as a line, ``reasons`` say why.
        asked: what leadership is asked to decide, a sentence each.
        measured: what was measured.
        scores, scored: the optimizers, and on what they were measured.
        chosen_how: how the winner was chosen.
        money: the ranges of the first year, and of all months.
        benefits, costs, risks: with their marks.
        tornado: the strongest influence first; ``base`` is the net present value at the likeliest values.
        inputs: all that it is computed from, the measured ones first.
        results: in numbers.
        method: how it was computed, a sentence each.
        rollout: its steps; ``gate`` has what they have in common, or why there is none.
    """

    title: str
    scenario: str
    made: str
    simulated: bool
    advice: str
    headline: str
    reasons: Sequence[str]
    asked: Sequence[Line]
    measured: Sequence[Line]
    scores: Sequence[Score]
    scored: Told
    chosen_how: str
    examples: Sequence[Example]
    money: Sequence[Span]
    benefits: Sequence[Line]
    costs: Sequence[Line]
    risks: Sequence[Line]
    warnings: Sequence[str]
    tornado: Sequence[Bar]
    base: float
    rollout: Sequence[Phase]
    inputs: Sequence[Input]
    results: Sequence[Result]
    sources: Sequence[Source]
    method: Sequence[str]
    months: int
    first_prompt: str = ""
    best_prompt: str = ""
    gate: Gate = Gate()
