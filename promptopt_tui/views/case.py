"""One case: what went in, what came out, what should have, and why it passed or failed."""

from promptopt.domain.dataset import Example, Split
from promptopt.domain.events import CaseMark
from promptopt.domain.results import CATEGORIES, CaseResult, Sample
from promptopt.evaluation.reliability import reliability
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
    several = len(result.samples) > 1
    lines = _answers(result, width) if several else []
    if result.error:
        return lines if several else _section("no output", result.error, width, "bad")
    if case.expected is None:
        return lines or _section("output", result.output, width)
    if case.expected == result.output:
        return lines or _section("output, as expected", result.output, width)
    lines += _section("expected", case.expected, width)
    if not several:
        lines += _section("output", result.output or "(nothing)", width)
    changes = diff.against(case.expected[:LONGEST], result.output[:LONGEST], width)
    if not changes:
        return lines
    title: Line = [("difference", "heading"), ("   - expected", "bad"), ("   + output", "good")]
    return [*lines, title, *changes, []]


def _answers(result: CaseResult, width: int) -> list[Line]:
    """Every answer to a case that was sent several times, equal ones once, and how far they agree."""
    alike: dict[Sample, list[str]] = {}
    for number, sample in enumerate(result.samples, 1):
        alike.setdefault(sample, []).append(str(number))
    lines: list[Line] = [[("answers", "heading")], *_reliability(result, width)]
    room = max(1000, LONGEST // len(alike))
    for sample, numbers in alike.items():
        glyph, style = ("✓", "good") if sample.passed else ("✗", "bad")
        head: Line = [("  ", ""), (f"{glyph} ", style), (", ".join(numbers), "bold")]
        head.append((f"  {fm.percent(sample.score)}", ""))
        if (sample.output, sample.error) == (result.output, result.error):
            head.append(("  the checks below are of this one", "muted"))
        lines += wrap(head, width, [("    ", "")])
        text, look = (sample.error, "bad") if sample.error else (sample.output or "(nothing)", "")
        lines += text_lines(text[:room], width, look, [("    ", "")])
        if len(text) > room:
            lines += wrap([(f"    … {len(text) - room:,} more characters", "muted")], width)
    return [*lines, []]


def _reliability(result: CaseResult, width: int) -> list[Line]:
    """How many answers pass, pass^k (the chance that k answers all do), and how often two agree."""
    found = reliability([result])
    if found is None:
        return []
    passed = sum(sample.passed for sample in result.samples)
    line: Line = [(f"  {passed} of {len(result.samples)} pass", "warn" if result.flaky else "")]
    line.append(("   flaky" if result.flaky else "", "warn"))
    for k, chance in found.pass_hat.items():
        line += [(f"   pass^{k} ", "muted"), (fm.percent(chance), "")]
    line += [("   consistency ", "muted"), (fm.percent(found.consistency), "")]
    return wrap(line, width, [("  ", "")])


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
