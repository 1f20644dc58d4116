"""A tournament: ratings as bars, the bracket, who beat whom how often, the last matches, and what to know."""

from promptopt.domain.events import MatchFinished, Rating
from promptopt.domain.text import one_line
from promptopt.runs import brackets
from promptopt.runs.standings import leads
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, columns, fit, width_of, wrap
from promptopt_tui.views.view import View

NAME = 15
"""Cells of a prompt's name."""

LAST = 8
"""Matches that are shown, the last ones."""

MOST_IN_MATRIX = 12
"""Players up to which it is shown who beat whom."""


def tournament(view: View, width: int, height: int) -> list[Line]:
    """All there is to see of the run's tournament; what does not fit is scrolled to."""
    table = view.state.tournament
    if table is None:
        return [[("no tournament in this run", "muted")]]
    lines = [_where(view, width)]
    if not table.played:
        return [*lines, [("waiting for the first match", "muted")]]
    lines += [_leader(view, width), *ratings(view, width)]
    lines += [*_bracket(view, width), *_matrix(view, width)]
    lines += [*_last(view, width), *_notes(view, width)]
    return lines


def _where(view: View, width: int) -> Line:
    table = view.state.tournament
    assert table
    share = table.played / table.planned if table.planned else 0.0
    said: Line = [(brackets.progress(view.state), "bold")]
    if table.final:
        return columns(said, [("over", "muted")], width)
    room = width - width_of(said) - 1
    return [*said, (" ", ""), *fm.bar(max(0, room), (share, "━", "accent"))] if table.planned else said


def _leader(view: View, width: int) -> Line:
    table = view.state.tournament
    assert table
    glyph, style = ("★", "good") if table.decided else ("≈", "warn") if table.final else ("▸", "accent")
    said = brackets.leader(view.state)
    return [(f"{glyph} ", style), (fit(said, min(width - 2, len(said))), "")]


def ratings(view: View, width: int) -> list[Line]:
    """A line for each player, best first: rating, its interval as a bar, cases won, lost and tied."""
    table = view.state.tournament
    assert table
    low = min(rating.low for rating in table.ratings)
    high = max(rating.high for rating in table.ratings)
    record = max(len(_record(rating)) for rating in table.ratings)
    name = max(8, min(NAME, width - record - 22))
    fixed = 3 + name + 1 + 5 + 1 + record + 1 + 4
    interval = 15 if width - fixed >= 15 + 12 else 0
    room = width - fixed - interval - 1
    head, tail = f"{'#':>2} {fit('prompt', name)} rating", f"{'won–lost–tied':>{record}} best"
    between = width - len(head) - len(tail)
    lines: list[Line] = [[(f"{head}{' ' * between}{tail}", "muted")]] if between > 0 else []
    for place, rating in enumerate(table.ratings, 1):
        shown = rating.candidate_id == view.shown_id
        line: Line = [
            (f"{place:>2} ", "muted"),
            (fit(view.name(rating.candidate_id), name), "bold" if shown else ""),
            (f" {round(rating.rating):>+5d} ", "bold"),
        ]
        if room >= 8:
            line += bar(rating, low, high, room)
        if interval:
            line.append((f"{f'[{round(rating.low):+d}, {round(rating.high):+d}]':>{interval}}", "muted"))
        line.append((" " * max(1, width - width_of(line) - record - 5), ""))
        line += [
            (f"{_record(rating):>{record}}", ""),
            (f"{rating.p_best:>5.0%}", "good" if place == 1 else "muted"),
        ]
        lines.append(line)
    return lines


def bar(rating: Rating, least: float, most: float, width: int) -> Line:
    """A rating with its interval on a scale from ``least`` to ``most``, in ``width`` cells."""
    span = max(1e-9, most - least)

    def cell(value: float) -> int:
        return min(width - 1, max(0, round((value - least) / span * (width - 1))))

    low, at, high = cell(rating.low), cell(rating.rating), cell(rating.high)
    return [
        ("·" * low, "track"),
        ("─" * (at - low), "border"),
        ("●", "accent"),
        ("─" * (high - at), "border"),
        ("·" * (width - 1 - high), "track"),
    ]


def _record(rating: Rating) -> str:
    return f"{rating.wins}–{rating.losses}–{rating.ties}"


def _bracket(view: View, width: int) -> list[Line]:
    lines: list[Line] = []
    for place, each in enumerate(brackets.rounds(view.state)):
        if place == 0:
            lines.append([])
        indent = "  " * place
        lines.append([(indent, ""), (each.name, "heading")])
        for match in each.matches:
            lines += _bracket_match(view, match, width, indent)
        if each.byes:
            names = ", ".join(view.name(one) for one in each.byes)
            lines += wrap([(f"{indent}  ", ""), (f"without a match: {names}", "muted")], width)
    return lines


def _bracket_match(view: View, match: MatchFinished, width: int, indent: str) -> list[Line]:
    """Two lines, joined at the right: who played, and who goes on."""
    players = ((match.first_id, match.wins), (match.second_id, match.losses))
    lines: list[Line] = []
    for (player, cases), corner in zip(players, ("┐", "┘"), strict=True):
        won = player == match.winner_id
        line: Line = [
            (f"{indent}  ", ""),
            ("✓ " if won else "  ", "good"),
            (fit(view.name(player), NAME), "bold" if won else "muted"),
            (f" {cases:>3} ", "bold" if won else "muted"),
            (f"─{corner}", "border"),
        ]
        if won:
            line.append((f" {fit(match.reason, max(0, width - width_of(line) - 1))}".rstrip(), "muted"))
        lines.append(line)
    return lines


def _matrix(view: View, width: int) -> list[Line]:
    """Cases that the row won against the column; of two players, and in a bracket, it would add nothing."""
    table = view.state.tournament
    assert table
    ids = [rating.candidate_id for rating in table.ratings]
    name = min(NAME, max(8, width // 4))
    if table.format == "single_elimination" or not 2 < len(ids) <= min(
        MOST_IN_MATRIX, (width - name - 3) // 4
    ):
        return []
    won = brackets.won(view.state.matches.values())
    numbers = "".join(f"{place:>4}" for place in range(1, len(ids) + 1))
    lines: list[Line] = [[], [("cases won against", "heading")], [(" " * (3 + name), ""), (numbers, "muted")]]
    for place, one in enumerate(ids, 1):
        line: Line = [(f"{place:>2} ", "muted"), (fit(view.name(one), name), "")]
        for two in ids:
            mine, theirs = won.get(one, {}).get(two), won.get(two, {}).get(one)
            if mine is None or theirs is None:
                line.append((f"{'·' if one != two else '–':>4}", "track"))
            else:
                line.append((f"{mine:>4}", "good" if mine > theirs else "bad" if mine < theirs else ""))
        lines.append(line)
    return lines


def _last(view: View, width: int) -> list[Line]:
    matches = view.state.matches
    table = view.state.tournament
    assert table
    if table.format == "single_elimination" or not matches:
        return []
    lines: list[Line] = [[], [("last matches", "heading")]]
    newest = sorted(matches, reverse=True)[:LAST]
    return lines + [_match(view, matches[number], width) for number in newest]


def _match(view: View, match: MatchFinished, width: int) -> Line:
    line: Line = [(f"{match.number:>3} ", "muted")]
    for player, between in ((match.first_id, f" {match.wins}:{match.losses} "), (match.second_id, "")):
        line.append((view.name(player), "bold" if player == match.winner_id else ""))
        line.append((between, "accent"))
    parts = [f"{match.ties} tied" if match.ties else "", f"{match.missing} missing" if match.missing else ""]
    said = ", ".join(part for part in [*parts, match.stage, match.reason] if part)
    room = width - width_of(line) - 2
    return [*line, (f"  {fit(said, min(room, len(said)))}" if room > 6 else "", "muted")]


def _notes(view: View, width: int) -> list[Line]:
    table = view.state.tournament
    assert table
    lines: list[Line] = [[]] if table.notes else []
    for note in table.notes:
        lines += wrap([("· ", "muted"), (one_line(note, 400), "muted")], width, [("  ", "")])
    return lines


def ending(view: View, width: int) -> list[Line]:
    """How a run ended that did nothing but play a tournament."""
    table = view.state.tournament
    if table is None or not table.played:
        return [[(" nothing was played ", "pill-muted")]]
    pill = (" ★ won the final ", "pill-good") if table.decided else (" ≈ leads ", "pill-warn")
    champion = table.champion_id or table.ratings[0].candidate_id
    ahead = table.decided or leads(champion, table.ratings)
    first: Line = [pill, (f"  {view.name(champion)}", "bold")]
    lines: list[Line] = [first if ahead else [(" ≈ nobody leads ", "pill-warn")], []]
    if not ahead:
        lines += [*wrap([(brackets.leader(view.state), "")], width), []]
    elif not table.decided:
        lines += wrap([(brackets.leader(view.state), "")], width)
        said = (
            "Its lead can be chance: more cases, or judges that agree with themselves more often, would tell."
        )
        lines += [*wrap([(said, "muted")], width), []]
    return [*lines, *ratings(view, width), *_notes(view, width)]
