"""Why a run found nothing better: each reason from the figures that show it, and from nothing else."""

from typing import Any

import pytest

from promptopt.domain import events as ev
from promptopt.domain.results import Comparison, Interval
from promptopt.domain.words import Split
from promptopt.evaluation.statistics import interval
from promptopt.runs.diagnosis import Facts, diagnose
from promptopt.runs.state import RunState


class Run:
    """Makes a fold of a search that is over."""

    def __init__(self, test: int = 60, validation: int = 60) -> None:
        self.state = RunState()
        self.sizes: dict[Split, int] = {"train": 20, "validation": validation, "test": test}
        self._tell(ev.RunStarted(run_id="r1", project="p", optimizer="refine", models={}, sizes=self.sizes))

    def _tell(self, event: Any) -> None:
        self.state.apply(event, 1.0)

    def candidate(
        self,
        name: str,
        passed: int,
        *,
        accepted: bool | None = None,
        errors: int = 0,
        split: Split = "validation",
    ) -> "Run":
        total = self.sizes[split]
        if name not in self.state.candidates:
            source = "seed" if name == "seed" else "optimizer"
            number = len(self.state.candidates)
            self._tell(ev.CandidateProposed(candidate_id=name, text=name, source=source, iteration=number))
        score = interval([1.0] * passed + [0.0] * (total - passed))
        self._tell(
            ev.CandidateScored(candidate_id=name, split=split, score=score, passed=passed, errors=errors)
        )
        if accepted is not None:
            self._tell(
                ev.CandidateJudged(candidate_id=name, against_id="seed", accepted=accepted, reason="x")
            )
        return self

    def end(
        self, reason: str = "plateau", best: str = "seed", gain: float | None = None, detail: str = ""
    ) -> RunState:
        comparison = None
        if gain is not None:
            comparison = Comparison(
                difference=Interval(mean=gain, low=gain - 0.2, high=gain + 0.2, n=self.sizes["test"]),
                p_value=0.4,
                verdict="better" if gain > 0.2 else "not distinguishable",
                method="x",
            )
        self._tell(
            ev.RunFinished(
                status="finished",
                stop_reason=reason,  # type: ignore[arg-type]
                detail=detail,
                seed_id="seed",
                best_id=best,
                iterations=4,
                comparison=comparison,
            )
        )
        return self.state


def told(state: RunState, **facts: Any) -> list[str]:
    found = diagnose(state, Facts(**facts))
    assert all(finding.why and finding.fix for finding in found)
    return [finding.what for finding in found]


def tried(run: Run, *passed: int) -> Run:
    for number, score in enumerate(passed, 1):
        run.candidate(f"c{number}", score, accepted=False)
    return run


def test_a_proven_gain_needs_no_diagnosis() -> None:
    run = tried(Run().candidate("seed", 20), 21, 22).candidate("w", 50, accepted=True)
    assert told(run.end(best="w", gain=0.4)) == []


def test_nothing_is_said_of_what_is_not_over_or_no_search() -> None:
    run = Run().candidate("seed", 20)
    assert told(run.state) == []
    run.state.optimizer = "tournament"
    assert told(run.end()) == []


@pytest.mark.parametrize(("passed", "word"), [(60, "no room"), (57, "little room")])
def test_a_seed_at_the_ceiling(passed: int, word: str) -> None:
    found = told(tried(Run().candidate("seed", passed), 50, 51, 52).end())
    assert word in found[0]


def test_gains_within_the_noise() -> None:
    run = tried(Run().candidate("seed", 30), 31, 33, 29)
    (finding,) = diagnose(run.end(), Facts())
    assert finding.what == "every gain was within the noise"
    assert "2 of 3" in finding.why and "5.0 points" in finding.why


def test_nothing_scored_higher() -> None:
    assert told(tried(Run().candidate("seed", 30), 29, 28, 30).end()) == ["no proposal scored higher"]


def test_an_accepted_candidate_that_ties_in_the_test() -> None:
    run = Run().candidate("seed", 20).candidate("w", 40, accepted=True)
    assert told(run.end(best="w", gain=0.01)) == [
        "the gain did not carry over to unseen cases",
        "too few test cases for a gain of this size",
    ]


def test_a_gain_that_the_test_is_too_small_for() -> None:
    run = Run(test=20).candidate("seed", 20).candidate("w", 28, accepted=True)
    (finding,) = diagnose(run.end(best="w", gain=0.15), Facts())
    assert finding.what == "too few test cases for a gain of this size"
    assert "about 105 test cases" in finding.fix


@pytest.mark.parametrize(("tests", "word"), [(0, "no sealed test"), (5, "too small")])
def test_a_test_that_can_prove_nothing(tests: int, word: str) -> None:
    found = told(tried(Run(test=tests).candidate("seed", 30), 29, 28, 30).end())
    assert any(word in each for each in found)


def test_a_budget_that_ended_it() -> None:
    run = tried(Run().candidate("seed", 30), 31)
    finding = diagnose(run.end("budget", detail="the cap on usd is reached"), Facts())[0]
    assert finding.what == "the budget ended it"
    assert "cap on usd" in finding.why and "1 candidate had been scored" in finding.why


def test_a_person_who_ended_it_after_enough_is_no_reason() -> None:
    assert told(tried(Run().candidate("seed", 30), 29).end("user"))[0] == "a person ended it early"
    assert "a person ended it early" not in told(tried(Run().candidate("seed", 30), 29, 28, 27).end("user"))


def test_refused_proposals() -> None:
    run = tried(Run().candidate("seed", 30), 29, 28, 30)
    reasons = ["the prompt lost {input}"] * 4 + ["the reply holds no JSON"]
    finding = diagnose(run.end(), Facts(refusals=reasons))[0]
    assert finding.what == "most proposals were refused"
    assert finding.why == "5 of 8; 4 of them because: the prompt lost {input}"
    assert told(run.state, refusals=reasons[:2]) == ["no proposal scored higher"]


def test_the_same_proposal_again_and_again() -> None:
    run = tried(Run().candidate("seed", 30), 29, 28, 30)
    same = ["the prompt is (nearly) one that was tried before; propose a different change"] * 5
    assert "the same again" in told(run.end(), refusals=same)[0]


def test_calls_that_failed() -> None:
    run = tried(Run().candidate("seed", 30, errors=20), 29, 28, 30)
    assert "calls of the target failed" in told(run.end())[0]
    assert "calls of the target failed" not in str(
        told(tried(Run().candidate("seed", 30, errors=2), 1).end())
    )


def test_cases_that_nobody_passes() -> None:
    run = tried(Run().candidate("seed", 30), 29, 28, 30)
    finding = diagnose(run.end(), Facts(never_passed=[f"v{n}" for n in range(8)]))[-1]
    assert finding.what == "some cases pass under no prompt" and len(finding.cases) == 8
    assert len(told(run.state, never_passed=["v1", "v2", "v3"])) == 1, "3 of 60 are hardly the reason"


def test_few_iterations() -> None:
    run = tried(Run().candidate("seed", 30), 29)
    run.state.iteration = 2
    finding = diagnose(run.end("max_iterations", detail="2 iterations, as many as were allowed"), Facts())
    assert [each.what for each in finding] == ["no proposal scored higher"], "the fold has 4 iterations"
    run.state.iteration = 2
    assert told(run.state)[0] == "it was given few iterations"


def test_one_kind_of_failure() -> None:
    run = tried(Run().candidate("seed", 30), 29, 28, 30)
    run.state.apply(
        ev.FeedbackReady(
            candidate_id="seed",
            split="train",
            categories={"wrong format": 8, "other": 4},
            suggestions=["say which format"],
        ),
        1.0,
    )
    finding = diagnose(run.end(), Facts())[-1]
    assert finding.what == "one kind of failure is left: wrong format"
    assert finding.fix == "say which format"


def test_proposals_that_were_never_validated() -> None:
    run = Run().candidate("seed", 30)
    assert told(run.end()) == ["no proposal came as far as validation"]


def test_a_real_gain_that_was_not_taken() -> None:
    run = tried(Run().candidate("seed", 10), 55)
    finding = diagnose(run.end(), Facts())[0]
    assert finding.what == "the proposal that scored highest was not taken"
    assert finding.why == "#1 c1, +75.0 points on validation: x"


def test_a_run_that_failed_says_itself_why() -> None:
    run = tried(Run().candidate("seed", 30), 29, 28, 27)
    state = run.end("error")
    state.finished = state.finished and state.finished.model_copy(update={"status": "failed"})
    assert told(state) == []
    state.candidates["seed"].scores["validation"].errors = 30
    assert told(state) == ["many calls of the target failed"]
