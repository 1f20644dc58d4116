"""Failures that are alike: a line on each kind, and one kind in full."""

from collections.abc import Mapping

from promptopt.domain.dataset import Example, Split
from promptopt.domain.events import ClusterMark
from promptopt.domain.results import CaseResult
from promptopt.domain.text import one_line
from promptopt.runs.standings import Candidate
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, cut, width_of, wrap
from promptopt_tui.views.case import case_lines
from promptopt_tui.views.view import View

LONGEST = 300
"""Characters of a case's input that one line can take."""


def analysed(view: View) -> Candidate | None:
    """Whose failures are told: the shown candidate's, or those that it is to mend until its own are known."""
    shown = view.shown
    if shown is None or shown.categories or shown.clusters:
        return shown
    return view.state.candidates.get(shown.parent_id or "", shown)


def cluster_lines(view: View, width: int) -> list[Line]:
    """What fails alike: how many, a typical case, and the nearest that passes."""
    told = analysed(view)
    if told is None or not told.clusters:
        return []
    under = "" if told is view.shown else f" under its parent {view.name(told.id)}"
    lines: list[Line] = [[], *wrap([(f"what fails alike{under}, on {told.feedback_split}", "muted")], width)]
    for cluster in told.clusters:
        lines += wrap([(f"{cluster.count}× ", "bold"), *_named(cluster)], width, [("   ", "")])
        lines.append(_case("✗", "bad", cluster.case_id, view, told.feedback_split, width))
        if cluster.contrast_id:
            lines.append(_case("✓", "good", cluster.contrast_id, view, told.feedback_split, width))
    rest = sum(told.categories.values()) - sum(cluster.count for cluster in told.clusters)
    if rest > 0:
        lines.append([(f"and {rest} more, each kind rarer", "muted")])
    return lines


def cluster_page(
    cluster: ClusterMark, cases: Mapping[str, Example], results: Mapping[str, CaseResult | None], width: int
) -> list[Line]:
    """One kind of failure: its typical case in full, and the case that passes beside it.

    Args:
        cases: the cases of the split.
        results: those results that are loaded; None is a case that was not scored.
    """
    count = fm.plural(cluster.count, "case fails", "cases fail")
    lines = wrap([(f"{count} like this: ", ""), *_named(cluster)], width)
    wanted = [("✗", "bad-bold", cluster.case_id, "a typical one")]
    if cluster.contrast_id:
        told = "of those that pass, the one with the nearest input"
        wanted.append(("✓", "good-bold", cluster.contrast_id, told))
    for glyph, style, case_id, why in wanted:
        title: Line = [(f"{glyph} {one_line(case_id, 60)}", style), (f"  {why} ", "muted")]
        lines += [[], cut([*title, ("─" * (width - width_of(title)), "border")], width)]
        case = cases.get(case_id)
        if case is None:
            lines.append([("the run has no such case", "muted")])
        else:
            loading = case_id not in results
            lines += case_lines(case, results.get(case_id), None, width, loading=loading)
    return lines


def _named(cluster: ClusterMark) -> Line:
    named: Line = [(one_line(cluster.category, 60), "warn")]
    return [*named, (f": {one_line(cluster.detail, LONGEST)}", "")] if cluster.detail else named


def _case(glyph: str, style: str, case_id: str, view: View, split: Split, width: int) -> Line:
    given = one_line(view.input_of(split, case_id), LONGEST)
    return cut(
        [("   ", ""), (f"{glyph} ", style), (one_line(case_id, 40), ""), (f" {given}", "muted")], width
    )
