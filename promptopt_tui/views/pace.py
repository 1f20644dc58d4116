"""How fast a run goes just now, and when it may end."""

from collections import deque
from collections.abc import Mapping

from promptopt.domain.events import Meter

WINDOW = 60.0
"""Seconds that count as now."""

STEP = 1.0
"""Seconds between two looks that are kept."""

LEAST = 5.0
"""Seconds that have to be seen before a pace is told."""


class Pace:
    """Spending over the last minute in which the run was worked on."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, dict[str, float]]] = deque()

    def see(self, seconds: float, meters: Mapping[str, Meter]) -> None:
        """Where the meters stand after so many seconds of work."""
        seen = self._seen
        if seen and seconds < seen[-1][0]:
            seen.clear()
        if seen and seconds - seen[-1][0] < STEP:
            return
        seen.append((seconds, {name: meter.spent for name, meter in meters.items()}))
        # A meter that was not there at first is told of from then on.
        while seen[-1][0] - seen[0][0] > WINDOW or not meters.keys() <= seen[0][1].keys():
            seen.popleft()

    def per_minute(self, meter: str) -> float | None:
        """What a meter took in a minute, of late; None as long as too little was seen."""
        if not self._seen:
            return None
        (begun, first), (now, last) = self._seen[0], self._seen[-1]
        if now - begun < LEAST or meter not in first or meter not in last:
            return None
        return (last[meter] - first[meter]) / (now - begun) * 60
