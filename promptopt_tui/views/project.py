"""The sections of a project's editor: rows of settings, and what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from promptopt.domain.compliance import ComplianceSettings
from promptopt.domain.describing import Setting, fields_of
from promptopt.domain.prompt import marks
from promptopt.domain.settings import (
    OPTIMIZER_MODEL,
    BudgetSettings,
    CacheSettings,
    CheckSettings,
    ConstraintSettings,
    DataSettings,
    EvaluationSettings,
    ModelSettings,
    ProjectSettings,
    TaskSettings,
    TelemetrySettings,
)
from promptopt.domain.words import ROLES
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.widgets.form import FormRow, Keys, form_row

SECTIONS = ("task", "cases", "checks", "models", "optimizer", "budget", "settings", "file")
"""In the order of their number keys."""

LABELS = {"settings": "More"}
"""What a section is called, if not by its name."""

FORMS = ("task", "checks", "models", "optimizer", "budget", "settings")
"""Sections that are a form and nothing else."""

ROLE_MEANS = {
    "target": "the model that the prompt is for",
    "optimizer": "reads what failed and rewrites the prompt",
    "judge": "judges outputs, if a check asks it",
    "generator": "drafts tasks and cases",
    "embedding": "for checks that compare meanings",
}

if TYPE_CHECKING:
    from promptopt_tui.projects import CheckType

_MARK = re.compile(r"\{([A-Za-z_]\w*)\}")


@dataclass(frozen=True)
class Known:
    """What was asked of the engine so far.

    Attributes:
        optimizers: name to its settings; None: not asked yet.
        abouts: what each does, in a line.
        checks: the types of checks.
    """

    optimizers: Mapping[str, Sequence[Setting] | None] = field(default_factory=dict)
    abouts: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, CheckType] = field(default_factory=dict)


def section_of(keys: Keys) -> str:
    """The section in which the setting at ``keys`` is shown."""
    first = str(keys[0]) if keys else "file"
    if tuple(keys[:2]) == ("task", "constraints"):
        return "checks"
    homes = {"judges": "models", "data": "cases" if keys[1:2] == ("cases",) else "settings"}
    homes |= dict.fromkeys(("name", "prompt", "task", "demonstrations"), "task")
    homes |= dict.fromkeys(("evaluation", "cache", "telemetry", "compliance"), "settings")
    found = homes.get(first, first)
    return found if found in SECTIONS else "file"


def section_rows(
    section: str, data: Mapping[str, Any], flaws: Mapping[Keys, str], known: Known
) -> list[FormRow]:
    """The rows of a section that is a form.

    Args:
        data: what the project file says.
        flaws: place of a value to what is wrong with it.
    """
    make = {
        "task": _task_rows,
        "checks": _check_rows,
        "models": _model_rows,
        "optimizer": _optimizer_rows,
        "budget": _budget_rows,
        "settings": _other_rows,
    }
    return make[section](_Source(data, flaws), known)


@dataclass(frozen=True)
class _Source:
    """Makes rows of what the file says."""

    data: Mapping[str, Any]
    flaws: Mapping[Keys, str]

    def get(self, keys: Keys) -> Any:
        value: Any = self.data
        for key in keys:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def tables(self, keys: Keys) -> list[dict[str, Any]]:
        """The tables of a list, an empty one for whatever is none."""
        found = self.get(keys)
        return [one if isinstance(one, dict) else {} for one in found] if isinstance(found, list) else []

    def rows(self, above: Keys, settings: Iterable[Setting], but: Sequence[str] = ()) -> list[FormRow]:
        return [
            form_row(
                (*above, each.name), each, self.get((*above, each.name)), self._flaw((*above, each.name))
            )
            for each in settings
            if each.name not in but
        ]

    def _flaw(self, keys: Keys) -> str:
        """What is wrong at a place, or inside it."""
        return next((text for place, text in self.flaws.items() if place[: len(keys)] == keys), "")


def _task_rows(source: _Source, _: Known) -> list[FormRow]:
    top = [one for one in fields_of(ProjectSettings) if one.name in ("name", "prompt", "demonstrations")]
    docs = {
        "name": "what the project is called.",
        "prompt": "the prompt to start from; {input} or {column} marks where the case goes.",
        "demonstrations": "worked cases that are sent with it.",
    }
    described = [_with_doc(one, docs[one.name]) for one in top]
    return [
        *source.rows((), [one for one in described if one.name != "demonstrations"]),
        _heading(("task",), "task", "in your words; the optimizer reads it"),
        *source.rows(("task",), fields_of(TaskSettings), but=("constraints",)),
        _heading(("shown",), "shown with the prompt", ""),
        *source.rows((), [one for one in described if one.name == "demonstrations"]),
    ]


def _check_rows(source: _Source, known: Known) -> list[FormRow]:
    rows: list[FormRow] = []
    common = fields_of(CheckSettings)
    for place, check in enumerate(source.tables(("checks",))):
        kind = str(check.get("type", ""))
        found = known.checks.get(kind)
        about = found.about if found else "" if not known.checks else "there is no such check"
        flaw = source.flaws.get(("checks", place), "")
        rows.append(replace(_heading(("checks", place), f"{place + 1} {kind}", about), flaw=flaw))
        rows += source.rows(("checks", place), found.settings if found else ())
        rows += source.rows(("checks", place), common, but=("type",))
    rules = fields_of(ConstraintSettings)
    for place, rule in enumerate(source.tables(("task", "constraints"))):
        name = rule.get("name", "")
        rows.append(
            _heading(("task", "constraints", place), f"rule {name}", "for every output, whatever the case")
        )
        rows += source.rows(("task", "constraints", place), rules, but=("validator",))
    return rows


def _model_rows(source: _Source, _: Known) -> list[FormRow]:
    settings = fields_of(ModelSettings)
    found = source.get(("models",))
    models: Any = found if isinstance(found, dict) else {}
    rows: list[FormRow] = []
    for role in ROLES:
        if role in models or role in ("target", "optimizer"):
            own = (
                [_with_default(one, OPTIMIZER_MODEL) for one in settings] if role == "optimizer" else settings
            )
            rows.append(_heading(("models", role), role, ROLE_MEANS[role]))
            rows += source.rows(("models", role), own)
    for place, judge in enumerate(source.tables(("judges",))):
        name = judge.get("name") or judge.get("model") or place + 1
        rows.append(_heading(("judges", place), f"judge {name}", "one of the panel"))
        rows += source.rows(("judges", place), settings)
    return rows


def _optimizer_rows(source: _Source, known: Known) -> list[FormRow]:
    name = str(source.get(("optimizer", "name")) or "refine")
    kind = Setting(
        "name", "text", False, "refine", "which optimizer", "choice" if known.optimizers else "text",
        tuple(known.optimizers),
    )  # fmt: skip
    rows = source.rows(("optimizer",), [kind])
    settings = known.optimizers.get(name)
    about = "its settings are being read…" if settings is None else known.abouts.get(name, "")
    rows.append(_heading(("optimizer",), name, about))
    return rows + source.rows(("optimizer",), settings or [])


def _budget_rows(source: _Source, _: Known) -> list[FormRow]:
    settings = fields_of(BudgetSettings)
    whole = [one for one in settings if "_" not in one.name]
    rows = [
        _heading(("budget",), "the whole run", "caps that are never crossed"),
        *source.rows(("budget",), whole),
    ]
    for role in ROLES:
        own = [one for one in settings if one.name.startswith(f"{role}_")]
        rows += [
            _heading(("budget", role), f"{role} alone", "a part of it, for one role"),
            *source.rows(("budget",), own),
        ]
    return rows


def _other_rows(source: _Source, _: Known) -> list[FormRow]:
    parts = (
        ("data", DataSettings, "where the cases are, and which column is what", ("cases",)),
        ("evaluation", EvaluationSettings, "how a prompt is scored", ()),
        ("cache", CacheSettings, "whether answers of earlier runs are used again", ()),
        ("telemetry", TelemetrySettings, "whether spans are sent to a collector", ()),
        ("compliance", ComplianceSettings, "what may be sent of personal data and secrets", ()),
    )
    rows: list[FormRow] = []
    for name, model, about, but in parts:
        rows += [_heading((name,), name, about), *source.rows((name,), fields_of(model), but)]
    return rows


def _heading(keys: Keys, label: str, about: str) -> FormRow:
    return FormRow(keys, label, about=about)


def _with_doc(setting: Setting, doc: str) -> Setting:
    return replace(setting, doc=doc)


def _with_default(setting: Setting, defaults: Mapping[str, Any]) -> Setting:
    if setting.name not in defaults:
        return setting
    return replace(setting, default=defaults[setting.name], required=False)


# Beside the form


def prompt_lines(text: str, columns: Sequence[str], width: int) -> list[paint.Line]:
    """The prompt with its marks set off: those of a column, and those that look like one and are none."""
    known = {*columns, "input"}
    places: list[tuple[int, int, bool]] = []
    if known:
        places += [(m.start(), m.end(), True) for m in marks(known).finditer(text)]
    taken = {start for start, _, _ in places}
    places += [(m.start(), m.end(), False) for m in _MARK.finditer(text) if m.start() not in taken]
    styled: list[paint.Span] = []
    end = 0
    for start, stop, good in sorted(places):
        if start >= end:
            styled += [(text[end:start], ""), (text[start:stop], "key" if good else "warn")]
            end = stop
    styled.append((text[end:], ""))
    lines: list[paint.Line] = [[]]
    for piece, style in styled:
        first, *more = piece.expandtabs(4).split("\n")
        lines[-1].append((first, style))
        lines += [[(part, style)] for part in more]
    return [wrapped for line in lines for wrapped in paint.wrap(line, width)]


def prompt_note(text: str, columns: Sequence[str], width: int) -> list[paint.Line]:
    """How the prompt is sent, and how long it is."""
    used = list(dict.fromkeys(marks({*columns, "input"}).findall(text)))
    how = (
        f"sent as the user message; the case goes where {{{'}, {'.join(used)}}} stands"
        if used
        else "sent as the system message; the case is the user message"
    )
    # A rule of thumb: no tokenizer is loaded for this.
    size = f"{len(text):,} characters, about {fm.count(max(1, len(text) // 4))} tokens"
    return [[], *paint.wrap([(how, "muted")], width), *paint.wrap([(size, "muted")], width)]


def doc_lines(row: FormRow | None, width: int, most: int = 3) -> list[paint.Line]:
    """What the selected setting is, takes and has wrong."""
    if row is None or row.setting is None:
        return []
    setting = row.setting
    lines: list[paint.Line] = []
    if row.flaw:
        lines += paint.wrap([("✗ ", "bad"), (row.flaw, "bad")], width)
    takes = f"  takes {setting.type}"
    if setting.required:
        takes += "; it has to be given"
    elif row.value is not None and setting.default not in (None, "", [], {}):
        takes += f"; without it: {paint.one_line(str(setting.default), 60)}"
    name = ".".join(map(str, row.keys))
    lines += paint.wrap(
        [(name, "bold"), ("  ", ""), (setting.doc.replace("``", ""), ""), (takes, "muted")], width
    )
    return lines[:most]


def tab_line(section: str, flawed: Iterable[str], width: int) -> paint.Line:
    """The sections with their numbers; ``✗`` marks one with something wrong in it."""
    bad = set(flawed)
    line: paint.Line = []
    for number, name in enumerate(SECTIONS, 1):
        mark: paint.Line = [("✗", "bad")] if name in bad else []
        label = LABELS.get(name, name.capitalize())
        if name == section:
            line += [(f" {number} {label}", "pill-accent"), *mark, (" ", "pill-accent")]
        else:
            line += [(f" {number}", "key"), (f" {label}", ""), *mark, (" ", "")]
    return paint.cut(line, width)


def flaw_lines(flaws: Sequence[Any], width: int) -> list[paint.Line]:
    """All that is wrong with the file."""
    lines: list[paint.Line] = []
    for flaw in flaws:
        lines += paint.wrap([("✗ ", "bad"), (str(flaw), "")], width, [("  ", "")])
    return lines


def forecast_lines(found: Mapping[str, Any], width: int) -> list[paint.Line]:
    """What ``promptopt estimate`` says: least, likely, most."""
    lines: list[paint.Line] = [[("a run needs", "heading"), ("  least – likely – most", "muted")]]

    def three(value: Any, show: Any) -> str:
        if not value:
            return "unknown"
        return " – ".join(
            "unknown" if value.get(k) is None else show(value[k]) for k in ("low", "likely", "high")
        )

    for label, key, show in (
        ("calls", "calls", fm.count),
        ("tokens", "tokens", fm.count),
        ("cost", "cost_usd", fm.usd),
        ("time", "seconds", fm.clock),
    ):
        unknown = key == "cost_usd" and not found.get(key)
        lines.append([(f"{label:8}", "muted"), (three(found.get(key), show), "warn" if unknown else "")])
    if found.get("iterations"):
        lines.append([(f"{'rounds':8}", "muted"), (three(found["iterations"], fm.count), "")])
    lines.append([])
    cap = found.get("cap")
    if cap:
        how = "ends" if cap["certain"] else "likely ends" if cap["expected"] else "could end"
        said = f"budget.{cap['name']} = {cap['limit']:g} {how} it first: it would need {cap['needed']:g}"
        lines += paint.wrap([("! ", "warn"), (said, "warn")], width, [("  ", "")])
    else:
        lines += paint.wrap([("✓ ", "good"), ("no cap would end it first, as far as is known", "")], width)
    for note in found.get("notes", []):
        lines += paint.wrap([("· ", "muted"), (str(note), "muted")], width, [("  ", "")])
    if found.get("simulated"):
        lines += paint.wrap([("simulated models: no money is spent", "warn")], width)
    return [paint.cut(line, width) for line in lines]


FOUND = {"ok": ("✓", "good"), "note": ("·", "warn"), "fault": ("✗", "bad")}


def doctor_lines(findings: Sequence[Mapping[str, Any]], width: int) -> list[paint.Line]:
    """What ``promptopt doctor`` says of the project's models, its key, endpoint and price."""
    lines: list[paint.Line] = []
    for finding in findings:
        glyph, style = FOUND.get(str(finding["status"]), ("?", ""))
        word = "" if finding["status"] == "ok" else f"{finding['status']}: "
        lines += paint.wrap(
            [(f"{glyph} ", style), (f"{finding['check']}: ", "bold"), (f"{word}{finding['detail']}", "")],
            width,
            [("  ", "")],
        )
        if finding.get("fix"):
            lines += paint.wrap([("  → ", "muted"), (str(finding["fix"]), "muted")], width, [("    ", "")])
    return lines


def verdict_lines(found: Mapping[str, Any], width: int) -> list[paint.Line]:
    """What ``promptopt check`` says of an output: the score, and each check with its reason."""
    lines: list[paint.Line] = [[("case ", "muted"), (paint.one_line(str(found["case_id"]), 40), "bold")]]
    if found["score"] is None:
        lines.append([("no check has anything to say of it", "warn")])
    else:
        good = bool(found["passed"])
        lines.append(
            [("✓ passes" if good else "✗ fails", "good-bold" if good else "bad-bold"),
             (f"  score {fm.percent(found['score'])}", "")]
        )  # fmt: skip
    output = str(found.get("output", ""))
    if output:
        lines += [[], [("output", "heading")], *paint.text_lines(output, width)[:6], []]
    for check in found["checks"]:
        good = bool(check["passed"])
        weight = f"  weight {check['weight']:g}{', hard' if check['hard'] else ''}"
        head: paint.Line = [("✓ " if good else "✗ ", "good" if good else "bad"), (str(check["name"]), "bold")]
        lines += paint.wrap([*head, (f"  {fm.percent(check['score'])}", ""), (weight, "muted")], width)
        if check["reason"]:
            lines += paint.text_lines(str(check["reason"]), width, "muted", [("  ", "")])
    if found["left_out"]:
        said = f"not asked, for they need a model: {', '.join(map(str, found['left_out']))}"
        lines += [[], *paint.wrap([("· ", "warn"), (said, "warn")], width, [("  ", "")])]
    return lines
