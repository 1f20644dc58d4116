"""A proof of concept: how each looks in the list, its stages, its runs, what it found, what it wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, Span, columns, cut, width_of, wrap

if TYPE_CHECKING:
    from promptopt.enterprise.poc.state import POCState, StageState
    from promptopt.store.pocs import PocRow
    from promptopt.store.runs import RunRow
    from promptopt_tui.proofs import Listed, Look, ProofFile

SIMULATED = "SIMULATED: these figures come from the built-in simulator. No decision can rest on them."

HELD: fm.Look = ("◆", "waits for you", "human")

STAGES: dict[str, fm.Look] = {
    "waiting": ("○", "waits", "muted"),
    "running": ("●", "running", "accent"),
    "done": ("✓", "done", "good"),
    "left out": ("▫", "left out", "warn"),
    "held": HELD,
    "failed": ("✗", "failed", "bad"),
}
"""How a stage looks that stands so."""

ADVICE = {
    "recommended": (" ✓ recommended ", "pill-good"),
    "against": (" ✗ advised against ", "pill-bad"),
    "not shown": (" ≈ not shown to pay ", "pill-warn"),
}
"""What the business case advises. Simulated figures advise nothing."""

FILES = {
    "executive-summary.md": "for leadership",
    "dashboard.html": "all of it, a page",
    "business-case.md": "business case, text",
    "business-case.html": "business case, page",
    "business-case.pptx": "business case, deck",
    "business-case.xlsx": "business case, Excel",
    "cases.jsonl": "the cases",
    "poc.json": "figures, data",
    "comparison/results.md": "comparison, text",
    "comparison/results.html": "comparison, page",
    "comparison/results.json": "comparison, data",
    "package": "for the team",
    "package.zip": "for the team, packed",
}
"""What is in a file that a proof of concept writes."""

PARTS = ("other wordings", "today's prompt", "new prompt")
"""What the runs of the consistency are for, in their order."""

LABEL = 34
"""Cells of a figure's name at most, if its value stands beside it."""

SPENT = "Spent so far"
"""The figure that is old as soon as the next call ends."""

ROOMY = 74
"""Cells across from which the values of figures stand below each other."""

NEWS = 3
"""Lines of news at most."""

KINDS = {"usd": "money", "calls": "calls", "tokens": "tokens", "minutes": "run time"}


def status_of(row: PocRow) -> fm.Look:
    """Glyph, word and style; what was asked of it and is not done yet says so."""
    if row.status == "held":
        return HELD
    if row.live and row.wish == "stop":
        return "■", "stopping", "warn"
    if row.status == "running" and row.wish == "pause":
        return "‖", "pausing", "warn"
    return fm.status_look(row.status)


# In the list


def glyph(listed: Listed) -> Span:
    """Its status as a sign."""
    sign, _, style = status_of(listed.row)
    return sign, style


def share(listed: Listed) -> Span:
    """How much of it is done."""
    return (f"{listed.state.share:.0%}", "") if listed.state else ("–", "muted")


def spent(listed: Listed) -> Span:
    """US dollars."""
    return (_usd(listed.state), "muted") if listed.state else ("–", "muted")


def about(listed: Listed) -> Line:
    """What there is to say of the one under the cursor: status, stage, share done, spent."""
    row, state = listed.row, listed.state
    _, word, style = status_of(row)
    line: Line = [(word + (" (simulated)" if row.simulated else ""), style)]
    if state is None:
        return [*line, (f"· {row.detail or row.id}", "muted")]
    stage = state.stage
    if stage is not None and row.live:
        line.append((f"· {stage.title}: {stage.figures}" if stage.figures else f"· {stage.title}", ""))
    line.append((f"· {_money(state)} ·", "muted"))
    line.append((state.headline or row.detail or state.output_dir, "" if state.headline else "muted"))
    return line


def _usd(state: POCState) -> str:
    spent = state.spent
    if spent.unpriced and not spent.usd:
        return "unknown"
    return fm.usd(spent.usd) + ("+" if spent.unpriced else "")


def _money(state: POCState) -> str:
    """``$0.42 of $5.00``."""
    cap = state.limits.get("usd")
    return f"{_usd(state)} of {fm.usd(cap)}" if cap is not None else f"{_usd(state)} spent"


# Header and news


def header(look: Look, width: int) -> list[Line]:
    """Name, status, share done; money. The name gives way first."""
    row, state = look.row, look.state
    sign, word, style = status_of(row)
    right: Line = [(_usd(state), "bold")]
    cap = state.limits.get("usd")
    right += [(f" / {fm.usd(cap)}", "muted")] if cap is not None else []
    if row.simulated:
        right += [("  ", ""), (" SIMULATED " if width >= 90 else " SIM ", "pill-warn")]
    status: Line = [(f" {sign} {word} ", f"pill-{style}"), (f"  {state.share:.0%}", "bold")]
    room = width - width_of(status) - width_of(right) - 4
    named: Line = [(one_line(row.name, 120), "bold"), ("  ", ""), (row.id, "muted")]
    if width_of(named) > room:
        named = cut(named[:1], max(8, room))
    return [columns([*named, ("  ", ""), *status], right, width)]


def news(look: Look, width: int) -> list[Line]:
    """What needs a person, or how it ended; nothing while it goes on by itself."""
    row = look.row
    if row.status == "finished" or (row.live and row.status != "paused"):
        return []
    what, keys = _news(look)
    pill = "pill-human" if row.status == "held" else "pill-bad" if _wrong(row) else "pill-warn"
    sign, word, _ = status_of(row)
    lines = wrap([(f" {sign} {word} ", pill), ("  ", ""), (what, "")], width, [("  ", "")])
    if len(lines) > NEWS - 1:
        rest = [span for line in lines[NEWS - 2 :] for span in (*line, (" ", ""))]
        lines = [*lines[: NEWS - 2], cut(rest, width)]
    return [*lines, cut(keys, width)]


def wrapped(lines: Sequence[Line], width: int) -> list[Line]:
    """Lines of any length, for a width."""
    return [each for line in lines for each in wrap(line, width)]


def _wrong(row: PocRow) -> bool:
    return row.status in ("failed", "interrupted")


def _news(look: Look) -> tuple[str, Line]:
    """What is to be said, and the keys that help."""
    again: Line = [("R", "key"), (" lets it go on; nothing is paid twice", "muted")]
    row = look.row
    if row.status == "paused":
        return "no call starts until you let it go on", [("space", "key"), (" lets it go on", "muted")]
    if row.status == "interrupted":
        return "who carried it out is gone", again
    if row.status != "held":
        return row.detail or "it ended early", again
    made = look.state.stages[0].runs
    cases: Line = [("c", "key"), (" shows the cases   ", "muted")] if made else []
    if look.asks:
        return "a person is to look at the cases first", [*cases, *again[:1], (" when you have", "muted")]
    note = next((stage.note for stage in look.state.stages if stage.status == "held"), "")
    what = f"the cases do not pass the gate: {note}" if look.objects else row.detail
    return what, [*cases, *again[:1], (" uses them all the same" if look.objects else " goes on", "muted")]


# Stages


def stage_glyph(stage: StageState) -> Span:
    """Its status as a sign."""
    sign, _, style = STAGES[stage.status]
    return sign, style


def stage_word(stage: StageState) -> Span:
    """Its status as a word."""
    _, word, style = STAGES[stage.status]
    return word, style


def stage_bar(stage: StageState) -> Span:
    """How much of it is done, as a bar; the table has no track of its own."""
    cells = round(10 * stage.share)
    if stage.status in ("waiting", "left out"):
        return "", ""
    return "━" * max(cells, 1 if stage.share else 0), STAGES[stage.status][2]


def stage_found(stage: StageState) -> Span:
    """What it found so far, or why it was left out."""
    if stage.status == "left out":
        return stage.note, "warn"
    return (stage.figures, "") if stage.figures else (stage.note, "muted")


def stage_cost(look: Look, stage: StageState) -> Span:
    """US dollars that its runs took; of runs that were there already nothing."""
    paid = [look.runs[run] for run in stage.runs if run in look.paid and run in look.runs]
    if not paid:
        return ("free", "muted") if stage.runs else ("", "")
    if any(run.usd is None and run.calls for run in paid):
        return "unknown", "warn"
    return fm.usd(sum(run.usd or 0.0 for run in paid)), "muted"


# Runs


def run_glyph(run: RunRow) -> Span:
    """Its status as a sign."""
    sign, _, style = fm.status_look(run.status)
    return sign, style


def run_work(stage: StageState | None, run: RunRow) -> Span:
    """What a run does in its stage."""
    if run.kind == "generate":
        return "makes cases", ""
    if stage is not None and stage.name == "consistency" and run.id in stage.runs[: len(PARTS)]:
        return PARTS[stage.runs.index(run.id)], ""
    return ("today's prompt" if run.optimizer == "none" else run.optimizer), ""


def no_runs(stage: StageState | None, width: int) -> list[Line]:
    """What is said of a stage without runs."""
    if stage is None:
        return []
    said = {
        "waiting": "It has not begun.",
        "left out": stage.note,
        "running": "It has no run of its own." if stage.name in ("gate", "case") else "It begins…",
    }
    lines = wrap([(one_line(said.get(stage.status, "It needs no run."), 600), "muted")], width)
    more = " · ".join(text for text in (stage.figures, stage.note) if text and stage.status != "left out")
    return [*lines, *(wrap([(one_line(more, 600), "")], width) if more else [])]


# What it found


def over(look: Look) -> list[str]:
    """Names of the stages that are over or wait for a word: only these have figures."""
    return [stage.name for stage in look.state.stages if stage.status in ("done", "left out", "held")]


def found(look: Look, record: Mapping[str, Any] | None, problem: str, width: int) -> list[Line]:
    """The headline, the figures so far with their sources, what comes next, what was spent."""
    lines: list[Line] = []
    if look.row.simulated:
        lines += [*wrap([(SIMULATED, "warn-bold")], width), []]
    if look.row.status == "finished":
        lines += _headline(look.state.headline, record or {}, width)
    if record:
        figures = record.get("figures", ())
        if look.row.live:  # then the meters below know it better
            figures = [one for one in figures if one.get("label") != SPENT]
        lines += _figures(figures, width)
    elif problem:
        lines += [*wrap([("✗ ", "bad"), (f"The figures can't be read: {problem}", "")], width), []]
    else:
        lines += [[("figures: a moment…" if over(look) else "no figure yet", "muted")], []]
    lines += _next(look, record, width)
    lines += _spending(look.state, width)
    told = record or {}
    out = [f"{name}: {why}" for name, why in told.get("left_out", {}).items()]
    for title, texts in (("to know", told.get("to_know", ())), ("left out", out)):
        lines += [[], [(title, "heading")], *_listed(texts, width)] if texts else []
    if look.state.notes:
        lines += [[], [("could not be written", "heading")], *_listed(look.state.notes, width)]
    return lines


def _headline(headline: str, record: Mapping[str, Any], width: int) -> list[Line]:
    """The recommendation in a line, and why; the figures of the record may be from before the end."""
    case = record.get("business_case") or {}
    pill = ADVICE.get(str(case.get("advice")))
    lines: list[Line] = [[pill]] if pill and not record.get("simulated") else []
    lines += wrap([(one_line(headline, 600), "bold")], width)
    return [*lines, *_listed(case.get("reasons", ()), width), []]


def _figures(figures: Sequence[Mapping[str, Any]], width: int) -> list[Line]:
    """Each figure with its source below, or beside it where there is room."""
    if not figures:
        return [[("no figure yet", "muted")], []]
    lines: list[Line] = [[("figures", "heading")]]
    label = min(LABEL, max(len(str(one["label"])) for one in figures) + 2)
    for one in figures:
        name, text = one_line(str(one["label"]), 80), one_line(str(one["text"]), 300)
        indent: Line = [("  ", "")]
        padded = name.ljust(label - 2) if width >= ROOMY else name
        line: Line = [(padded, "muted"), ("  ", ""), (text, "bold")]
        if width_of(line) > width:
            lines += [[(name, "muted")], *wrap([*indent, (text, "bold")], width, indent)]
        else:
            lines.append(line)
        lines += wrap([*indent, (f"↳ {one_line(str(one['source']), 300)}", "muted")], width, [("    ", "")])
    return [*lines, []]


def _next(look: Look, record: Mapping[str, Any] | None, width: int) -> list[Line]:
    """What comes next: stages while there are some, then what a person is to do."""
    if look.row.status == "finished":
        steps = record.get("next_steps", ()) if record else ()
        lines = _listed(steps, width)
        return [[("what comes next", "heading")], *lines, []] if lines else []
    waiting = [stage.title for stage in look.state.stages if stage.status == "waiting"]
    if not waiting:
        return []
    then = ", then ".join(waiting)
    return [[("what comes next", "heading")], *wrap([(then, "")], width), []]


def _spending(state: POCState, width: int) -> list[Line]:
    """One meter for each cap of the one budget, and what else was spent."""
    lines: list[Line] = [[("one budget over all stages", "heading")]]
    used = {kind: float(getattr(state.spent, kind)) for kind in KINDS}
    for kind, name in KINDS.items():
        cap = state.limits.get(kind)
        amount = _usd(state) if kind == "usd" else fm.amount(kind, used[kind])
        value: Line = [(amount, "bold")]
        line: Line = [(f"{name:10}", "muted")]
        if cap:
            value.append((f" of {fm.amount(kind, cap)}", "muted"))
            room = width - width_of(line) - width_of(value) - 1
            line += fm.bar(room, (used[kind] / cap, "━", "accent")) if room >= 8 else []
        lines.append(columns(line, value, width))
    if state.spent.uncertain:
        more = f"and at most {fm.usd(state.spent.uncertain)} of calls whose outcome is unknown"
        lines += wrap([(more, "warn")], width)
    if state.spent.unpriced:
        lines += wrap([("calls without a known price are not in it", "warn")], width)
    return lines


def _listed(texts: Any, width: int) -> list[Line]:
    return [
        line
        for text in texts
        for line in wrap([("· ", "muted"), (one_line(str(text), 600), "")], width, [("  ", "")])
    ]


# Files


def file_what(file: ProofFile) -> Span:
    """What is in it."""
    return FILES.get(file.name, ""), "muted" if file.size == -1 else ""


def file_name(file: ProofFile) -> Span:
    """Its name below the folder."""
    return file.name, "muted"


def file_size(file: ProofFile) -> Span:
    """Its size, or that it is gone."""
    if file.size is None:
        return "folder", "muted"
    return ("gone", "bad") if file.size < 0 else (size(file.size), "muted")


def size(number: int) -> str:
    """``950 B``, ``12.4 kB``."""
    for unit, name in ((1e6, "MB"), (1e3, "kB")):
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return f"{number} B"
