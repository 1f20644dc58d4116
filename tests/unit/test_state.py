"""The fold: total over all events, idempotent, bounded."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain import events as ev
from promptopt.domain.drafted import DraftedCase, LeftOut
from promptopt.domain.errors import RunError
from promptopt.domain.forecast import Need, Spread
from promptopt.domain.results import Comparison, Interval
from promptopt.evaluation.statistics import interval
from promptopt.runs.candidates import find_candidate
from promptopt.runs.pacing import share_done
from promptopt.runs.placing import standing
from promptopt.runs.standings import Candidate
from promptopt.runs.state import Progress, RunState

HALF = Interval(mean=0.5, low=0.3, high=0.7, n=10)
MORE = Interval(mean=0.8, low=0.6, high=0.9, n=10)
GAP = Comparison(
    difference=Interval(mean=0.3, low=0.1, high=0.5, n=10), p_value=0.01, verdict="better", method="x"
)

NEED = Need(
    calls=Spread(low=20, likely=90, high=200),
    prompt_tokens=Spread.exactly(900),
    completion_tokens=Spread.exactly(90),
    usd=None,
)


DRAFTED = DraftedCase(case_id="c0001", cell=1, case={"id": "c0001", "inputs": {"input": "hello"}})

RATED = ev.Rating(
    candidate_id="a", rating=60.0, low=-20.0, high=140.0, wins=7, losses=2, ties=1, win_rate=0.75
)


def story() -> list[ev.Event]:
    """One whole run in events."""
    marks = [ev.CaseMark(case_id=str(n), score=n % 2, passed=bool(n % 2)) for n in range(10)]
    return [
        ev.RunStarted(
            run_id="r",
            project="p",
            optimizer="refine",
            models={"target": ev.ModelInfo(model="m")},
            sizes={"train": 10, "validation": 10, "test": 10},
            max_iterations=5,
        ),
        ev.Forecast(roles={"target": NEED}, total=NEED, seconds=Spread.exactly(9)),
        ev.PhaseStarted(phase="baseline"),
        ev.CandidateProposed(candidate_id="s", text="seed", source="seed"),
        ev.EvaluationStarted(candidate_id="s", split="validation", total=10),
        ev.CasesFinished(candidate_id="s", split="validation", cases=marks[:4]),
        ev.CasesFinished(candidate_id="s", split="validation", cases=marks[4:]),
        ev.CandidateScored(candidate_id="s", split="validation", score=HALF, passed=5),
        ev.PhaseStarted(phase="search"),
        ev.StageStarted(number=1, optimizer="refine", start_id="s", reason="it comes first"),
        ev.IterationStarted(iteration=1),
        ev.ProposalFailed(iteration=1, attempt=1, reason="malformed"),
        ev.CandidateProposed(candidate_id="a", text="better", source="optimizer", iteration=1, parent_id="s"),
        ev.EvaluationStarted(candidate_id="a", split="validation", total=10),
        ev.CasesFinished(candidate_id="a", split="validation", cases=marks),
        ev.CandidateScored(candidate_id="a", split="validation", score=MORE, passed=8),
        ev.FeedbackReady(
            candidate_id="a",
            against_id="s",
            split="train",
            categories={"too verbose": 2},
            clusters=[ev.ClusterMark(category="too verbose", count=2, case_id="3", contrast_id="1")],
            fixed=["1"],
        ),
        ev.CandidateJudged(candidate_id="a", against_id="s", accepted=True, reason="gain", comparison=GAP),
        ev.MatchFinished(
            number=1, stage="final", first_id="s", second_id="a", winner_id="a", wins=2, losses=7, ties=1
        ),
        ev.StandingsUpdated(format="round_robin", ratings=[RATED], played=1, planned=1, final=True),
        ev.TrialsUpdated(trials=[ev.TrialMark(optimizer="refine")], played=1, folds=3),
        ev.GenerationStarted(
            scenario="s",
            title="S",
            count=3,
            personas=["p", "q"],
            difficulties=["d"],
            situations=["t"],
            wanted=[2, 1],
        ),
        ev.CasesDrafted(
            batch=1, asked=2, cases=[DRAFTED], left_out=[LeftOut(fault="repeated", reason="there")]
        ),
        ev.CaseRated(case_id="c0001", score=8.0),
        ev.DatasetMeasured(quality={"quality_score": 8.5}),
        ev.BudgetMoved(meters={"usd": ev.Meter(spent=0.1)}, in_flight=3),
        ev.EndpointMoved(role="target", at_once=12, most=16, refused=9),
        ev.TextsRemoved(),
        ev.Withheld(redacted={"email": 3}, calls=2, refused={"iban": 1}),
        ev.CheckpointSaved(iteration=1),
        ev.Paused(by="anna"),
        ev.CandidateProposed(candidate_id="h", text="mine", source="human", iteration=1, parent_id="a"),
        ev.PromptEdited(candidate_id="h", against_id="a", by="anna", command_id=1),
        ev.EditJudged(candidate_id="h", against_id="a", comparison=GAP, waiting=True, command_id=1),
        ev.EditDecided(candidate_id="h", adopted=True, by="anna"),
        ev.Resumed(by="anna"),
        ev.CandidateProposed(candidate_id="i", text="also mine", source="human", label="added"),
        ev.PromptInjected(candidate_id="i", against_id="h", by="ben", reason="an idea", command_id=2),
        ev.InjectionJudged(
            candidate_id="i", against_id="h", accepted=True, verdict="fine", comparison=GAP, command_id=2
        ),
        ev.StepAsked(by="ben"),
        ev.GuidanceGiven(by="ben", number=3, form="keep", text="Be kind."),
        ev.GuidanceGiven(by="ben", number=4, form="note", text="Shorter, please.", reason="cost"),
        ev.GuidanceWithdrawn(by="ben", number=3),
        ev.ApprovalSet(by="ben", on=True),
        ev.ProposalWaiting(candidate_id="w", text="waits", iteration=2, parent_id="a", reasoning="why"),
        ev.ProposalWaiting(candidate_id="v", text="waits too", iteration=2, parent_id="a"),
        ev.ProposalDecided(candidate_id="w", accepted=False, by="ben", reason="too long"),
        ev.ProposalDropped(candidate_id="v"),
        ev.CaseMended(
            by="ben",
            case_id="3",
            expected="yes",
            splits=["train"],
            sizes={"train": 10},
            turn=2,
            start_id="h",
            iteration=1,
            command_id=5,
        ),
        ev.LimitsSet(by="ben", limits={"usd": 2.0, "target_calls": 1200.0}, reason="more"),
        ev.ModelSet(by="ben", role="optimizer", settings={"model": "sim/optimizer"}, reason="cheaper"),
        ev.ConcurrencySet(by="ben", role="target", most=4),
        ev.RunResumed(journaled=20, lost=1),
        ev.Notice(text="slow"),
        ev.StopRequested(by="anna"),
        ev.RunFinished(
            status="stopped", stop_reason="user", seed_id="s", best_id="a", iterations=1, comparison=GAP
        ),
    ]


def fold(events: list[ev.Event]) -> RunState:
    state = RunState()
    for event in events:
        state.apply(event, 1.0)
    return state


def shown(state: RunState) -> dict[str, object]:
    """All that a face reads, but the log and the count of events."""
    return {name: value for name, value in vars(state).items() if name not in ("version", "activity")}


def test_the_story_covers_every_kind_of_event_and_each_has_a_rule() -> None:
    kinds = set(get_args(get_args(ev.Event)[0]))
    assert {type(event) for event in story()} == kinds
    fold(story())


def test_the_story_comes_out_right() -> None:
    state = fold(story())
    assert (state.status, state.best_id, state.current_id, state.seed_id) == ("stopped", "a", "h", "s")
    assert state.candidates["a"].accepted is True
    assert state.candidates["a"].validation == MORE
    assert [cluster.case_id for cluster in state.candidates["a"].clusters] == ["3"]
    assert [c.id for c in state.standings()][:2] == ["a", "s"]
    assert state.edit and state.edit.adopted and not state.edit.waiting
    assert not state.evaluations and state.over


def test_feedback_that_was_stored_before_there_were_clusters_is_read() -> None:
    stored = '{"kind":"feedback_ready","candidate_id":"a","split":"train","categories":{"refusal":2}}'
    event = ev.EVENT.validate_json(stored)
    state = fold([*story()[:13], event])
    assert state.candidates["a"].categories == {"refusal": 2} and state.candidates["a"].clusters == []


@given(st.data())
def test_a_resumed_worker_may_repeat_a_stretch_of_the_story(data: st.DataObject) -> None:
    events = story()[:19]
    start = data.draw(st.integers(0, len(events) - 1))
    end = data.draw(st.integers(start, len(events)))
    repeated = events[:end] + events[start:]
    once, twice = fold(events), fold(repeated)
    assert twice.candidates == once.candidates
    assert (twice.current_id, twice.best_id, twice.iteration) == (
        once.current_id,
        once.best_id,
        once.iteration,
    )


def test_folding_the_last_event_twice_changes_nothing() -> None:
    events = story()
    for end in range(1, len(events) + 1):
        assert shown(fold([*events[:end], events[end - 1]])) == shown(fold(events[:end])), events[end - 1]


def test_progress_counts_a_case_once() -> None:
    state = fold(story()[:6])
    state.apply(story()[5], 1.0)
    assert state.progress and (state.progress.done, state.progress.passed) == (4, 2)


def test_two_evaluations_of_one_candidate_never_count_more_cases_than_there_are() -> None:
    state = RunState()
    marks = [ev.CaseMark(case_id=f"c{number}", score=1.0, passed=True) for number in range(5)]
    state.apply(ev.EvaluationStarted(candidate_id="a", split="train", total=4), 1.0)
    state.apply(ev.EvaluationStarted(candidate_id="a", split="train", total=3), 2.0)
    state.apply(ev.CasesFinished(candidate_id="a", split="train", cases=marks), 3.0)
    assert state.progress
    assert (state.progress.done, state.progress.passed, state.progress.total) == (3, 3, 3)


def test_a_rejected_candidate_is_never_the_best() -> None:
    events = story()[:16]
    judged = ev.CandidateJudged(candidate_id="a", against_id="s", accepted=False, reason="noise")
    assert fold([*events, judged]).best_id == "s"


def test_whom_judges_beat_can_not_win_with_a_higher_score() -> None:
    events = story()[:16]
    low = ev.CandidateScored(candidate_id="a", split="validation", score=HALF, passed=5)
    high = ev.CandidateScored(candidate_id="s", split="validation", score=MORE, passed=8)
    judged = ev.CandidateJudged(candidate_id="a", against_id="s", accepted=True, reason="judges")
    assert fold([*events, low, high, judged]).best_id == "s"
    outright = judged.model_copy(update={"outright": True})
    assert fold([*events, low, high, outright]).best_id == "a"
    withdrawn = judged.model_copy(update={"accepted": False, "withdrawn": True})
    assert fold([*events, low, high, outright, withdrawn]).best_id == "s"


def test_a_face_reads_a_state_that_another_thread_folds_events_into() -> None:
    state = fold(story())
    assert state.finished
    state.finished = None
    others = iter(range(100))

    class Meanwhile(Candidate):
        """Others come while somebody looks at it."""

        def __getattribute__(self, name: str) -> object:
            if name in ("scores", "accepted", "id"):
                new = f"other {next(others)}"
                state.candidates[new] = Candidate(id=new, text=new, source="optimizer", iteration=9)
                state.evaluations[new, "train"] = Progress(new, "train", 4)
            return super().__getattribute__(name)

    for name, candidate in list(state.candidates.items()):
        state.candidates[name] = Meanwhile(**vars(candidate))
    shown = state.candidates[state.best_id]
    assert state.standings() and state.course() and standing(state, shown)


def test_no_two_candidates_have_the_same_name() -> None:
    proposed = [("s", "seed", 0), ("aaaaaa1", "optimizer", 2), ("aaaaaa2", "optimizer", 2)]
    proposed += [("aaaaaa3", "optimizer", 3), ("bbbbbb", "human", 2), ("cccccc", "human", 2)]
    events = [
        ev.CandidateProposed(candidate_id=name, text=name, source=source, iteration=iteration)  # type: ignore[arg-type]
        for name, source, iteration in proposed
    ]
    state = fold([*events, *events])  # a resumed worker proposes them again
    names = [state.name(candidate_id) for candidate_id in state.candidates]
    assert names == ["seed", "#2 aaaaaa", "#2b aaaaaa", "#3 aaaaaa", "edit bbbbbb", "edit cccccc"]
    for wanted, found in (("#2", "aaaaaa1"), ("#2b", "aaaaaa2"), ("#3", "aaaaaa3"), ("seed", "s")):
        assert find_candidate(state, "r", wanted) == found
    for wanted in ("#2c", "#9", "aaaaaa", "edit"):
        with pytest.raises(RunError):
            find_candidate(state, "r", wanted)


def test_marks_are_held_for_few_candidates() -> None:
    state = fold(story()[:17])
    for number in range(50):
        name = f"c{number}"
        state.apply(ev.CandidateProposed(candidate_id=name, text=name, source="optimizer"), 1.0)
        state.apply(ev.EvaluationStarted(candidate_id=name, split="train", total=1), 1.0)
        mark = ev.CaseMark(case_id="1", score=1, passed=True)
        state.apply(ev.CasesFinished(candidate_id=name, split="train", cases=[mark]), 1.0)
        state.apply(ev.CandidateScored(candidate_id=name, split="train", score=HALF, passed=1), 1.0)
    assert len({candidate_id for candidate_id, _ in state.marks}) <= 4


def test_a_tournament_is_shown_until_the_next_one_begins() -> None:
    match = ev.MatchFinished(
        number=1, stage="round 1", first_id="s", second_id="a", winner_id=None, wins=3, losses=3, ties=0
    )
    over = ev.StandingsUpdated(format="swiss", ratings=[RATED], played=1, final=True)
    state = fold([match, over])
    assert state.tournament == over and list(state.matches) == [1]
    state.apply(match.model_copy(update={"number": 2}), 2.0)
    assert state.tournament is None and list(state.matches) == [2]


def test_a_stage_goes_on_from_its_own_prompt() -> None:
    state = fold([*story()[:11], ev.StageStarted(number=2, optimizer="grpo", start_id="s")])
    assert state.stage and state.stage.optimizer == "grpo" and state.current_id == "s"


def test_a_candidate_is_found_by_the_name_that_every_face_shows() -> None:
    state = RunState()
    state.apply(ev.CandidateProposed(candidate_id="s", text="seed", source="seed"), 0.0)
    for name in ("a", "b", "c"):
        told = ev.CandidateProposed(candidate_id=name * 12, text=name, source="optimizer", iteration=3)
        state.apply(told, 0.0)
    found = {wanted: find_candidate(state, "r", wanted) for wanted in ("seed", "#3", "#3b", "#3c", "bb")}
    assert found == {"seed": "s", "#3": "a" * 12, "#3b": "b" * 12, "#3c": "c" * 12, "bb": "b" * 12}
    with pytest.raises(RunError, match="no candidate '#3d'"):
        find_candidate(state, "r", "#3d")


def test_of_equal_scores_the_one_that_took_another_s_place_last_is_the_best() -> None:
    state = RunState()
    score = Interval(mean=0.5, low=0.4, high=0.6, n=10)
    state.apply(ev.CandidateProposed(candidate_id="s", text="x" * 50, source="seed"), 0.0)
    judged = ev.CandidateJudged(candidate_id="a", against_id="s", accepted=True, reason="")
    for name in ("a", "b"):
        told = ev.CandidateProposed(candidate_id=name, text=name, source="optimizer", iteration=1)
        state.apply(told, 0.0)
        state.apply(ev.CandidateScored(candidate_id=name, split="validation", score=score, passed=5), 0.0)
    state.apply(judged, 0.0)
    assert state.best_id == "a"
    state.apply(judged.model_copy(update={"candidate_id": "b", "against_id": "a"}), 0.0)
    state.apply(judged, 0.0)  # said again by a resumed run
    assert state.best_id == "b"


def test_a_candidate_that_is_judged_is_not_under_way_any_more() -> None:
    state = RunState()
    state.apply(ev.CandidateProposed(candidate_id="a", text="a", source="optimizer", iteration=1), 0.0)
    state.apply(ev.EvaluationStarted(candidate_id="a", split="validation", total=40), 0.0)
    assert state.progress
    state.apply(ev.CandidateJudged(candidate_id="a", against_id="s", accepted=False, reason="given up"), 0.0)
    assert state.progress is None


@pytest.mark.parametrize(
    ("late", "said"),
    [(9, "the target model does not answer in time"), (4, "the target model refuses calls")],
)
def test_a_model_that_hangs_is_not_said_to_refuse(late: int, said: str) -> None:
    state = RunState()
    state.apply(ev.EndpointMoved(role="target", at_once=2, most=16, refused=9, late=late), 0.0)
    assert state.activity[-1].text == f"{said}: fewer calls are made at once"


def test_realism_so_far_has_the_interval_that_it_has_at_the_end() -> None:
    scores = [6.0, 9.0, 8.0, 7.5, 9.5, 4.0]
    state = fold(_making(6, scores))
    assert state.generation
    exact = interval([score / 10 for score in scores])

    low, high = state.generation.realism_bounds or (0.0, 0.0)

    assert (low, high) == pytest.approx((10 * exact.low, 10 * exact.high), abs=0.01)
    assert share_done(state) == 0.5


def test_realism_of_few_cases_has_no_interval() -> None:
    made = fold(_making(4, [8.0] * 4)).generation

    assert made and made.realism == 8.0 and made.realism_bounds is None


def _making(count: int, scores: list[float]) -> list[ev.Event]:
    """So many cases of twice as many, each with a rating."""
    begun = ev.GenerationStarted(
        scenario="s", title="S", count=2 * count, personas=["p"], difficulties=["d"], situations=["t"],
        wanted=[2 * count],
    )  # fmt: skip
    drafts = [DraftedCase(case_id=f"c{n}", cell=0, case={}) for n in range(count)]
    rated = [ev.CaseRated(case_id=f"c{n}", score=score) for n, score in enumerate(scores)]
    return [begun, ev.CasesDrafted(batch=1, asked=count, cases=drafts), *rated]
