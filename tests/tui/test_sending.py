"""What a run would send of personal data and secrets: told before it starts, and counted while it runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain import events as ev
from promptopt.reporting.markdown import report
from promptopt.reporting.page import page_of
from promptopt.runs.aftermath import at_once
from promptopt.runs.state import fold
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from promptopt_tui import paint
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.screens.home import HomeScreen
from promptopt_tui.screens.project.screen import ProjectScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.screens.sending import settings_to_decide
from promptopt_tui.views.compliance import finding_lines
from tests.tui.look import text

Make = Callable[..., Any]
SIZE = (120, 40)

PROJECT = """\
name = "replies"
prompt = "Answer."
{compliance}
[models.target]
model = "{model}"

[models.optimizer]
model = "{model}"

[[checks]]
type = "exact"

[data]
cases = [
    {{ input = "My mail is jane.doe@example.com", expected = "a" }},
    {{ input = "{second}", expected = "b" }},
    {{ input = "three", expected = "c" }},
    {{ input = "four", expected = "d" }},
    {{ input = "five", expected = "e" }},
    {{ input = "six", expected = "f" }},
]
"""
FOUND = {
    "places": [
        {"where": "case 2, [b]input[/b]", "case_id": "2", "kind": "secret", "start": 4, "end": 24},
        {"where": "case \u202e1 漢字, input", "case_id": "1", "kind": "email", "start": 11, "end": 31},
    ],
    "counts": {"secret": 1, "email": 1},
    "actions": {"secret": "block", "email": "allow"},
    "cases_looked_through": 6,
    "profiles": [],
    "chosen": False,
    "away": True,
}
KEY = "AKIA" + "IOSFODNN7EXAMPLE"


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Writes a project whose first case has an e-mail address in it."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")

    def write(compliance: str = "", second: str = "two", model: str = "openai/gpt-4o-mini") -> Path:
        path = home / "projects" / "replies" / "project.toml"
        path.parent.mkdir(parents=True)
        path.write_text(PROJECT.format(compliance=compliance, second=second, model=model), "utf-8")
        return path

    return write


async def starting(pilot: Any, settle: Make, press: Make) -> None:
    await settle(pilot)
    await press(pilot, "tab", "r")


@pytest.mark.parametrize(
    ("key", "written"), [("n", ""), ("r", 'pii = "redact"'), ("y", 'pii = "allow"'), ("o", "")]
)
async def test_personal_data_goes_out_only_if_somebody_has_decided_that(
    project: Make,
    make_app: Make,
    settle: Make,
    press: Make,
    started: list[str],
    key: str,
    written: str,
) -> None:
    path = project()
    async with make_app().run_test(size=SIZE) as pilot:
        await starting(pilot, settle, press)
        body = text(pilot, "body")
        assert "! would be sent as it is" in body and "e-mail address  in 1 case" in body
        assert "case 1, input: e-mail address at characters" in body and 'pii = "redact"' in body
        assert "jane" not in body
        await press(pilot, key)
        shown = {"n": HomeScreen, "o": ProjectScreen}.get(key, RunScreen)
        assert isinstance(pilot.app.screen, shown) and bool(started) == (shown is RunScreen)
    said = path.read_text("utf-8")
    assert written in said and ("[compliance]" in said) == bool(written)


async def test_what_was_decided_is_asked_no_more(
    project: Make, make_app: Make, settle: Make, press: Make, started: list[str]
) -> None:
    project('[compliance]\npii = "allow"\n')
    async with make_app().run_test(size=SIZE) as pilot:
        await starting(pilot, settle, press)
        assert isinstance(pilot.app.screen, RunScreen) and started


async def test_nothing_is_asked_where_nothing_leaves_the_machine(
    project: Make, make_app: Make, settle: Make, press: Make, started: list[str]
) -> None:
    project(model="sim/target")
    async with make_app().run_test(size=SIZE) as pilot:
        await starting(pilot, settle, press)
        assert isinstance(pilot.app.screen, RunScreen) and started


async def test_what_a_policy_holds_back_is_told_with_how_to_mend_it(
    project: Make, make_app: Make, settle: Make, press: Make, started: list[str]
) -> None:
    path = project(second=f"the key is {KEY}")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await starting(pilot, settle, press)
        body = text(pilot, "body")
        assert "✗ would not be sent" in body and "key or password  in 1 case" in body and KEY not in body
        assert body.index("case 2, input") < body.index("case 1, input"), "what hinders comes first"
        assert "Send it as it is" not in text(pilot, "menu")
        await press(pilot, "r")
        assert isinstance(pilot.app.screen, RunScreen) and started
    said = path.read_text("utf-8")
    assert 'secrets = "redact"' in said and 'pii = "redact"' in said, "nobody has said that it may go out"


async def test_a_profile_lets_nobody_send_secrets(
    project: Make, make_app: Make, settle: Make, press: Make, started: list[str]
) -> None:
    project('[compliance]\nprofile = "gdpr"\n', second=f"the key is {KEY}")
    async with make_app().run_test(size=SIZE) as pilot:
        await starting(pilot, settle, press)
        assert isinstance(pilot.app.screen, Dialog) and "Send placeholders" not in text(pilot, "menu")
        assert "✓ would be sent as placeholders" in text(pilot, "body")
        await press(pilot, "escape")
        assert not started


async def test_a_project_is_looked_through_while_it_is_edited(
    project: Make, make_app: Make, settle: Make, press: Make
) -> None:
    project(model="sim/target")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "tab", "enter", "7")
        assert "v looks what a run would send" in " ".join(text(pilot, "aside").split())
        await press(pilot, "v")
        assert "! would be sent as it is" in text(pilot, "aside")


def test_lines_of_findings_fit_and_show_no_value() -> None:
    places = [
        {"where": f"case {'x' * 90}{n}, input", "case_id": str(n), "kind": "email", "start": 3, "end": 9}
        for n in range(30)
    ]
    found = {
        "places": places,
        "counts": {"email": 30},
        "actions": {"email": "block"},
        "cases_looked_through": 2000,
        "chosen": True,
        "away": True,
    }
    for width in (40, 76, 112):
        lines = finding_lines(found, width)
        assert all(paint.width_of(line) <= width for line in lines)
        assert "18 more" in paint.plain(lines)
    assert settings_to_decide(found) == ["pii"]
    assert settings_to_decide({**found, "actions": {"email": "allow"}}) == []
    assert settings_to_decide({**found, "actions": {"email": "allow"}, "chosen": False}) == ["pii"]
    assert "nothing personal" in paint.plain(finding_lines({**found, "places": []}, 76))


async def test_what_was_kept_from_the_models_is_counted_everywhere(
    story: Make, make_app: Make, settle: Make, press: Make
) -> None:
    told = story().live()
    told.tell(ev.Withheld(redacted={"email": 7, "name": 1}, calls=6, refused={"iban": 2}))
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "8 placeholders sent" in text(pilot, "header")
        budget = " ".join(text(pilot, "budget").split())
        assert "sent as placeholders in 6 calls: 1 name, 7 e-mail addresses" in budget
        assert "calls with 2 IBANs" in budget
        told.finish_from_live()
        await settle(pilot)
        await press(pilot, "o")
        assert "1 name, 7 e-mail addresses" in " ".join(text(pilot, "verdict").split())
    state, row = fold(RunLog(told.database, told.run_id)), Runs(told.database).find(told.run_id)
    words = report(state, row, at_once(state))
    assert "- sent as placeholders in 6 calls: 1 name, 7 e-mail addresses" in words
    assert "- not sent, by compliance: calls with 2 IBANs" in words
    page = page_of(told.database, told.run_id)
    assert "What was kept from the models" in page and "1 name, 7 e-mail addresses" in page


def test_nothing_is_told_where_nothing_was_kept(story: Make) -> None:
    told = story().finish()
    state, row = fold(RunLog(told.database, told.run_id)), Runs(told.database).find(told.run_id)
    assert "kept from the models" not in report(state, row, at_once(state))
    assert "kept from the models" not in page_of(told.database, told.run_id)
