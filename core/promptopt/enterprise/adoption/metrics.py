"""Adoption: how many use a prompt, whether they stay, and what they do with its answers. Nobody is named."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from statistics import fmean, median
from typing import Any

from promptopt.domain.results import Interval
from promptopt.domain.text import one_line
from promptopt.enterprise.adoption.usage import UsageLog, Use
from promptopt.evaluation.statistics import clustered_share, interval

WINDOW = timedelta(days=28)
"""Who used it within this time before the last use counts as active."""

MOST_WEEKS = 8
"""Weeks after the first use that retention is told for."""

MOST_VERSIONS = 12
MOST_NAMED = 6
UNNAMED = "(not named)"


@dataclass(frozen=True)
class Week:
    """A week (``2026-W48``, ISO), its uses, and how many people used it."""

    week: str
    uses: int
    users: int


@dataclass(frozen=True)
class TeamUse:
    """A team: its people, of whom so many were active; ``rate`` is None if its size is not known.

    A rate is a count of known people, not a sample: it has no interval.
    """

    team: str
    uses: int
    active: int
    size: int | None
    rate: float | None


@dataclass(frozen=True)
class Kept:
    """Of the people whose first use lies so many weeks back, those who used it in that week."""

    weeks: int
    kept: int
    of: int
    share: Interval


@dataclass(frozen=True)
class Version:
    """Uses of one version of the prompt; ``deployed`` is that of the deployment."""

    prompt: str
    uses: int
    share: float
    users: int
    accepted: Interval | None
    deployed: bool


@dataclass(frozen=True)
class AdoptionMetrics:
    """What a log says of a prompt's use. Shares have 95 % intervals that know that one person gives several.

    Attributes:
        first, last: days of the first and the last use, ISO.
        teams: each team that the log names, and those whose size was given; ``overall`` is all of them.
        accepted, edited, rating, seconds: None if the log does not tell; ``rating`` and ``seconds`` are means
            over people.
        notices: what limits it.
    """

    source: str
    first: str
    last: str
    uses: int
    users: int
    weeks: tuple[Week, ...]
    overall: TeamUse
    teams: tuple[TeamUse, ...]
    accepted: Interval | None
    edited: Interval | None
    rating: tuple[float, float, float] | None
    seconds: tuple[float, float, float] | None
    median_seconds: float | None
    retention: tuple[Kept, ...]
    versions: tuple[Version, ...]
    bad_lines: int
    notices: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """In JSON values."""

        def plain(value: Any) -> Any:
            if isinstance(value, Interval):
                return value.model_dump()
            if isinstance(value, Mapping):
                return {key: plain(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
            if isinstance(value, list | tuple):
                return [plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
            return value

        return plain(asdict(self))

    def lines(self) -> list[str]:
        """For people, a line each."""
        return [
            f"{self.uses:,} uses by {self.users} people, {self.first} to {self.last}",
            f"last four weeks: {_team(self.overall)}",
            *(f"  {one_line(team.team, 40)}: {_team(team)}" for team in self.teams),
            *self._shares(),
            *self._retention(),
            *self._versions(),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _shares(self) -> list[str]:
        told = [(name, getattr(self, name)) for name in ("accepted", "edited")]
        lines = [f"{name}: {_share(share)}, {share.n:,} uses" for name, share in told if share is not None]
        if self.rating:
            lines.append("rating: {:.2f} [{:.2f}, {:.2f}], mean over people".format(*self.rating))
        if self.seconds:
            mean = "{:.0f} s [{:.0f}, {:.0f}], mean over people".format(*self.seconds)
            lines.append(f"time for a use: {mean}; median {self.median_seconds:.0f} s")
        return lines

    def _retention(self) -> list[str]:
        kept = [f"week {one.weeks}: {one.kept} of {one.of}, {_share(one.share)}" for one in self.retention]
        return [f"still used after {'; '.join(kept)}"] if kept else []

    def _versions(self) -> list[str]:
        lines: list[str] = []
        for one in self.versions:
            mark = " (deployed)" if one.deployed else ""
            accepted = f", accepted {_share(one.accepted)}" if one.accepted else ""
            lines.append(
                f"version {one_line(one.prompt, 40)}{mark}: {one.uses:,} uses, {one.share:.0%}, "
                f"{one.users} people{accepted}"
            )
        return lines


def adoption_of(
    log: UsageLog,
    *,
    sizes: Mapping[str, int] | None = None,
    size: int | None = None,
    deployed: Sequence[str] = (),
) -> AdoptionMetrics:
    """What a log says.

    Args:
        sizes: people of each team.
        size: people altogether; default: the sum of ``sizes``.
        deployed: names under which the log may know the deployed prompt.
    """
    uses, known = log.uses, dict(sizes or {})
    last = uses[-1].at
    recent = [use for use in uses if use.at > last - WINDOW]
    names: dict[str, str] = {}  # the first spelling of each
    for name in (*(use.team for use in uses if use.team), *known):
        names.setdefault(team_key(name), name)
    counted = {team_key(name): people for name, people in known.items()}
    whole = size if size is not None else (sum(known.values()) or None)
    per_person = _by_person(uses)
    return AdoptionMetrics(
        source=log.source,
        first=uses[0].at.date().isoformat(),
        last=last.date().isoformat(),
        uses=len(uses),
        users=len(per_person),
        weeks=tuple(_weeks(uses)),
        overall=_used("all", recent, whole),
        teams=tuple(
            _used(name, [use for use in recent if team_key(use.team) == key], counted.get(key))
            for key, name in names.items()
        ),
        accepted=_flagged(per_person, lambda use: use.accepted),
        edited=_flagged(per_person, lambda use: use.edited),
        rating=_mean(per_person, lambda use: use.rating),
        seconds=_mean(per_person, lambda use: use.seconds),
        median_seconds=_median(uses),
        retention=tuple(_retention(per_person, last)),
        versions=tuple(_versions(uses, {one.casefold() for one in deployed if one})),
        bad_lines=log.bad,
        notices=(*strangers(uses, deployed), *log.notices, *_limits(len(per_person), whole, recent)),
    )


def team_key(name: str) -> str:
    """What the spellings of one team's name have in common."""
    return " ".join(name.split()).casefold()


def strangers(uses: Sequence[Use], deployed: Sequence[str]) -> list[str]:
    """That none of the prompts that a log names is the deployed one, and what to do.

    Empty if one is, or if the log names none.

    Args:
        deployed: names under which the log may know the deployed prompt; without any, nothing is asked.
    """
    known = [name for name in deployed if name]
    folded = {name.casefold() for name in known}
    counts = Counter(use.prompt for use in uses if use.prompt)
    if not counts or not known or any(is_deployed(prompt, folded) for prompt in counts):
        return []
    shown = ", ".join(f"{one_line(name, 40)!r} ({count:,})" for name, count in counts.most_common(MOST_NAMED))
    more = f" and {len(counts) - MOST_NAMED} more" if len(counts) > MOST_NAMED else ""
    first = one_line(counts.most_common(1)[0][0], 40)
    return [
        f"no prompt that the log names is the deployed one ({one_line(', '.join(known), 120)}): "
        f"it has {shown}{more}; if one of them is it, say so: --called {shlex.quote(first)}"
    ]


def _used(name: str, recent: Sequence[Use], size: int | None) -> TeamUse:
    active = len({use.user for use in recent})
    return TeamUse(name, len(recent), active, size, min(1.0, active / size) if size else None)


def _limits(users: int, size: int | None, recent: Sequence[Use]) -> list[str]:
    told: list[str] = []
    active = len({use.user for use in recent})
    if size is None:
        told.append("the size of the team is not known, so there is no rate of adoption: --team-size N")
    elif active > size:
        told.append(f"{active} people are active, more than the {size} that were named")
    if users < 5:
        told.append(f"{users} people are few: the figures are about them, and hardly about others")
    return told


def _weeks(uses: Sequence[Use]) -> list[Week]:
    """Each week from the first to the last use, those without any included."""
    found: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        found[_week(use.at)].append(use)
    weeks: list[Week] = []
    day, end = uses[0].at, uses[-1].at
    while True:
        inside = found.get(_week(day), [])
        weeks.append(Week(_week(day), len(inside), len({use.user for use in inside})))
        if _week(day) == _week(end):
            break
        day += timedelta(days=7)
    return weeks


def _week(at: datetime) -> str:
    year, week, _ = at.isocalendar()
    return f"{year}-W{week:02}"


def _retention(per_person: Mapping[str, Sequence[Use]], last: datetime) -> list[Kept]:
    kept: list[Kept] = []
    firsts = {user: min(use.at for use in uses) for user, uses in per_person.items()}
    for weeks in range(1, MOST_WEEKS + 1):
        begin, end = timedelta(days=7 * weeks), timedelta(days=7 * (weeks + 1))
        old = [user for user, first in firsts.items() if first + end <= last]
        if not old:
            break
        stayed = [
            any(firsts[user] + begin <= use.at < firsts[user] + end for use in per_person[user])
            for user in old
        ]
        kept.append(Kept(weeks, sum(stayed), len(old), interval([float(one) for one in stayed])))
    return kept


def _versions(uses: Sequence[Use], deployed: set[str]) -> list[Version]:
    if not any(use.prompt for use in uses):
        return []
    counts = Counter(use.prompt or UNNAMED for use in uses)
    found: list[Version] = []
    for prompt, count in counts.most_common(MOST_VERSIONS):
        mine = [use for use in uses if (use.prompt or UNNAMED) == prompt]
        found.append(
            Version(
                prompt=prompt,
                uses=count,
                share=count / len(uses),
                users=len({use.user for use in mine}),
                accepted=_flagged(_by_person(mine), lambda use: use.accepted),
                deployed=is_deployed(prompt, deployed),
            )
        )
    return found


def is_deployed(prompt: str, names: Iterable[str]) -> bool:
    """Whether a log's name of a prompt is one of the deployed prompt: equal, or the beginning of its id."""
    plain = prompt.casefold()
    return any(plain == name or (len(plain) >= 6 and name.startswith(plain)) for name in names)


def _flagged(per_person: Mapping[str, Sequence[Use]], of: Callable[[Use], bool | None]) -> Interval | None:
    groups: list[tuple[int, int]] = []
    for uses in per_person.values():
        said = [flag for use in uses if (flag := of(use)) is not None]
        groups.append((sum(said), len(said)))
    found = clustered_share(groups)
    return found if found.n else None


def _mean(
    per_person: Mapping[str, Sequence[Use]], of: Callable[[Use], float | None]
) -> tuple[float, float, float] | None:
    """Mean over people of each one's mean, with Student's 95 % interval; of one person it is without end."""
    from promptopt.evaluation.statistics import mean_interval

    means: list[float] = []
    for uses in per_person.values():
        said = [value for use in uses if (value := of(use)) is not None]
        means += [fmean(said)] if said else []
    if len(means) < 2:
        return None
    found = mean_interval(means)
    return found.mean, found.low, found.high


def _median(uses: Sequence[Use]) -> float | None:
    known = [use.seconds for use in uses if use.seconds is not None]
    return median(known) if known else None


def _by_person(uses: Iterable[Use]) -> dict[str, list[Use]]:
    found: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        found[use.user].append(use)
    return dict(found)


def _team(team: TeamUse) -> str:
    if team.size is None or team.rate is None:
        return f"{team.active} people active, {team.uses:,} uses"
    return f"{team.active} of {team.size} people active ({team.rate:.0%}), {team.uses:,} uses"


def _share(share: Interval) -> str:
    return f"{share.mean:.0%} [{share.low:.0%}, {share.high:.0%}]"
