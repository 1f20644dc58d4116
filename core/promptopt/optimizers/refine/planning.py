"""What is proposed in a round: by which operators, and from which parents.

Operators are drawn by Thompson sampling: as often as it is plausible that what they propose is taken up most.
One that was never tried is tried first; rewriting is never left out.
"""

import random
from collections.abc import Callable

from promptopt.domain.prompt import Prompt
from promptopt.optimizers.refine.proposing import Operator, Slot
from promptopt.optimizers.refine.state import State

MOST = 3
"""One slot in so many may have demonstrations: they cost nothing to write, but as much to race."""


def plan_slots(
    number: int,
    state: State,
    dice: random.Random,
    *,
    trust: Callable[[Prompt], float],
    demonstrate: bool,
) -> list[Slot]:
    """The slots of a round.

    Args:
        number: proposals.
        trust: chance that a prompt of the pool is no worse than the best one.
        demonstrate: whether there is anything that could be shown.
    """
    pair = state.pool.pair(state.merged, state.related)
    open_: list[Operator] = ["rewrite"]
    if demonstrate:
        open_.append("demonstrate")
    if pair:
        open_.append("merge")
    slots: list[Slot] = []
    turn = 0
    for place in range(1, number + 1):
        # The first of several is always written anew; a single one takes its turn with the others.
        operator = "rewrite" if place == 1 and number > 1 else _drawn(open_, slots, state, dice)
        if operator == "merge" and pair:
            slots.append(Slot(place, "merge", pair[0], other=pair[1]))
            open_.remove("merge")
            continue
        slots.append(Slot(place, operator, state.pool.parent(dice, trust), turn))
        if operator == "demonstrate" and sum(slot.operator == operator for slot in slots) >= number / MOST:
            open_.remove(operator)
        turn += operator == "rewrite"
    return slots


def _drawn(open_: list[Operator], slots: list[Slot], state: State, dice: random.Random) -> Operator:
    """The operator whose drawn chance of success is highest."""
    chosen = [slot.operator for slot in slots]
    for operator in open_:
        if operator not in state.tally and operator not in chosen:
            return operator
    draws = {
        operator: dice.betavariate(*(1 + count for count in state.tally.get(operator, (0.0, 0.0))))
        for operator in open_
    }
    return max(open_, key=lambda operator: draws[operator])
