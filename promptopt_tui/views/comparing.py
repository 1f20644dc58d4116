"""Runs side by side, as lines. What is shown comes from :func:`promptopt.runs.sidebyside.side_by_side`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from promptopt.domain.dataset import Split
from promptopt.domain.results import interval_name
from promptopt.domain.text import one_line
from promptopt.store.runs import RunRow
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, Span, columns, fit, wrap

Told = Mapping[str, Any]

NAMED = 10
"""Cases that are named of those fixed, and of those broken."""


def heading(run_ids: Sequence[str], split: Split, told: Told | None, width: int) -> Line:
    """What is compared, and on which cases; and that figures are simulated, if any are."""
    left: Line = [("Comparing runs", "heading"), (f"  {fm.plural(len(run_ids), 'run')}", "muted")]
    where = "the sealed test" if split == "test" else split
    right: Line = [("differences on ", "muted"), (where, "bold")]
    if told is not None and any(run["simulated"] for run in told["runs"]):
        right += [("  ", ""), (" SIMULATED " if width >= 90 else " SIM ", "pill-warn")]
    return columns(left, right, width)


def optimizer(row: RunRow) -> Span:
    """The optimizer, or what else the run was."""
    return ("evaluation" if row.kind == "eval" else row.optimizer), "muted"


def score(run: Told, split: str) -> Span:
    """``83.3% [71.0, 92.4]`` of a run's winner."""
    found = run["scores"][split]
    if not found or not found["n"]:
        return "–", "muted"
    mean, low, high = (_digits(found[name]) for name in ("score", "low", "high"))
    return f"{mean}% [{low}, {high}]", ""


def gap(pair: Told) -> Span:
    """The difference to the base, in points, with the colour and sign of its verdict."""
    if "why" in pair:
        return "–", "muted"
    glyph, _, style = fm.VERDICTS[pair["verdict"]]
    return f"{glyph}{fm.points(pair['difference'])}", style


def pair(told: Told, place: int, width: int) -> list[Line]:
    """The run at ``place`` against the base: verdict, figures, and the cases on which they differ."""
    base, other, found = told["runs"][0], told["runs"][place], told["pairs"][place - 1]
    lines: list[Line] = []
    if "why" in found:
        lines += [
            [(" – not comparable ", "pill-muted")],
            [],
            *wrap([(one_line(found["why"], 400), "warn")], width),
        ]
    else:
        lines += _verdict(told, found, base, width)
    lines += [[], *_table(base, other, width)]
    if "why" not in found:
        lines += [[], *_cases(found, width)]
    if told["notices"]:
        lines.append([])
    for notice in told["notices"]:
        lines += wrap([("! ", "warn"), (one_line(notice, 400), "muted")], width, [("  ", "")])
    return lines


def _verdict(told: Told, found: Told, base: Told, width: int) -> list[Line]:
    glyph, word, style = fm.VERDICTS[found["verdict"]]
    than = "from" if found["verdict"] == "not distinguishable" else "than"
    low, high = found["interval"]
    difference = f"{fm.points(found['difference'])} points [{fm.points(low)}, {fm.points(high)}]"
    lines = wrap([(f" {glyph} {word} ", f"pill-{style}"), (f"  {than} {base['run_id']}", "")], width)
    told_as = f"  {interval_name(found.get('together', 1))}"
    lines += [
        [],
        *wrap([("difference  ", "muted"), (difference, "bold"), (told_as, "muted")], width, [(" " * 12, "")]),
    ]
    corrected = "" if found["p_adjusted"] is None else f", corrected {found['p_adjusted']:.3g}"
    said = f"{found['p_value']:.3g}{corrected}"
    method = f"  {one_line(found['method'], 100)}"
    lines += wrap([("p-value     ", "muted"), (said, ""), (method, "muted")], width, [(" " * 12, "")])
    n = f"{found['n']:,} {told['split']} cases that both were scored on"
    return [*lines, *wrap([("measured on ", "muted"), (n, "")], width, [(" " * 12, "")])]


def _table(base: Told, other: Told, width: int) -> list[Line]:
    """The two runs in two columns."""
    label = 16
    size = max(10, (width - label) // 2)
    rows: list[tuple[str, Span, Span]] = [
        ("", (base["run_id"], "muted"), (other["run_id"], "bold")),
        ("project", *_both(base, other, lambda run: run["project"])),
        ("optimizer", *_both(base, other, lambda run: run["optimizer"])),
    ]
    roles = dict.fromkeys([*base["models"], *other["models"]])
    rows += [
        (f"{role} model", *_both(base, other, lambda run, role=role: run["models"].get(role, "–")))
        for role in roles
    ]
    rows += [
        ("validation", score(base, "validation"), score(other, "validation")),
        ("sealed test", score(base, "test"), score(other, "test")),
        ("cost", *_both(base, other, lambda run: fm.usd(run["cost_usd"]))),
        ("calls", *_both(base, other, lambda run: f"{run['calls']:,}")),
        ("tokens", *_both(base, other, lambda run: fm.count(run["tokens"]))),
        ("run time", *_both(base, other, lambda run: fm.clock(run["seconds"]))),
        ("iterations", *_both(base, other, lambda run: str(run["iterations"]))),
        ("winner", *_both(base, other, lambda run: run["best"])),
        ("ended", *_both(base, other, _ended)),
    ]
    return [
        [(fit(name, label), "muted"), (fit(one[0], size - 1), one[1]), (" ", ""), (fit(two[0], size), two[1])]
        for name, one, two in rows
    ]


def _ended(run: Told) -> str:
    reason = str(run["stop_reason"] or run["status"])
    return fm.STOP_REASONS.get(reason, reason)


def _both(base: Told, other: Told, what: Any) -> tuple[Span, Span]:
    """The same of both; where they differ the second one stands out."""
    first, second = str(what(base)), str(what(other))
    return (first, ""), (second, "accent" if first != second else "")


def _cases(found: Told, width: int) -> list[Line]:
    lines: list[Line] = [[("cases on which they differ", "heading")]]
    for key, glyph, word, style in (
        ("fixed", "✓", "only this one passes", "good"),
        ("broken", "✗", "only the base passes", "bad"),
    ):
        ids: Sequence[str] = found[key]
        more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        named = ", ".join(one_line(each, 24) for each in ids[:NAMED])
        head: Line = [(f"{glyph} {len(ids)} ", style if ids else "muted"), (word, "")]
        lines += wrap([*head, (f": {named}{more}" if ids else "", "muted")], width, [("  ", "")])
    return lines


def as_text(told: Told) -> Iterable[str]:
    """The figures of all runs, a line each, its cells parted by tabs."""
    yield "\t".join(
        ["run", "project", "optimizer", "validation", "test", "cost", "calls", "tokens", "seconds"]
    )
    for run in told["runs"]:
        cells = [run["run_id"], run["project"], run["optimizer"], score(run, "validation")[0]]
        cells += [score(run, "test")[0], fm.usd(run["cost_usd"]), str(run["calls"]), str(run["tokens"])]
        yield "\t".join([*(one_line(each, 80) for each in cells), f"{run['seconds']:.1f}"])


def _digits(value: float) -> str:
    shown = f"{value * 100:.1f}"
    return "100" if shown == "100.0" else shown
