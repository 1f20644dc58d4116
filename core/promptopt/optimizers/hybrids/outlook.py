"""What a hybrid will need: the plans of the optimizers that it runs, how often, and for how many calls."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from promptopt.domain.forecast import NONE, Plan, Question, Scale, Spread
from promptopt.domain.words import Role

ONCE = Spread.exactly(1)


@dataclass(frozen=True)
class Share:
    """Stages that a hybrid expects to run.

    Attributes:
        plan: what the optimizer would do by itself.
        times: how many such stages.
        calls: most target calls of each; None: no limit of its own.
        scored: target calls beside, that score what each found on cases of its own.
    """

    plan: Plan
    times: Spread = ONCE
    calls: int | None = None
    scored: int = 0


def together(shares: Sequence[Share], calls: int | None) -> Plan:
    """The plan of all shares, one after the other.

    Args:
        calls: most target calls of all together; None: no limit.
    """
    plans = [_limited(share.plan, share.calls) for share in shares]

    def total(part: Callable[[Plan], Spread]) -> Spread:
        return _sum([part(plan) * share.times for plan, share in zip(plans, shares, strict=True)])

    scored = _sum([Spread.exactly(share.scored) * share.times for share in shares])
    whole = Plan(
        iterations=total(lambda plan: plan.iterations),
        first_target_calls=max((plan.first_target_calls for plan in plans), key=lambda one: one.low),
        target_calls=total(lambda plan: plan.target_calls) + scored,
        optimizer_calls=total(lambda plan: plan.optimizer_calls),
        added_chars=max((plan.added_chars for plan in plans), key=lambda one: one.likely or 0.0),
        optimizer_chars=max((plan.optimizer_chars for plan in plans), key=lambda one: one.likely or 0.0),
        reply_prompts=max(plan.reply_prompts for plan in plans),
        optimizer_at_once=min(plan.optimizer_at_once for plan in plans),
        others=_others(plans),
    )
    return _limited(whole, calls)


def any_of(plans: Sequence[Plan]) -> Plan:
    """The plan of one optimizer, when nobody knows yet which of several it will be."""

    def either(part: Callable[[Plan], Spread]) -> Spread:
        spreads = [part(plan) for plan in plans]
        likely = [one.likely for one in spreads]
        high = [one.high for one in spreads]
        known = [value for value in likely if value is not None]
        return Spread.of(
            min(one.low for one in spreads),
            statistics.fmean(known) if len(known) == len(likely) else None,
            None if None in high else max(value for value in high if value is not None),
        )

    return replace(
        plans[0],
        iterations=either(lambda plan: plan.iterations),
        first_target_calls=either(lambda plan: plan.first_target_calls),
        target_calls=either(lambda plan: plan.target_calls),
        optimizer_calls=either(lambda plan: plan.optimizer_calls),
        added_chars=either(lambda plan: plan.added_chars),
        optimizer_chars=either(lambda plan: plan.optimizer_chars),
        reply_prompts=max(plan.reply_prompts for plan in plans),
        optimizer_at_once=min(plan.optimizer_at_once for plan in plans),
        others=_others(plans),
    )


def trial_scale(scale: Scale, cases: int) -> Scale:
    """The scale of a search on ``cases`` cases, half of which select."""
    return replace(scale, train=(cases + 1) // 2, validation=cases // 2)


def _limited(plan: Plan, calls: int | None) -> Plan:
    """What is left of a plan if it may make but so many target calls: proposals get fewer in proportion."""
    needed = plan.target_calls
    if calls is None:
        return plan
    likely = None if needed.likely is None else min(needed.likely, calls)
    high = calls if needed.high is None else min(needed.high, calls)
    part = min(1.0, calls / needed.likely) if needed.likely else 1.0
    return replace(
        plan,
        target_calls=Spread.of(min(needed.low, calls), likely, high),
        iterations=_part(plan.iterations, part),
        optimizer_calls=_part(plan.optimizer_calls, part),
    )


def _part(spread: Spread, part: float) -> Spread:
    """A share of what is likely; the most stays, for calls may go to few cases of many prompts."""
    likely = None if spread.likely is None else spread.likely * part
    return Spread.of(min(spread.low, likely or 0.0), likely, spread.high)


def _others(plans: Sequence[Plan]) -> dict[Role, Question]:
    """What they ask of other models, all together; of requests the longest counts."""
    found: dict[Role, list[Question]] = defaultdict(list)
    for plan in plans:
        for role, question in plan.others.items():
            found[role].append(question)
    return {
        role: Question(
            _sum([one.calls for one in asked]),
            max((one.chars for one in asked), key=lambda chars: chars.likely or 0.0),
        )
        for role, asked in found.items()
    }


def _sum(spreads: Sequence[Spread]) -> Spread:
    total = NONE
    for spread in spreads:
        total = total + spread
    return total
