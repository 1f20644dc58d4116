"""The command line: prompts of runs and of files play each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain import events as ev
from promptopt.domain.settings import ProjectSettings
from promptopt.runs.playing import TournamentPlan, plan_of
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.projects import save_project
from promptopt.store.runs import Runs
from tests.unit.command_line import CommandLine, scripted_worker
from tests.unit.finished_run import BEST, CASES, SEED, finished_run, settings


@pytest.fixture
def run(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A finished run with a seed and one more candidate."""
    monkeypatch.setenv("OPENAI_API_KEY", "k" * 20)
    return finished_run(Database.open(), tmp_path)


def rating(candidate_id: str, value: float) -> ev.Rating:
    return ev.Rating(
        candidate_id=candidate_id, rating=value, low=value - 90, high=value + 90, wins=3, losses=1, ties=0,
        win_rate=0.75, p_best=0.8,
    )  # fmt: skip


def playing(run_id: str) -> Sequence[ev.Event]:
    """A tournament that the best one won."""
    table = [rating(BEST.id, 80), rating(SEED.id, -80)]
    match = ev.MatchFinished(
        number=1, stage="round 1", first_id=SEED.id, second_id=BEST.id, winner_id=BEST.id, wins=1, losses=3,
        ties=0, reason="all cases played",
    )  # fmt: skip
    return [
        ev.RunStarted(run_id=run_id, project="tickets", optimizer="tournament", models={}, sizes={}),
        ev.PhaseStarted(phase="tournament"),
        ev.CandidateProposed(candidate_id=SEED.id, text=SEED.text, source="seed"),
        ev.CandidateProposed(candidate_id=BEST.id, text=BEST.text, source="optimizer", iteration=1),
        ev.StandingsUpdated(format="round_robin", ratings=table, played=0, planned=1),
        match,
        ev.StandingsUpdated(
            format="round_robin", ratings=table, played=1, planned=1, final=True, champion_id=BEST.id
        ),
        ev.RunFinished(
            status="finished", stop_reason="played", seed_id=SEED.id, best_id=BEST.id, iterations=0
        ),
    ]


def frozen(run_id: str) -> tuple[ProjectSettings, TournamentPlan]:
    database = Database.open()
    found = Runs(database).settings(run_id)
    database.close()
    return found, plan_of(found)


def test_candidates_of_a_run_play_on_its_cases(
    cli: CommandLine, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (started,) = [scripted_worker(monkeypatch, playing)]
    result = cli("tournament", run, "--headless", "--cases", "9", "--seed", "4")
    assert result.status == 0, result.err
    assert "round 1, match 1: seed against #1 " in result.out
    assert "tournament: round robin, 1 match, over" in result.out and "is not proven the best" in result.out
    assert "[-10, +170]" in result.out
    found, plan = frozen(started[0])
    assert [entrant.prompt_id for entrant in plan.entrants] == [BEST.id, SEED.id]
    assert (plan.config.judging, plan.config.cases, plan.config.seed) == ("metric", 9, 4)
    assert found.cache.reuse and found.cache.sampled and found.budget.usd == 1.0
    database = Database.open()
    row = Runs(database).find(started[0])
    assert row.kind == "tournament" and tuple(Runs(database).cases(row.id, "validation")) == CASES[4:8]
    assert Cells(database, row.id).prompt(BEST.id) == BEST
    database.close()
    listed = cli("runs").out
    assert "tournament" in listed
    shown = cli("show", started[0])
    assert "#1 " in shown.out and BEST.text.splitlines()[0][:20] in shown.out


def test_it_prints_the_figures_as_json(cli: CommandLine, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted_worker(monkeypatch, playing)
    last = cli("tournament", run, "--json").objects[-1]
    assert last["tournament"]["champion_id"] == BEST.id == last["best"]["candidate_id"]
    assert last["optimizer"] == "tournament" and last["stop_reason"] == "played"


def test_prompts_are_named_as_they_are_elsewhere(
    cli: CommandLine, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = scripted_worker(monkeypatch, playing)
    file = tmp_path / "a new prompt.txt"
    file.write_bytes(b"Label {text}.\r\n")
    result = cli(
        "tournament", run, "seed", "#1", f"{run}:seed", str(file), "--headless", "--usd", "0.5", "--fresh",
        "--judge", "openai/gpt-4o-mini", "--judge", "openai/gpt-4o", "--voting", "weighted", "--balanced",
    )  # fmt: skip
    assert result.status == 0, result.err
    found, plan = frozen(started[0])
    assert [(e.label, e.source) for e in plan.entrants] == [
        ("", "seed"), ("", "optimizer"), ("a new promp…", "human"),
    ]  # fmt: skip
    assert list(found.panel) == ["openai/gpt-4o-mini", "openai/gpt-4o"]
    assert plan.config.judging == "metric_then_judges" and plan.config.orders == "balanced"
    assert not found.cache.reuse and found.budget.usd == 0.5
    database = Database.open()
    prompt = Cells(database, started[0]).prompt(plan.entrants[2].prompt_id)
    database.close()
    assert prompt and prompt.text == "Label {text}.\r\n"


def test_prompts_play_in_a_project(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = scripted_worker(monkeypatch, playing)
    name = Path(cli("new", "triage").out.strip()).parent.name
    file = tmp_path / "p.txt"
    file.write_text("Another {input}.")
    result = cli("tournament", name, "seed", str(file), "--simulate", "--headless", "--split", "test")
    assert result.status == 0 and "sealed test" in result.err, result.err
    found, plan = frozen(started[0])
    assert plan.split == "test" and found.simulated and plan.entrants[0].source == "seed"


def test_judges_that_the_project_has_by_now_judge(
    cli: CommandLine, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge: dict[str, Any] = {"name": "mini", "model": "openai/gpt-4o-mini"}
    save_project(settings(judges=[judge]), tmp_path)
    started = scripted_worker(monkeypatch, playing)
    assert cli("tournament", run, "--headless").status == 0
    found, plan = frozen(started[0])
    assert list(found.panel) == ["mini"] and plan.config.needs_judges


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch"], "there is no run 'nosuch'"),
        (["RUN", "seed"], "two different prompts at least, found 1"),
        (["RUN", "seed", "#9"], "there is no candidate '#9'"),
        (["RUN", "seed", "gone.txt"], "there is no such file"),
        (["RUN", "seed", "best", "--judging", "judges"], "name one: --judge MODEL"),
        (["RUN", "--judge", "sim/nobody"], "there is no simulated model 'sim/nobody'"),
        (["RUN", "--judge", "anthropic/claude-haiku-4-5"], "ANTHROPIC_API_KEY"),
        (["RUN", "--most", "1"], "--most"),
        (["RUN", "--format", "league"], "--format"),
        (["triage"], "nobody is named who plays"),
    ],
)
def test_what_can_not_be_played_is_refused_before_anything_is_made(
    cli: CommandLine, run: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    started = scripted_worker(monkeypatch, playing)
    cli("new", "triage")
    result = cli("tournament", *[run if word == "RUN" else word for word in arguments])
    assert result.status in (1, 2) and said in result.err + result.out, result.err
    assert not started and len(cli("runs", "--json").objects[0]) == 1
