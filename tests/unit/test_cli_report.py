"""report on the command line."""

import json
from pathlib import Path

import pytest

from promptopt.store.database import Database
from promptopt_tui import paint
from promptopt_tui.views.business import case_lines
from tests.unit.command_line import CommandLine
from tests.unit.finished_run import finished_run


@pytest.fixture
def run_id(home: Path, tmp_path: Path) -> str:
    """A finished run in the store."""
    return finished_run(Database.open(), tmp_path, simulated=True)


def test_a_report_of_a_run(cli: CommandLine, run_id: str, tmp_path: Path) -> None:
    out, kept = tmp_path / "board", tmp_path / "ours.yaml"
    options = ("--scenario", "email", "--set", "hourly_cost=40..60", "--set", "people=7", "--out", str(out))
    result = cli("report", run_id, *options, "--save-assumptions", str(kept), "--json")
    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert found["scenario"] == "internal_email"
    assert found["simulated"] is True
    assert found["advice"] != "recommended" or found["headline"].startswith("No decision can rest on this")
    assert found["quantities"]["hourly_cost"]["why"] == "Given with --set."
    assert found["quantities"]["people"]["value"] == 7
    assert {Path(one).name for one in found["files"]} == {
        "business-case.md",
        "business-case.html",
        "ours.yaml",
    }
    told = found["told"]
    marks = {
        mark for part in ("asked", "measured", "influences") for one in told[part] for mark in one["marks"]
    }
    assert marks == {source["mark"] for source in told["sources"]}, (
        "every figure has its source, and no other"
    )
    assert {one["label"] for one in told["asked"]} >= {"Set-up, once", "ROI, first year", "Paid back after"}
    assert "Set-up, once" in paint.plain(case_lines(found, 76))
    assert f"run {run_id}" in (out / "business-case.md").read_text(encoding="utf-8")
    again = cli("report", run_id, "--assumptions", str(kept), "--out", str(out), "--format", "md", "--json")
    second = json.loads(again.out)
    assert second["scenario"] == "internal_email"
    assert second["npv"] == found["npv"]


def test_a_report_in_lines(cli: CommandLine, run_id: str, tmp_path: Path) -> None:
    result = cli("report", "latest", "--out", str(tmp_path / "r"), "--format", "md")
    assert result.status == 0, result.err
    figures = [line for line in result.out.splitlines() if line.startswith("  ") and "$" in line]
    assert figures
    assert all("(simulated)" in line for line in figures if ": " in line and "shown" not in line)
    assert "assumptions are placeholders" in result.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scenario", "supprt"), "there is no scenario"),
        (("--set", "hourly_cost"), "names no value"),
        (("--set", "hourly=40"), "there is no assumption"),
        (("--set", "transfer=2"), "share lies in [0, 1]"),
        (("--format", "pdf"), "there is no format"),
        (("--assumptions", "nowhere.yaml"), "can't be read"),
        (("--save-assumptions", "a.txt"), "TOML or YAML"),
    ],
)
def test_what_is_refused(
    cli: CommandLine, run_id: str, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    result = cli("report", run_id, "--out", str(tmp_path / "r"), *options)
    assert result.status == 2
    assert said in result.err
