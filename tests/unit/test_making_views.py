"""A run that makes cases up, as the cockpit and a cell show it."""

from promptopt.domain import events as ev
from promptopt.domain.drafted import (
    CaseRated,
    CasesDrafted,
    DatasetMeasured,
    DraftedCase,
    GenerationStarted,
    LeftOut,
)
from promptopt.runs.drafts import generation_figures, result
from promptopt.runs.state import RunState


def state_of(done: int) -> RunState:
    state = RunState()
    cases = [DraftedCase(case_id=f"c{n}", cell=n % 4, case={"id": f"c{n}"}) for n in range(done)]
    left = [LeftOut(fault="repeated", reason="there", cell=1), LeftOut(fault="unreadable", reason="talk")]
    for event in (
        ev.RunStarted(run_id="r", project="p", optimizer="generate", models={}, sizes={}),
        GenerationStarted(
            scenario="s", title="S", count=8, personas=["p", "q"], difficulties=["d"], situations=["t", "u"],
            wanted=[2, 2, 2, 2],
        ),
        CasesDrafted(batch=1, asked=done, replies=2, cases=cases, left_out=left),
        CasesDrafted(batch=1, asked=done, replies=2, cases=cases, left_out=left),
        CaseRated(case_id="c0", score=7.0),
        CaseRated(case_id="c1", score=9.0),
        CaseRated(case_id="c2", score=None),
    ):  # fmt: skip
        state.apply(event, 1.0)
    return state


def test_the_fold_counts_each_batch_once_and_knows_the_grid() -> None:
    state = state_of(6)
    made = state.generation
    assert made and (made.done, made.replies, made.repetitions, made.realism) == (6, 2, 1, 8.0)
    assert made.by_dimension() == {
        "persona": {"p": (4, 4), "q": (2, 4)},
        "difficulty": {"d": (6, 8)},
        "situation": {"t": (3, 4), "u": (3, 4)},
    }
    figures = generation_figures(state)
    assert figures and figures["left_out"] == {"repeated": 1, "unreadable": 1} and figures["rated"] == 2
    assert not state.has_search and state.resumable


def test_what_came_of_it_is_one_sentence() -> None:
    state = state_of(8)
    state.apply(DatasetMeasured(quality={"quality_score": 9.04}), 1.0)
    assert state.generation
    assert result(state.generation) == "8 of 8 cases made, quality 9.0 of 10, realism 8.0 of 10"
