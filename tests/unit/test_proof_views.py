"""A proof of concept, as the cockpit shows it: pure functions of what is known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.enterprise.poc.spending import Spent
from promptopt.enterprise.poc.state import TITLES, POCState, StageState
from promptopt.store.pocs import PocRow
from promptopt.store.runs import RunRow
from promptopt_tui import paint
from promptopt_tui.proofs import Listed, Look, ProofFile, ProofWish
from promptopt_tui.views import proof, proving
from promptopt_tui.views.markdown import markdown_lines

STATUSES = ("waiting", "running", "done", "left out", "held", "failed")


def row(status: str = "running", wish: str = "", *, simulated: bool = False, detail: str = "") -> PocRow:
    return PocRow(
        id="p1", name="Acme: support", organization="acme", digest="d", plan="{}", output_dir="/out",
        simulated=simulated, created_at=0.0, status=status, detail=detail, wish=wish, pid=None,
        heartbeat_at=1.0,
    )  # fmt: skip


def run(run_id: str, usd: float | None, calls: int, optimizer: str = "refine") -> RunRow:
    return RunRow(
        id=run_id, project="p", project_dir="/", optimizer=optimizer, kind="optimize", status="running",
        simulated=False, created_at=0.0, iteration=0, seed_score=None, best_score=None, usd=usd, calls=calls,
        detail="", dataset_id="", pid=None, heartbeat_at=1.0, active_seconds=0.0,
    )  # fmt: skip


def look(
    status: str = "running",
    *,
    spent: Spent | None = None,
    limits: dict[str, float] | None = None,
    **more: Any,
) -> Look:
    stages = tuple(StageState(name, title, "waiting", 0.0) for name, title in TITLES.items())
    known = {key: more.pop(key) for key in ("wish", "simulated", "detail") if key in more}
    told = row(status, **known)
    state = POCState(
        "p1", told.name, status, told.detail, told.simulated, 0.0, 0.25, more.pop("stages", stages),
        spent or Spent(), limits or {}, "/out", "Do it." if status == "finished" else "",
    )  # fmt: skip
    return Look(told, state, more.pop("runs", {}), more.pop("paid", frozenset()), (), **more)


@pytest.mark.parametrize(
    ("status", "wish", "word"),
    [
        ("running", "pause", "pausing"),
        ("paused", "pause", "paused"),
        ("running", "stop", "stopping"),
        ("stopped", "stop", "stopped"),
        ("held", "", "waits for you"),
        ("interrupted", "", "interrupted"),
    ],
)
def test_what_was_asked_for_and_is_not_done_yet_is_said(status: str, wish: str, word: str) -> None:
    assert proof.status_of(row(status, wish))[1] == word


def test_money_without_a_price_is_unknown_and_never_nothing() -> None:
    unknown = Listed(row(), look(spent=Spent(calls=3, unpriced=True)).state)
    partly = Listed(row(), look(spent=Spent(usd=0.5, unpriced=True), limits={"usd": 5.0}).state)
    assert proof.spent(unknown)[0] == "unknown" and proof.spent(partly)[0] == "$0.50+"
    assert "$0.50+ of $5.00" in paint.plain([proof.about(partly)])
    assert proof.spent(Listed(row(), None))[0] == proof.share(Listed(row(), None))[0] == "–"


def test_a_stage_costs_what_its_own_runs_cost() -> None:
    stage = StageState("comparison", "comparison", "running", 0.5, runs=("a", "b"))
    runs = {"a": run("a", 0.25, 9), "b": run("b", None, 0)}
    assert proof.stage_cost(look(runs=runs, paid=frozenset("ab")), stage)[0] == "$0.25"
    runs["b"] = run("b", None, 4)
    assert proof.stage_cost(look(runs=runs, paid=frozenset("ab")), stage)[0] == "unknown"
    assert proof.stage_cost(look(runs=runs), stage)[0] == "free"  # they were there already
    assert proof.stage_cost(look(), replace(stage, runs=()))[0] == ""


def test_news_say_what_helps_and_only_what_can_be_done() -> None:
    def said(told: Look) -> str:
        return paint.plain(proof.news(told, 200))

    assert said(look()) == said(look("finished")) == ""
    assert "space lets it go on" in said(look("paused"))
    assert "R lets it go on; nothing is paid twice" in said(look("interrupted"))
    assert "boom" in said(look("failed", detail="boom"))
    own = look("held", objects=True)
    assert "R uses them all the same" in said(own) and "c shows" not in said(own)
    first = replace(own.state.stages[0], runs=("a",))
    made = look("held", asks=True, stages=(first, *own.state.stages[1:]))
    assert "c shows the cases" in said(made) and "R when you have" in said(made)
    assert len(proof.news(look("failed", detail="word " * 200), 80)) == proof.NEWS


def record(**more: Any) -> dict[str, Any]:
    case = {"advice": "recommended", "reasons": ["better"]}
    return {
        "simulated": False, "figures": [], "next_steps": ["go"], "left_out": {},
        "business_case": case, **more,
    }  # fmt: skip


def test_simulated_figures_recommend_nothing_and_say_so() -> None:
    real = paint.plain(proof.found(look("finished"), record(), "", 80))
    rehearsed = paint.plain(proof.found(look("finished", simulated=True), record(simulated=True), "", 80))
    assert "✓ recommended" in real and "SIMULATED" not in real
    assert "✓ recommended" not in rehearsed and "SIMULATED" in rehearsed and "Do it." in rehearsed


def test_the_headline_is_not_told_before_the_end() -> None:
    under_way = paint.plain(proof.found(look(), record(), "", 80))
    assert "Do it." not in under_way and "go" not in under_way.split() and "no figure yet" in under_way
    assert "cases, then quality gate, then comparison" in under_way


def test_while_it_goes_on_only_the_meters_tell_what_was_spent() -> None:
    stages = (StageState("gate", "quality gate", "done", 1.0),)
    figures = [
        {"label": "Spent so far", "text": "$9", "source": "journal"},
        {"label": "Cases", "text": "60", "source": "r"},
    ]
    live = paint.plain(proof.found(look(stages=stages), record(figures=figures), "", 80))
    assert "$9" not in live and "60" in live
    assert "$9" in paint.plain(proof.found(look("finished", stages=stages), record(figures=figures), "", 80))
    assert "a moment" in paint.plain(proof.found(look(stages=stages), None, "", 80))
    assert "no figure yet" in paint.plain(proof.found(look(), None, "", 80))


def test_each_cap_of_the_one_budget_has_a_meter_and_doubts_are_told() -> None:
    told = look(spent=Spent(1.0, 0.25, 30, 400, 1.5, True), limits={"usd": 4.0, "minutes": 3.0})
    said = paint.plain(proof.found(told, record(), "", 80))
    assert "$1.00+ of $4.00" in said and "01:30 of 03:00" in said and "━" in said
    assert "at most $0.25 of calls whose outcome is unknown" in said and "without a known price" in said


def test_a_run_of_the_consistency_is_called_by_what_it_is_for() -> None:
    stage = StageState("consistency", "consistency", "running", 0.5, runs=("a", "b", "c"))
    named = [proof.run_work(stage, run(run_id, 0.0, 1, "none"))[0] for run_id in "abc"]
    assert named == ["other wordings", "today's prompt", "new prompt"]


def test_files_have_sizes_or_are_gone() -> None:
    sizes = [
        proof.file_size(ProofFile("x", Path("/x"), size))[0] for size in (None, -1, 950, 12_400, 3_100_000)
    ]
    assert sizes == ["folder", "gone", "950 B", "12.4 kB", "3.1 MB"]


def test_markdown_is_read_without_its_signs_and_does_nothing() -> None:
    said = (
        "# A \\[b\\]\n\n**bold** and 2 \\* 3 ** 4\n- "
        + "word " * 9
        + "\n| a | b |\n| --- | :--: |\n\x1b[31m[x](javascript:1)"
    )
    lines = markdown_lines(said, 24)
    assert lines[0] == [("A [b]", "heading")]
    assert paint.plain(lines).split("\n")[2] == "**bold** and 2 * 3 ** 4"
    assert markdown_lines("**bold** too", 24) == [[("bold", "bold"), (" too", "")]]
    assert all(paint.width_of(line) <= 24 for line in lines)
    assert "  word" in paint.plain(lines) and "─" * 24 in paint.plain(lines)
    assert "\x1b" not in paint.plain(lines) and "[x](javascript:1)" in paint.plain(lines).replace("\n", "")


texts = st.text(st.characters(codec="utf-8"), max_size=60)


@given(
    status=st.sampled_from(STATUSES),
    words=st.lists(texts, min_size=4, max_size=4),
    width=st.integers(56, 200),
)
@settings(max_examples=60, deadline=None)
def test_no_line_is_wider_than_its_place(status: Any, words: list[str], width: int) -> None:
    a, b, c, d = words
    stage = StageState("gate", "quality gate", status, 0.5, a, b)
    told = look("held", detail=c, objects=True, stages=(stage,))
    full = record(next_steps=[b], left_out={c: d}, figures=[{"label": a, "text": b, "source": c}])
    shown = [
        *proof.found(told, full, "", width),
        *proof.found(look("finished"), full, "", width),
        *proof.news(told, width),
        *proof.no_runs(stage, width),
        *proof.header(told, width),
    ]
    assert all(paint.width_of(line) <= width for line in shown)


def test_an_estimate_tells_what_is_likely_the_most_and_what_is_not_known() -> None:
    spread = {"low": 1.0, "likely": 2.0, "high": None}
    stage = {
        "title": "cases", "calls": spread, "usd": None, "minutes": spread, "caps": {"usd": 1.0},
        "note": "left out: grpo, too dear",
    }  # fmt: skip
    problem = {"what": "no key for x", "fix": "set X_KEY"}
    found = {"name": "Acme", "simulated": False, "stages": [stage], "notes": ["n"], "problem": problem}
    said = paint.plain(proving.estimate_lines(found, ProofWish("s", out="/there"), 80))
    assert "02:00" in said and said.count("unknown") == 3 and "$1.00" in said and "too dear" in said
    assert "files go into /there" in said and "✗ no key for x" in said and "set X_KEY" in said
    assert proving.most(found, ProofWish("s")) == "at most $1.00 over all stages"
    assert proving.most({**found, "simulated": True}, ProofWish("s")) == "simulated, no cost"
    uncapped = {**found, "stages": [{**stage, "caps": {}}]}
    assert proving.most(uncapped, ProofWish("s")) == "at an unknown price"
