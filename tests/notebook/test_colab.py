"""Colab's manager: keys that nobody sees, cases, copies that bring runs back, pages of results."""

import getpass
import os
import re
import shutil
import sqlite3
import sys
import types
import warnings
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import promptopt
from promptopt.colab import ColabManager
from promptopt.domain.errors import ModelError, PromptoptError, RunError, SettingsError
from promptopt.notebook import colab as colabs
from promptopt.notebook import keeping, starting
from promptopt.notebook.machine import Machine, fitted
from promptopt.reporting.page import page_of
from promptopt.store.database import Database
from promptopt.store.newprojects import from_template
from promptopt.store.runs import Runs
from tests.engine.bench import Bench
from tests.loopback import LoopbackServer, write_project
from tests.notebook.colab_double import Colab, NotebookAccessError, install
from tests.unit.finished_run import finished_run

WARM = True
KEY = "sk-test-0123456789abcdef"
SIZES = (12, 16, 12)


@pytest.fixture
def manager() -> ColabManager:
    return promptopt.ColabManager()


@pytest.fixture
def colab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Colab:
    drive = tmp_path / "content" / "drive"
    monkeypatch.setattr(colabs, "DRIVE", str(drive))
    monkeypatch.setattr(colabs, "MY_DRIVE", str(drive / "MyDrive"))
    monkeypatch.chdir(tmp_path)
    return install(monkeypatch, tmp_path)


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody is at the keyboard, no keyring is there, and nothing is kept beyond a test."""

    def nobody(_: str = "") -> str:
        raise EOFError

    before = dict(os.environ)
    monkeypatch.setattr(getpass, "getpass", nobody)
    monkeypatch.setattr("builtins.input", nobody)
    monkeypatch.setitem(sys.modules, "keyring", None)
    starting._opened.cache_clear()
    yield
    for keeper in colabs._KEPT.values():
        keeper._over.set()
    colabs._KEPT.clear()
    os.environ.clear()
    os.environ.update(before)


# Keys


def test_keys_come_from_the_first_place_that_has_them(
    manager: ColabManager, colab: Colab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    colab.secrets = {"OPENAI_API_KEY": "another", "ANTHROPIC_API_KEY": f" {KEY}a\n", "GROQ_API_KEY": ""}
    kept = types.SimpleNamespace(get_password=lambda service, name: {"GROQ_API_KEY": KEY + "g"}.get(name))
    monkeypatch.setitem(sys.modules, "keyring", kept)
    monkeypatch.setattr(getpass, "getpass", lambda _: KEY + "x")
    models: Any = {
        "target": "openai/gpt-4o-mini",
        "optimizer": "anthropic/claude-opus-4-5",
        "judge": "groq/llama",
        "generator": {"model": "xai/grok"},
        "embedding": "sim/embedding",
    }
    found = manager.setup_secrets(models=models)
    assert {row.name: row.place for row in found.rows} == {
        "OPENAI_API_KEY": "environment",
        "ANTHROPIC_API_KEY": "Colab's secrets",
        "GROQ_API_KEY": "keyring",
        "XAI_API_KEY": "typed in",
    }
    assert os.environ["OPENAI_API_KEY"] == KEY and "OPENAI_API_KEY" not in colab.asked
    assert os.environ["ANTHROPIC_API_KEY"] == KEY + "a" and os.environ["GROQ_API_KEY"] == KEY + "g"
    assert os.environ["XAI_API_KEY"] == KEY + "x" and not found.missing
    shown = capsys.readouterr()
    assert KEY not in repr(found) + str(found.rows) + shown.out + shown.err


def test_a_key_that_is_nowhere_is_said_with_what_to_do(manager: ColabManager, colab: Colab) -> None:
    colab.secrets = {"OPENAI_API_KEY": NotebookAccessError("no"), "XAI_API_KEY": TimeoutError(KEY)}
    found = manager.setup_secrets(["OPENAI_API_KEY", "GROQ_API_KEY", "XAI_API_KEY"])
    assert found.missing == ("OPENAI_API_KEY", "GROQ_API_KEY", "XAI_API_KEY")
    said = repr(found)
    assert "give this notebook access" in said and "no answer (TimeoutError)" in said and KEY not in said
    assert not {"OPENAI_API_KEY", "GROQ_API_KEY", "XAI_API_KEY"} & set(os.environ)


def test_nothing_is_asked_for_where_it_would_be_seen(
    manager: ColabManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(_: str) -> str:
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        return KEY

    monkeypatch.setattr(getpass, "getpass", seen)
    assert manager.setup_secrets(["OPENAI_API_KEY"]).missing and "OPENAI_API_KEY" not in os.environ


def test_the_keys_are_those_of_the_project_or_what_is_named(manager: ColabManager, home: Path) -> None:
    project = from_template("triage")
    assert manager.setup_secrets(project=project, ask=False).rows
    assert repr(manager.setup_secrets(models="sim/target")) == "no key is needed"
    with pytest.raises(SettingsError, match="which keys"):
        manager.setup_secrets()
    with pytest.raises(SettingsError, match="never a key itself") as refused:
        manager.setup_secrets([KEY])
    assert KEY not in str(refused.value)
    with pytest.raises(ModelError) as hidden:
        manager.setup_secrets(models={"model": "openai/x", "api_key_env": KEY})
    assert KEY not in str(hidden.value)


# Cases


def test_cases_are_uploaded_or_taken_from_a_path(
    manager: ColabManager, colab: Colab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "\n".join(f"Ticket {n} \x1b[31mred,{'bug' if n % 2 else 'billing'}" for n in range(20))
    colab.uploads = {"tickets.csv": f"text,label\n{rows}\nTicket 3 \x1b[31mred,bug\n".encode()}
    data = manager.upload_dataset()
    assert len(data) == 21 and data.test
    said = capsys.readouterr().out
    assert "21 cases" in said and "label" in said and "\x1b" not in said
    assert manager.upload_dataset(tmp_path / "tickets.csv") == data
    colab.uploads = {}
    with pytest.raises(SettingsError, match="0 files were uploaded"):
        manager.upload_dataset()


def test_outside_colab_a_path_is_asked_for(
    manager: ColabManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="no file was named"):
        manager.upload_dataset()
    with pytest.raises(SettingsError, match="there is no such file"):
        manager.upload_dataset(tmp_path / "nosuch.csv")
    (tmp_path / "c.jsonl").write_text('{"q": "1+1", "a": "2"}\n' * 3)
    monkeypatch.setattr("builtins.input", lambda _: str(tmp_path / "c.jsonl"))
    assert manager.upload_dataset(inputs=["q"], expected="a").train[0].expected == "2"


# The store, on a machine that is taken away


def test_a_run_comes_back_after_the_machine_was_taken_away(
    bench: Bench,
    loopback: LoopbackServer,
    manager: ColabManager,
    colab: Colab,
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loopback.latency = 0.03
    own = home / "projects" / "p"
    own.parent.mkdir(parents=True)
    project = write_project(own, loopback, SIZES, optimizer={"max_iterations": 3})
    run = promptopt.start(project)
    bench.wait(lambda: loopback.count(answered=True) >= 25)
    keeper = manager.save_to_drive(every=3600)
    assert colab.mounted == [colabs.DRIVE] and keeper.last.live == (run.id,)
    run.pause()
    bench.wait(lambda: run.status == "paused")
    # Calls that were in flight have come to their ends, and are in the store that is kept.
    bench.wait(lambda: bench.answered(run.id) == loopback.count())
    answered = loopback.count(answered=True)
    keeper.save()
    pid = run.row.pid
    assert pid
    os.kill(pid, 9)
    bench.wait(lambda: run.status == "interrupted")

    bench.database.close()
    starting._opened.cache_clear()
    monkeypatch.setenv("PROMPTOPT_HOME", str(tmp_path / "another machine"))
    shutil.rmtree(home)
    back = manager.recover()
    assert [one.id for one in back.runs] == [run.id] and not back.left, back
    assert "paid for once more" in repr(back)
    assert (tmp_path / "another machine" / "projects" / "p" / "project.toml").exists()
    again = back.runs[0]
    if again.status == "paused":
        again.resume()
    bench.wait(lambda: again.status != "starting")
    if again.status == "paused":
        again.resume()
    assert again.wait(60).metadata["test"]
    assert loopback.count(answered=True) > answered and not loopback.answered_twice()


def test_a_run_with_functions_of_its_program_is_left_to_that(
    bench: Bench,
    loopback: LoopbackServer,
    manager: ColabManager,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def short(output: str) -> bool:
        return len(output) < 20

    loopback.latency = 0.02
    project = write_project(tmp_path / "p", loopback, SIZES, optimizer={"max_iterations": 1})
    run = promptopt.start(project, checks=["exact", short])
    bench.until(run.id, lambda state: state.phase == "search")
    manager.save_to_drive(tmp_path / "copies", every=3600)
    run.stop(now=True)
    bench.wait(lambda: run.over)
    starting._opened.cache_clear()
    monkeypatch.setenv("PROMPTOPT_HOME", str(tmp_path / "new"))
    back = manager.recover(tmp_path / "copies")
    assert not back.runs and "the cell that started it" in back.left[run.id]
    again = promptopt.start(project, checks=["exact", short])
    assert again.id == run.id
    again.wait(60)
    assert again.status == "finished"


def test_a_broken_copy_is_passed_over_and_runs_that_are_here_are_kept(
    manager: ColabManager, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database.open()
    run_id = finished_run(database, tmp_path)
    database.close()
    folder = tmp_path / "copies"
    keeper = manager.save_to_drive(folder, every=3600)
    first = keeper.last
    assert keeper.save() is first, "nothing is new"
    from_template("triage")
    second = keeper.save()
    from_template("other")
    third = keeper.save()
    assert sorted(folder.iterdir()) == [second.path, third.path]
    third.path.write_bytes(third.path.read_bytes()[:-2000])

    with pytest.raises(RunError, match=run_id):
        manager.recover(folder)
    monkeypatch.setenv("PROMPTOPT_HOME", str(tmp_path / "new"))
    back = manager.recover(folder)
    assert back.snapshot.path == second.path and not back.runs
    assert [row.id for row in promptopt.list_runs().rows] == [run_id]
    assert (tmp_path / "new" / "projects" / "triage").is_dir()
    with sqlite3.connect(tmp_path / "new" / "store.db") as store:
        assert store.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert manager.recover(folder, replace=True).snapshot.path == second.path
    second.path.unlink()
    with pytest.raises(SettingsError, match="is broken"):
        manager.recover(folder, replace=True)


def test_copies_hold_no_keys_and_reach_no_further_than_their_folder(
    manager: ColabManager, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database.open().close()
    (home / "trusted").write_text("x")
    folder = tmp_path / "copies"
    snapshot = manager.save_to_drive(folder, every=3600).last
    with zipfile.ZipFile(snapshot.path, "a") as archive:
        assert set(archive.namelist()) == {"store.db", "about.json"}
        archive.writestr("projects/../../out.txt", "out")
        archive.writestr("projects/good/project.toml", "in")
    monkeypatch.setenv("PROMPTOPT_HOME", str(tmp_path / "new" / "home"))
    manager.recover(folder)
    assert (tmp_path / "new" / "home" / "projects" / "good" / "project.toml").read_text() == "in"
    assert not list(tmp_path.rglob("out.txt"))
    with pytest.raises(SettingsError, match="found 0 seconds"):
        manager.save_to_drive(folder, every=0)
    for inside in (tmp_path / "new" / "home" / "copies", tmp_path / "new", tmp_path / "new" / "home"):
        with pytest.raises(SettingsError, match="local disk"):
            manager.save_to_drive(inside)


def test_a_drive_that_goes_away_is_said_once_and_ends_nothing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Database.open().close()
    keeper = keeping.Keeper(tmp_path / "copies", 3600)
    shutil.rmtree(tmp_path / "copies")
    (tmp_path / "copies").write_text("in the way")
    for number in range(3):
        from_template(f"p{number}")
        keeper._try()
    assert capsys.readouterr().out.count("can't be written") == 1 and "failed" in repr(keeper)
    (tmp_path / "copies").unlink()
    keeper.stop()
    assert not keeper.problem and len(list((tmp_path / "copies").iterdir())) == 1


# Results, the machine, the proxy


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_results_are_one_page_that_loads_nothing(
    manager: ColabManager, colab: Colab, home: Path, tmp_path: Path
) -> None:
    database = Database.open()
    run_id = finished_run(database, tmp_path)
    row = Runs(database).find(run_id)
    path = manager.create_shareable_results()
    assert colab.downloaded == [str(path)] and run_id in path.name
    text = path.read_text(encoding="utf-8")
    again = manager.create_shareable_results(run_id, tmp_path / "b.html").read_text(encoding="utf-8")
    assert again.splitlines()[:-3] == text.splitlines()[:-3], "all but when it was written"
    assert ("Simulated." in text) == row.simulated and "sealed test" in text and "<ins>" in text
    tags = Tags()
    tags.feed(text)
    assert not [tag for tag, _ in tags.found if tag in ("script", "link", "img", "iframe", "object", "base")]
    assert not [attrs for _, attrs in tags.found if {"src", "href", "onload", "onclick"} & set(attrs)]
    assert not re.search(r"https?://|url\(|@import", text)
    database.close()
    with pytest.raises(SettingsError, match="can't be written"):
        manager.create_shareable_results(run_id, tmp_path / "no" / "such" / "page.html")
    with pytest.raises(PromptoptError, match="there is no run"):
        manager.create_shareable_results("nosuch")


def test_what_a_prompt_says_is_text(home: Path) -> None:
    hostile = "<script>alert(1)</script> {{ 7*7 }} \x1b[31m \u202eabc"
    with Database.open().engine.connect():
        database = Database.open()
        how: Any = {"models": {"target": {"model": "sim/target", "latency": 0}}, "name": hostile}
        cases = [{"text": f"{hostile} {n}", "label": hostile} for n in range(4)]
        found = promptopt.evaluate(hostile + " Say {text}.", cases, **how)
    assert found.results
    text = page_of(database, "latest")
    database.close()
    assert "<script" not in text and "&lt;script&gt;" in text and "{{ 7*7 }}" in text
    assert "\x1b" not in text and "\u202e" not in text and "<strong>Simulated.</strong>" in text


def test_a_small_machine_makes_fewer_calls_at_once(
    manager: ColabManager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(colabs, "machine", lambda: Machine(2, 12.7))
    made = manager.fit({"target": "sim/target", "judge": {"model": "sim/judge", "max_concurrency": 1}})
    assert made == {
        "target": {"model": "sim/target", "max_concurrency": 8},
        "judge": {"model": "sim/judge", "max_concurrency": 1},
    }
    assert "fewer calls at once" in capsys.readouterr().out
    assert fitted({"target": {"model": "x"}}, Machine(8, 32.0)) == ({"target": {"model": "x"}}, "")
    assert ColabManager().machine.cores


def test_a_port_is_reached_through_the_proxy(manager: ColabManager, colab: Colab) -> None:
    assert manager.link(8000) == "https://8000-colab.example/"
    assert colab.scripts == ["google.colab.kernel.proxyPort(8000)"]


def test_a_port_is_reached_directly_elsewhere(manager: ColabManager) -> None:
    assert manager.link(8000) == "http://127.0.0.1:8000/"
