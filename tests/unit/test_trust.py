"""Trust: what needs it, that exactly that content is trusted, and where a project without it is refused."""

import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from promptopt.domain.dataset import Example
from promptopt.domain.errors import PromptoptError
from promptopt.domain.settings import ProjectSettings
from promptopt.runs.launch import create_run, resume_run
from promptopt.store import projectcode
from promptopt.store.database import Database
from promptopt.store.projects import load_project
from promptopt.store.trust import Power, TrustError, powers, trust, untrusted
from tests.unit.command_line import CommandLine, scripted_worker
from tests.unit.finished_run import opening, rest

CODE = "import statistics\nassert output"
CALL = {"type": "callable", "function": "os:system"}
PYTHON = {"sandbox": "python"}
REMOTE = "https://models.example.org/v1"


def settings(**more: Any) -> ProjectSettings:
    base: dict[str, Any] = {"name": "p", "prompt": "x", "models": {"target": {"model": "sim/target"}}}
    return ProjectSettings.model_validate({**base, **more})


def found(folder: Path, *cases: Example, **more: Any) -> list[Power]:
    return powers(settings(**more), cases, folder)


def target(**model: Any) -> dict[str, Any]:
    return {"target": {"model": "openai/gpt-4o-mini", **model}}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"checks": [{"type": "assertion", "code": CODE}, {"type": "regex", "pattern": "a"}]},
        {"checks": [{"type": "assertion", "code": CODE, "sandbox": "monty"}]},
        {"task": {"constraints": [{"name": "a", "code": CODE}]}},
        {"models": target()},
        {"models": target(api_key_env="MY_KEY")},
        {"models": target(base_url=REMOTE)},
        {"models": target(base_url="http://127.0.0.1:8000/v1", api_key_env="MY_KEY")},
        {"models": target(base_url="http://localhost/v1", api_key_env="MY_KEY")},
        {"models": target(base_url="http://[::1]:11434", api_key_env="MY_KEY")},
        {"models": target(base_url=REMOTE), "data": {"file": "cases.csv"}},
        {"models": target(), "data": {"file": "/etc/cases.csv"}},
    ],
)
def test_what_needs_no_trust(tmp_path: Path, more: dict[str, Any]):
    assert found(tmp_path, **more) == []


@pytest.mark.parametrize(
    ("more", "kind", "where"),
    [
        (
            {"checks": [{"type": "assertion", "code": CODE, "sandbox": "python"}]},
            "python",
            "checks[0].code",
        ),
        (
            {"task": {"constraints": [{"name": "a", "code": CODE, "sandbox": "python"}]}},
            "python",
            "task.constraints[0].code",
        ),
        ({"checks": [{"type": "callable", "function": "os:system"}]}, "callable", "checks[0].function"),
        (
            {"checks": [{"type": "any_of", "checks": [{"type": "exact"}, {**CALL}]}]},
            "callable",
            "checks[0].checks[1].function",
        ),
        (
            {"checks": [{"type": "all_of", "checks": [{"type": "assertion", "code": CODE, **PYTHON}]}]},
            "python",
            "checks[0].checks[0].code",
        ),
        (
            {"models": target(base_url=REMOTE, api_key_env="MY_KEY")},
            "key",
            "models.target.api_key_env",
        ),
        ({"models": target(base_url=REMOTE), "data": {"file": "/etc/cases.csv"}}, "file", "data.file"),
        ({"models": target(base_url=REMOTE), "data": {"train": "../../x.csv"}}, "file", "data.train"),
    ],
)
def test_what_needs_trust(tmp_path: Path, more: dict[str, Any], kind: str, where: str):
    (power,) = found(tmp_path, **more)
    assert (power.kind, power.where) == (kind, where)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1@evil.example/v1",
        "http://localhost.evil.example/v1",
        "http://127.0.0.1.evil.example/v1",
        "http://evil.example\\@127.0.0.1/v1",
        "http://evil.example#@127.0.0.1/",
        "http://0.0.0.0/v1",
        "http://127.0.0.1:80@evil.example/",
    ],
)
def test_addresses_that_only_look_like_this_machine(tmp_path: Path, url: str):
    assert found(tmp_path, models=target(base_url=url, api_key_env="MY_KEY"))


def test_checks_of_cases_count_too_and_the_same_code_counts_once(tmp_path: Path):
    check = {"type": "assertion", "code": CODE, "sandbox": "python"}
    cases = [Example(id=str(n), inputs={"input": "x"}, checks=(check,)) for n in range(3)]
    assert [power.where for power in found(tmp_path, *cases)] == ["case '0' checks[0].code"]
    grouped = Example(id="g", inputs={"input": "x"}, checks=({"type": "any_of", "checks": [check]},))
    assert [power.where for power in found(tmp_path, grouped)] == ["case 'g' checks[0].checks[0].code"]


def test_a_link_out_of_the_folder_is_seen(tmp_path: Path):
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "secret.csv").write_text("input\nx\n")
    (folder / "cases.csv").symlink_to(tmp_path / "secret.csv")
    (power,) = found(folder, models=target(base_url=REMOTE), data={"file": "cases.csv"})
    assert str(tmp_path / "secret.csv") in power.shown


def test_exactly_that_content_is_trusted(home: Path, tmp_path: Path):
    folder = tmp_path / "project"
    (folder / "parts").mkdir(parents=True)
    (folder / "score.py").write_text("def f(output, expected, inputs): return True\n")
    checks = {"checks": [{"type": "callable", "function": "score:f"}]}
    trust(found(folder, **checks))
    assert untrusted(found(folder, **checks)) == []
    assert [line.split()[2] for line in (home / "trusted").read_text().splitlines()] == ["callable"]
    for name in ("score.py", "helper.py", "parts/deep.py", "parts/bytecode.pyc"):
        path = folder / name
        before = path.read_bytes() if path.exists() else None
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((before or b"") + b"# changed\n")
        assert len(untrusted(found(folder, **checks))) == 1, name
        path.unlink() if before is None else path.write_bytes(before)
    assert untrusted(found(folder, **checks)) == []
    assert untrusted(found(folder, checks=[{"type": "callable", "function": "score:g"}]))
    (folder / "notes.txt").write_text("no code")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "score.cpython-311.pyc").write_bytes(b"never used")
    assert untrusted(found(folder, **checks)) == []


def test_the_source_of_a_function_is_shown(tmp_path: Path):
    (tmp_path / "score.py").write_text("def f(*a): return 'here'\n")
    (tmp_path / "helper.py").write_text("")
    (power,) = found(tmp_path, checks=[{"type": "callable", "function": "score:f"}])
    assert "return 'here'" in power.shown and "helper.py" in power.shown


def test_what_is_not_shown_of_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("promptopt.store.trust.MOST_SHOWN", 60)
    (tmp_path / "zscore.py").write_text("def f(*a): return 'here'\n")
    (tmp_path / "big.py").write_text("#" * 60)
    (tmp_path / "fast.so").write_bytes(b"\x7fELF")
    (power,) = found(tmp_path, checks=[{"type": "callable", "function": "zscore:f"}])
    listed = power.shown.splitlines()[2:]
    assert [line.split(",")[0] for line in listed if not line.startswith("|")] == [
        "file zscore.py",
        "file big.py",
        "file fast.so",
    ]
    assert listed[1] == "| def f(*a): return 'here'"
    assert listed[2].endswith("60 bytes, too long to show here") and listed[3].endswith("no text")


def test_a_folder_with_too_much_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(projectcode, "MOST_FILES", 2)
    for n in range(3):
        (tmp_path / f"m{n}.py").write_text("")
    with pytest.raises(PromptoptError, match="more code than can be looked at"):
        found(tmp_path, checks=[{"type": "callable", "function": "m0:f"}])


def project(folder: Path, **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    table: dict[str, Any] = {
        "name": "theirs",
        "prompt": "x {input}",
        "models": {"target": {"model": "sim/target"}, "optimizer": {"model": "sim/optimizer"}},
        "data": {"cases": [{"input": "a", "expected": "b"}]},
        "checks": [{"type": "assertion", "code": CODE, "sandbox": "python"}],
    }
    path = folder / "project.toml"
    path.write_text(tomli_w.dumps({**table, **more}), encoding="utf-8")
    return path


def test_no_run_is_made_of_an_untrusted_project(home: Path, tmp_path: Path):
    path = project(tmp_path / "theirs")
    database = Database.open()
    for simulate in (False, True):
        with pytest.raises(TrustError) as error:
            create_run(database, path, simulate=simulate)
        assert error.value.where == str(path)
        assert f"promptopt trust {path}" in error.value.fix
    run_id, _ = create_run(database, path, trusted=True)
    assert create_run(database, path)[0] != run_id
    database.close()


def test_a_run_is_not_taken_up_with_code_that_was_changed_meanwhile(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    started: list[str] = []
    monkeypatch.setattr("promptopt.runs.launch.start_worker", started.append)
    path = project(tmp_path / "theirs", checks=[{"type": "callable", "function": "score:f"}])
    (path.parent / "score.py").write_text("def f(*a): return True\n")
    database = Database.open()
    run_id, _ = create_run(database, path, trusted=True)
    resume_run(database, run_id)
    (path.parent / "score.py").write_text("import os\n")
    with pytest.raises(TrustError, match="score:f"):
        resume_run(database, run_id)
    resume_run(database, run_id, trusted=True)
    assert started == [run_id, run_id]
    database.close()


def test_simulated_models_get_no_key(home: Path, tmp_path: Path):
    models = {"target": {"model": "openai/x", "base_url": REMOTE, "api_key_env": "MY_KEY", "free": True}}
    path = project(tmp_path / "theirs", models=models, checks=[{"type": "exact"}])
    database = Database.open()
    with pytest.raises(TrustError, match="MY_KEY"):
        create_run(database, path)
    assert create_run(database, path, simulate=True)
    database.close()


# --- The command line ---


def test_refusing_showing_and_trusting(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    started = scripted_worker(monkeypatch, lambda run_id: [*opening(run_id), *rest()])
    path = project(tmp_path / "theirs")
    for command in ("run", "eval"):
        refused = cli(command, str(path))
        assert refused.status == 2 and f"promptopt trust {path}" in refused.err
    shown = cli("trust", str(path), "--show")
    assert shown.status == 0 and "import statistics" in shown.out and "not trusted yet" in shown.out
    assert cli("run", str(path)).status == 2 and not started
    assert cli("trust", str(path)).out.endswith(f"trusted: {path}\n")
    assert cli("trust", str(path)).out.endswith("all of it is trusted already\n")
    assert cli("run", str(path)).status == 0 and len(started) == 1


def test_trusting_on_the_way(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    started = scripted_worker(monkeypatch, lambda run_id: [*opening(run_id), *rest()])
    path = project(tmp_path / "theirs")
    assert cli("run", str(path), "--trust").status == 0
    assert cli("run", str(path)).status == 0
    assert len(started) == 2


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("\n", 2), ("no\n", 2)])
def test_a_terminal_is_asked(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
):
    scripted_worker(monkeypatch, lambda run_id: [*opening(run_id), *rest()])
    monkeypatch.setattr("promptopt.cli.trusting._may_ask", lambda: True)
    monkeypatch.setattr("sys.stdin.readline", lambda: answer, raising=False)
    asked = cli("run", str(project(tmp_path / "theirs")), "--headless")
    assert asked.status == status and "Trust exactly this?" in asked.out


def test_what_was_changed_while_it_was_read_is_asked_for_again(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    started = scripted_worker(monkeypatch, lambda run_id: [*opening(run_id), *rest()])
    path = project(tmp_path / "theirs", checks=[{"type": "callable", "function": "score:f"}])
    (path.parent / "score.py").write_text("def f(*a): return True\n")
    answers = iter(["y\n", "n\n"])

    def answer() -> str:
        (path.parent / "score.py").write_text("import os  # changed\n")
        return next(answers)

    monkeypatch.setattr("promptopt.cli.trusting._may_ask", lambda: True)
    monkeypatch.setattr("sys.stdin.readline", answer, raising=False)
    asked = cli("run", str(path), "--headless")
    assert asked.status == 2 and not started
    assert asked.out.count("Trust exactly this?") == 2 and "import os  # changed" in asked.err


def test_escape_sequences_in_code_are_shown_not_obeyed(cli: CommandLine, tmp_path: Path):
    code = "assert output  # \x1b]52;c;bad\x07"
    path = project(tmp_path / "theirs", checks=[{"type": "assertion", "code": code, "sandbox": "python"}])
    shown = cli("trust", str(path))
    assert "\x1b" not in shown.err + shown.out and "␛]52" in shown.out


def test_a_project_made_of_a_file_with_code_has_to_be_trusted(cli: CommandLine, tmp_path: Path):
    made = cli("new", "mine", "--from", str(project(tmp_path / "theirs")))
    assert made.status == 0 and "promptopt trust mine" in made.err
    assert cli("eval", "mine", "--simulate").status == 2


def test_a_copy_of_a_trusted_project_is_trusted(cli: CommandLine, tmp_path: Path):
    path = project(tmp_path / "theirs")
    cli("trust", str(path))
    made = cli("new", "mine", "--from", str(path))
    assert "promptopt trust" not in made.err
    assert load_project(Path(made.out.strip())).settings.name == "mine"


def test_template_and_demo_need_none(cli: CommandLine):
    made = cli("new", "triage")
    assert "needs no trust" in cli("trust", Path(made.out.strip()).parent.name).out


def test_doctor_tells_of_sandbox_and_trust(cli: CommandLine, tmp_path: Path):
    path = project(tmp_path / "theirs")
    rows = {row["check"]: row for row in cli("doctor", str(path), "--json").objects[0]}
    assert rows["sandbox"]["detail"].startswith("Monty ")
    assert rows["trust"]["status"] == "note" and f"promptopt trust {path}" in rows["trust"]["fix"]
    cli("trust", str(path))
    rows = {row["check"]: row for row in cli("doctor", str(path), "--json").objects[0]}
    assert rows["trust"]["status"] == "ok"


@pytest.fixture
def contacted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that doctor asks whether they answer; none does."""
    found: list[str] = []

    def ask(request: urllib.request.Request, **_: Any) -> None:
        found.append(request.full_url)
        raise urllib.error.URLError("nobody is there")

    monkeypatch.setattr("urllib.request.urlopen", ask)
    return found


def endpoint_row(cli: CommandLine, path: Path, *options: str) -> dict[str, str]:
    rows = cli("doctor", str(path), "--json", *options).objects[0]
    (row,) = [row for row in rows if row["check"].endswith(", endpoint") and "target" in row["check"]]
    return row


def test_doctor_contacts_nobody_for_a_project_that_is_not_trusted(
    cli: CommandLine, tmp_path: Path, contacted: list[str]
):
    models = {"target": {"model": "openai/x", "base_url": REMOTE}, "optimizer": {"model": "sim/optimizer"}}
    path = project(tmp_path / "their s", models=models)  # its code waits for trust
    row = endpoint_row(cli, path)
    assert contacted == [] and row["status"] == "note" and REMOTE in row["detail"]
    assert row["fix"] == f"promptopt trust '{path}'"
    cli("trust", str(path))
    assert endpoint_row(cli, path)["status"] == "fault" and contacted == [REMOTE]


def test_doctor_says_before_whom_it_asks_because_of_a_project(
    cli: CommandLine, tmp_path: Path, contacted: list[str]
):
    models = {"target": {"model": "openai/x", "base_url": REMOTE}, "optimizer": {"model": "sim/optimizer"}}
    path = project(tmp_path / "theirs", models=models, checks=[{"type": "exact"}])
    said = cli("doctor", str(path))
    assert f"asking {REMOTE} whether it answers, because {path} names it; no key is sent" in said.err
    assert contacted == [REMOTE]
    assert endpoint_row(cli, path, "--offline")["detail"] == "not tried: --offline"
    assert contacted == [REMOTE]


def test_doctor_asks_this_machine_without_trust(cli: CommandLine, tmp_path: Path, contacted: list[str]):
    here = "http://127.0.0.1:11434/v1"
    models = {"target": {"model": "openai/x", "base_url": here}, "optimizer": {"model": "sim/optimizer"}}
    assert endpoint_row(cli, project(tmp_path / "theirs", models=models))["status"] == "fault"
    assert contacted == [here]
