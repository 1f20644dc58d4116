"""`promptopt check`: what the checks say of one output."""

from pathlib import Path

import pytest

from tests.unit.command_line import CommandLine

PROJECT = """\
name = "tickets"
prompt = "Sort."
[models.target]
model = "sim/target"
[models.judge]
model = "sim/judge"
latency = 0.0
[data]
cases = [
  { id = "one", input = "a", expected = "x" },
  { id = "two", input = "b", expected = "y" },
]
[[checks]]
type = "exact"
weight = 3.0
[[checks]]
type = "length"
unit = "words"
max = 2
[[checks]]
type = "judge"
name = "tone"
rubric = "It is polite."
[[task.constraints]]
name = "short"
max_chars = 10
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "project.toml"
    path.write_text(PROJECT, "utf-8")
    return path


def test_every_check_says_what_it_thinks_and_no_model_is_asked(cli: CommandLine, project: Path) -> None:
    (found,) = cli("check", str(project), "--output", "y and more", "--case", "two", "--json").objects
    assert [(each["name"], each["passed"]) for each in found["checks"]] == [
        ("exact", False), ("length", False), ("constraint short", True),
    ]  # fmt: skip
    assert found["left_out"] == ["tone"] and found["passed"] is False
    assert found["score"] == pytest.approx(sum(e["weight"] * e["score"] for e in found["checks"]) / 5)


def test_in_words(cli: CommandLine, project: Path) -> None:
    said = cli("check", str(project), "--output", "x")
    assert "case one: ✓ passes, score 100.0%" in said.out
    assert "✓ exact  100.0%, weight 3" in said.out
    assert "left out" in said.err and "tone" in said.err


def test_the_judge_is_asked_when_that_is_wanted(cli: CommandLine, project: Path) -> None:
    (found,) = cli("check", str(project), "--output", "x", "--ask", "--json").objects
    assert [each["name"] for each in found["checks"]] == ["exact", "length", "tone", "constraint short"]
    assert found["left_out"] == []
    assert "the judge gives" in found["checks"][2]["reason"]


def test_the_output_is_read_from_standard_input(
    cli: CommandLine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("x"))
    (found,) = cli("check", str(project), "--output", "-", "--json").objects
    assert found["passed"] is True


def test_code_runs_only_once_it_is_trusted(cli: CommandLine, project: Path) -> None:
    code = '[[checks]]\ntype = "assertion"\nsandbox = "python"\ncode = "assert len(output) == 1"\n'
    project.write_text(PROJECT + code, "utf-8")
    refused = cli("check", str(project), "--output", "x")
    assert refused.status == 2 and "promptopt trust" in refused.err
    cli("trust", str(project))
    assert "✓ assertion" in cli("check", str(project), "--output", "x").out


def test_a_case_that_is_not_there(cli: CommandLine, project: Path) -> None:
    assert "there is no case 'three'" in cli("check", str(project), "--output", "x", "--case", "three").err
