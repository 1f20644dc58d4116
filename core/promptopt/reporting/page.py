"""A run as one HTML page that needs nothing else: verdict, prompt, course, costs, what people did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from promptopt.domain import figures as fm
from promptopt.domain.pii.finding import withheld_in_words
from promptopt.domain.text import one_line, sanitize
from promptopt.domain.words import ROLES
from promptopt.evaluation.diff import diff_words
from promptopt.reporting.course import course_of
from promptopt.runs import brackets
from promptopt.runs.aftermath import aftermath
from promptopt.runs.standings import Candidate
from promptopt.runs.state import RunState, fold
from promptopt.runs.summary import spending
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs

if TYPE_CHECKING:
    from jinja2 import Environment

WIDTH, HEIGHT = 720, 220
"""Units of the picture of the course."""

MOST_CANDIDATES = 100
"""Candidates that are drawn, the first and the newest, and listed, the best."""

NAMED = 12
"""Cases that are named at most."""

LONGEST = 20_000
"""Characters of a prompt that are shown."""


def page_of(database: Database, reference: str = "latest") -> str:
    """The page of a run, finished or under way. It loads nothing from anywhere and runs no script.

    Texts of models, cases and people stand in it as text.

    Raises:
        RunError: there is no such run.
    """
    row = Runs(database).find(reference)
    state = fold(RunLog(database, row.id))
    found = aftermath(database, row, state)
    standings = state.standings()[:MOST_CANDIDATES]
    return (
        pages()
        .get_template("page.html.j2")
        .render(
            about=_about(state, row),
            verdict=_verdict(state),
            scores=_scores(state),
            findings=[
                (one_line(each.what), one_line(each.why), one_line(each.fix)) for each in found.findings
            ],
            prompt=_prompt(state),
            course=course_of(state, width=WIDTH, height=HEIGHT, most=MOST_CANDIDATES),
            scored=[_candidate(state, each) for each in standings if each.validation],
            others=[_candidate(state, each) for each in standings if not each.validation],
            tournament=_tournament(state),
            costs=_costs(state),
            withheld=withheld_in_words(state.withheld.redacted, state.withheld.calls, state.withheld.refused),
            acts=[(_when(act.at), sanitize(act.text)) for act in found.acts],
        )
    )


def pages() -> Environment:
    """The templates of this room. What is put into them is text: nothing of it becomes a part of the page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("promptopt.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _about(state: RunState, row: RunRow) -> dict[str, Any]:
    return {
        "project": one_line(row.project, 120),
        "id": row.id,
        "status": fm.status_look(row.status),
        "begun": _when(row.created_at),
        "optimizer": one_line(row.optimizer),
        "models": [(role, one_line(model.model)) for role, model in state.models.items()],
        "sizes": ", ".join(f"{number:,} {split}" for split, number in state.sizes.items()),
        "simulated": row.simulated,
        "detail": one_line(row.detail, 400),
        "made": _when(time.time()),
    }


def _verdict(state: RunState) -> dict[str, Any]:
    """The claim, with the figures that it rests on; ``look`` is None if none can be made."""
    finished = state.finished
    note = one_line(finished.test_note) if finished else ""
    broken = _named(finished.must_pass_broken) if finished and finished.must_pass_broken else ""
    if finished is None:
        return {"look": None, "said": "The run is not over.", "note": note, "broken": broken}
    comparison = finished.comparison
    if comparison is None:
        same = finished.best_id == finished.seed_id and state.has_search
        said = "No better prompt was found." if same else "No claim can be made about new cases."
        return {"look": None, "said": said, "note": note, "broken": broken}
    than = "from" if comparison.verdict == "not distinguishable" else "than"
    return {
        "look": fm.VERDICTS[comparison.verdict],
        "than": than,
        "gap": fm.gap(comparison),
        "n": comparison.difference.n,
        "p": f"{comparison.p_value:.3g}",
        "method": one_line(comparison.method),
        "cases": [("fixed", _named(comparison.fixed)), ("broke", _named(comparison.broken))],
        "note": note,
        "broken": broken,
    }


def _scores(state: RunState) -> list[tuple[str, list[str]]]:
    seed, best = state.candidates.get(state.seed_id), state.candidates.get(state.best_id)
    rows = [("prompt to start from", seed), ("best prompt", best if best is not seed else None)]
    return [
        (
            label,
            [
                fm.interval(score.interval if (score := one.scores.get(split)) else None)
                for split in ("train", "validation", "test")
            ],
        )
        for label, one in rows
        if one is not None
    ]


def _prompt(state: RunState) -> dict[str, Any]:
    seed, best = state.candidates.get(state.seed_id), state.candidates.get(state.best_id)
    old = sanitize(seed.text, LONGEST) if seed else ""
    new = sanitize(best.text, LONGEST) if best else ""
    return {
        "name": state.name(best.id) if best else "",
        "text": new,
        "parts": diff_words(old, new) if best and seed and best is not seed else [],
        "demonstrations": [
            (
                [(one_line(name), sanitize(text, 2000)) for name, text in each.inputs.items()],
                sanitize(each.output, 2000),
            )
            for each in (best.demonstrations if best else [])
        ],
    }


def _candidate(state: RunState, one: Candidate) -> dict[str, Any]:
    how = "best" if one.id == state.best_id else {True: "accepted", False: "rejected", None: ""}[one.accepted]
    return {
        "name": sanitize(state.name(one.id)),
        "source": fm.SOURCES[one.source],
        "score": fm.interval(one.validation),
        "how": how,
        "why": one_line(one.reasoning, 300),
    }


def _tournament(state: RunState) -> dict[str, Any] | None:
    """Ratings, the best first, and of single elimination the bracket, round by round; None without one."""
    table = state.tournament
    if table is None or not table.ratings:
        return None

    def name(candidate_id: str) -> str:
        return one_line(state.name(candidate_id), 60)

    return {
        "said": [said for said in (brackets.progress(state), one_line(brackets.leader(state), 400)) if said],
        "rows": [
            (
                name(each.candidate_id),
                f"{round(each.rating):+d} [{round(each.low):+d}, {round(each.high):+d}]",
                f"{each.p_best:.0%}",
            )
            for each in table.ratings[:MOST_CANDIDATES]
        ],
        "rounds": [
            (
                one_line(each.name),
                [
                    f"{name(one.first_id)} – {name(one.second_id)}: {one.wins} : {one.losses}"
                    + (f", {name(one.winner_id)} goes on" if one.winner_id else "")
                    for one in each.matches
                ],
                [name(one) for one in each.byes],
            )
            for each in brackets.rounds(state)
        ],
    }


def _costs(state: RunState) -> list[tuple[str, str, str, str]]:
    spent = spending(state)
    rows = [("all", spent), *((role, spent["roles"][role]) for role in ROLES if role in spent["roles"])]
    return [
        (role, f"{took['calls']:,}", f"{took['tokens']:,}", fm.usd(took["cost_usd"])) for role, took in rows
    ]


def _named(cases: Any) -> str:
    more = f" and {len(cases) - NAMED} more" if len(cases) > NAMED else ""
    return f"{len(cases)}" + (f" ({', '.join(map(one_line, cases[:NAMED]))}{more})" if cases else "")


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
