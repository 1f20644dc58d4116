"""What the figures allow to say: recommended, against, or not shown."""

from collections.abc import Sequence
from typing import Literal

from promptopt.domain import figures as fm
from promptopt.enterprise.case.assumptions import NAMES, Assumptions
from promptopt.enterprise.case.evidence import Evidence
from promptopt.enterprise.case.ranges import Range
from promptopt.enterprise.case.sensitivity import Influence
from promptopt.reporting.business.money import usd

Advice = Literal["recommended", "not shown", "against"]

LIKELY_LOSS = 0.5
"""Chance of a loss from which on the case is advised against."""

STRONGEST = 3
"""Influences that must not be placeholders if a roll-out is to be recommended."""


def advise(
    evidence: Evidence,
    npv: Range,
    chance_of_loss: float,
    assumed: Assumptions,
    influences: Sequence[Influence] = (),
) -> tuple[Advice, list[str]]:
    """The advice and its reasons, a sentence each.

    Recommended is only what was measured to be better on sealed cases and whose whole range lies above a
    loss; against is what was measured to be worse, or what makes a loss more often than not though a gain
    was measured. All else is not shown: so is what rests on placeholders, all or the ones that matter most.

    Args:
        influences: what the net present value hangs on, the strongest first.
    """
    if evidence.same:
        return "not shown", [
            "Nothing better than today's prompt was found, so there is nothing to roll out.",
            "The ranges are those of an exchange that changes nothing: the costs alone.",
        ]
    verdict = evidence.comparison.verdict if evidence.comparison and evidence.sealed else None
    reasons = [_measured(evidence)]
    if evidence.must_pass_broken:
        reasons.append(
            f"It breaks {fm.plural(len(evidence.must_pass_broken), 'case')} that must pass: mend that first."
        )
    if verdict == "worse":
        return "against", [*reasons, "A prompt that was measured to be worse is not to be rolled out."]
    if verdict != "better":
        return "not shown", [*reasons, *_without_a_gain(verdict is not None, chance_of_loss)]
    advice, said = _of_money(npv, chance_of_loss, assumed, influences)
    if advice == "recommended" and (evidence.must_pass_broken or not evidence.over):
        unfinished = ["The figures are not final: something is still under way."] if not evidence.over else []
        return "not shown", [*reasons, *unfinished]
    return advice, [*reasons, *said]


def _of_money(
    npv: Range, chance_of_loss: float, assumed: Assumptions, influences: Sequence[Influence]
) -> tuple[Advice, list[str]]:
    """What a gain that was measured is worth."""
    loss, would = chance(chance_of_loss), f"{npv.ends} over all months, the middle 90% of the draws"
    if not assumed.given:
        return "not shown", [
            f"With placeholders for every assumption it would come to {would}; the chance of a loss would be "
            f"{loss}.",
            "Not one of the assumptions is yours yet: put your own figures in before you decide.",
        ]
    if chance_of_loss >= LIKELY_LOSS:
        return "against", [
            "A gain was measured, but it does not pay under these assumptions: the chance of a loss is "
            f"{loss}."
        ]
    if npv.low <= 0:
        return "not shown", [
            f"That it pays is not shown: the range goes down to a loss of {usd(-npv.low)}, the chance of a "
            f"loss is {loss}."
        ]
    open_ones = _placeholders_among(influences[:STRONGEST], assumed)
    if open_ones:
        return "not shown", [
            f"It would pay ({would}); the chance of a loss would be {loss}.",
            f"But it hangs most on what is a placeholder still: {'; '.join(open_ones)}. Put your own in.",
        ]
    left = placeholders(assumed)
    return "recommended", [
        f"Under the stated assumptions it pays: {would}; the chance of a loss is {loss}.",
        *([left] if left else []),
    ]


def _placeholders_among(influences: Sequence[Influence], assumed: Assumptions) -> list[str]:
    return [
        one.quantity.label
        for one in influences
        if one.quantity.source == "assumption" and one.name not in assumed.given
    ]


def placeholders(assumed: Assumptions) -> str:
    """How many of the assumptions nobody has put a figure in for, as a sentence; empty if there are none."""
    left = len(NAMES) - len(assumed.given)
    if not left:
        return ""
    return f"{left} of {len(NAMES)} assumptions are placeholders, marked so in the list of sources."


def chance(value: float) -> str:
    """A share of the draws in words: draws tell neither 0 nor 1."""
    if value < 0.005:
        return "below 1%"
    return "above 99%" if value > 0.995 else f"{value:.0%}"


def _without_a_gain(compared: bool, chance_of_loss: float) -> list[str]:
    loss = f"the chance of a loss is {chance(chance_of_loss)}"
    if compared:
        return [
            "No gain was shown, so none is claimed.",
            f"The ranges follow from all differences that the interval leaves open: {loss}.",
        ]
    return [
        "What would be gained rests on no measured gain, so nothing is claimed.",
        f"Without one, the costs alone remain: {loss}.",
    ]


def headline(advice: Advice, evidence: Evidence) -> str:
    """The advice as a line."""
    said = {
        "recommended": "Roll it out, step by step.",
        "not shown": "Do not decide yet: that it pays is not shown.",
        "against": "Do not roll it out.",
    }[advice]
    if evidence.same:
        said = "Keep today's prompt: nothing better was found."
    if evidence.simulated:
        return (
            f"No decision can rest on this: the figures are simulated. Real ones like these would say: {said}"
        )
    return said


def _measured(evidence: Evidence) -> str:
    comparison = evidence.comparison
    if comparison is None or not evidence.sealed:
        told = evidence.note.rstrip(".") or "nothing was compared on sealed cases"
        return f"No gain was measured ({told})."
    than = "from" if comparison.verdict == "not distinguishable" else "than"
    return (
        f"The new prompt is {comparison.verdict} {than} today's: {fm.gap(comparison)}, "
        f"{comparison.interval_name}, {comparison.difference.n} sealed cases."
    )
