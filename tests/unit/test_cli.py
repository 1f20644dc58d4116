"""The command line: help, usage, projects, lists, export, doctor."""

import json
import os
import ssl
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from promptopt.cli.commands import COMMANDS
from promptopt.runs.checking import check_runnable
from promptopt.runs.launch import simulated
from promptopt.store.casefiles import load_dataset
from promptopt.store.database import Database
from promptopt.store.projects import load_project
from promptopt.store.runs import Runs
from tests.unit.command_line import CommandLine
from tests.unit.finished_run import BEST, DATASET, SEED, finished_run, opening, settings, write_events


@pytest.fixture
def cli(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("COLUMNS", "110")
    return cli


@pytest.fixture
def run_id(home: Path, tmp_path: Path) -> str:
    """A finished run in the store."""
    return finished_run(Database.open(), tmp_path)


def test_help_names_every_command_and_the_exit_status(cli: CommandLine) -> None:
    result = cli("--help")
    assert result.status == 0
    for command in COMMANDS:
        said, _, _ = command.help.partition("\n\n")  # the rest stands in the help of the command itself
        assert f" {command.name} " in result.out and said in result.out
    assert "130" in result.out and "bad input" in result.out


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_each_command_has_help_with_examples(cli: CommandLine, name: str) -> None:
    result = cli(name, "--help")
    assert result.status == 0
    assert f"promptopt {name}" in result.out.partition("Examples")[2]
    assert "``" not in result.out and "None" not in result.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("nosuch",),
        ("run",),
        ("run", "x", "--nosuch"),
        ("run", "x", "--usd", "0"),
        ("run", "x", "--usd", "inf"),
        ("run", "x", "--usd", "\x1b[31m1"),
        ("run", "x", "--max-iterations", "0"),
        ("eval", "x", "--split", "dev"),
        ("export", "latest", "--format", "xml"),
    ],
)
def test_bad_usage_is_status_2(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    result = cli(*arguments)
    assert result.status == 2 and result.err.startswith("promptopt: ") and not result.out
    assert "\x1b" not in result.err


def test_without_a_terminal_the_ui_is_refused_with_a_way_out(cli: CommandLine) -> None:
    result = cli()
    assert result.status == 2
    assert "promptopt --help" in result.err


def test_a_new_project_can_be_run_as_it_is(cli: CommandLine, home: Path) -> None:
    result = cli("new", 'Ein "neues" Ärgernis\n')
    assert result.status == 0
    project = load_project(Path(result.out.strip()))
    assert project.settings.name == 'Ein "neues" Ärgernis\n'
    assert not project.notices
    dataset = load_dataset(project.settings, project.dir).dataset
    assert dataset.held_back and dataset.test
    check_runnable(simulated(project.settings), project.dir)


def test_new_never_overwrites(cli: CommandLine, home: Path) -> None:
    path = Path(cli("new", "mine").out.strip())
    path.write_text("changed")
    result = cli("new", "Mine")
    assert result.status == 2 and "not overwritten" in result.err
    assert path.read_text() == "changed"


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_new_refuses_a_name_that_no_project_can_have(cli: CommandLine, home: Path, name: str) -> None:
    assert cli("new", name).status == 2
    assert not list((home / "projects").iterdir()) if (home / "projects").exists() else True


def test_new_from_a_file_of_cases(cli: CommandLine, tmp_path: Path) -> None:
    source = tmp_path / "cases.csv"
    source.write_text("input,expected\n" + "".join(f"case {n},a\n" for n in range(12)))
    result = cli("new", "imported", "--from", str(source))
    assert result.status == 0
    project = load_project(Path(result.out.strip()))
    assert len(load_dataset(project.settings, project.dir).dataset) == 12
    assert "target model" in result.err


def test_projects_lists_good_and_bad_ones(cli: CommandLine, home: Path) -> None:
    assert "promptopt new" in cli("projects").err
    path = Path(cli("new", "good").out.strip())
    bad = path.parent.parent / "bad"
    bad.mkdir()
    (bad / "project.toml").write_text("name = 3")
    assert [row["slug"] for row in cli("projects", "--json").objects[0]] == ["bad", "good"]
    plain = cli("projects")
    assert str(path) in plain.out and "bad can't be used" in plain.err


def test_runs_are_listed_newest_first(cli: CommandLine, tmp_path: Path, run_id: str) -> None:
    second = finished_run(Database.open(), tmp_path, simulated=True)
    rows = cli("runs", "--json").objects[0]
    assert [row["id"] for row in rows] == [second, run_id]
    assert [row["simulated"] for row in rows] == [True, False]
    plain = cli("runs").out
    assert plain.count("(simulated)") == 1
    assert cli("runs", "--project", "nosuch", "--json").objects == [[]]


def test_show_tells_scores_verdict_and_cost(cli: CommandLine, run_id: str) -> None:
    plain = cli("show", run_id)
    assert plain.status == 0
    gain = "difference +50.0 points [+10.0, +90.0] on 4 cases, p = "
    for part in ("50.0%", "100.0%", "better than seed", gain, "$0.0123", "40 calls", "1 call, at most"):
        assert part in plain.out
    assert "4/4 pass, 1 error\n" in plain.out and plain.out.count("error") == 1
    assert "(simulated)" not in plain.out
    summary = cli("show", run_id[-6:], "--json").objects[-1]
    assert summary["run_id"] == run_id and summary["comparison"]["verdict"] == "better"


def test_show_tells_what_fails_alike(cli: CommandLine, run_id: str) -> None:
    out = cli("show", run_id).out
    assert (
        "what fails alike, of 3 failed train cases:\n    2× too verbose: exact (like c1; c0 passes)\n" in out
    )
    assert "and 1 more, each kind rarer" in out
    failures = cli("show", run_id, "--json").objects[-1]["best"]["failures"]
    assert (failures["split"], failures["categories"]["refusal"]) == ("train", 1)
    assert [cluster["case_id"] for cluster in failures["clusters"]] == ["c1"]


def test_simulated_scores_are_labelled(cli: CommandLine, tmp_path: Path) -> None:
    finished_run(Database.open(), tmp_path, simulated=True)
    for line in cli("show").out.splitlines():
        assert ("%" in line) <= ("(simulated)" in line)


def test_an_unknown_run_is_status_2(cli: CommandLine, run_id: str) -> None:
    result = cli("show", "nosuch")
    assert result.status == 2 and "promptopt runs" in result.err


def test_no_escape_sequence_reaches_the_terminal(cli: CommandLine, tmp_path: Path) -> None:
    database = Database.open()
    evil = "\x1b]52;c;ZXZpbA==\x07\x9b2J\u202e"
    run_id = Runs(database).create(settings(name=f"p{evil}", prompt=f"x{evil}"), DATASET, tmp_path)
    write_events(database, run_id, opening(run_id))
    candidate = opening(run_id)[2].model_copy(update={"text": f"x{evil}"})
    write_events(database, run_id, [candidate.model_copy(update={"candidate_id": "e"})])
    database.close()
    for arguments in (["show"], ["runs"], ["projects"], ["show", "--json"], ["runs", "--json"]):
        result = cli(*arguments)
        assert not set("\x1b\x07\x9b\u202e") & set(result.out + result.err)


@pytest.mark.parametrize("form", ["messages", "json", "openai", "anthropic", "python"])
def test_export_writes_the_best_prompt(cli: CommandLine, run_id: str, form: str) -> None:
    result = cli("export", run_id, "--format", form)
    assert result.status == 0 and "{text}" in result.out
    if form == "messages":
        assert json.loads(result.out) == [{"role": "user", "content": BEST.text}]


def test_exported_text_is_the_prompt_byte_for_byte(cli: CommandLine, run_id: str, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    assert cli("export", run_id, "--format", "text", "--output", str(file)).status == 0
    assert file.read_bytes() == BEST.text.encode()


def test_export_of_a_chosen_candidate(cli: CommandLine, run_id: str) -> None:
    result = cli("export", run_id, "--format", "text", "--candidate", SEED.id[:5])
    assert result.out == SEED.text
    assert cli("export", run_id, "--candidate", "zzz").status == 2


def test_doctor_finds_nothing_wrong_with_a_simulated_project(cli: CommandLine, tmp_path: Path) -> None:
    path = project_file(tmp_path, target="sim/target", optimizer="sim/optimizer")
    result = cli("doctor", str(path), "--json")
    rows = {row["check"]: row for row in result.objects[0]}
    assert result.status == 0, rows
    assert "2 train" not in rows["cases and checks"]["detail"] and rows["store"]["status"] == "ok"


def test_doctor_names_the_fix_of_each_fault(
    cli: CommandLine, tmp_path: Path, unused_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    extra = f'base_url = "{unused_url}"\napi_key_env = "NO_SUCH_VARIABLE"\n'
    path = project_file(tmp_path, target="openai/nobody-knows", optimizer="sim/optimizer", extra=extra)
    result = cli("doctor", str(path), "--json")
    assert result.status == 1
    faults = {row["check"].rpartition(", ")[2]: row for row in result.objects[0] if row["status"] == "fault"}
    assert set(faults) == {"key", "endpoint", "price"}
    assert "NO_SUCH_VARIABLE" in faults["key"]["detail"] and unused_url in faults["endpoint"]["detail"]
    assert all(row["fix"] for row in faults.values())


def test_doctor_looks_where_the_environment_sends_the_calls(
    cli: CommandLine, tmp_path: Path, unused_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-nobody-knows-1234")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", unused_url)
    path = project_file(tmp_path, target="anthropic/claude-opus-4-5", optimizer="sim/optimizer")
    result = cli("doctor", str(path), "--json")
    (fault,) = [row for row in result.objects[0] if row["status"] == "fault"]
    assert unused_url in fault["detail"] and "ANTHROPIC_BASE_URL" in fault["fix"]


@pytest.mark.parametrize(
    ("code", "fix"), [(20, "SSL_CERT_FILE"), (62, "mend the server's certificate, or base_url")]
)
def test_doctor_names_the_fix_of_a_certificate_that_is_not_trusted(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, fix: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        error = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error.verify_code = code
        raise urllib.error.URLError(error)

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    extra = 'base_url = "https://models.internal/v1"\n'
    path = project_file(tmp_path, target="openai/nobody-knows", optimizer="sim/optimizer", extra=extra)
    rows = cli("doctor", str(path), "--json").objects[0]
    (fault,) = [row for row in rows if "models.internal" in row["detail"]]
    assert fix in fault["fix"] and "start the server" not in fault["fix"]


def test_doctor_warns_of_a_disk_that_is_nearly_full(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptopt.store.home.room", lambda _: 100_000)
    result = cli("doctor")
    assert result.status == 1 and "0.1 MB left" in result.out and "make room" in result.out


def test_doctor_reports_a_project_that_can_not_be_read(cli: CommandLine, tmp_path: Path) -> None:
    result = cli("doctor", str(tmp_path / "nosuch.toml"))
    assert result.status == 1 and "fault  project" in result.out


def test_a_closed_pipe_is_no_error(home: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "promptopt", "projects", "--json"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode == 141 and done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_an_output_that_can_not_be_written_is_said_without_a_stack(home: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "promptopt", "projects", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and done.stderr == b"promptopt: No space left on device\n"


def test_without_any_stream_a_command_still_does_its_work(home: Path) -> None:
    close = "import os, sys; [os.close(n) for n in range(3)]; os.execv(sys.executable, sys.argv[1:])"
    command = [sys.executable, "-c", close, sys.executable, "-m", "promptopt", "new", "triage"]
    assert subprocess.run(command, check=False).returncode == 0
    assert (home / "projects" / "triage" / "project.toml").is_file()


@pytest.mark.parametrize("command", [("new", "triage"), ("demo", "--headless")])
def test_a_full_disk_leaves_no_half_a_project(
    cli: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("promptopt.store.projects.os.fsync", full)
    result = cli(*command)
    assert result.status == 2 and "No space left on device" in result.err
    assert not [path for path in (home / "projects").rglob("*") if path.is_file()]


def test_an_ascii_terminal_shows_what_it_can(home: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "promptopt", "show"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 2 and b"Traceback" not in done.stderr and b"no run yet" in done.stderr


def project_file(folder: Path, target: str, optimizer: str, extra: str = "") -> Path:
    """A project with inline cases."""
    cases = ",\n".join(f'{{ input = "case {n}", expected = "a" }}' for n in range(12))
    path = folder / "project.toml"
    path.write_text(
        f'name = "p"\nprompt = "Label it."\nbudget = {{ usd = 1.0 }}\n'
        f'[models.target]\nmodel = "{target}"\n{extra}'
        f'[models.optimizer]\nmodel = "{optimizer}"\n'
        f'[[checks]]\ntype = "exact"\n[data]\ncases = [\n{cases}\n]\n'
    )
    return path


@pytest.fixture
def unused_url() -> str:
    """An address at which nothing listens."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
