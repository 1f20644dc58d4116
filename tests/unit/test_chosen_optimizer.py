"""Which optimizer of a comparison is gone on with, and with the winner of which of its runs."""

from promptopt.domain.results import CaseResult, Interval
from promptopt.enterprise.case.gathering import chosen_outcome
from promptopt.runs.outcomes import Outcome
from promptopt.runs.scoreboard import NONE, Entry


def entry(label: str, seed: int, validation: float, test: float, *, scored: bool = True) -> Entry:
    result = CaseResult(case_id="a", output="x", score=test, passed=test > 0.5)
    outcome = Outcome(
        run_id=f"{label}-{seed}",
        optimizer=label,
        kind="optimize",
        status="finished",
        stop_reason="",
        detail="",
        simulated=False,
        split="test",
        results=(result,) if scored else (),
        first=(),
        best_id="best",
        seed_id="seed",
        prompt="",
        validation=Interval(mean=validation, low=validation, high=validation, n=9),
        usd=0.0,
        uncertain=0.0,
        calls={},
        tokens=0,
        seconds=1.0,
        iterations=1,
        converged=0.0,
        best_at=1,
    )
    return Entry("cases", label, seed, outcome)


def test_the_mean_over_all_runs_decides_and_then_the_best_of_them() -> None:
    lucky = [entry("lucky", 0, 0.95, 0.9), entry("lucky", 1, 0.45, 0.9)]
    steady = [entry("steady", 0, 0.80, 0.1), entry("steady", 1, 0.82, 0.1)]
    found = chosen_outcome([*lucky, *steady, entry(NONE, 0, 0.99, 0.9)])
    assert found is not None
    assert (found[0], found[1].run_id) == ("steady", "steady-1")


def test_a_run_whose_winner_was_not_scored_has_no_say() -> None:
    assert chosen_outcome([entry("refine", 0, 0.9, 0.9, scored=False)]) is None
    assert chosen_outcome([]) is None
