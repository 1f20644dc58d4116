"""The lists of projects and runs: which are shown, and how each looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.views.spark import spark

if TYPE_CHECKING:
    from promptopt.store.projects import ProjectEntry
    from promptopt.store.runs import RunRow
    from promptopt_tui.client import Lists
    from promptopt_tui.proofs import Listed

NO_PROJECT: tuple[paint.Line, ...] = (
    [("No project yet.", "bold")],
    [("d", "key"), ("  see it work:", "")],
    [("   promptopt demo", "accent")],
    [("n", "key"), ("  make one of an example or your cases:", "")],
    [("   promptopt new NAME", "accent")],
    [],
    [("A project is your prompt, your cases and what counts as a good answer.", "muted")],
)

NO_RUN: tuple[paint.Line, ...] = (
    [("No run yet.", "bold")],
    [],
    [
        (
            "A run makes a prompt better, inside a budget, while you watch. It appears here and goes on",
            "muted",
        ),
        (" when you close the terminal.", "muted"),
    ],
    [],
    [("Select a project and press ", ""), ("r", "key"), (", or ", ""), ("d", "key"), (" for the demo.", "")],
    [("  promptopt run PROJECT", "accent"), ("   does the same", "muted")],
)

NOTHING_FITS: tuple[paint.Line, ...] = (
    [("nothing fits; ", "muted"), ("esc", "key"), (" shows all", "muted")],
)

ARCHIVED: tuple[paint.Line, ...] = (
    [("all are archived; ", "muted"), ("A", "key"), (" shows them", "muted")],
)


def found(
    lists: Lists, text: str, project: str, *, archived: bool
) -> tuple[list[ProjectEntry], list[RunRow]]:
    """The projects and runs to show.

    Args:
        text: they contain it, in small letters or capitals.
        project: name of the project whose runs are shown; empty shows those of all.
        archived: archived ones, too.
    """
    wanted = text.casefold()
    projects = [
        p
        for p in lists.projects
        if (archived or not p.archived) and wanted in f"{p.name} {p.slug}".casefold()
    ]
    runs = [
        r
        for r in lists.runs
        if (archived or not r.archived)
        and (not project or r.project == project)
        and wanted in f"{r.project} {r.id} {r.optimizer} {r.status}".casefold()
    ]
    return projects, runs


def found_proofs(lists: Lists, text: str) -> list[Listed]:
    """The proofs of concept to show: those that contain ``text``, in small letters or capitals."""
    wanted = text.casefold()
    return [
        one
        for one in lists.proofs
        if wanted in f"{one.row.name} {one.row.id} {one.row.organization} {one.row.status}".casefold()
    ]


# Projects


def about_project(project: ProjectEntry) -> paint.Line:
    """What there is to say of the project under the cursor."""
    if project.error:
        return [("can't be used:", "bad"), (project.error, "")]
    away: paint.Line = [("archived, a takes it back ·", "warn")] if project.archived else []
    return [*away, (str(project.path), "muted")]


def glyph(project: ProjectEntry, runs: Sequence[RunRow]) -> paint.Span:
    """What a project with these runs is marked with."""
    if project.error:
        return "✗", "bad"
    if project.archived:
        return "▫", "muted"
    return ("●", "accent") if any(run.live for run in runs) else ("○", "muted")


def best_of(runs: Sequence[RunRow]) -> paint.Span:
    """The best score of any of them."""
    scores = [run.best_score for run in runs if run.best_score is not None]
    return fm.percent(max(scores, default=None)), "muted"


# Runs

KINDS = {"eval": "evaluation", "generate": "makes cases"}
"""Runs that look for no prompt, in words."""


def about_run(run: RunRow) -> paint.Line:
    """What there is to say of the run under the cursor."""
    if run.detail:
        return [(run.detail, "bad" if run.status == "failed" else "muted")]
    if run.status == "interrupted":
        return [("its worker died; R resumes it, nothing is paid twice", "warn")]
    if run.asked is not None:
        return [(f"{run.made or 0:,} of {run.asked:,} cases made up", "muted"), (run.project_dir, "muted")]
    return [(run.project_dir, "muted")]


def project(run: RunRow) -> paint.Span:
    """Its project; marked if it is archived, or if it makes cases up."""
    sign = "▫ " if run.archived else "▤ " if run.kind == "generate" else ""
    return sign + run.project, ""


def course(run: RunRow, width: int) -> paint.Span:
    """The course of its score; of one that makes cases up, a word."""
    return ("cases", "muted") if run.kind == "generate" else (spark(run.course, width), "accent")


def status(run: RunRow) -> paint.Span:
    """Glyph and word."""
    sign, word, style = fm.status_look(run.status)
    return f"{sign} {word}", style


def best(run: RunRow) -> paint.Span:
    """Its best score; marked if that is better than the seed's. Of one that makes cases up, how many."""
    if run.asked is not None:
        made = run.made or 0
        said = f"{fm.count(made)}/{fm.count(run.asked)}"
        return said, "good" if made >= run.asked else ""
    better = run.best_score is not None and run.seed_score is not None and run.best_score > run.seed_score
    return fm.percent(run.best_score), "good" if better else ""


def cost(run: RunRow) -> paint.Span:
    """US dollars; a run that was never begun has none."""
    never_begun = run.heartbeat_at is None and run.status in ("created", "interrupted")
    if run.usd is None and never_begun:
        return "–", "muted"
    return fm.usd(run.usd), "warn" if run.usd is None else ""


def optimizer(run: RunRow) -> paint.Span:
    """What it searches with, or what it does else."""
    return KINDS.get(run.kind, run.optimizer), "muted"
