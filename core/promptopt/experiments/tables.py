"""A scoreboard as rows of text, as Markdown and as JSON values."""

from collections.abc import Mapping, Sequence
from typing import Any

from promptopt.domain.results import Comparison, Interval
from promptopt.domain.text import one_line
from promptopt.reporting.sheet import Block, Sheet, Table
from promptopt.runs.scoreboard import TOGETHER, Pair, Row, Scoreboard
from promptopt.runs.summary import DIGITS, comparison_summary

NOTHING = "–"
FRONT = "★"

_WIDE = 6
"""Measures that stand beside each other."""

HEADER = (
    "optimizer",
    "score [95 %]",
    "gain [95 %]",
    "verdict",
    "cost",
    "calls",
    "time",
    "iterations",
    "best at",
    "all pass",
    "spread",
    "runs",
)

LEGEND = (
    "Gain: points on the prompt to start from, over the same "
    "cases; verdict and interval are corrected for the number of optimizers (p by Holm; simultaneous 95 % "
    "intervals by Bonferroni). Cost, calls, time and iterations "
    "are means per run. Best at: the iteration that the winner came in. All pass: share of the runs that "
    "ended because every training and validation case passed. Spread: standard deviation over seeds, in "
    "points."
)


def legend(board: Scoreboard) -> str:
    """What the columns mean."""
    return f"{FRONT} no other one scores as high for {less(board)}. {LEGEND}"


def less(board: Scoreboard) -> str:
    """What the Pareto front goes by: ``less``, or calls where no price tells."""
    return "less" if board.cost_by == "usd" else "fewer calls (no price tells)"


def block(board: Scoreboard, dataset: str) -> list[list[str]]:
    """The rows of one dataset, best first, without the header."""
    return [_cells(row) for row in _best_first(board, dataset)]


def corrected(board: Scoreboard, dataset: str) -> str:
    """How the differences of a dataset are corrected for their number, in brackets; empty for one."""
    found = {pair.comparison.correction for pair in board.pairs if pair.dataset == dataset}
    return "".join(f" ({said})" for said in found if said)


def heading(board: Scoreboard, dataset: str) -> str:
    """What a block is about."""
    scored = [row.score.n for row in board.of(dataset) if row.score]
    cases = f"{max(scored)} cases" if scored else "nothing scored yet"
    where = "sealed test" if board.split == "test" else board.split
    simulated = " (simulated)" if board.simulated else ""
    return f"{one_line(dataset, 60)}: {where}, {cases}{simulated}"


def measures(board: Scoreboard, dataset: str) -> tuple[list[str], list[list[str]]] | None:
    """Header and rows of the means by metric and judge; None if there is but one metric and no judge.

    Of several datasets together only what all of them were measured by. The longer side goes down.
    """
    rows = [row for row in _best_first(board, dataset) if row.score]
    found = {row.label: _measured(row) for row in rows}
    names = list(dict.fromkeys(name for row in rows for name in found[row.label]))
    if dataset == TOGETHER:
        each = [set(_measured(row)) for row in board.rows if row.score and row.dataset != TOGETHER]
        names = [name for name in names if all(name in known for known in each)]
    if not names or (len(names) == 1 and not any(row.judges for row in rows)):
        return None
    if len(names) <= max(len(rows), _WIDE):
        return ["optimizer", *names], [
            [row.label, *(_share(found[row.label].get(name)) for name in names)] for row in rows
        ]
    return ["measure", *(row.label for row in rows)], [
        [name, *(_share(found[row.label].get(name)) for row in rows)] for name in names
    ]


def _best_first(board: Scoreboard, dataset: str) -> list[Row]:
    return sorted(board.of(dataset), key=lambda row: (-(row.score.mean if row.score else -1.0), row.label))


def _measured(row: Row) -> dict[str, float | None]:
    return {**row.metrics, **{f"judge {name}": value for name, value in row.judges.items()}}


def differences(board: Scoreboard, dataset: str) -> list[str]:
    """Every two optimizers of a dataset in words, the surest difference first."""
    pairs = [pair for pair in board.pairs if pair.dataset == dataset]
    pairs.sort(key=lambda pair: (pair.comparison.p_value, -abs(pair.comparison.difference.mean)))
    return [_said(pair) for pair in pairs]


def as_markdown(
    board: Scoreboard, title: str, notices: Sequence[str] = (), pictures: Sequence[str] = ()
) -> str:
    """The whole report.

    Args:
        notices: what to know beside what the scoreboard says.
        pictures: file names of plots, beside the report.
    """
    lines = [f"# {_plain(title)}", ""]
    if board.simulated:
        lines += ["**Simulated models: these figures say nothing about a real one.**", ""]
    for dataset in board.datasets():
        lines += [
            f"## {_plain(heading(board, dataset))}",
            "",
            *_markdown(list(HEADER), block(board, dataset)),
            "",
        ]
        more = measures(board, dataset)
        if more:
            lines += [*_markdown(*more), ""]
        told = differences(board, dataset)
        if told:
            lines += [
                f"Differences, paired over the same cases{corrected(board, dataset)}:",
                "",
                *(f"- {_plain(t)}" for t in told),
                "",
            ]
    lines += [legend(board), ""]
    lines += [f"![{name}]({name})" for name in pictures]
    everything = [*dict.fromkeys([*board.notices, *notices])]
    if everything:
        lines += ["", "## To know", "", *(f"- {_plain(notice)}" for notice in everything)]
    return "\n".join(lines).rstrip() + "\n"


def as_sheet(board: Scoreboard, title: str, about: str, notices: Sequence[str] = ()) -> Sheet:
    """The whole report as what a page shows; ``notices`` as for :func:`as_markdown`."""
    blocks: list[Block] = []
    for dataset in board.datasets():
        more = measures(board, dataset)
        tables = [Table(HEADER, block(board, dataset)), *([Table(*more)] if more else [])]
        blocks.append(Block(heading(board, dataset), tables, differences(board, dataset)))
    everything = tuple(dict.fromkeys([*board.notices, *notices]))
    return Sheet(one_line(title, 120), about, board.simulated, blocks, legend(board), everything)


def as_json(board: Scoreboard) -> dict[str, Any]:
    """The scoreboard in JSON values; money in USD, time in seconds, scores and differences in [0, 1]."""
    return {
        "split": board.split,
        "simulated": board.simulated,
        "cost_by": board.cost_by,
        "rows": [_row(row) for row in board.rows],
        "differences": [
            {
                "dataset": pair.dataset,
                "first": pair.first,
                "second": pair.second,
                **_compared(pair.comparison),
            }
            for pair in board.pairs
        ],
        "notices": list(board.notices),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "dataset": row.dataset,
        "optimizer": row.label,
        "together": row.dataset == TOGETHER,
        "runs": row.runs,
        "missing": row.missing,
        "score": _interval(row.score),
        "gain": _compared(row.gain) if row.gain else None,
        "cost_usd": None if row.usd is None or row.score is None else round(row.usd, DIGITS),
        "calls": round(row.calls, 1),
        "tokens": round(row.tokens, 1),
        "seconds": round(row.seconds, 1),
        "iterations": round(row.iterations, 2),
        "converged": round(row.converged, 4),
        "best_at": None if row.best_at is None else round(row.best_at, 2),
        "spread": None if row.spread is None else round(row.spread, DIGITS),
        "lowest": round(row.lowest, DIGITS),
        "highest": round(row.highest, DIGITS),
        "metrics": _rounded(row.metrics),
        "judges": _rounded(row.judges),
        "pareto": row.front,
    }


def _rounded(means: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, DIGITS) for name, value in means.items()}


def _interval(score: Interval | None) -> dict[str, Any] | None:
    if score is None:
        return None
    return {
        "score": round(score.mean, DIGITS),
        "low": round(score.low, DIGITS),
        "high": round(score.high, DIGITS),
        "n": score.n,
    }


def _compared(comparison: Comparison) -> dict[str, Any]:
    summary = comparison_summary(comparison)
    return {key: value for key, value in summary.items() if key not in ("fixed", "broken")}


def _cells(row: Row) -> list[str]:
    label = f"{FRONT} {row.label}" if row.front else f"  {row.label}"
    runs = f"{row.runs} of {row.runs + row.missing}" if row.missing else str(row.runs)
    if row.score is None:
        return [label, *[NOTHING] * (len(HEADER) - 2), runs]
    return [
        label,
        f"{row.score.mean:.1%} [{row.score.low * 100:.1f}, {row.score.high * 100:.1f}]",
        _gain(row.gain),
        _verdict(row.gain),
        NOTHING if row.usd is None else f"${row.usd:.4f}",
        f"{row.calls:,.0f}",
        duration(row.seconds),
        f"{row.iterations:.1f}" if row.searched else NOTHING,
        NOTHING if row.best_at is None or not row.searched else f"{row.best_at:.1f}",
        f"{row.converged:.0%}" if row.searched else NOTHING,
        NOTHING if row.spread is None else f"{row.spread * 100:.1f}",
        runs,
    ]


def duration(seconds: float) -> str:
    """``12 s``, ``3:07 min``, ``1:02 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def _gain(gain: Comparison | None) -> str:
    if gain is None:
        return NOTHING
    gap = gain.difference
    return f"{gap.mean * 100:+z.1f} [{gap.low * 100:+z.1f}, {gap.high * 100:+z.1f}]"


def _verdict(gain: Comparison | None) -> str:
    if gain is None:
        return NOTHING
    p = gain.p_value if gain.p_adjusted is None else gain.p_adjusted
    return f"{gain.verdict}, p = {p:.2g}"


def _said(pair: Pair) -> str:
    gap, p = pair.comparison.difference, pair.comparison.p_value
    corrected = "" if pair.comparison.p_adjusted is None else f", corrected {pair.comparison.p_adjusted:.2g}"
    than = "from" if pair.comparison.verdict == "not distinguishable" else "than"
    points = f"{gap.mean * 100:+z.1f} points [{gap.low * 100:+z.1f}, {gap.high * 100:+z.1f}]"
    return f"{pair.second} is {pair.comparison.verdict} {than} {pair.first}: {points}, p = {p:.2g}{corrected}"


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1%}"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(map(_plain, header))} |",
        f"|{' --- |' * len(header)}",
        *(f"| {' | '.join(_plain(cell.strip()) for cell in row)} |" for row in rows),
    ]


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    shown = one_line(text)
    for mark in ("\\", "|", "*", "_", "`", "<", "[", "]"):
        shown = shown.replace(mark, f"\\{mark}") if mark in "|\\`<" else shown
    return shown
