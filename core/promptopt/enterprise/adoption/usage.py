"""A log of uses: who used which prompt when, and what came of it. Bad lines are told and left out."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.store.caserows import Problems, Row, Table, read_table
from promptopt.store.columns import ranked
from promptopt.store.textfiles import closest

NAMES: dict[str, tuple[str, ...]] = {
    "timestamp": (
        "timestamp",
        "time",
        "datetime",
        "date",
        "at",
        "when",
        "ts",
        "created_at",
        "used_at",
        "day",
    ),
    "user": (
        "user",
        "user_id",
        "username",
        "person",
        "member",
        "agent",
        "employee",
        "author",
        "who",
        "email",
    ),
    "team": ("team", "department", "group", "unit"),
    "prompt": ("prompt_version", "version", "prompt_id", "prompt", "prompt_name", "template", "deployment"),
    "seconds": (
        "seconds",
        "duration_seconds",
        "duration_s",
        "duration",
        "time_spent",
        "time_taken",
        "elapsed",
    ),
    "rating": ("rating", "stars", "satisfaction", "score", "grade"),
    "accepted": ("accepted", "accept", "used_as_is", "approved", "used", "sent"),
    "edited": ("edited", "edit", "modified", "changed", "reworked", "corrected"),
}
"""What a log can tell, and the names under which people keep it, best first."""

NEEDED = ("timestamp", "user")

_SCALES = {"ms": 0.001, "milliseconds": 0.001, "minutes": 60.0, "min": 60.0, "hours": 3600.0}
_YES = {"true", "yes", "y", "1", "x", "ja", "ok", "✓"}
_NO = {"false", "no", "n", "0", "nein", "-", "✗"}
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_LATEST = 4_102_444_800.0  # the year 2100
LONGEST_DAY = 86_400.0
SLACK = timedelta(days=1)
"""A time that is later than now by more is a mistake; by less, it may be that of another zone."""
_TIME_OF_DAY = re.compile(r"\d[T ]+\d|\d:\d|^\d{9,}")


@dataclass(frozen=True)
class Use:
    """One use. What the log does not tell is None, or empty.

    Attributes:
        at: in UTC if the log names a zone, else as it stands.
    """

    at: datetime
    user: str
    team: str = ""
    prompt: str = ""
    seconds: float | None = None
    rating: float | None = None
    accepted: bool | None = None
    edited: bool | None = None


@dataclass(frozen=True)
class UsageLog:
    """Uses in the order of time.

    Attributes:
        columns: what was taken for what.
        spoiled: bad lines, the first few, with their places and what is wrong; ``bad`` is their number.
        repeated: lines that say all that an earlier one says, to the time of day: they count for nothing.
    """

    uses: tuple[Use, ...]
    source: str
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    spoiled: tuple[tuple[str, str], ...] = ()
    bad: int = 0
    repeated: int = 0

    @property
    def notices(self) -> list[str]:
        """What a reader must know of how it was read."""
        return [*self._bad(), *self._repeated()]

    def _repeated(self) -> list[str]:
        if not self.repeated:
            return []
        lines = "1 line repeats" if self.repeated == 1 else f"{self.repeated} lines repeat"
        return [f"{lines} an earlier one in every field: counted once"]

    def _bad(self) -> list[str]:
        if not self.bad:
            return []
        shown = [f"{place}: {what}" for place, what in self.spoiled]
        more = [f"and {self.bad - len(shown)} more"] if self.bad > len(shown) else []
        lines = "line" if self.bad == 1 else "lines"
        return [f"{self.bad} bad {lines} left out: {'; '.join([*shown, *more])}"]


def read_usage(
    path: Path, given: Mapping[str, str] | None = None, *, now: datetime | None = None
) -> UsageLog:
    """Read a log: CSV, TSV, JSON, JSON Lines, YAML or Parquet.

    Args:
        given: of :data:`NAMES` to the column that has it, where its name does not tell.
        now: in UTC without a zone; a use later than a day after it is a bad line. Default: the clock's.

    Raises:
        SettingsError: it can't be read, has no column with the time or the user, or no good line.
    """
    problems = Problems(str(path))
    table = read_table(path, problems)
    columns = _columns(table, given or {})
    uses: list[Use] = []
    latest = (now or _clock()) + SLACK
    seen: set[str] = set()
    repeated = 0
    for index, row in enumerate(table.rows):
        try:
            use = _use(row, columns)
            if use.at > latest:
                raise ValueError(f"{columns['timestamp']} is {use.at:%Y-%m-%d %H:%M}, which is yet to come")
        except ValueError as error:
            problems.add(table.place(index), str(error))
            continue
        # Two uses on one day look alike; to the second, and in all else, they are one that was written twice.
        if _TIME_OF_DAY.search(str(row.get(columns["timestamp"]))):
            whole = repr(sorted((name, str(value)) for name, value in row.items()))
            if whole in seen:
                repeated += 1
                continue
            seen.add(whole)
        uses.append(use)
    if not uses:
        problems.raise_any()
        raise SettingsError("the log has no use", where=str(path))
    uses.sort(key=lambda use: use.at)
    return UsageLog(tuple(uses), path.name, columns, tuple(problems.shown), problems.count, repeated)


def _clock() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _columns(table: Table, given: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for what, column in given.items():
        if what not in NAMES:
            near = closest(what, NAMES)
            fix = f"did you mean {near}?" if near else f"it can tell {', '.join(NAMES)}"
            raise SettingsError(f"a log tells nothing that is called {what!r}", where="--column", fix=fix)
        if column not in table.columns:
            near = closest(column, table.columns)
            fix = f"did you mean {near!r}?" if near else f"there are: {_named(table.columns)}"
            raise SettingsError(f"there is no column {column!r}", where=table.source, fix=fix)
        found[what] = column
    for what, names in NAMES.items():
        free = [name for name in table.columns if name not in found.values()]
        wanted = [*names, *(f"{what}_{unit}" for unit in _SCALES)] if what == "seconds" else names
        known = ranked(free, wanted) or (_scaled(free) if what == "seconds" else [])
        if what not in found and known:
            found[what] = known[0]
    for what in NEEDED:
        if what not in found:
            raise SettingsError(
                f"no column tells the {what}; the columns are: {_named(table.columns)}",
                where=table.source,
                fix=f"name it: --column {what}=COLUMN",
            )
    return found


def _scaled(names: Sequence[str]) -> list[str]:
    """Columns of a duration in another unit: ``duration_ms``, ``minutes``."""
    return [name for name in names if _scale(name) != 1.0 and "per" not in name.lower()]


def _scale(name: str) -> float:
    return _SCALES.get(re.split(r"[\s_-]+", name.strip().lower())[-1], 1.0)


def _use(row: Row, columns: Mapping[str, str]) -> Use:
    def read(what: str, reader: Callable[[Any], Any]) -> Any:
        value = row.get(columns[what]) if what in columns else None
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        try:
            return reader(value)
        except (ValueError, TypeError, OverflowError):
            shown = one_line(repr(value), 60)
            raise ValueError(f"{columns[what]} is {shown}, which is no {_KINDS[what]}") from None

    at, user = read("timestamp", _time), read("user", _text)
    if at is None or user is None:
        raise ValueError(f"{columns['timestamp' if at is None else 'user']} is empty")
    scale = _scale(columns.get("seconds", ""))
    return Use(
        at=at,
        user=user.casefold(),
        team=read("team", _text) or "",
        prompt=read("prompt", _text) or "",
        seconds=read("seconds", lambda value: _duration(value, scale)),
        rating=read("rating", _number),
        accepted=read("accepted", _flag),
        edited=read("edited", _flag),
    )


_KINDS = {
    "timestamp": "time (as 2026-11-25 14:03, or seconds since 1970)",
    "user": "name",
    "team": "name",
    "prompt": "name",
    "seconds": "duration of at most a day",
    "rating": "number",
    "accepted": "yes or no",
    "edited": "yes or no",
}


def _text(value: Any) -> str:
    return one_line(str(value), 120)


def _time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return _plain(value)
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, int | float):
        return _epoch(float(value))
    text = str(value).strip()
    if re.fullmatch(r"\d{9,13}(\.\d+)?", text):
        return _epoch(float(text))
    german = _DAY_FIRST.fullmatch(text)
    if german:
        day, month, year, hour, minute, second = (int(part or 0) for part in german.groups())
        return datetime(year, month, day, hour, minute, second)
    return _plain(datetime.fromisoformat(text))


def _epoch(seconds: float) -> datetime:
    if seconds > _LATEST:
        seconds /= 1000
    if not 0 < seconds < _LATEST:
        raise ValueError
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _plain(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError
    found = float(str(value).strip().replace(",", "."))
    if not math.isfinite(found):
        raise ValueError
    return found


def _duration(value: Any, scale: float) -> float:
    found = _number(value) * scale
    if not 0 <= found <= LONGEST_DAY:
        raise ValueError
    return found


def _flag(value: Any) -> bool:
    text = str(value).strip().lower()
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise ValueError


def _named(columns: Sequence[str]) -> str:
    return one_line(", ".join(columns), 300) or "none"
