"""The command line: starting runs, following them, taking them up again, scoring one prompt."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from promptopt.cli.follow import Interruptions, PlainLines, follow
from promptopt.cli.outcome import conclude
from promptopt.domain import events as ev
from promptopt.runs.launch import start_worker
from promptopt.store.commands import Commands, GiveUp, Resume, Stop
from promptopt.store.database import Database
from promptopt.store.home import home as data_directory
from promptopt.store.runs import Runs
from tests.unit.command_line import CommandLine, EndedProcess, scripted_worker
from tests.unit.finished_run import DATASET, finished_run, opening, rest, settings, write_events


@pytest.fixture
def project(cli: CommandLine) -> str:
    """A project that can be run with simulated models."""
    return Path(cli("new", "triage").out.strip()).parent.name


def whole(run_id: str) -> Sequence[ev.Event]:
    return [*opening(run_id), *rest()]


def failing(run_id: str) -> Sequence[ev.Event]:
    end = ev.RunFinished(
        status="failed", stop_reason="error", detail="no \x1b[31mway", seed_id="s", best_id="s", iterations=0
    )
    return [*opening(run_id), end]


def started_runs() -> list[str]:
    database = Database.open()
    rows = [row.id for row in Runs(database).list()]
    database.close()
    return rows


def test_json_prints_each_event_and_last_the_summary(
    cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = scripted_worker(monkeypatch, whole)
    result = cli("run", project, "--simulate", "--json")
    *events, summary = result.objects
    assert result.status == 0
    assert [event["n"] for event in events] == list(range(1, len(events) + 1))
    assert [event["kind"] for event in events] == [event.kind for event in whole("")]
    assert events[0]["at"] > 0 and events[-1]["best_id"]
    assert summary["run_id"] == started[0] and summary["comparison"]["verdict"] == "better"
    assert summary["simulated"] is True


def test_lines_for_people_when_there_is_no_terminal(
    cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_worker(monkeypatch, lambda run_id: [*opening(run_id, simulated=True), *rest()])
    result = cli("run", project, "--simulate")
    assert result.status == 0
    assert "simulated models" in result.out and "better than seed" in result.out
    for line in result.out.splitlines():
        assert ("%" in line) <= ("(simulated)" in line)


def test_a_failed_run_is_status_1(cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted_worker(monkeypatch, failing, "failed")
    result = cli("run", project, "--simulate", "--headless")
    assert result.status == 1 and "failed (error): no ␛[31mway" in result.out
    assert f"promptopt resume {started_runs()[0]}" in result.err


def test_a_worker_that_dies_is_reported_with_its_log(
    cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(run_id: str) -> Sequence[ev.Event]:
        logs = data_directory() / "logs"
        logs.mkdir(exist_ok=True)
        (logs / f"{run_id}.log").write_bytes(b"MemoryError \x1b]0;evil\x07\n")
        return []

    started = scripted_worker(monkeypatch, die)
    result = cli("run", project, "--simulate", "--json")
    assert result.status == 1
    assert result.objects[-1]["status"] == "interrupted"
    assert f"nothing that was answered is lost; to go on: promptopt resume {started[0]}" in result.err
    assert "MemoryError" in result.err
    assert "\x1b" not in result.err


def test_a_worker_that_dies_of_a_full_disk(
    cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptopt.cli.outcome.room", lambda _: 0)
    scripted_worker(monkeypatch, lambda _: [])
    result = cli("run", project, "--simulate", "--headless")
    assert result.status == 1 and "is full" in result.err
    assert "answers of the last moments may not have been kept" in result.err and "is lost" not in result.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_nobody_else_can_read_what_a_worker_prints(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptopt.runs.launch.sys.executable", "/bin/true")
    run_id = dead_run(tmp_path)
    before = os.umask(0)
    try:
        start_worker(run_id).wait(10)
    finally:
        os.umask(before)
    log = data_directory() / "logs" / f"{run_id}.log"
    assert (log.stat().st_mode & 0o777, log.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_detach_prints_the_id_once_the_worker_has_the_run(
    cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = scripted_worker(monkeypatch, whole)
    assert cli("run", project, "--simulate", "--detach").out.strip() == started[0]
    result = cli("run", project, "--simulate", "--detach", "--json")
    assert result.objects == [{"run_id": started[1], "status": "finished"}]


def test_detach_from_a_worker_that_never_came(
    cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = scripted_worker(monkeypatch, lambda run_id: [])
    result = cli("run", project, "--simulate", "--detach")
    assert result.status == 1 and not result.out and started[0] in result.err


def test_options_take_the_place_of_the_projects_settings(
    cli: CommandLine, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = scripted_worker(monkeypatch, whole)
    cli("run", project, "--simulate", "--max-iterations", "3", "--seed", "7", "--usd", "0.25", "--json")
    database = Database.open()
    frozen = Runs(database).settings(started[0])
    database.close()
    assert frozen.optimizer.model_dump() == {"name": "refine", "max_iterations": 3, "seed": 7}
    assert frozen.budget.usd == 0.25 and frozen.simulated


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ('[optimizer]\nname = "nosuch"', "optimizer.name"),
        ('[optimizer]\nname = "refine"\nmax_iteration = 3', "max_iteration"),
        ('[[checks]]\ntype = "exakt"', "exact"),
        ('[[checks]]\ntype = "assertion"\ncode = "assert ("', "checks[0].code"),
        ('[data]\nfile = "nosuch.csv"', "nosuch.csv"),
    ],
)
def test_what_can_not_work_is_refused_before_a_run_is_made(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, said: str
) -> None:
    started = scripted_worker(monkeypatch, whole)
    path = tmp_path / "project.toml"
    data = "" if "[data]" in broken else '\n[data]\ncases = [{ input = "a", expected = "b" }]\n'
    models = '[models]\ntarget = { model = "sim/target" }\noptimizer = { model = "sim/optimizer" }\n'
    path.write_text(f'name = "p"\nprompt = "x"\n{models}{broken}\n{data}')
    result = cli("run", str(path))
    assert result.status == 2 and said in result.err
    assert not started and not started_runs()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('base_url = "localhost:8000/v1"', "base_url"),
        ("params = { max_tokens = 9 }", "params.max_tokens"),
    ],
)
def test_a_model_that_can_not_be_called_so_is_refused_before_a_run_is_made(
    cli: CommandLine, tmp_path: Path, setting: str, said: str
) -> None:
    path = tmp_path / "project.toml"
    path.write_text(
        'name = "p"\nprompt = "x"\n[data]\ncases = [{ input = "a", expected = "b" }]\n'
        f'[models.optimizer]\nmodel = "sim/optimizer"\n[models.target]\nmodel = "openai/x"\n{setting}\n'
    )
    result = cli("run", str(path))
    assert result.status == 2 and said in result.err
    assert not started_runs()


def test_a_missing_key_is_named_before_a_run_is_made(cli: CommandLine, project: str) -> None:
    result = cli("run", project)
    assert result.status == 2
    assert "OPENAI_API_KEY" in result.err and "--simulate" in result.err
    assert not started_runs()


def test_the_demo_is_copied_once_and_then_yours(
    cli: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = scripted_worker(monkeypatch, whole)
    assert cli("demo", "--headless", "--fast", "--seed", "5").status == 0
    path = home / "projects" / "demo" / "project.toml"
    path.write_text(path.read_text().replace("max_iterations = 12", "max_iterations = 2"))
    assert cli("demo", "--headless").status == 0
    database = Database.open()
    first, second = (Runs(database).settings(run_id) for run_id in started)
    database.close()
    assert [model.latency for model in first.models.values()] == [0.0, 0.0]
    assert (first.optimizer.model_extra or {})["seed"] == 5
    assert (second.optimizer.model_extra or {})["max_iterations"] == 2
    assert second.models["target"].latency != 0.0


def test_the_demo_runs_for_real_with_a_worker_of_its_own(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    result = cli("demo", "--headless", "--json", "--fast")
    *events, summary = result.objects
    assert result.status == 0, result.err
    assert events[0]["kind"] == "run_started" and events[-1]["kind"] == "run_finished"
    assert summary["status"] == "finished" and summary["simulated"]
    assert summary["best"]["test"]["n"] == summary["seed"]["test"]["n"] > 0
    assert summary["calls"] > 100


def test_attach_to_a_run_that_is_over_shows_its_outcome(cli: CommandLine, tmp_path: Path) -> None:
    run_id = finished_run(Database.open(), tmp_path)
    plain = cli("attach", run_id, "--headless")
    assert plain.status == 0 and "better than seed" in plain.out and "iteration 1\n" not in plain.out
    assert [row.get("n") for row in cli("attach", "--json").objects] == [*range(1, 18), None]


def test_attach_gives_a_silent_run_up(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptopt.cli.follow.DEAD_AFTER", 0.0)
    run_id = dead_run(tmp_path)
    result = cli("attach", run_id, "--headless")
    assert result.status == 1 and f"promptopt resume {run_id}" in result.err


def dead_run(folder: Path, status: str = "running", heartbeat_at: float = 1.0) -> str:
    """A run whose worker is gone since 1970."""
    database = Database.open()
    run_id = Runs(database).create(settings(), DATASET, folder)
    write_events(database, run_id, opening(run_id))
    Runs(database).summarize(run_id, status=status, heartbeat_at=heartbeat_at)
    database.close()
    return run_id


def test_resume_starts_a_new_worker_for_a_dead_run(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = dead_run(tmp_path)
    started = scripted_worker(monkeypatch, lambda _: [ev.RunResumed(journaled=9, lost=1), *rest()])
    result = cli("resume", run_id)
    assert result.status == 0 and started == [run_id]
    assert "9 answered calls are replayed free" in result.out
    assert "scoring the prompt to start from" not in result.out, "what was said before is not said again"


def test_resume_of_a_stopped_run_waits_for_the_new_end(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = dead_run(tmp_path, "stopped")
    database = Database.open()
    stopped = ev.RunFinished(status="stopped", stop_reason="user", seed_id="s", best_id="s", iterations=0)
    write_events(database, run_id, [stopped])
    database.close()
    scripted_worker(monkeypatch, lambda _: [ev.RunResumed(journaled=9, lost=0), *rest()])
    *events, summary = cli("resume", run_id, "--json").objects
    assert events[0]["kind"] == "run_resumed"
    assert summary["status"] == "finished"


def test_resume_of_a_stopped_run_whose_new_worker_dies(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = dead_run(tmp_path, "stopped")
    scripted_worker(monkeypatch, lambda _: [])
    assert cli("resume", run_id).status == 1


def test_resume_of_a_paused_run_asks_its_worker(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = dead_run(tmp_path, "paused", heartbeat_at=time.time())
    send = Commands.send
    sent: list[object] = []

    def answer(self: Commands, command: Resume, author: str = "") -> int:
        sent.append(command)
        database = Database.open()
        write_events(database, run_id, rest())
        database.close()
        return send(self, command, author)

    monkeypatch.setattr(Commands, "send", answer)
    assert cli("resume", run_id).status == 0
    assert sent == [Resume()]


GONE = "the target model answers no call any more"


@pytest.fixture
def ended_by_request(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A worker that has paused itself, and ends when it is told that nobody is there; what it was told."""
    told: list[object] = []

    def answer(self: Commands, command: object, author: str = "") -> int:
        told.append(command)
        end = ev.RunFinished(
            status="failed", stop_reason="error", detail=GONE, seed_id="s", best_id="s", iterations=0
        )
        database = Database.open()
        write_events(database, self._run_id, [end])
        database.close()
        return 1

    monkeypatch.setattr(Commands, "send", answer)
    monkeypatch.setattr(EndedProcess, "poll", lambda _: 0 if told else None)
    scripted_worker(
        monkeypatch,
        lambda run_id: [*opening(run_id), ev.Paused(by="promptopt", reason=GONE, itself=True)],
        status="paused",
    )
    return told


@pytest.mark.parametrize(
    "command", [("run", "--headless"), ("run", "--json"), ("eval",), ("eval", "--json")], ids=" ".join
)
def test_a_run_that_paused_itself_ends_with_status_4_if_nobody_is_there(
    cli: CommandLine, project: str, ended_by_request: list[object], command: tuple[str, ...]
) -> None:
    result = cli(command[0], project, "--simulate", *command[1:])
    assert result.status == 4 and ended_by_request == [GiveUp()]
    assert f"the run paused itself: {GONE}" in result.err and "promptopt resume" in result.err
    if "--json" in command:
        assert result.objects[-1]["status"] == "failed"


def test_a_run_that_paused_itself_is_left_waiting_by_who_only_attaches(
    cli: CommandLine, tmp_path: Path
) -> None:
    run_id = dead_run(tmp_path, "paused", heartbeat_at=time.time())
    database = Database.open()
    write_events(database, run_id, [ev.Paused(by="promptopt", reason=GONE, itself=True)])
    database.close()
    result = cli("attach", run_id, "--json")
    assert result.status == 4
    assert f"has paused itself and waits: {GONE}" in result.err and "promptopt stop" in result.err
    assert not Commands(Database.open(), run_id).waiting()


def test_there_is_nothing_to_resume_of_a_finished_run(cli: CommandLine, tmp_path: Path) -> None:
    result = cli("resume", finished_run(Database.open(), tmp_path))
    assert result.status == 2 and "come to its end" in result.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interruption_stops_the_run_the_second_leaves_it(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    run_id = dead_run(tmp_path, heartbeat_at=time.time())
    database = Database.open()
    before = signal.getsignal(number)
    with Interruptions(database, run_id, stop_first=True) as interruptions:
        assert not interruptions.leave()
        os.kill(os.getpid(), number)
        assert not interruptions.leave()
        assert [sent.command for sent in Commands(database, run_id).waiting()] == [Stop()]
        os.kill(os.getpid(), number)
        followed = follow(database, run_id, PlainLines(), leave=interruptions.leave)
        assert len(Commands(database, run_id).waiting()) == 1
    assert signal.getsignal(number) is before
    assert followed.end == "left"
    capsys.readouterr()
    assert conclude(database, run_id, followed, json=False) == 130
    assert f"promptopt attach {run_id}" in capsys.readouterr().err
    database.close()


def test_interrupting_a_run_without_a_sealed_test_does_not_speak_of_one(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = dead_run(tmp_path, heartbeat_at=time.time())
    database = Database.open()
    with Interruptions(database, run_id, stop_first=True, sealed_test=False) as interruptions:
        os.kill(os.getpid(), signal.SIGINT)
        assert not interruptions.leave()
    assert [sent.command for sent in Commands(database, run_id).waiting()] == [Stop(now=True)]
    assert "sealed" not in capsys.readouterr().err
    database.close()


def test_a_watcher_only_leaves(home: Path, tmp_path: Path) -> None:
    run_id = dead_run(tmp_path, heartbeat_at=time.time())
    database = Database.open()
    with Interruptions(database, run_id, stop_first=False) as interruptions:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruptions.leave()
    assert not Commands(database, run_id).waiting()
    database.close()


def test_a_worker_that_found_another_one_is_not_a_death(home: Path, tmp_path: Path) -> None:
    run_id = dead_run(tmp_path, heartbeat_at=time.time())
    database = Database.open()
    Runs(database).claim(run_id, "another")
    looks = iter([False, True])
    followed = follow(
        database,
        run_id,
        PlainLines(),
        worker=EndedProcess(),  # type: ignore[arg-type]
        leave=lambda: next(looks),
    )
    assert followed.end == "left"
    database.close()
