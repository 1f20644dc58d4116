"""Text of models, files and people is shown, and does nothing else."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult, CheckResult, Comparison, Interval
from promptopt.domain.settings import ModelSettings, ProjectSettings
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from promptopt_tui.actions import PANELS
from promptopt_tui.screens.comparing import CompareScreen, choose_runs

Make = Callable[..., Any]

BAD = (
    "\x1b]52;c;Y3VybA==\x07 \x1b[2J \x9b31m \x00 \u202egnp.exe \u2066x\u2069 \u200b\u00ad "
    "[/x] [red] [@click=app.quit] [link=file:///] $(rm) {input} 漢字かな 😀👩‍👩‍👧 \r\n\tcafe\u0301 "
)
HUGE = BAD + "w" * 50_000 + "漢" * 20_000


@dataclass
class Hostile:
    """A run in which every text is hostile."""

    run_id: str


@pytest.fixture
def hostile(database: Database, story: Make) -> Hostile:
    case = Example(id=BAD[:40], inputs={"input": HUGE, BAD: BAD}, expected=BAD)
    name = BAD[:80]
    settings = ProjectSettings(name=name, prompt=BAD, models={"target": ModelSettings(model="sim/x")})
    dataset = Dataset(train=(case,), validation=(case,), test=(case,))
    run_id = Runs(database).create(settings, dataset, Path(f"/p/{BAD.replace('/', '').replace(chr(0), '')}"))
    log, cells = RunLog(database, run_id), Cells(database, run_id)
    seed, edit = Prompt(text=BAD), Prompt(text=HUGE + "\n" + BAD)
    check = CheckResult(name=BAD, score=0.0, passed=False, reason=HUGE)
    result = CaseResult(case_id=case.id, output=HUGE, category=BAD, checks=(check,), error="")
    cells.keep(edit.id, "validation", [result])
    score = Interval(mean=0.5, low=0.1, high=0.9, n=1)
    compared = Comparison(
        difference=score, p_value=0.5, verdict="better", method=BAD, fixed=(BAD,), broken=(BAD,)
    )
    mark = ev.CaseMark(case_id=case.id, score=0.0, passed=False, category=BAD)
    for event in (
        ev.RunStarted(
            run_id=run_id, project=name, optimizer=BAD, models={}, sizes={"validation": 1, "test": 1}
        ),
        ev.CandidateProposed(candidate_id=seed.id, text=seed.text, source="seed"),
        ev.CandidateScored(candidate_id=seed.id, split="validation", score=score, passed=0),
        ev.ProposalFailed(iteration=1, attempt=1, reason=HUGE),
        ev.CandidateProposed(
            candidate_id=edit.id, text=edit.text, source="human", parent_id=seed.id, reasoning=HUGE
        ),
        ev.EvaluationStarted(candidate_id=edit.id, split="validation", total=1),
        ev.CasesFinished(candidate_id=edit.id, split="validation", cases=[mark]),
        ev.CandidateScored(candidate_id=edit.id, split="validation", score=score, passed=0),
        ev.FeedbackReady(
            candidate_id=edit.id,
            split="validation",
            categories={BAD: 3},
            clusters=[
                ev.ClusterMark(category=BAD, detail=HUGE, count=2, case_id=case.id, contrast_id=case.id),
                ev.ClusterMark(category=BAD, count=1, case_id=BAD, contrast_id=HUGE),
            ],
            suggestions=[HUGE],
        ),
        ev.BudgetMoved(
            meters={"usd": ev.Meter(spent=1, limit=2), f"target_{BAD}": ev.Meter(spent=1, limit=2)}
        ),
        ev.Paused(by=BAD),
        ev.PromptEdited(candidate_id=edit.id, against_id=seed.id, by=BAD, command_id=1),
        ev.EditJudged(
            candidate_id=edit.id, against_id=seed.id, comparison=compared, waiting=True, command_id=1
        ),
        ev.Notice(level="error", text=HUGE),
    ):
        log.append(event)
    Runs(database).summarize(run_id, status="paused", heartbeat_at=4e9, detail=BAD)
    database.transact(lambda connection: None).result()
    return Hostile(run_id)


def unsafe(pilot: Pilot[int]) -> set[str]:
    """Characters on the screen that a terminal could act on."""
    found: set[str] = set()
    for strip in pilot.app.screen._compositor.render_strips():
        for segment in strip:
            found |= {char for char in segment.text if unicodedata.category(char) in ("Cc", "Cf", "Cs")}
    return found


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_every_panel_shows_it_and_survives(
    hostile: Hostile, make_app: Make, settle: Make, size: Any
) -> None:
    app = make_app(hostile.run_id)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        seen = [unsafe(pilot)]  # the question about the edit
        await pilot.press("escape")
        for number, _ in enumerate(PANELS, 1):
            await pilot.press(str(number), "f")
            await settle(pilot)
            seen.append(unsafe(pilot))
            await pilot.press("y", "f")
        for keys in (
            ("3", "d"), ("d",), ("d",), ("v", "d"), ("4", "enter"), ("end",), ("escape", "s"),
            ("escape", "ctrl+p"), ("escape", "question_mark"), ("escape", "5", "enter"), ("right",),
        ):  # fmt: skip
            await pilot.press(*keys)
            await settle(pilot)
            seen.append(unsafe(pilot))

        assert set().union(*seen) == set()
        assert app.is_running
        assert app._exception is None


async def test_the_editor_shows_pictures_of_it(
    hostile: Hostile, database: Database, make_app: Make, settle: Make
) -> None:
    seed = Prompt(text=BAD)
    edit = Prompt(text=HUGE + "\n" + BAD)
    RunLog(database, hostile.run_id).append(ev.EditDecided(candidate_id=edit.id, adopted=False, by=BAD))
    database.transact(lambda connection: None).result()
    app = make_app(hostile.run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        assert unsafe(pilot) == set()
        assert "␛]52" in app.screen.text  # type: ignore[attr-defined]
        assert seed.text != app.screen.text  # type: ignore[attr-defined]


async def test_the_result_of_a_hostile_run(
    hostile: Hostile, database: Database, make_app: Make, settle: Make
) -> None:
    seed, edit = Prompt(text=BAD).id, Prompt(text=HUGE + "\n" + BAD).id
    for status in ("finished", "failed"):
        RunLog(database, hostile.run_id).append(
            ev.RunFinished(
                status=status,  # type: ignore[arg-type]
                stop_reason="error",
                detail=HUGE,
                seed_id=seed,
                best_id=edit,
                iterations=1,
                test_note=BAD,
            )
        )
        database.transact(lambda connection: None).result()
        app = make_app(hostile.run_id)
        async with app.run_test(size=(100, 30)) as pilot:
            await settle(pilot)
            await pilot.press("o")
            await settle(pilot)
            assert unsafe(pilot) == set()
            assert "Result" in str(app.screen.query_one("#verdict").border_title)
            for keys in (("tab",), ("tab",), ("tab",), ("x",), ("down", "down", "down"), ("escape", "Y")):
                await pilot.press(*keys)
                await settle(pilot)
                assert unsafe(pilot) == set()


async def test_the_lists_of_hostile_projects_and_runs(
    hostile: Hostile, make_app: Make, settle: Make, tmp_path: Path
) -> None:
    folder = tmp_path / "home" / "projects" / "x[red]\u202e"
    folder.mkdir(parents=True)
    (folder / "project.toml").write_text("name = \x1b]52", "utf-8")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        for keys in (("tab",), ("slash", "x"), ("escape", "tab"), ("r",), ("escape",)):
            await pilot.press(*keys)
            await settle(pilot)
            assert unsafe(pilot) == set()
        app.show_error(RuntimeError(BAD))
        await pilot.pause()
        assert unsafe(pilot) == set()
        assert app.is_running


async def test_hostile_runs_side_by_side(hostile: Hostile, make_app: Make, settle: Make, story: Make) -> None:
    other = story().finish()
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        choose_runs(app, hostile.run_id)
        await settle(pilot)
        seen = [unsafe(pilot)]
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, CompareScreen) and other.run_id in app.screen.run_ids
        for keys in (("x",), ("b",), ("y",), ("tab", "end"), ("tab", "end")):
            await pilot.press(*keys)
            await settle(pilot)
            seen.append(unsafe(pilot))
        assert set().union(*seen) == set()
        assert app._exception is None


async def test_hostile_calls(story: Make, make_app: Make, settle: Make) -> None:
    told = story().live()
    told.ask(HUGE, HUGE, case=BAD[:40])
    told.ask(BAD, '{"a": "' + BAD.replace("\\", "").replace('"', "")[:20] + '"}', role="optimizer", path=BAD)
    told.ask(BAD, error=HUGE, case=BAD)
    app = make_app(told.run_id)
    async with app.run_test(size=(160, 40)) as pilot:
        await settle(pilot)
        for keys in (
            ("9", "f"),
            ("enter",),
            ("left",),
            ("left",),
            ("y", "escape"),
            ("slash", "[", "x"),
            ("enter",),
        ):
            await pilot.press(*keys)
            for _ in range(3):
                await settle(pilot)
            assert unsafe(pilot) == set()
        assert app._exception is None
