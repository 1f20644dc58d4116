"""projects, runs, show: what there is."""

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from promptopt.cli.arguments import RunArgument
from promptopt.cli.output import counted, emit, note, number, say, table
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from promptopt.runs.diagnosis import Finding
    from promptopt.store.projects import ProjectEntry
    from promptopt.store.runs import RunRow

Split = Literal["train", "validation", "test"]


All = Annotated[bool, Parameter(name="--all", help="archived ones, too.")]


def projects(*, everything: All = False, json: bool = False) -> None:
    """List your projects.

    Args:
        json: print one JSON list.
    """
    from promptopt.store.projects import list_projects

    entries = [entry for entry in list_projects() if everything or not entry.archived]
    if json:
        emit([_project_as_json(entry) for entry in entries])
        return
    if not entries:
        note("no project yet. promptopt new NAME makes one, promptopt demo shows how it goes.")
        return
    for line in table(["project", "file"], [[e.name, str(e.path)] for e in entries]):
        say(line)
    for entry in entries:
        if entry.error:
            note(f"\n{entry.name} can't be used: {entry.error}")


def _project_as_json(entry: "ProjectEntry") -> dict[str, Any]:
    shown = {"name": entry.name, "slug": entry.slug, "path": str(entry.path), "error": entry.error}
    return {**shown, "archived": entry.archived}


def runs(*, project: str | None = None, everything: All = False, json: bool = False) -> None:
    """List runs, newest first.

    Args:
        project: only runs of the project with this name.
        json: print one JSON list. Scores are means in [0, 1] over the validation cases (an evaluation's: over
            all that it scored), times seconds since the epoch.
    """
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    with closing(Database.open()) as database:
        rows = Runs(database).list(project, archived=everything)
    if json:
        emit([_as_json(row) for row in rows])
        return
    if not rows:
        note("no run yet. promptopt run PROJECT starts one, promptopt demo shows how it goes.")
        return
    header = [
        "run",
        "project",
        "optimizer",
        "status",
        "iterations",
        "seed",
        "best",
        "spent",
        "calls",
        "started",
    ]
    for line in table(header, [_cells(row) for row in rows]):
        say(line)


def show(
    reference: RunArgument = "latest",
    /,
    *,
    cases: bool = False,
    markdown: bool = False,
    split: Split = "validation",
    json: bool = False,
) -> None:
    """Show where a run stands, or how it ended.

    Args:
        cases: show in place of that which candidate fixed or broke which case, and what fails alike.
        markdown: show in place of that a report in Markdown: verdict, why there is no proven gain, what
            changed sentence by sentence and what each step did, who did what, what it cost.
        split: the cases that are meant.
        json: print one JSON object.
    """
    if cases:
        _show_cases(reference, split, json=json)
        return
    if markdown:
        _show_report(reference)
        return
    from promptopt.cli.outcome import diagnosis_lines, failure_lines, lines, summary_of
    from promptopt.runs.state import fold
    from promptopt.store.database import Database
    from promptopt.store.runlog import RunLog
    from promptopt.store.runs import Runs

    with closing(Database.open()) as database:
        row = Runs(database).find(reference)
        state = fold(RunLog(database, row.id))
        summary = summary_of(state, row)
        findings: list[Finding] = []
        if state.unproven:
            from promptopt.runs.aftermath import diagnosis

            findings = diagnosis(database, row.id, state)
    summary["diagnosis"] = [asdict(each) for each in findings]
    if json:
        emit(summary)
        return
    simulated = " (simulated)" if row.simulated else ""
    for line in [*lines(summary), *diagnosis_lines(findings, simulated)]:
        say(line)
    best = summary["best"]
    if best and best["failures"] and best["failures"]["clusters"]:
        for line in failure_lines(best["failures"], simulated):
            say(f"  {line}")
    if best:
        say("\n" + best["prompt"])
        _say_demonstrations(best["demonstrations"])
    if row.status == "interrupted":
        note(f"\nits worker is gone; to go on: promptopt resume {row.id}")


def _show_report(reference: str) -> None:
    from promptopt.reporting.markdown import report
    from promptopt.runs.aftermath import aftermath
    from promptopt.runs.state import fold
    from promptopt.store.database import Database
    from promptopt.store.runlog import RunLog
    from promptopt.store.runs import Runs

    with closing(Database.open()) as database:
        row = Runs(database).find(reference)
        state = fold(RunLog(database, row.id))
        text = report(state, row, aftermath(database, row, state))
    say(text.rstrip("\n"))


def _show_cases(reference: str, split: Split, *, json: bool) -> None:
    from promptopt.cli.outcome import failure_lines
    from promptopt.runs.cases import candidate_name, case_histories
    from promptopt.runs.state import fold
    from promptopt.runs.summary import failures_of
    from promptopt.store.cells import Cells
    from promptopt.store.database import Database
    from promptopt.store.runlog import RunLog
    from promptopt.store.runs import Runs

    with closing(Database.open()) as database:
        row = Runs(database).find(reference)
        state = fold(RunLog(database, row.id))
        candidates, found = case_histories(state, Cells(database, row.id), split)
        order = {case.id: at for at, case in enumerate(Runs(database).cases(row.id, split))}
    found.sort(key=lambda history: order.get(history.case_id, len(order)))
    names = [candidate_name(candidate) for candidate in candidates]
    best = state.candidates.get(state.best_id)
    failures = failures_of(best) if best and best.feedback_split == split else None
    if json:
        about = {"run_id": row.id, "split": split, "simulated": row.simulated, "candidates": names}
        listed = [{**asdict(one), "never_passed": one.never_passed} for one in found]
        emit({**about, "cases": listed, "failures": failures})
        return
    if not found:
        note(f"run {row.id} has scored no {split} case")
        return
    simulated = " (simulated)" if row.simulated else ""
    say(f"{split} cases of run {row.id}, by candidate: {', '.join(names)}{simulated}")
    signs = {True: "✓", False: "✗", None: "·"}
    rows = [
        [one.case_id, "".join(signs[mark] for mark in one.marks), ", ".join(one.fixed), ", ".join(one.broken)]
        for one in found
    ]
    for line in table(["case", "course", "fixed by", "broken by"], rows):
        say(line)
    never = [one.case_id for one in found if one.never_passed]
    if never:
        say(f"never passed: {', '.join(never)}. Hard cases, or wrong expected outputs")
    if best and failures and failures["clusters"]:
        told, *rest = failure_lines(failures, simulated)
        for line in [f"under {candidate_name(best)}, the best: {told}", *rest]:
            say(line)


def _cells(row: "RunRow") -> list[str]:
    import time

    simulated = " (simulated)" if row.simulated else ""
    return [
        row.id,
        row.project,
        row.optimizer if row.kind == "optimize" else row.kind,
        row.status + simulated,
        str(row.iteration),
        number(row.seed_score),
        number(row.best_score) if row.asked is None else f"{row.made} of {row.asked} cases",
        "–" if row.usd is None else f"${row.usd:.4f}",
        str(row.calls),
        time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created_at)),
    ]


def _as_json(row: "RunRow") -> dict[str, Any]:
    inner = {"dataset_id", "pid", "heartbeat_at"}
    return {name: value for name, value in asdict(row).items() if name not in inner}


def _say_demonstrations(shown: list[dict[str, Any]]) -> None:
    """What is sent between the prompt and the case."""
    if shown:
        say(f"\n{counted(len(shown), 'demonstration')}, sent before each case:")
    for demo in shown:
        asked = "; ".join(demo["inputs"].values())
        say(f"  {one_line(asked, 80)} → {one_line(demo['output'], 60)}")
