"""Tournaments: who is how strong, who beat whom, and the bracket of a single elimination."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from typing import Any, Protocol

from promptopt.domain.errors import RunError
from promptopt.domain.events import MatchFinished, Rating
from promptopt.reporting.canvas import COLOURS, FAINT, GRID, INK, Figure, figure, grid, plain, style
from promptopt.runs.standings import leads
from promptopt.runs.state import RunState

ELIMINATION = "single_elimination"

_GAP = 0.8
"""Between the middles of two matches of a round; a match is 0.66 high."""


class Tournament(Protocol):
    """What is drawn of a tournament (``TournamentResults`` is one)."""

    @property
    def format(self) -> str: ...
    @property
    def ratings(self) -> Sequence[Rating]: ...
    @property
    def matches(self) -> Sequence[MatchFinished]: ...


@dataclass(frozen=True)
class Told:
    """A tournament as a run's events tell it.

    Attributes:
        names: how the run calls its candidates.
        champion_id: who won it or leads; empty while it goes on.
        decided: the final was won by evidence.
    """

    format: str
    ratings: Sequence[Rating]
    matches: Sequence[MatchFinished]
    names: Mapping[str, str]
    simulated: bool
    champion_id: str = ""
    decided: bool = False


def tournament_of(state: RunState) -> Told:
    """The last tournament of a run.

    Raises:
        RunError: it held none.
    """
    if state.tournament is None:
        raise RunError(
            f"run {state.run_id} has held no tournament",
            fix="optimizers that hold some tell so: promptopt optimizers",
        )
    ids = {m.first_id for m in state.matches.values()} | {m.second_id for m in state.matches.values()}
    return Told(
        format=state.tournament.format,
        ratings=state.tournament.ratings,
        matches=[state.matches[number] for number in sorted(state.matches)],
        names={each: state.name(each) for each in ids | {r.candidate_id for r in state.tournament.ratings}},
        simulated=state.simulated,
        champion_id=state.tournament.champion_id,
        decided=state.tournament.decided,
    )


def tournament_brackets(tournament: Tournament, title: str = "Tournament") -> Figure:
    """Ratings with intervals beside the bracket, or beside who beat whom.

    A single elimination has a bracket: its stages are columns, in the order in which they were played.
    """
    names: Mapping[str, str] = getattr(tournament, "names", {})
    ratings = sorted(tournament.ratings, key=lambda rating: rating.rating)
    called = {r.candidate_id: plain(names.get(r.candidate_id, r.candidate_id[:6]), 18) for r in ratings}
    bracket = tournament.format == ELIMINATION and bool(tournament.matches)
    with style():
        size = 0.5 * max(4, len(ratings))
        champion = _champion(tournament)
        told = f"{tournament.format.replace('_', ' ')}, {len(tournament.matches)} matches"
        if champion in called:
            told += f": {_standing(tournament, champion, called[champion])}"
        told += "; strength on Elo's scale, bars: 95 % intervals"
        simulated = bool(getattr(tournament, "simulated", False))
        made = figure(12.5, 2.3 + size, title, simulated=simulated, subtitle=told)
        left, right = made.subplots(1, 2, width_ratios=[1.0, 1.35])
        decided = getattr(tournament, "decided", False)
        marked = champion if decided or (champion in called and leads(champion, ratings)) else ""
        _ratings(left, ratings, called, marked)
        if bracket:
            _bracket(right, tournament.matches, called)
        else:
            _matrix(right, ratings, tournament.matches, called)
    return made


def _champion(tournament: Tournament) -> str:
    """Id of the one that won or leads; empty if nothing says so yet."""
    prompt: Any = getattr(tournament, "champion", None)
    return str(prompt.id if prompt else getattr(tournament, "champion_id", ""))


def _standing(tournament: Tournament, champion: str, name: str) -> str:
    if getattr(tournament, "decided", False):
        return f"{name} won the final"
    if not leads(champion, tournament.ratings):
        return "nobody leads"
    return f"{name} leads, not proven the best"


def _ratings(axes: Any, ratings: Sequence[Rating], called: Mapping[str, str], champion: str) -> None:
    for at, rating in enumerate(ratings):
        best = rating.candidate_id == champion
        colour = COLOURS[2] if best else COLOURS[0]
        axes.plot([rating.low, rating.high], [at, at], color=colour, linewidth=2.6, alpha=0.5)
        axes.plot(rating.rating, at, marker="D" if best else "o", color=colour, markersize=8)
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "xytext": (7, 0)}
        axes.annotate(f"{rating.win_rate:.0%} won", (1.0, at), **place, va="center", fontsize=9, color=FAINT)
    axes.axvline(0, color=GRID, linewidth=1, zorder=0)
    axes.set_yticks(range(len(ratings)), [called[rating.candidate_id] for rating in ratings])
    axes.set_ylim(-0.6, max(1, len(ratings)) - 0.4)
    axes.set_title("strength")
    grid(axes, "x")


def _matrix(
    axes: Any, ratings: Sequence[Rating], matches: Sequence[MatchFinished], called: Mapping[str, str]
) -> None:
    """Cases that the one on the left won against the one below, the strongest first."""
    order = [rating.candidate_id for rating in reversed(ratings)]
    place = {each: at for at, each in enumerate(order)}
    won: dict[tuple[str, str], int] = {}
    met: dict[tuple[str, str], int] = {}
    for match in matches:
        pair, back = (match.first_id, match.second_id), (match.second_id, match.first_id)
        won[pair] = won.get(pair, 0) + match.wins
        won[back] = won.get(back, 0) + match.losses
        for each in (pair, back):
            met[each] = met.get(each, 0) + match.wins + match.losses + match.ties
    patches: Any = import_module("matplotlib.patches")
    colours: Any = import_module("matplotlib").colormaps["RdBu"]
    for (one, two), cases in met.items():
        if one not in place or two not in place:
            continue
        x, y = place[two], len(order) - 1 - place[one]
        back = won.get((two, one), 0)
        share = (won[one, two] + 0.5 * (cases - won[one, two] - back)) / cases if cases else 0.5
        axes.add_patch(
            patches.Rectangle((x - 0.47, y - 0.45), 0.94, 0.9, facecolor=colours(0.15 + 0.7 * share))
        )
        axes.text(x, y, f"{won[one, two]}:{back}", ha="center", va="center", fontsize=9, color=INK)
    axes.set_xlim(-0.5, len(order) - 0.5)
    axes.set_ylim(-0.5, len(order) - 0.5)
    axes.set_xticks(range(len(order)), [called[each] for each in order], rotation=32, ha="right")
    axes.set_yticks(range(len(order)), [called[each] for each in reversed(order)])
    axes.set_title("cases won against each other (left : below)")
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _bracket(axes: Any, matches: Sequence[MatchFinished], called: Mapping[str, str]) -> None:
    """The matches as a tree: a match is drawn half-way between those that its players came from."""
    stages = list(dict.fromkeys(match.stage for match in matches))
    rounds = [[match for match in matches if match.stage == stage] for stage in stages]
    heights = _heights(rounds)
    for column, played in enumerate(rounds):
        for match in played:
            y = heights[match.number]
            _box(axes, column, y, match, called)
            later = [
                (to, other)
                for to, group in enumerate(rounds)
                for other in group
                if to > column and match.winner_id in (other.first_id, other.second_id)
            ]
            if match.winner_id and later:
                to, other = later[0]
                middle = column + 0.9 + 0.03
                end = heights[other.number] + (0.17 if other.first_id == match.winner_id else -0.17)
                axes.plot(
                    [column + 0.86, middle, middle, to],
                    [y, y, end, end],
                    color=FAINT,
                    linewidth=1.3,
                    zorder=1,
                )
    axes.set_xlim(-0.05, len(stages) + 0.02)
    low, high = min(heights.values()), max(heights.values())
    axes.set_ylim(low - 0.7, high + 0.7)
    axes.set_xticks([at + 0.43 for at in range(len(stages))], [plain(stage, 24) for stage in stages])
    axes.xaxis.tick_top()
    axes.set_yticks([])
    axes.tick_params(length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _heights(rounds: Sequence[Sequence[MatchFinished]]) -> dict[int, float]:
    """Number of a match to its height: each lies between those that its players came from, the final's first.

    A player who comes from no match (it had a bye, or this is the first round) takes a place of its own.
    """
    order = [match for played in rounds for match in played]
    heights: dict[int, float] = {}
    next_free = 0.0

    def place(match: MatchFinished, before: int) -> float:
        nonlocal next_free
        sides: list[float] = []
        for player in (match.first_id, match.second_id):
            came = [
                m for m in order[:before] if player in (m.first_id, m.second_id) and m.number not in heights
            ]
            if came:
                sides.append(place(came[-1], order.index(came[-1])))
            else:
                sides.append(next_free)
                next_free -= 0.5
        heights[match.number] = sum(sides) / 2
        return heights[match.number]

    for at in range(len(order) - 1, -1, -1):
        if order[at].number not in heights:
            place(order[at], at)
            next_free -= 0.3
    gaps = [b - a for played in rounds for a, b in pairwise(sorted(heights[m.number] for m in played))]
    scale = max(1.0, _GAP / min(gaps)) if gaps else 1.0
    return {number: height * scale for number, height in heights.items()}


def _box(axes: Any, column: int, y: float, match: MatchFinished, called: Mapping[str, str]) -> None:
    patches: Any = import_module("matplotlib.patches")
    axes.add_patch(
        patches.FancyBboxPatch(
            (column + 0.02, y - 0.33),
            0.82,
            0.66,
            boxstyle="round,pad=0.01,rounding_size=0.04",
            facecolor="white",
            edgecolor="#999999",
            linewidth=1,
            zorder=2,
        )
    )
    sides = ((match.first_id, match.wins, 0.16), (match.second_id, match.losses, -0.16))
    for each, cases, offset in sides:
        won = each == match.winner_id
        name = called.get(each, each[:6])
        style_ = {"va": "center", "fontsize": 9, "weight": "bold" if won else "normal", "zorder": 3}
        axes.text(column + 0.06, y + offset, name, color=INK if won else FAINT, **style_)
        axes.text(column + 0.80, y + offset, str(cases), ha="right", color=INK if won else FAINT, **style_)
    axes.plot([column + 0.03, column + 0.83], [y, y], color=GRID, linewidth=0.8, zorder=3)


__all__ = ["Told", "Tournament", "tournament_brackets", "tournament_of"]
