"""What the matches of a tournament come to, from the fold: its bracket, and who beat whom how often."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from promptopt.domain.events import MatchFinished
from promptopt.runs.standings import leads
from promptopt.runs.state import RunState

FORMATS = {
    "round_robin": "round robin",
    "swiss": "Swiss rounds",
    "single_elimination": "single elimination",
    "duels": "duels",
}
"""What the formats are called."""


@dataclass(frozen=True)
class Round:
    """A round of a bracket: its name, its matches, and who has nobody to play."""

    name: str
    matches: tuple[MatchFinished, ...]
    byes: tuple[str, ...] = ()


def won(matches: Iterable[MatchFinished]) -> dict[str, dict[str, int]]:
    """``won[a][b]``: cases that a won against b; of pairs that have met, both ways."""
    found: dict[str, dict[str, int]] = {}
    for match in matches:
        for one, two, cases in (
            (match.first_id, match.second_id, match.wins),
            (match.second_id, match.first_id, match.losses),
        ):
            row = found.setdefault(one, {})
            row[two] = row.get(two, 0) + cases
    return found


def rounds(state: RunState) -> list[Round]:
    """The rounds of single elimination as far as they were played; of other formats none.

    Who plays in a later round and not in this one had nobody to play.
    """
    if state.tournament is None or state.tournament.format != "single_elimination":
        return []
    stages: dict[str, list[MatchFinished]] = {}
    for number in sorted(state.matches):
        match = state.matches[number]
        stages.setdefault(match.stage, []).append(match)
    alive = [rating.candidate_id for rating in state.tournament.ratings]
    found: list[Round] = []
    for name, matches in stages.items():
        playing = {one for match in matches for one in (match.first_id, match.second_id)}
        byes = tuple(one for one in alive if one not in playing)
        found.append(Round(name, tuple(matches), byes))
        winners = {match.winner_id for match in matches}
        alive = [one for one in alive if one in winners or one in byes]
    return found


def progress(state: RunState) -> str:
    """How far the tournament is: ``round robin, 12 of 29 matches``; empty if there is none."""
    table = state.tournament
    if table is None:
        return ""
    most = f" of {table.planned}" if table.planned and not table.final else ""
    one = table.played == 1 and not most
    return f"{FORMATS.get(table.format, table.format)}, {table.played}{most} match{'' if one else 'es'}"


def leader(state: RunState) -> str:
    """Who leads, if anybody does, and how sure that is, in words; empty before a match was played."""
    table = state.tournament
    if table is None or not table.ratings or not table.played:
        return ""
    first = table.champion_id or table.ratings[0].candidate_id
    rating = next(each for each in table.ratings if each.candidate_id == first)
    if table.decided:
        return f"{state.name(first)} won the final"
    if not leads(first, table.ratings):
        proven = ", and nobody is proven the best" if table.final else ""
        most = max(each.p_best for each in table.ratings)
        return f"nobody leads{proven} (highest chance to be the best {most:.0%})"
    proven = ", and is not proven the best" if table.final else ""
    return f"{state.name(first)} leads{proven} (chance to be the best {rating.p_best:.0%})"


def tournament_figures(state: RunState) -> dict[str, Any] | None:
    """The tournament of a run, under way or over, in JSON values; None without one.

    Ratings are on Elo's scale with the bounds of their 95 % interval; ``champion_id`` is None until it is
    over; ``decided`` says that the champion won a final by evidence.
    """
    table = state.tournament
    if table is None:
        return None
    return {
        "format": table.format,
        "played": table.played,
        "planned": table.planned,
        "over": table.final,
        "champion_id": table.champion_id or None,
        "decided": table.decided,
        "ratings": [{**each.model_dump(), "name": state.name(each.candidate_id)} for each in table.ratings],
        "matches": [state.matches[number].model_dump(exclude={"kind"}) for number in sorted(state.matches)],
        "won": won(state.matches.values()),
        "notes": table.notes,
        "progress": progress(state),
        "leader": leader(state),
        "bracket": [
            {
                "round": each.name,
                "matches": [match.number for match in each.matches],
                "byes": list(each.byes),
            }
            for each in rounds(state)
        ],
    }
