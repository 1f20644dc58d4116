"""A tournament (see ``runs.brackets.tournament_figures``) as lines for people."""

from typing import Any

from promptopt.cli.output import number, table

BAR = 24
"""Cells of the bar that shows a rating and its interval."""

MOST_IN_MATRIX = 10
"""Players up to which it is shown who beat whom."""


def standings(tournament: dict[str, Any], simulated: str = "") -> list[str]:
    """Ratings with their intervals, the bracket, who beat whom on how many cases, and what to know of it."""
    ratings: list[dict[str, Any]] = tournament["ratings"]
    over = ", over" if tournament["over"] else ""
    lines = [f"tournament: {tournament['progress']}{over}{simulated}"]
    if not tournament["played"]:
        return lines
    lines.append(tournament["leader"])
    names = {each["candidate_id"]: each["name"] for each in ratings}
    lines += ["", *_ratings(ratings)]
    if tournament["bracket"]:
        lines += ["", *_bracket(tournament, names)]
    elif 2 < len(ratings) <= MOST_IN_MATRIX:
        lines += ["", *_matrix(tournament["won"], names)]
    if tournament["notes"]:
        lines += ["", *(f"· {note}" for note in tournament["notes"])]
    return lines


def _ratings(ratings: list[dict[str, Any]]) -> list[str]:
    low = min(each["low"] for each in ratings)
    high = max(each["high"] for each in ratings)
    rows = [
        [
            str(place),
            each["name"],
            f"{round(each['rating']):+d}",
            bar(each["low"], each["rating"], each["high"], low, high),
            f"[{round(each['low']):+d}, {round(each['high']):+d}]",
            str(each["wins"]),
            str(each["losses"]),
            str(each["ties"]),
            number(each["win_rate"]),
            number(each["p_best"], ".0%"),
        ]
        for place, each in enumerate(ratings, 1)
    ]
    header = ["#", "prompt", "rating", "", "95 % interval", "won", "lost", "tied", "win rate", "best?"]
    return table(header, rows)


def bar(low: float, at: float, high: float, least: float, most: float, cells: int = BAR) -> str:
    """An interval on a scale from ``least`` to ``most``: ``····├──●──┤····``."""
    width = max(1e-9, most - least)

    def cell(value: float) -> int:
        return min(cells - 1, max(0, round((value - least) / width * (cells - 1))))

    drawn = ["·"] * cells
    drawn[cell(low) : cell(high) + 1] = ["─"] * (cell(high) + 1 - cell(low))
    drawn[cell(low)], drawn[cell(high)] = "├", "┤"
    drawn[cell(at)] = "●"
    return "".join(drawn)


def _bracket(tournament: dict[str, Any], names: dict[str, str]) -> list[str]:
    matches = {match["number"]: match for match in tournament["matches"]}
    lines: list[str] = []
    for each in tournament["bracket"]:
        lines.append(each["round"])
        for number_of in each["matches"]:
            match = matches[number_of]
            first, second = names[match["first_id"]], names[match["second_id"]]
            winner = names.get(match["winner_id"] or "")
            goes_on = f" → {winner}" if winner else ""
            lines.append(
                f"  {first} {match['wins']}:{match['losses']} {second}{goes_on}  ({match['reason']})"
            )
        if each["byes"]:
            lines.append(f"  without a match: {', '.join(names[one] for one in each['byes'])}")
    return lines


def _matrix(won: dict[str, dict[str, int]], names: dict[str, str]) -> list[str]:
    """Cases that the row won against the column."""
    numbers = [str(place) for place in range(1, len(names) + 1)]
    rows = [
        [place, name, *("–" if one == two else str(won.get(one, {}).get(two, "")) for two in names)]
        for place, (one, name) in zip(numbers, names.items(), strict=True)
    ]
    return table(["#", "cases won against", *numbers], rows)
