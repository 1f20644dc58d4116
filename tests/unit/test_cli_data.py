"""data generate, review, save, scenarios, validate on the command line."""

import io
import json
import sys
from pathlib import Path

import pytest

from promptopt.domain.settings import ModelSettings
from promptopt.runs.generating import GenerationPlan, create_generation
from promptopt.runs.inprocess import run_here
from promptopt.runs.own import NOTHING
from promptopt.store.database import Database
from promptopt.synthetic.scenarios import find_scenario
from tests.unit.command_line import CommandLine


@pytest.fixture
def made(home: Path) -> str:
    """A run that has made twelve cases."""
    database = Database.open()
    plan = GenerationPlan(scenario=find_scenario("email"), company="Company: Acme", count=12)
    run_id = create_generation(database, plan, {"generator": ModelSettings(model="sim/generator", latency=0)})
    run_here(database, run_id, NOTHING, lambda _stored, _state: None)
    database.close()
    return run_id


def test_a_quote_sends_nothing(cli: CommandLine) -> None:
    wanted = ("data", "generate", "support", "-n", "40", "--simulate", "--quote")
    said = cli(*wanted, "--company", "examples/acme.yaml")
    assert said.status == 0 and "40 cases for customer_support" in said.out and "(simulated)" in said.out
    (table,) = cli(*wanted, "--json").objects
    assert table["cases"] == 40 and table["calls"]["low"] == 48
    assert "there is no run" in cli("show", "latest").err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("suport",), "did you mean 'customer_support'"),
        (("support", "--persona", "angry"), "no 'angry' among its personas"),
        (("support", "--out", "a.xlsx"), "can't be written as '.xlsx'"),
        (("support", "--company", "gone.yaml"), "no such company file"),
        (("support", "--model", "openai/x"), "to try without any key"),
    ],
)
def test_what_cannot_be_made_starts_nothing(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    simulate = () if "--model" in arguments else ("--simulate",)
    result = cli("data", "generate", *arguments, *simulate)
    assert result.status == 2 and said in result.err
    assert "there is no run" in cli("show", "latest").err


def test_what_was_made_is_shown_reviewed_and_saved(
    cli: CommandLine, made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = cli("show", made).out
    assert "12 of 12 cases made" in shown and "persona" in shown and "quality" in shown
    monkeypatch.setattr(sys, "stdin", io.StringIO("k\nd Too odd\nx\ns\nu\nk it is Fine\nq\n"))
    sitting = cli("data", "review", made)
    assert sitting.status == 0 and "12 cases: 2 kept, 0 edited, 0 dropped, 10 open" in sitting.out
    monkeypatch.setattr(sys, "stdin", io.StringIO("d Too odd\n"))
    cli("data", "review", made)
    (standing,) = cli("data", "review", made, "--json").objects
    assert (standing["dropped"], standing["open"]) == (1, 9)
    assert {"Too odd", "it is Fine"} <= {each["reason"] for each in standing["decided"]}
    out = tmp_path / "cases.jsonl"
    assert cli("data", "save", made, "--out", str(out), "--project", "mails").status == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 11 and lines[0]["provenance"]["simulated"] and lines[0]["provenance"]["run"] == made
    assert cli("data", "save", made, "--out", str(out)).status == 2
    assert cli("data", "save", made, "--out", str(out), "--overwrite", "--reviewed-only").status == 0
    assert len(out.read_text().splitlines()) == 2
    assert cli("data", "save", made).status == 2
    assert json.loads(cli("data", "splits", "mails", "--json").out)


def test_an_edit_in_the_editor_is_kept(
    cli: CommandLine, made: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "edit.py"
    script.write_text(
        "import sys, pathlib\np = pathlib.Path(sys.argv[1])\np.write_text('New input\\n' + p.read_text())\n"
    )
    monkeypatch.setenv("VISUAL", f'"{sys.executable}" "{script}"')
    monkeypatch.setattr("promptopt.cli.output.on_terminal", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("e\nq\n"))
    assert "1 edited" in cli("data", "review", made).out
    out = tmp_path / "cases.jsonl"
    cli("data", "save", made, "--out", str(out), "--reviewed-only")
    (line,) = [json.loads(each) for each in out.read_text().splitlines()]
    assert line["input"].startswith("New input\n")


def test_a_file_is_reviewed_too(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "my.jsonl"
    path.write_text(
        "".join(json.dumps({"input": f"\x1b[31mred {n}", "expected": "a"}) + "\n" for n in range(3))
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO("k\nd\nk\n"))
    said = cli("data", "review", str(path))
    assert "\x1b" not in said.out and "3 cases: 2 kept, 0 edited, 1 dropped, 0 open" in said.out
    out = tmp_path / "kept.csv"
    assert cli("data", "review", str(path), "--out", str(out)).status == 0
    assert out.read_text(encoding="utf-8-sig").count("red") == 2


def test_what_a_review_writes_is_said_and_undecided_cases_can_be_left_out(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = tmp_path / "my.jsonl", tmp_path / "kept.csv"
    texts = ["=1+1", "+49 30", "plain", *(f"plain {n}" for n in range(7))]
    path.write_text(
        "".join(json.dumps({"input": text, "expected": "-" + "a" * 250}) + "\n" for text in texts)
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO("k\nk\nd\nq\n"))
    said = cli("data", "review", str(path), "--out", str(out))
    assert "10 cases" not in said.err and "9 cases written: 2 kept, 0 edited, 7 undecided" in said.err
    assert "--reviewed-only leaves these out" in said.err and "left out: 1 dropped:" in said.err
    assert (
        "11 cells begin with =, +, -, @" in said.err and ".jsonl and .json have no such problem" in said.err
    )
    assert "=1+1" in out.read_text(encoding="utf-8-sig")
    assert "project.toml" not in said.err and "hardly ever pass" not in said.err
    monkeypatch.setattr(sys, "stdin", io.StringIO("q\n"))
    lines = tmp_path / "kept.jsonl"
    said = cli("data", "review", str(path), "--out", str(lines), "--reviewed-only")
    assert "2 cases written: 2 kept, 0 edited; left out: 1 dropped, 7 undecided" in said.err
    assert len(lines.read_text().splitlines()) == 2 and "formula" not in said.err
    told = " ".join(cli("data", "review", "--help").out.split())
    assert "nobody has decided on" in told and "--reviewed-only" in told


def test_only_runs_that_make_cases_have_cases_to_review(cli: CommandLine) -> None:
    assert "there is no run 'nothing'" in cli("data", "review", "nothing").err


def test_scenarios_are_listed_and_told(cli: CommandLine) -> None:
    assert "customer_support" in cli("data", "scenarios").out
    assert "angry customer" in cli("data", "scenarios", "support").out
    assert json.loads(cli("data", "scenarios", "email", "--json").out)["name"] == "internal_email"


def test_validate_states_the_parts_and_is_stricter_if_asked(cli: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "ok.jsonl"
    rows = [
        {"input": f"question {n} on {n * 7919 % 1000} and {n * 104729 % 1000}", "expected": "ab"[n % 2]}
        for n in range(30)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[0]]))
    plain = cli("data", "validate", str(path))
    assert "quality " in plain.out and "balanced" in plain.out
    (report,) = cli("data", "validate", str(path), "--strict", "--json").objects
    assert report["bad"] and report["parts"]["unique"] < 1 and 0 < report["quality_score"] <= 10
    assert cli("data", "validate", str(path), "--strict").status == 1
