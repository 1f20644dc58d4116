"""What the figures allow to say: recommended, against, or not shown."""

from typing import Literal

from promptopt.domain import figures as fm
from promptopt.enterprise.case.assumptions import NAMES, Assumptions
from promptopt.enterprise.case.evidence import Evidence
from promptopt.enterprise.case.ranges import Range
from promptopt.reporting.business.money import usd

Advice = Literal["recommended", "not shown", "against"]

LIKELY_LOSS = 0.5
"""Chance of a loss from which on the case is advised against."""


def advise(
    evidence: Evidence, npv: Range, chance_of_loss: float, assumed: Assumptions
) -> tuple[Advice, list[str]]:
    """The advice and its reasons, a sentence each.

    Recommended is only what was measured to be better on sealed cases and whose whole range lies above a
    loss; against is what was measured to be worse, or what makes a loss more often than not though a gain
    was measured. All else is not shown: so is what rests on placeholders alone.
    """
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
    if not assumed.given:
        return "not shown", [
            *reasons,
            f"With placeholders for every assumption it would come to {npv.ends} over all months (the middle "
            f"90% of the draws); the chance of a loss would be {chance(chance_of_loss)}.",
            "Not one of the assumptions is yours yet: put your own figures in before you decide.",
        ]
    if chance_of_loss >= LIKELY_LOSS:
        return "against", [
            *reasons,
            f"A gain was measured, but it does not pay under these assumptions: the chance of a loss is "
            f"{chance(chance_of_loss)}.",
        ]
    if npv.low <= 0:
        return "not shown", [
            *reasons,
            f"That it pays is not shown: the range goes down to a loss of {usd(-npv.low)}, "
            f"the chance of a loss is {chance(chance_of_loss)}.",
        ]
    if evidence.must_pass_broken or not evidence.over:
        if not evidence.over:
            reasons.append("The figures are not final: something is still under way.")
        return "not shown", reasons
    return "recommended", [
        *reasons,
        f"Under the stated assumptions it pays in the middle 90% of the draws ({npv.ends} over all months); "
        f"the chance of a loss is {chance(chance_of_loss)}.",
        *([told] if (told := placeholders(assumed)) else []),
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
