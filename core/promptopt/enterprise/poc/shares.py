"""One budget over several stages: what each may have, such that the sum crosses no cap."""

from collections.abc import Iterable, Mapping

SHARES = {"data": 0.2, "comparison": 0.65, "consistency": 0.15}
"""Of the budget, for the stages that pay. What one leaves goes to those after it, in these proportions."""


def allowance(
    limits: Mapping[str, float],
    committed: Mapping[str, float],
    stage: str,
    shares: Mapping[str, float] = SHARES,
    out: Iterable[str] = (),
) -> dict[str, float]:
    """Caps of a stage.

    What is left is divided among it and the stages after it that are not left out, by their shares; so the
    last one has all that is left, and what is given never sums up to more than a limit.

    Args:
        limits: caps of everything, by name.
        committed: what is spent, or can still be spent by what was begun, by the same names.
        stage: which one is about to begin.
        out: stages that are left out.

    Returns:
        A cap for each limit; whole numbers for calls and tokens. One of 0 carries nothing.
    """
    order = list(shares)
    without = set(out)
    coming = [name for name in order[order.index(stage) :] if name not in without or name == stage]
    part = shares[stage] / sum(shares[name] for name in coming)
    if len(coming) == 1:
        part = 1.0
    found: dict[str, float] = {}
    for name, limit in limits.items():
        left = max(0.0, limit - committed.get(name, 0.0))
        share = left * part
        found[name] = float(int(share)) if name.endswith(("calls", "tokens")) else share
    return found


def short_of(caps: Mapping[str, float]) -> str:
    """The name of a cap that leaves nothing; empty if all leave something."""
    return next((name for name, cap in caps.items() if cap <= 0), "")
