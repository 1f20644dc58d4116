"""How prompts, evaluations, comparisons and lists of runs show themselves in a cell.

The types of the domain know nothing of that: ``showing`` tells IPython which of these functions to call.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from promptopt.domain import figures as fm
from promptopt.domain.text import one_line, sanitize
from promptopt.notebook.differences import changes, in_words
from promptopt.notebook.drawing import html_of

if TYPE_CHECKING:
    from promptopt.domain.prompt import Prompt
    from promptopt.domain.results import CaseResult, Comparison, Evaluation
    from promptopt.notebook.differences import Difference
    from promptopt.store.runs import RunRow

SIMULATED = "these figures come from the built-in simulator"

Bundle = dict[str, str]

PROMPT = 5000
"""Characters of a prompt that are shown."""

MOST_CASES = 12
"""Failed cases that are shown."""

MOST_IDS = 12
MOST_DEMONSTRATIONS = 5
LONGEST = 240
"""Characters of an output or a reason."""


def of_prompt(prompt: "Prompt") -> Bundle:
    """A prompt with its demonstrations; of an optimized one also what its run found."""
    metadata: dict[str, Any] = getattr(prompt, "metadata", {})
    scores = [(split, _scored(metadata.get(split))) for split in ("validation", "test")]
    values: dict[str, Any] = {
        "prompt_id": prompt.id,
        "text": sanitize(prompt.text, PROMPT),
        "demonstrations": [
            (one_line(each.input_text, LONGEST), one_line(each.expected or "", LONGEST))
            for each in prompt.demonstrations[:MOST_DEMONSTRATIONS]
        ],
        "more": max(0, len(prompt.demonstrations) - MOST_DEMONSTRATIONS),
        "run_id": one_line(str(metadata.get("run_id") or ""), 40),
        "scores": [("sealed test" if split == "test" else split, said) for split, said in scores if said],
        "verdict": _verdict(metadata.get("comparison")),
        "simulated_said": SIMULATED if metadata.get("simulated") else "",
    }
    said = [f"{label}: {score}" for label, score in values["scores"]]
    simulated = ["SIMULATED"] if values["simulated_said"] else []
    head = " · ".join([f"{type(prompt).__name__} {prompt.id}", *said, *simulated])
    shown = f", {fm.plural(len(prompt.demonstrations), 'demonstration')}" if prompt.demonstrations else ""
    return {"text/html": html_of("prompt", **values), "text/plain": f"{head}{shown}\n{values['text']}"}


def of_evaluation(evaluation: "Evaluation") -> Bundle:
    """The score with its interval, the errors by category, and the first failed cases."""
    failed = [result for result in evaluation.results if not result.passed]
    counts: dict[str, int] = {}
    for result in failed:
        name = one_line(result.category or "other", 60)
        counts[name] = counts.get(name, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_CASES]
    values: dict[str, Any] = {
        "simulated_said": SIMULATED if evaluation.simulated else "",
        "prompt_id": evaluation.prompt_id,
        "split": evaluation.split,
        "score": fm.interval(evaluation.score),
        "passed": evaluation.passed,
        "total": len(evaluation.results),
        "errors": evaluation.errors,
        "categories": [(name, number, number / ordered[0][1]) for name, number in ordered],
        "failed": [_case(result) for result in failed[:MOST_CASES]],
        "more": max(0, len(failed) - MOST_CASES),
    }
    said = f"{values['score']}, {evaluation.passed:,} of {values['total']:,} pass"
    label = " SIMULATED" if evaluation.simulated else ""
    lines = [f"Evaluation of {evaluation.prompt_id} on {evaluation.split}: {said}{label}"]
    lines += [f"  {name}: {number} cases" for name, number in ordered]
    return {"text/html": html_of("evaluation", **values), "text/plain": "\n".join(lines)}


def of_comparison(comparison: "Comparison") -> Bundle:
    """The verdict, the difference with its interval, and the cases that were fixed or broken."""
    adjusted = comparison.p_adjusted
    values: dict[str, Any] = {
        "simulated_said": SIMULATED if comparison.simulated else "",
        "verdict": fm.VERDICTS[comparison.verdict],
        "gap": fm.gap(comparison),
        "n": comparison.difference.n,
        "p_value": f"{comparison.p_value:.3g}" + ("" if adjusted is None else f", corrected {adjusted:.3g}"),
        "method": one_line(comparison.method, LONGEST),
        "effects": [(name, f"{value:+.2f}") for name, value in comparison.effects.items()],
        "cases": [("✓", "fixed", _ids(comparison.fixed)), ("✗", "broken", _ids(comparison.broken))],
    }
    glyph, word, _ = values["verdict"]
    said = f"{glyph} {word}: {values['gap']}, p = {values['p_value']}"
    tally = f"{len(comparison.fixed)} fixed, {len(comparison.broken)} broken of {values['n']} cases"
    label = " SIMULATED" if comparison.simulated else ""
    return {"text/html": html_of("comparison", **values), "text/plain": f"{said}; {tally}{label}"}


def of_difference(difference: "Difference") -> Bundle:
    """Two prompts, word by word."""
    parts = changes(difference.first, difference.second)
    return {
        "text/html": html_of("difference", parts=parts, same=difference.first == difference.second),
        "text/plain": in_words(parts) or "no difference",
    }


def of_listing(rows: "Sequence[RunRow]") -> Bundle:
    """A table of runs."""
    lines: list[dict[str, Any]] = [
        {
            "id": row.id,
            "project": one_line(row.project, 60),
            "optimizer": one_line(row.optimizer, 30),
            "status": fm.status_look(row.status),
            "simulated": SIMULATED if row.simulated else "",
            "iteration": row.iteration,
            "seed": fm.percent(row.seed_score),
            "best": fm.percent(row.best_score),
            "usd": fm.usd(row.usd),
            "calls": f"{row.calls:,}",
            "started": time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created_at)),
        }
        for row in rows
    ]
    told = [
        f"{row['id']}  {row['status'][1]:<11}  {row['best']:>6}  {row['project']}"
        + ("  SIMULATED" if row["simulated"] else "")
        for row in lines
    ]
    return {"text/html": html_of("runs", rows=lines), "text/plain": "\n".join(told) or "no run yet"}


def _scored(score: Any) -> str:
    """A score of a prompt's metadata; empty if it has none."""
    try:
        return f"{score['score']:.1%} [{score['low']:.1%}, {score['high']:.1%}]"
    except (KeyError, TypeError, ValueError):
        return ""


def _verdict(comparison: Any) -> Any:
    """A verdict of a prompt's metadata with its difference; None if it has none."""
    try:
        low, high = comparison["interval"]
        gap = f"{fm.points(comparison['difference'])} points [{fm.points(low)}, {fm.points(high)}]"
        return fm.VERDICTS[comparison["verdict"]], f"{gap} on the sealed test"
    except (KeyError, TypeError, ValueError):
        return None


def _case(result: "CaseResult") -> tuple[str, str, str, str]:
    """Id, category, output, and why it failed."""
    why = result.error or next((check.reason for check in result.checks if not check.passed), "")
    said = (result.case_id, result.category, result.output, why)
    first, second, third, fourth = (one_line(text, LONGEST) for text in said)
    return first, second, third, fourth


def _ids(ids: Sequence[str]) -> tuple[int, str]:
    more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
    return len(ids), ", ".join(one_line(each, 40) for each in ids[:MOST_IDS]) + more
