"""The summary of a run: what the events say, in JSON values."""

import json

import pytest

from promptopt.cli.outcome import lines
from promptopt.domain import events as ev
from promptopt.domain.forecast import Need, Spread
from promptopt.domain.results import Interval, signed
from promptopt.runs.state import RunState
from promptopt.runs.summary import summarize
from tests.unit.finished_run import BEST, FULL, SEED, opening, rest


def folded(events: list[ev.Event]) -> RunState:
    state = RunState()
    for event in events:
        state.apply(event, at=1.0)
    return state


def test_it_says_what_the_events_say() -> None:
    summary = summarize(folded([*opening("r1"), *rest()]))
    assert (summary["run_id"], summary["project"]) == ("r1", "tickets")
    assert (summary["status"], summary["stop_reason"], summary["iterations"]) == ("finished", "all_pass", 1)
    assert summary["seed"]["candidate_id"] == SEED.id
    assert summary["seed"]["validation"] == {
        "score": 0.5, "low": 0.123457, "high": 0.8, "n": 4, "passed": 2, "errors": 0, "at_once": None
    }  # fmt: skip
    assert summary["best"]["candidate_id"] == BEST.id
    assert summary["best"]["prompt"] == BEST.text
    assert summary["best"]["test"]["passed"] == 4
    assert summary["comparison"] == {
        "verdict": "better", "difference": 0.5, "interval": [0.1, 0.9], "p_value": 0.03123, "method": "exact",
        "effects": {"cohens_h": 1.570796}, "p_adjusted": None, "wilcoxon": None, "together": 1,
        "n": 4, "fixed": [], "broken": [],
    }  # fmt: skip
    assert (summary["cost_usd"], summary["calls"], summary["tokens"]) == (0.012346, 40, 5000)
    assert summary["uncertain"] == {"usd": 0.002, "calls": 1, "tokens": 80}
    assert summary["replayed"] == 3


def test_no_case_is_no_score() -> None:
    nothing = ev.CandidateScored(
        candidate_id=SEED.id, split="train", score=Interval(mean=0.0, low=0.0, high=1.0, n=0), passed=0
    )
    state = folded([*opening("r1"), nothing])
    assert state.activity[-1].text.endswith("on train: –, no case was scored")
    end = ev.RunFinished(
        status="finished", stop_reason="scored", seed_id=SEED.id, best_id=SEED.id, iterations=0
    )
    shown = "\n".join(lines(summarize(folded([*opening("r1"), nothing, end]))))
    assert "train –" in shown and "0/0" not in shown


@pytest.mark.parametrize(
    ("value", "said"), [(-0.001, "0.00"), (-0.0, "0.00"), (0.004, "0.00"), (-0.3, "-0.30"), (0.3, "+0.30")]
)
def test_no_effect_has_no_sign(value: float, said: str) -> None:
    assert signed(value) == said


def test_cases_of_the_test_that_must_pass_and_are_broken_are_named() -> None:
    *events, end = rest()
    assert isinstance(end, ev.RunFinished)
    broken = end.model_copy(update={"must_pass_broken": ["c8", "c\n9"]})
    summary = summarize(folded([*opening("r1"), *events, broken]))
    assert summary["must_pass_broken"] == ["c8", "c\n9"]
    said = "  the best prompt breaks 2 cases of the test that must pass: c8, c 9"
    assert said in lines(summary)
    untouched = summarize(folded([*opening("r1"), *rest()]))
    assert untouched["must_pass_broken"] == [] and not any("must pass" in line for line in lines(untouched))


def test_an_evaluation_tells_every_split_that_it_scored() -> None:
    scored = ev.CandidateScored(candidate_id=SEED.id, split="train", score=FULL, passed=4)
    end = ev.RunFinished(
        status="finished", stop_reason="scored", seed_id=SEED.id, best_id=SEED.id, iterations=0
    )
    summary = summarize(folded([*opening("r1"), scored, end]))
    assert summary["seed"]["train"]["score"] == 1.0
    shown = "\n".join(lines(summary))
    assert f"  prompt {SEED.id}  train 100.0% [60.0%, 100.0%], 4/4 pass  validation 50.0%" in shown
    assert "best" not in shown
    assert "train" not in "\n".join(lines(summarize(folded([*opening("r1"), scored, *rest()]))))


def test_it_is_json() -> None:
    summary = summarize(folded([*opening("r1"), *rest()]))
    assert json.loads(json.dumps(summary)) == summary


def test_an_unknown_price_is_never_zero() -> None:
    moved = ev.BudgetMoved(meters={"usd": ev.Meter(spent=0.1)}, unpriced=["optimizer"])
    assert summarize(folded([*opening("r1"), moved]))["cost_usd"] is None


def test_simulated_figures_say_so() -> None:
    assert summarize(folded(opening("r1", simulated=True)))["simulated"] is True
    assert summarize(folded(opening("r1")))["simulated"] is False


def test_a_run_under_way_has_no_test_and_no_verdict() -> None:
    summary = summarize(folded(opening("r1")))
    assert summary["status"] == "running"
    assert summary["stop_reason"] is None and summary["comparison"] is None
    assert summary["best"]["candidate_id"] == SEED.id and summary["best"]["test"] is None


def test_a_run_that_said_nothing_yet() -> None:
    summary = summarize(RunState())
    assert summary["seed"] is None and summary["best"] is None
    assert summary["cost_usd"] == 0.0 and summary["uncertain"] == {"usd": 0.0, "calls": 0, "tokens": 0}


def test_a_run_that_failed_before_its_first_score() -> None:
    failed = ev.RunFinished(
        status="failed", stop_reason="error", detail="no key", seed_id=SEED.id, best_id=SEED.id, iterations=0
    )
    summary = summarize(folded([failed]))
    assert (summary["status"], summary["detail"], summary["best"]) == ("failed", "no key", None)


def test_each_model_is_told_beside_what_was_foretold_of_it() -> None:
    meters = {
        "usd": ev.Meter(spent=0.25),
        "target_calls": ev.Meter(spent=30),
        "target_tokens": ev.Meter(spent=900),
        "target_usd": ev.Meter(spent=0.25),
        "target_minutes": ev.Meter(spent=0.5),
        "embedding_calls": ev.Meter(spent=8),
        "embedding_tokens": ev.Meter(spent=80),
        "embedding_usd": ev.Meter(),
        "embedding_minutes": ev.Meter(spent=0.1),
    }
    calls = Spread(low=1, likely=20, high=40)
    need = Need(calls=calls, prompt_tokens=calls, completion_tokens=calls, usd=Spread.exactly(0.5))
    foretold = ev.Forecast(roles={"target": need}, total=need, seconds=calls)
    moved = ev.BudgetMoved(meters=meters, unpriced=["embedding"])
    summary = summarize(folded([*opening("r1"), foretold, moved]))
    assert summary["roles"] == {
        "target": {"calls": 30, "tokens": 900, "cost_usd": 0.25, "seconds": 30.0},
        "embedding": {"calls": 8, "tokens": 80, "cost_usd": None, "seconds": 6.0},
    }
    told = "\n".join(lines(summary))
    assert "target: 30 calls, 900 tokens, $0.2500; forecast 20 calls, 40 tokens, $0.5000" in told
    assert "embedding: 8 calls, 80 tokens, an unknown price" in told
    alone = summarize(folded([*opening("r1"), foretold, *rest()]))
    assert not any(line.strip().startswith("target:") for line in lines(alone))
