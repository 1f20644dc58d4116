"""What a run that is over has to tell, gathered from the store."""

from pathlib import Path

import pytest

from promptopt.domain import events as ev
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult, Comparison, Interval
from promptopt.reporting.markdown import report
from promptopt.runs.aftermath import aftermath, at_once
from promptopt.runs.state import RunState, fold
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs
from tests.unit.command_line import CommandLine
from tests.unit.finished_run import DATASET, opening, settings, write_events

SEED = Prompt(text="Label the ticket.")
FIRST = Prompt(text="Label the ticket. Be brief.")
LAST = Prompt(text="Label the ticket. Be brief. Answer in lower case.")
TIE = Comparison(
    difference=Interval(mean=0.0, low=-0.3, high=0.3, n=4),
    p_value=1.0,
    verdict="not distinguishable",
    method="exact",
)


@pytest.fixture
def told(home: Path, tmp_path: Path) -> tuple[Database, RunRow, RunState]:
    database = Database.open()
    run_id = Runs(database).create(settings(), DATASET, tmp_path)
    cells = Cells(database, run_id)
    for prompt, passing in ((SEED, "01"), (FIRST, "012"), (LAST, "123")):
        cells.keep_prompt(prompt)
        cells.keep(
            prompt.id,
            "validation",
            [
                CaseResult(case_id=case.id, score=float(str(n) in passing), passed=str(n) in passing)
                for n, case in enumerate(DATASET.validation)
            ],
        )
    score = Interval(mean=0.75, low=0.3, high=0.95, n=4)
    events: list[ev.Event] = [
        *opening(run_id),
        ev.ProposalFailed(iteration=1, attempt=1, reason="no JSON"),
        ev.CandidateProposed(
            candidate_id=FIRST.id, text=FIRST.text, source="optimizer", iteration=1, parent_id=SEED.id
        ),
        ev.CandidateScored(candidate_id=FIRST.id, split="validation", score=score, passed=3),
        ev.CandidateJudged(candidate_id=FIRST.id, against_id=SEED.id, accepted=True, reason="x"),
        ev.Paused(by="ada"),
        ev.Resumed(by="ben"),
        ev.RunResumed(journaled=3, lost=0),
        ev.Paused(by="promptopt", reason="the model answers nobody", itself=True),
        ev.CandidateProposed(
            candidate_id=LAST.id, text=LAST.text, source="human", iteration=1, parent_id=FIRST.id
        ),
        ev.PromptEdited(candidate_id=LAST.id, against_id=FIRST.id, by="ada", command_id=1),
        ev.CandidateScored(candidate_id=LAST.id, split="validation", score=score, passed=3),
        ev.EditDecided(candidate_id=LAST.id, adopted=True, by="ada", reason="reads better"),
        ev.MatchFinished(
            number=1, stage="final", first_id=SEED.id, second_id=LAST.id, winner_id=None, wins=0, losses=0,
            ties=1, by="judges",
        ),
        ev.RunFinished(
            status="finished", stop_reason="plateau", seed_id=SEED.id, best_id=LAST.id, iterations=1,
            comparison=TIE,
        ),
    ]  # fmt: skip
    write_events(database, run_id, events)
    database.transact(lambda connection: None).result()
    return database, Runs(database).find(run_id), fold(RunLog(database, run_id))


def test_sentences_steps_and_what_they_did(told: tuple[Database, RunRow, RunState]) -> None:
    database, row, state = told
    found = aftermath(database, row, state)
    added = [(each.text, each.step) for each in found.trace.changes]
    assert added == [("Be brief.", 0), ("Answer in lower case.", 1)]
    first, second = found.effects
    assert first and second
    assert (first.fixed, first.broken, first.n) == (("c6",), (), 4)
    assert (second.fixed, second.broken) == (("c7",), ("c4",))
    assert found.findings
    database.close()


def test_what_needs_no_reading_is_there_at_once(told: tuple[Database, RunRow, RunState]) -> None:
    database, row, state = told
    sketch, whole = at_once(state), aftermath(database, row, state)
    assert (sketch.trace, sketch.acts) == (whole.trace, whole.acts)
    assert not sketch.measured and sketch.effects == (None, None) and whole.measured
    database.close()


def test_what_people_did_in_order_and_in_the_words_of_the_log(
    told: tuple[Database, RunRow, RunState],
) -> None:
    database, row, state = told
    before = state.candidates[LAST.id].judgement
    found = aftermath(database, row, state).acts
    assert [(act.by, act.text) for act in found] == [
        ("ada", "paused by ada"),
        ("ben", "resumed by ben"),
        ("", "resumed: a worker took the run up again"),
        ("ada", "prompt edited by ada; scoring the edit"),
        ("ada", "the run goes on from the edit (ada): reads better"),
    ]
    assert state.candidates[LAST.id].judgement == before
    database.close()


def test_the_report_tells_all_of_it(told: tuple[Database, RunRow, RunState]) -> None:
    database, row, state = told
    text = report(state, row, aftermath(database, row, state))
    first, last = state.name(FIRST.id), state.name(LAST.id)
    for part in (
        "**not distinguishable**",
        f"- \\{first}, which fixed 1 (c6) and broke none of 4 validation cases\n  - added: Be brief.",
        f"- {last}, which fixed 1 (c7) and broke 1 (c4) of 4 validation cases",
        " resumed: a worker took the run up again",
        "the run goes on from the edit (ada): reads better",
        "what to do:",
        f"```text\n{LAST.text}\n```",
    ):
        assert part in text, part
    database.close()


def test_texts_of_others_do_not_change_the_look_of_a_report(
    told: tuple[Database, RunRow, RunState],
) -> None:
    database, row, state = told
    state.candidates[FIRST.id].reasoning = "x |\n\n# Verdict: **better**"
    state.candidates[LAST.id].text = "A.\n```\n# out\n"
    state.candidates[LAST.id].judgement = "\x1b[2J"
    text = report(state, row, aftermath(database, row, state))
    assert "\n# Verdict" not in text and "````text\nA.\n```\n# out\n" in text
    database.close()


def test_the_command_prints_the_report(told: tuple[Database, RunRow, RunState], cli: CommandLine) -> None:
    database, row, _ = told
    database.close()
    result = cli("show", row.id, "--markdown")
    assert result.status == 0 and "## What people did" in result.out


def test_the_command_says_why_there_is_no_proven_gain(
    told: tuple[Database, RunRow, RunState], cli: CommandLine
) -> None:
    database, row, _ = told
    database.close()
    shown = cli("show", row.id).out
    assert "why there is no proven gain" in shown and "too small for any proof" in shown
    found = cli("show", row.id, "--json").objects[0]["diagnosis"]
    assert {"what", "why", "fix", "cases"} == set(found[0])
