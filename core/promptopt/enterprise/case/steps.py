"""The steps of a roll-out plan as the documents of a business case show them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from promptopt.domain.text import one_line
from promptopt.reporting.business.views import Gate, Phase, Source, Told

if TYPE_CHECKING:
    from promptopt.enterprise.deployment.criteria import Criterion
    from promptopt.enterprise.deployment.rollout import RolloutPlan

LONGEST = 260
"""Characters of a condition."""


def steps_of(plan: "RolloutPlan", mark: int) -> list[Phase]:
    """Its phases, none if no prompt is to be given out."""
    return [
        Phase(
            name=f"{number}  {phase.name}",
            who=Told(one_line(phase.who, 120), (mark,)),
            when=f"{phase.begins} to {phase.ends}" if phase.ends else f"from {phase.begins}",
            stop=Told("one of the conditions below holds"),
        )
        for number, phase in enumerate(plan.phases, 1)
    ]


def gate_of(plan: "RolloutPlan", mark: int, headline: str = "") -> Gate:
    """What stops a phase, and what leads to the next one; without any phase, why there is none.

    Args:
        headline: of a case that does not recommend it: the steps are for who decides otherwise.
    """
    if not plan.phases:
        told = [f"{one_line(one.name, 80)}: {one.headline} {' '.join(one.why)}" for one in plan.decisions]
        return Gate(none=[one_line(line, 600) for line in told])
    return Gate(
        stop=_told((one for phase in plan.phases for one in phase.stop), mark),
        onward=_told((one for phase in plan.phases for one in phase.leave), mark),
        note=f"{headline} These are the steps if you decide otherwise." if headline else "",
    )


def source_of(plan: "RolloutPlan", mark: int) -> Source:
    """The plan as a source, with the sources that its own figures have."""
    found = [one.source for phase in plan.phases for one in (*phase.stop, *phase.leave)]
    named = one_line("; ".join(dict.fromkeys(found)), 400)
    figures = f"; its figures: {named}" if named else ""
    return Source(mark, "plan", f"roll-out plan, {plan.strategy.replace('_', ' ')}{figures}")


def _told(criteria: "Iterable[Criterion]", mark: int) -> list[Told]:
    return [Told(text, (mark,)) for text in dict.fromkeys(one_line(one.text, LONGEST) for one in criteria)]
