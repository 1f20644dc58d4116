"""What is asked of the engine's command line."""

import os
import sys
import time
from pathlib import Path

import pytest

from promptopt_tui import errands
from promptopt_tui.projects import Projects


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def project(folder: Path) -> Path:
    path = folder / "project.toml"
    path.write_text('name = "x"\nprompt = "Sort."\n[models.target]\nmodel = "sim/target"\n', "utf-8")
    return path


def never() -> None:
    raise AssertionError("no store is needed")


def test_settings_of_an_optimizer_come_typed() -> None:
    settings = {setting.name: setting for setting in Projects(never).optimizer("grpo")}  # type: ignore[arg-type]
    assert settings["group"].kind == "whole" and settings["group"].doc
    assert settings["race"].choices == ("paired_t", "halving", "none")


def test_a_draft_is_judged_in_its_place_and_leaves_nothing(tmp_path: Path) -> None:
    path = project(tmp_path)
    text = path.read_text("utf-8") + '[data]\ncases = [{ input = "ä", expected = "b" }]\n'
    found = Projects(never).check(path, text, "b ␛\x1b", "1", ask=False)  # type: ignore[arg-type]
    assert found["passed"] is False and found["checks"][0]["name"] == "exact"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".draft")] == []


def test_what_is_refused_is_told_with_its_fix(tmp_path: Path) -> None:
    with pytest.raises(errands.ErrandFailed) as refused:
        errands.ask("check", str(project(tmp_path)), "--output", "x")
    assert "there are no cases" in refused.value.what
    assert "data.file" in refused.value.fix


def test_what_is_said_of_a_draft_is_said_of_the_file_itself(tmp_path: Path) -> None:
    path = project(tmp_path)
    code = '[[checks]]\ntype = "assertion"\nsandbox = "python"\ncode = "assert output"\n'
    text = path.read_text("utf-8") + code + '[data]\ncases = [{ input = "a" }]\n'
    with pytest.raises(errands.ErrandFailed) as refused:
        Projects(never).check(path, text, "x", "", ask=False)  # type: ignore[arg-type]
    assert f"promptopt trust {path}" in refused.value.fix and ".draft" not in str(refused.value)


def test_one_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(errands.ErrandFailed, match="no answer within"):
        errands.ask("optimizers", patience=0.001)


def ended(errand: errands.Errand) -> errands.Errand:
    deadline = time.monotonic() + 60
    while not errand.over and time.monotonic() < deadline:
        time.sleep(0.02)
    assert errand.over
    return errand


def test_an_errand_answers_when_it_is_over() -> None:
    assert {each["name"] for each in ended(errands.Errand("optimizers")).answer()} >= {"refine", "grpo"}


def test_an_errand_that_fails_says_why() -> None:
    errand = ended(errands.Errand("monitor", "nothing", "--cases=/no/such.csv"))
    with pytest.raises(errands.ErrandFailed) as failed:
        errand.answer()
    assert "no deployment" in failed.value.what and failed.value.where == "promptopt monitor"
