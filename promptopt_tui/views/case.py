"""One case: what went in, what came out, what should have, and why it passed or failed."""

from promptopt.domain.dataset import Example, Split
from promptopt.domain.events import CaseMark
from promptopt.domain.results import CATEGORIES, CaseResult
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, text_lines, wrap
from promptopt_tui.views import diff

LONGEST = 20_000
"""Characters of one text that are shown."""


def case_lines(
    case: Example, result: CaseResult | None, mark: CaseMark | None, width: int, *, loading: bool = False
) -> list[Line]:
    """Everything about a case under one prompt."""
    lines = [*_verdict(result, mark), []]
    lines += _section("input", case.input_text, width)
    if result is None:
        note = "loading…" if loading else "this prompt was not scored on this case yet"
        if case.expected is not None:
            lines += _section("expected", case.expected, width)
        return [*lines, [(note, "muted")]]
    lines += _outputs(case, result, width)
    lines += _checks(result, width)
    return lines


def where(case: Example, split: Split, name: str) -> str:
    """The title of a case's dialog."""
    return f"{case.id}  ·  {split}  ·  {name}"


def _verdict(result: CaseResult | None, mark: CaseMark | None) -> list[Line]:
    judged = result or mark
    if judged is None:
        return [[("· waiting", "muted")]]
    line: Line = [("✓ passes", "good-bold")] if judged.passed else [("✗ fails", "bad-bold")]
    line += [("   score ", "muted"), (fm.percent(judged.score), "bold")]
    if judged.category and not judged.passed:
        meaning = CATEGORIES.get(judged.category, "")
        line += [("   ", ""), (judged.category, "warn"), (f": {meaning}" if meaning else "", "muted")]
    lines = [line]
    if result is not None and not result.error:
        price = fm.usd(result.cost)
        tokens = f"{result.prompt_tokens:,} + {result.completion_tokens:,} tokens"
        lines.append([(f"{result.latency:.2f} s   {tokens}   cost {price}", "muted")])
    return lines


def _outputs(case: Example, result: CaseResult, width: int) -> list[Line]:
    if result.error:
        return _section("no output", result.error, width, "bad")
    if case.expected is None:
        return _section("output", result.output, width)
    if case.expected == result.output:
        return _section("output, as expected", result.output, width)
    lines = _section("expected", case.expected, width)
    lines += _section("output", result.output or "(nothing)", width)
    changes = diff.against(case.expected[:LONGEST], result.output[:LONGEST], width)
    if not changes:
        return lines
    title: Line = [("difference", "heading"), ("   - expected", "bad"), ("   + output", "good")]
    return [*lines, title, *changes, []]


def _checks(result: CaseResult, width: int) -> list[Line]:
    if not result.checks:
        return []
    lines: list[Line] = [[("checks", "heading")]]
    for check in result.checks:
        glyph, style = ("✓", "good") if check.passed else ("✗", "bad")
        said: Line = [
            ("  ", ""),
            (f"{glyph} ", style),
            (check.name, "bold"),
            (f"  {fm.percent(check.score)}", ""),
        ]
        if check.hard:
            said.append(("  hard", "warn"))
        elif check.weight != 1.0:
            said.append((f"  weight {check.weight:g}", "muted"))
        lines.append(said)
        if check.reason:
            lines += text_lines(check.reason[:LONGEST], width, "", [("    ", "")])
    return lines


def _section(title: str, text: str, width: int, style: str = "") -> list[Line]:
    lines: list[Line] = [[(title, "heading")], *text_lines(text[:LONGEST], width, style, [("  ", "")])]
    if len(text) > LONGEST:
        lines += wrap([(f"  … {len(text) - LONGEST:,} more characters", "muted")], width)
    return [*lines, []]
