"""Runs side by side: rows, gains, differences, front, datasets together."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.results import CaseResult, CheckResult
from promptopt.experiments.tables import HEADER, as_json, as_markdown, block, differences, heading, measures
from promptopt.runs.outcomes import Outcome
from promptopt.runs.scoreboard import NONE, TOGETHER, Entry, Row, cost_of, scoreboard


def results(scores: Sequence[float], names: Sequence[str] = ("exact",)) -> tuple[CaseResult, ...]:
    return tuple(
        CaseResult(
            case_id=f"c{at}",
            score=score,
            passed=score == 1,
            checks=tuple(CheckResult(name=name, score=score, passed=score == 1) for name in names),
        )
        for at, score in enumerate(scores)
    )


def outcome(
    scores: Sequence[float],
    *,
    usd: float | None = 1.0,
    calls: int = 100,
    first: Sequence[float] = (),
    **more: object,
) -> Outcome:
    given: dict[str, object] = {
        "run_id": "r",
        "optimizer": "o",
        "kind": "optimize",
        "status": "finished",
        "stop_reason": "plateau",
        "detail": "",
        "simulated": False,
        "split": "test" if scores else None,
        "results": results(scores),
        "first": results(first),
        "best_id": "b",
        "seed_id": "s",
        "prompt": "p",
        "validation": None,
        "usd": usd,
        "uncertain": 0.0,
        "calls": {"calls": calls, "target_calls": calls},
        "tokens": 10 * calls,
        "seconds": 3.0,
        "iterations": 4,
        "converged": 0.0,
        "best_at": 2,
    }
    return Outcome(**{**given, **more})  # type: ignore[arg-type]


def entry(label: str, scores: Sequence[float], seed: int = 0, dataset: str = "d", **more: object) -> Entry:
    return Entry(dataset, label, seed, outcome(scores, **more) if scores else None)  # type: ignore[arg-type]


ZEROS, ONES = [0.0] * 12, [1.0] * 12


def by_label(rows: Sequence[Row]) -> dict[str, Row]:
    return {row.label: row for row in rows}


def test_a_row_tells_score_gain_and_what_it_took() -> None:
    board = scoreboard([entry(NONE, ZEROS, kind="eval"), entry("a", [*ONES[:10], 0.0, 0.0], converged=1.0)])
    row = by_label(board.rows)["a"]
    assert row.score and row.score.mean == pytest.approx(10 / 12) and row.score.n == 12
    assert row.gain and row.gain.verdict == "better" and row.gain.difference.mean == pytest.approx(10 / 12)
    assert (row.usd, row.calls, row.seconds, row.iterations, row.best_at) == (1.0, 100, 3.0, 4, 2)
    assert row.converged == 1.0 and row.spread is None and row.runs == 1
    assert by_label(board.rows)[NONE].gain is None


def test_without_a_baseline_the_gain_is_on_the_own_prompt_to_start_from() -> None:
    (row,) = scoreboard([entry("a", ONES, first=ZEROS)]).rows
    assert row.gain and row.gain.difference.mean == 1.0


def test_seeds_are_one_row_whose_interval_is_about_cases() -> None:
    same = scoreboard([entry("a", [1.0, 0.0] * 6, seed) for seed in range(5)])
    one = scoreboard([entry("a", [1.0, 0.0] * 6)])
    (row,) = same.rows
    assert row.runs == 5 and row.spread == 0.0
    assert row.score and one.rows[0].score and row.score.mean == one.rows[0].score.mean
    assert row.score.high - row.score.low > 0.3, "five runs on twelve cases are no sixty cases"
    (row,) = scoreboard([entry("a", ZEROS, 0), entry("a", ONES, 1)]).rows
    assert (row.lowest, row.highest) == (0.0, 1.0) and row.spread == pytest.approx(0.7071, abs=1e-3)


def test_differences_are_of_every_two_and_corrected_for_their_number() -> None:
    entries = [entry(NONE, ZEROS), entry("a", ONES), entry("b", ONES), entry("c", [*ONES[:6], *ZEROS[:6]])]
    board = scoreboard(entries)
    assert [(pair.first, pair.second) for pair in board.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    for pair in board.pairs:
        assert pair.comparison.p_adjusted is not None
        assert pair.comparison.p_adjusted >= pair.comparison.p_value
    assert all(row.gain.p_adjusted is not None for row in board.rows if row.gain)


def test_the_front_is_of_those_that_nobody_beats_at_their_price() -> None:
    cheap = entry("cheap", [*ONES[:6], *ZEROS[:6]], usd=0.1)
    dear = entry("dear", ONES, usd=2.0)
    worse = entry("worse", [*ONES[:5], *ZEROS[:7]], usd=0.5)
    board = scoreboard([cheap, dear, worse])
    assert {row.label for row in board.rows if row.front} == {"cheap", "dear"} and board.cost_by == "usd"
    unknown = scoreboard([entry("cheap", ONES, usd=None, calls=10), entry("dear", ONES, usd=2.0, calls=99)])
    assert unknown.cost_by == "calls" and [row.front for row in unknown.rows] == [True, False]
    assert by_label(unknown.rows)["cheap"].usd is None
    free = scoreboard([entry("a", ONES, usd=0.0, calls=10), entry("b", ONES, usd=0.0, calls=5)])
    assert free.cost_by == "calls"
    assert "as high for fewer calls (no price tells)" in as_markdown(free, "t")
    assert "as high for less." in as_markdown(board, "t")


def test_a_judge_without_any_verdict_has_no_mean() -> None:
    silent = CheckResult(name="judge", score=0.0, passed=False, reason="the judge gave no verdict: what?")
    asked = tuple(r.model_copy(update={"checks": (*r.checks, silent)}) for r in results(ONES))
    judged: Mapping[str, Mapping[str, float | None]] = {
        "j1": {"c0": None, "c1": None},
        "j2": {"c0": None, "c1": 1.0},
    }
    board = scoreboard([Entry("d", "a", 0, outcome(ONES, results=asked), judged)])
    assert board.rows[0].judges == {"j1": None, "j2": 1.0}
    assert board.rows[0].metrics == {"exact": 1.0, "judge": None}
    assert measures(board, "d") == (
        ["optimizer", "exact", "judge", "judge j1", "judge j2"],
        [["a", "100.0%", "–", "–", "100.0%"]],
    )
    assert as_json(board)["rows"][0]["judges"] == {"j1": None, "j2": 1.0}
    assert "judge j1 gave no verdict on any of 2 outputs, so it has no mean" in board.notices
    assert "judge j2 gave no verdict on 1 of 2 outputs; its means leave them out" in board.notices
    assert "check judge got no verdict on any of 12 outputs; these count as failed" in board.notices


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0.01, 10)), min_size=1, max_size=6, unique_by=lambda point: point
    )
)
def test_what_is_off_the_front_is_beaten_by_what_is_on_it(points: list[tuple[float, float]]) -> None:
    board = scoreboard([entry(f"o{at}", [score] * 3, usd=usd) for at, (score, usd) in enumerate(points)])
    front = [row for row in board.rows if row.front]
    assert front
    for row in board.rows:
        assert row.score
        beaten = any(
            other.score
            and other.score.mean >= row.score.mean
            and cost_of(other, "usd") <= cost_of(row, "usd")
            for other in front
            if other is not row
        )
        assert row.front or beaten


def test_what_has_no_score_is_told_and_not_made_up() -> None:
    failed = outcome([], status="failed", detail="the key is wrong\nmore")
    board = scoreboard(
        [entry("a", ONES), Entry("d", "a", 1, failed), Entry("d", "b", 0, None), Entry("d", "c", 0, failed)]
    )
    rows = by_label(board.rows)
    assert (rows["a"].runs, rows["a"].missing) == (1, 1)
    assert rows["b"].score is None and rows["c"].missing == 1
    assert "c on d, seed 0: no score (the key is wrong)" in board.notices
    assert "b on d, seed 0: not run" in board.notices
    assert all(pair.first == "a" for pair in board.pairs) and not board.pairs


def test_datasets_together_weigh_the_same_however_many_cases_they_have() -> None:
    entries = [
        entry("a", [1.0] * 30, dataset="large"),
        entry("a", [0.0] * 3, dataset="small"),
        entry("b", [1.0] * 30, dataset="large"),
    ]
    board = scoreboard(entries)
    together = by_label(board.of(TOGETHER))
    assert together["a"].score and together["a"].score.mean == pytest.approx(0.5)
    assert together["b"].score is None, "it lacks a dataset"
    assert together["a"].usd == 2.0 and together["a"].calls == 200
    assert board.datasets() == ["large", "small", TOGETHER]


def test_metrics_and_judges_have_columns() -> None:
    two = outcome(ONES)
    two = Outcome(**{**vars(two), "results": results([1.0, 0.0], ("accuracy", "f1"))})
    judged: Mapping[str, Mapping[str, float]] = {"gpt": {"c0": 0.5, "c1": 1.0}}
    board = scoreboard([Entry("d", "a", 0, two, judged)])
    found = measures(board, "d")
    assert found == (["optimizer", "accuracy", "f1", "judge gpt"], [["a", "50.0%", "50.0%", "75.0%"]])
    assert measures(scoreboard([entry("a", ONES)]), "d") is None


def test_many_measures_go_down_and_of_all_datasets_only_what_they_share() -> None:
    names = [f"check {n}" for n in range(9)]
    first = Outcome(**{**vars(outcome(ONES)), "results": results([1.0], ("exact", "own"))})
    second = Outcome(**{**vars(outcome(ONES)), "results": results([1.0], ("exact", *names))})
    worse = Outcome(**{**vars(outcome(ONES)), "results": results([0.0], ("exact", *names))})
    board = scoreboard([Entry("d1", "b", 0, first), Entry("d2", "a", 0, worse), Entry("d2", "b", 0, second)])
    found = measures(board, "d2")
    assert found and found[0] == ["measure", "b", "a"], "the best first"
    assert found[1] == [[name, "100.0%", "0.0%"] for name in ("exact", *names)]
    assert measures(board, TOGETHER) is None, "one measure is the score itself"
    judged = {"gpt": {"c0": 0.5}}
    board = scoreboard([Entry("d1", "b", 0, first, judged), Entry("d2", "b", 0, second, judged)])
    assert measures(board, TOGETHER) == (["optimizer", "exact", "judge gpt"], [["b", "100.0%", "50.0%"]])


def test_what_did_not_search_has_no_iterations() -> None:
    board = scoreboard([entry("a", ONES), entry("t", ONES, kind="tournament")])
    shown = {row[0].strip("★ "): row for row in block(board, "d")}
    columns = [HEADER.index(name) for name in ("iterations", "best at", "all pass")]
    assert [shown["a"][at] for at in columns] == ["4.0", "2.0", "0%"]
    assert [shown["t"][at] for at in columns] == ["–"] * 3


def test_tables_for_people_and_programs() -> None:
    wild = "a|b *c* <i>`"
    entries = [entry(NONE, ZEROS, simulated=True), entry(wild, ONES), entry("b", ZEROS, usd=None)]
    board = scoreboard(entries)
    assert heading(board, "d") == "d: sealed test, 12 cases (simulated)"
    rows = block(board, "d")
    assert all(len(row) == len(HEADER) for row in rows)
    assert rows[0][0] == f"★ {wild}" and "better" in rows[0][3]
    assert "worse than a|b" in differences(board, "d")[0]
    text = as_markdown(board, "title", ["watch out"], ["plot.png"])
    assert "Simulated models" in text and "![plot.png](plot.png)" in text and "- watch out" in text
    assert r"a\|b" in text and r"\<i>\`" in text
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") == len(HEADER) + 1 for line in table[:5])
    found = as_json(board)
    assert found["simulated"] and [row["optimizer"] for row in found["rows"]] == [NONE, wild, "b"]
    assert found["rows"][1]["gain"]["verdict"] == "better" and found["rows"][2]["cost_usd"] is None
