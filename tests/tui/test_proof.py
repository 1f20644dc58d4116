"""Proofs of concept: listed at home, asked for, watched, steered, and what they wrote opened."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from promptopt.domain.errors import RunError
from promptopt.store.pocs import Pocs
from promptopt.store.runs import Runs
from promptopt_tui.errands import ErrandFailed
from promptopt_tui.makings import Makings
from promptopt_tui.proofs import Proofs, ProofWish
from promptopt_tui.screens.comparing import CompareScreen
from promptopt_tui.screens.deployments import DeploymentsScreen
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.screens.home import HomeScreen
from promptopt_tui.screens.making import ScenarioScreen
from promptopt_tui.screens.proof import ProofScreen
from promptopt_tui.screens.queue import QueueScreen
from promptopt_tui.screens.run import RunScreen
from tests.tui.look import text

from .test_making import SCENARIO

Make = Callable[..., Any]
SIZE = (120, 40)
SPREAD = {"low": 8.0, "likely": 90.0, "high": 870.0}
NEED: dict[str, Any] = {
    "name": "data", "title": "cases", "calls": SPREAD, "tokens": SPREAD, "minutes": SPREAD,
    "usd": {"low": 0.01, "likely": 0.02, "high": 0.75}, "caps": {"usd": 1.0}, "note": "",
}  # fmt: skip
ESTIMATE: dict[str, Any] = {
    "name": "Acme Corp: Customer support",
    "simulated": False,
    "count": 200,
    "stages": [
        NEED,
        {**NEED, "title": "comparison", "note": "left out: grpo, [b]too dear[/b]", "usd": None},
        {**NEED, "title": "consistency", "calls": {**SPREAD, "high": None}},
    ],
    "notes": ["retries are not counted"],
    "problem": None,
}


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command line would answer, and what it was asked."""
    told: dict[str, Any] = {"estimate": ESTIMATE, "asked": [], "started": [], "resumed": [], "known": False}

    def estimate(self: Proofs, wish: ProofWish) -> Mapping[str, Any]:
        told["asked"].append(wish)
        return told["estimate"] if wish.model else {**ESTIMATE, "simulated": True}

    def start(self: Proofs, wish: ProofWish) -> tuple[str, bool]:
        told["started"].append(wish)
        return "latest", told["known"] and not wish.fresh

    def ask(*arguments: str, **_: Any) -> Any:
        told["resumed"].append(arguments)
        return {"poc_id": arguments[2]}

    monkeypatch.setattr(Makings, "scenarios", lambda self: [SCENARIO])
    monkeypatch.setattr(Proofs, "estimate", estimate)
    monkeypatch.setattr(Proofs, "start", start)
    monkeypatch.setattr("promptopt_tui.proofs.errands.ask", ask)
    return told


async def fill(pilot: Pilot[int], **values: str) -> None:
    """Put values into the fields of a dialog, by their places."""
    for place, value in values.items():
        pilot.app.screen.query_one(f"#field-{place.lstrip('_')}", Input).value = value
    await pilot.pause()


async def opened(pilot: Pilot[int], settle: Make) -> ProofScreen:
    """The screen of the newest one, opened from the list at home."""
    await settle(pilot)
    for key in ("tab", "tab", "enter"):
        await pilot.press(key)
        await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, ProofScreen)
    return screen


def notes(pilot: Pilot[int]) -> str:
    return "\n".join(note.message for note in pilot.app._notifications)


# At home


async def test_home_lists_them_with_status_stage_share_and_money(
    make_app: Make, proving: Make, settle: Make, press: Make
) -> None:
    proving(name="[b]bold[/b] claims").held()
    proving().live()
    async with make_app().run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        await press(pilot, "tab", "tab")
        listed = text(pilot, "proofs")
        assert "● Acme Corp: Customer support" in listed and "◆ [b]bold[/b] claims" in listed
        assert "50%" in listed and "21%" in listed
        about = text(pilot, "detail")
        assert "running (simulated) · comparison: 2 of 4 runs" in about and "of $5.00" in about
        await press(pilot, "down", "R")
        assert isinstance(pilot.app.screen, ProofScreen)
        await press(pilot, "q", "y")
        assert pilot.app.clipboard == pilot.app.screen.query_one("#proofs").row.row.id
        assert not pilot.app.screen.may("home.delete") and not pilot.app.screen.may("home.archive")
        await press(pilot, "slash", *"bold")
        assert "Acme Corp" not in text(pilot, "proofs") and "claims" in text(pilot, "proofs")


async def test_without_any_there_is_no_list_of_them(make_app: Make, settle: Make, press: Make) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert not pilot.app.screen.query_one("#proofs").display
        await press(pilot, "tab", "tab")
        assert pilot.app.screen.query_one("#runs").has_focus


async def test_one_whose_plan_can_not_be_read_hides_no_other(
    make_app: Make, proving: Make, settle: Make
) -> None:
    broken = proving(name="broken")
    Pocs(broken.database).replan(broken.poc_id, "{")
    proving()
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        assert "broken" in text(pilot, "proofs") and "Acme" in text(pilot, "proofs")


async def test_the_palette_opens_them(make_app: Make, proving: Make, settle: Make) -> None:
    proving().live()
    from promptopt_tui.palette import PlaceCommands

    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        provider = PlaceCommands(pilot.app.screen)
        await provider.startup()
        command = next(c for c in provider.commands() if c.name.startswith("proof: open"))
        command.run()
        await settle(pilot)
        assert isinstance(pilot.app.screen, ProofScreen)


# A new one


async def test_from_a_scenario_over_the_estimate_to_its_screen(
    make_app: Make, proving: Make, settle: Make, press: Make, engine: dict[str, Any], tmp_path: Path
) -> None:
    proving().live()
    cases = tmp_path / "cases.csv"
    cases.write_text("input\na\n")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "P")
        assert isinstance(pilot.app.screen, ScenarioScreen)
        await press(pilot, "enter")
        await fill(
            pilot, _0="examples/acme.yaml", _1=str(tmp_path / "none.csv"), _2="0", _6="none", _7="maybe"
        )
        await press(pilot, "enter")
        assert not engine["asked"]
        await fill(
            pilot, _1=str(cases), _2="", _4="openai/gpt-4o-mini", _6="1,000", _7="yes", _8=str(tmp_path)
        )
        await press(pilot, "enter")
        wish = engine["asked"][0]
        assert wish == ProofWish(
            "support", "examples/acme.yaml", str(cases), model="openai/gpt-4o-mini", usd="1000", review=True,
            out=str(tmp_path),
        )  # fmt: skip
        said = text(pilot, "body")
        assert "comparison: left out: grpo, [b]too dear[/b]" in said and "unknown" in said
        assert "870" in said and "$0.75" in said and "retries are not counted" in said
        await press(pilot, "y")
        assert engine["started"] == [wish] and isinstance(pilot.app.screen, ProofScreen)


async def test_without_a_key_only_the_simulator_is_offered(
    make_app: Make, proving: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    proving().live()
    problem = {"what": "no key for openai/gpt-4o-mini", "where": "models.target", "fix": "the simulator"}
    engine["estimate"] = {**ESTIMATE, "problem": problem}
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "P", "enter")
        await fill(pilot, _4="openai/gpt-4o-mini")
        await press(pilot, "enter")
        assert "no key for openai/gpt-4o-mini" in text(pilot, "body")
        await press(pilot, "y")
        assert not engine["started"]
        await press(pilot, "s")
        assert engine["started"] == [ProofWish("support")]


async def test_the_same_again_is_shown_or_started_anew(
    make_app: Make, proving: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    proving().over()
    engine["known"] = True
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "P", "enter", "enter", "y", "f")
        assert [wish.fresh for wish in engine["started"]] == [False, True]
        assert isinstance(pilot.app.screen, ProofScreen)


def test_a_wish_is_said_as_the_command_line_takes_it() -> None:
    wish = ProofWish("support", "a.yaml", count="80", strong="--evil", usd="5", review=True)
    assert wish.arguments == [
        "--scenario=support", "--company=a.yaml", "--count=80", "--optimizer-model=--evil", "--max-usd=5",
        "--review",
    ]  # fmt: skip


# Its screen


async def test_it_shows_stages_figures_the_one_budget_and_what_comes_next(
    make_app: Make, proving: Make, settle: Make
) -> None:
    told = proving(usd=5.0).live()
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, settle)
        stages = text(pilot, "stages")
        assert "quality 8.4 of 10, 36 cases, 14 of them sealed" in stages
        assert "2 of 4 runs, best on validation so far 87% (dspy-mipro)" in stages
        assert screen.query_one("#stages").row.name == "comparison"
        assert "grpo" not in text(pilot, "runs") and "dspy-mipro" in text(pilot, "runs")
        found = text(pilot, "found")
        assert "+12.4 points [+4.7, +19.3]: better" in found and f"run {told.run_ids[0]}" in found
        assert "consistency, then business case and package" in found
        assert "one budget over all stages" in found and "of 4,000" in found and "SIMULATED" in found
        assert "No decision can rest on this" not in found  # it is not over


async def test_a_stage_opens_its_run_or_leads_to_its_runs(
    make_app: Make, proving: Make, settle: Make, press: Make
) -> None:
    told = proving().live()
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, settle)
        await press(pilot, "enter")
        assert screen.query_one("#runs").has_focus
        await press(pilot, "down", "enter")
        assert isinstance(pilot.app.screen, RunScreen) and pilot.app.screen.run_id == told.run_ids[2]
        await press(pilot, "q", "shift+tab", "g", "enter")
        assert isinstance(pilot.app.screen, RunScreen) and pilot.app.screen.run_id == told.run_ids[0]
        await press(pilot, "q", "down", "enter")
        assert "This stage has no run" in notes(pilot)


async def test_it_is_paused_goes_on_and_is_stopped(
    make_app: Make, proving: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    told = proving().live()

    def wish() -> str:
        return told.pocs.find(told.poc_id).wish

    async with make_app().run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle)
        await press(pilot, "space")
        assert wish() == "pause" and "pausing" in text(pilot, "header")
        told.say("paused")
        Pocs(told.database).wish(told.poc_id, "pause")
        pilot.app.screen.freshen()
        await settle(pilot)
        assert "no call starts until you let it go on" in text(pilot, "news")
        await press(pilot, "space")
        assert wish() == "" and not engine["resumed"]
        await press(pilot, "s", "n")
        assert wish() == ""
        await press(pilot, "s", "y")
        assert wish() == "stop" and "stopping" in text(pilot, "header")
        await press(pilot, "R")
        assert "It is under way" in notes(pilot) and not engine["resumed"]


async def test_cases_that_the_gate_refuses_wait_for_a_word(
    make_app: Make, proving: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    told = proving().held()
    async with make_app().run_test(size=(80, 24)) as pilot:
        await opened(pilot, settle)
        assert "do not pass the gate: 12 of 60 cases hold private" in text(pilot, "news")
        await press(pilot, "R", "n")
        assert not engine["resumed"]
        await press(pilot, "R", "c")
        assert isinstance(pilot.app.screen, QueueScreen)
        await press(pilot, "q", "c", "q", "R", "a")
        assert engine["resumed"] == [("poc", "resume", told.poc_id, "--detach", "--accept-cases")]


async def test_one_that_waits_for_a_review_goes_on_after_it(
    make_app: Make, proving: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    told = proving(review=True).data().gate()
    told.say("held", "a person is to look at the cases")
    async with make_app().run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        assert "a person is to look at the cases first" in text(pilot, "news")
        await press(pilot, "R", "y")
        assert engine["resumed"] == [("poc", "resume", told.poc_id, "--detach")]


async def test_beyond_the_months_budget_it_starts_or_goes_on_with_a_persons_word(
    make_app: Make, proving: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    told = proving(emergency=200.0).live().say("failed", "this month's budget of $50.00 is used up")
    problem = {"what": "this month's budget of $50.00 is used up", "where": "", "fix": "wait"}
    engine["estimate"] = {**ESTIMATE, "problem": problem, "emergency": 200.0}
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "P", "enter")
        await fill(pilot, _4="openai/gpt-4o-mini")
        await press(pilot, "enter")
        body = text(pilot, "body")
        assert "this month's budget of $50.00 is used up" in body and "wait" in body
        await press(pilot, "e")
        assert [wish.emergency for wish in engine["started"]] == [True]
        assert "--emergency" in engine["started"][0].arguments
        await press(pilot, "R", "n", "R", "e")
        assert engine["resumed"] == [("poc", "resume", told.poc_id, "--detach", "--emergency")]


async def test_from_home_a_stopped_one_goes_on_at_once(
    make_app: Make, proving: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    told = proving().live().say("stopped", "stopped by a person")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "tab", "tab", "R")
        assert engine["resumed"] == [("poc", "resume", told.poc_id, "--detach")]
        assert isinstance(pilot.app.screen, ProofScreen)


async def test_one_whose_driver_died_is_taken_up(
    make_app: Make, proving: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    told = proving().live().say("running", alive=False)
    async with make_app().run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        assert "interrupted" in text(pilot, "header") and "who carried it out is gone" in text(pilot, "news")
        await press(pilot, "space")
        assert "Nobody is at it" in notes(pilot)
        await press(pilot, "R")
        assert engine["resumed"] == [("poc", "resume", told.poc_id, "--detach")]


async def test_what_ends_while_it_is_watched_calls_for_its_reader(
    make_app: Make, proving: Make, settle: Make
) -> None:
    told = proving().live()
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, settle)
        told.say("failed", "no run of the comparison came to its end: [/x] boom")
        screen.freshen()
        await settle(pilot)
        assert "Acme Corp: Customer support: failed" in notes(pilot)
        assert "no run of the comparison came to its end: [/x] boom" in text(pilot, "news")


async def test_a_stage_that_was_left_out_says_why(make_app: Make, proving: Make, settle: Make) -> None:
    proving().data().gate().leave_out("comparison").leave_out("consistency")
    async with make_app().run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        assert text(pilot, "stages").count("the budget leaves no usd for it") == 2


async def test_runs_of_the_comparison_stand_side_by_side_todays_prompt_first(
    make_app: Make, proving: Make, settle: Make, press: Make
) -> None:
    told = proving().live()
    async with make_app().run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        await press(pilot, "C")
        assert isinstance(pilot.app.screen, CompareScreen)
        assert pilot.app.screen.run_ids == told.run_ids[1:4]
        assert Runs(told.database).find(pilot.app.screen.run_ids[0]).optimizer == "none"


async def test_the_end_has_headline_steps_and_files_to_read_open_and_copy(
    make_app: Make, proving: Make, settle: Make, press: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = proving(simulated=False).over()
    outside: list[Path] = []
    monkeypatch.setattr("promptopt_tui.screens.filing.open_outside", lambda path: bool(outside.append(path)))
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, settle)
        found = text(pilot, "found")
        assert "recommended" in found and "The new prompt is better" in found and "support team" in found
        assert "package.zip" in text(pilot, "files") and "gone" in text(pilot, "files")
        await press(pilot, "tab", "tab", "tab")
        assert screen.query_one("#files").has_focus
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, Dialog) and "Summary\n\nIt pays." in text(pilot, "body")
        await press(pilot, "y")
        assert pilot.app.clipboard == str(told.folder / "executive-summary.md")
        await press(pilot, "down", "enter")
        assert outside == [told.folder / "dashboard.html"]
        assert pilot.app.clipboard == str(outside[0]) and "no desktop here" in notes(pilot)
        await press(pilot, "G", "o")
        assert "is not there any more" in text(pilot, "body")
        await press(pilot, "enter", "D")
        assert isinstance(pilot.app.screen, DeploymentsScreen)


async def test_figures_that_can_not_be_computed_hide_nothing_else(
    make_app: Make, proving: Make, settle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    proving().live()

    def fails(self: Proofs, poc_id: str) -> Any:
        raise ErrandFailed("it said [nothing]")

    monkeypatch.setattr(Proofs, "record", fails)
    async with make_app().run_test(size=SIZE) as pilot:
        await opened(pilot, settle)
        assert "The figures can't be read: it said [nothing]" in text(pilot, "found")
        assert "one budget over all stages" in text(pilot, "found")


async def test_a_store_that_fails_is_said_and_what_was_there_stays(
    make_app: Make, proving: Make, settle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    proving().live()
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, settle)

        def fails(self: Proofs, poc_id: str) -> Any:
            raise RunError("the disk is full")

        monkeypatch.setattr(Proofs, "look", fails)
        screen.freshen()
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert "The store can't be read: the disk is full" in text(pilot, "news")
        assert "comparison" in text(pilot, "stages")


BAD = "\x1b]52;c;Y3VybA==\x07 \x1b[2J [/x] [red] \u202egnp.exe 漢字かな 😀 $(rm) <script>alert(1)</script>"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_hostile_texts_are_shown_and_do_nothing_else(
    make_app: Make,
    proving: Make,
    settle: Make,
    press: Make,
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = proving(name=BAD).data().gate(BAD * 9).comparison("finished", "failed")
    told.say("held", BAD * 9)
    figures = [{"label": BAD, "text": BAD * 20, "source": BAD}]
    record = told.record(figures=figures, next_steps=[BAD], left_out={BAD: BAD})
    monkeypatch.setattr(Proofs, "record", lambda self, poc_id: record)
    async with make_app().run_test(size=size) as pilot:
        await opened(pilot, settle)
        for keys in ("tab", "tab", "tab", "tab R n", "q"):
            await press(pilot, *keys.split())
            strips = pilot.app.screen._compositor.render_strips()
            shown = "".join(segment.text for strip in strips for segment in strip)
            assert not any(ord(char) < 32 or char in "\u202e\u202b\x9b" for char in shown)
        assert isinstance(pilot.app.screen, HomeScreen)
