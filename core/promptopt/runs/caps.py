"""Which cap would end a run first."""

from collections.abc import Mapping

from promptopt.domain.events import Role
from promptopt.domain.forecast import CapReached, Need, Spread


def first_cap(
    limits: Mapping[str, float], roles: Mapping[Role, Need], total: Need, seconds: Spread
) -> CapReached | None:
    """The cap that ends the run first, if use grows evenly; None if none does, as far as is known."""
    needs = _by_cap(roles, total, seconds)
    for level in ("low", "likely", "high"):
        over: list[tuple[float, str, float]] = []
        for name, limit in limits.items():
            need: float | None = getattr(needs[name], level) if name in needs else None
            if need is not None and need > limit:
                over.append((need / limit, name, need))
        if over:
            _, name, need = max(over)
            likely = needs[name].likely
            return CapReached(
                name=name,
                limit=limits[name],
                needed=likely if level == "low" and likely is not None else need,
                certain=level == "low",
                expected=level != "high",
            )
    return None


def _by_cap(roles: Mapping[Role, Need], total: Need, seconds: Spread) -> dict[str, Spread]:
    """Needs by the name of the cap on them."""
    minutes = Spread.exactly(1 / 60)
    found = {"minutes": seconds * minutes}
    for role, need in roles.items():
        if need.seconds is not None:
            found[f"{role}_minutes"] = need.seconds * minutes
    for prefix, need in (("", total), *((f"{role}_", need) for role, need in roles.items())):
        found[f"{prefix}calls"] = need.calls
        found[f"{prefix}tokens"] = need.tokens
        if need.usd is not None:
            found[f"{prefix}usd"] = need.usd
    return found
