"""What a prompt is worth, giving it to a team, and the prompts in use: asked for, told, refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from promptopt.domain.errors import RunError
from promptopt.enterprise.case.assumptions import scenarios
from promptopt.enterprise.case.documents import FORMATS
from promptopt.enterprise.deployment.criteria import Strategy
from promptopt_tui import paint
from promptopt_tui.business import FORMS, SCENARIOS, STRATEGIES, Business, CaseWish, LookWish, PackageWish
from promptopt_tui.screens.deployments import DeploymentsScreen
from promptopt_tui.screens.dialogs import Dialog
from promptopt_tui.screens.result import ResultScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.views import business as cases
from promptopt_tui.views import deploying as views
from tests.tui.look import text

from .used import history, in_use, look

Make = Callable[..., Any]
SIZE = (120, 40)

CASE = {
    "simulated": False,
    "advice": "not shown",
    "headline": "Not shown to pay: the range has losses in it. [b]no markup[/b]",
    "reasons": ["The gain is real.\x1b[2J"],
    "risk_mitigation": {"chance_of_loss": 0.34},
    "told": {
        "asked": [{"label": "Set-up, once", "told": "$1,100 to $2,600", "note": "", "marks": [2]}],
        "measured": [{"label": "Score", "told": "80.0% [62.7, 90.5]", "note": "▲ better", "marks": [1]}],
        "influences": [{"label": "Requests a month", "ends": "500 to 2,000", "share": 0.38, "marks": [9]}],
        "sources": [
            {"mark": 1, "kind": "measured", "text": "run 1, sealed test"},
            {"mark": 9, "kind": "assumption", "text": "Requests a month: 500 to 2,000"},
        ],
        "placeholders": 22,
    },
    "files": ["/work/report/business-case.md"],
}
PACKAGE = {
    "deployment_id": "d251009-00000a",
    "advice": "keep",
    "headline": "Do not deploy the new prompt: keep the one before.",
    "why": ["It is worse."],
    "gives_new": False,
    "score": 0.8,
    "interval": [0.627, 0.905],
    "n": 30,
    "split": "test",
    "simulated": True,
    "compliance": ["GDPR: personal data is sent as placeholders"],
    "notes": ["The test is small."],
    "phases": [
        {"name": "Pilot", "who": "Support", "begins": "2026-11-30", "ends": "", "stop": ["It falls."]}
    ],
    "monitor": "promptopt monitor d251009-00000a --cases fresh.csv",
    "folder": "/work/deployment",
    "files": ["index.html", "README.md"],
}


class Looking:
    """A look that is over when the test says so."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told

    @property
    def over(self) -> bool:
        return bool(self._told["over"])

    def answer(self) -> Any:
        if isinstance(self._told["look"], Exception):
            raise self._told["look"]
        return self._told["look"]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command line would answer, and what it was asked."""
    told: dict[str, Any] = {"report": CASE, "deploy": PACKAGE, "look": look(2), "over": True, "asked": []}

    def answer(name: str) -> Any:
        def asked(self: Business, wish: Any) -> Any:
            told["asked"].append(wish)
            if isinstance(told[name], Exception):
                raise told[name]
            return told[name]

        return asked

    def looks(self: Business, wish: LookWish) -> Looking:
        told["asked"].append(wish)
        self.errands[wish.deployment_id] = found = Looking(told)  # type: ignore[assignment]
        return found

    monkeypatch.setattr(Business, "report", answer("report"))
    monkeypatch.setattr(Business, "deploy", answer("deploy"))
    monkeypatch.setattr(Business, "look", looks)
    monkeypatch.setattr("promptopt_tui.screens.watching.LOOK", 0.01)
    return told


async def fill(pilot: Pilot[int], **values: str) -> None:
    """Put values into the fields of the form that is shown."""
    fields = list(pilot.app.screen.query(Input))
    for place, value in values.items():
        fields[int(place[1:])].value = value
    await pilot.pause()


async def until(pilot: Pilot[int], there: Callable[[], bool]) -> None:
    """Wait until something that goes on by itself has come."""
    for _ in range(2000):
        if there():
            return
        await pilot.pause(0.01)
    raise AssertionError("it never came")


async def told_in_full(pilot: Pilot[int], settle: Make) -> None:
    """Wait until what became of a look is shown."""
    await until(pilot, lambda: isinstance(pilot.app.screen, Dialog))
    await settle(pilot)


# The business case


async def test_a_business_case_is_asked_for_written_and_told(
    story: Make, make_app: Make, settle: Make, press: Make, engine: dict[str, Any], tmp_path: Path
) -> None:
    told = story().finish()
    (tmp_path / "mine.toml").write_text("", "utf-8")
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "o", "b")
        assert "customer_support" in text(pilot, "body")
        await fill(pilot, _0="customer_support", _2="md, XLSX md", _3=f"{tmp_path}/new")
        await press(pilot, "enter")
        wish = CaseWish(told.run_id, tmp_path / "new", ("md", "xlsx"), "customer_support")
        assert engine["asked"] == [wish]
        body = text(pilot, "body")
        for said in (
            "≈ Not shown to pay",
            "$1,100 to $2,600 [2]",
            "34%",
            "[9]  assumption",
        ):
            assert said in body
        assert "/work/report/business-case.md" in body and "[b]no markup[/b]" in body and "\x1b" not in body
        await press(pilot, "c")
        assert pilot.app.clipboard == str(tmp_path / "new")
        assert isinstance(pilot.app.screen, ResultScreen)
        await press(pilot, "b")
        await fill(pilot, _1=f"{tmp_path}/mine.toml", _4=f"{tmp_path}/kept.yaml")
        await press(pilot, "enter")
        assert engine["asked"][-1].scenario == "", "a file says itself whose assumptions it has"
        assert engine["asked"][-1].assumptions == f"{tmp_path}/mine.toml"
        assert engine["asked"][-1].forms == ("md", "xlsx"), "what was chosen last is offered"


async def test_documents_are_replaced_only_after_asking(
    story: Make, make_app: Make, settle: Make, press: Make, engine: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "business-case.md").write_text("mine", "utf-8")
    async with make_app(story().finish().run_id).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "o", "b")
        await fill(pilot, _3=f"{tmp_path}/old")
        await press(pilot, "enter")
        assert "Write into it" in text(pilot, "menu")
        await press(pilot, "n")
        assert engine["asked"] == []
        await press(pilot, "b")
        await fill(pilot, _3=f"{tmp_path}/old")
        await press(pilot, "enter", "y")
        assert len(engine["asked"]) == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (0, "banking", "is one of general"),
        (1, "/no/such.toml", "no file that is there"),
        (2, "md, doc", "are some of md"),
        (3, "", "is empty"),
        (4, "x.json", "is a .toml or .yaml file"),
    ],
)
async def test_what_can_not_be_is_refused_in_the_form(
    story: Make, make_app: Make, settle: Make, press: Make, field: int, value: str, said: str
) -> None:
    async with make_app(story().finish().run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "o", "b")
        await fill(pilot, **{f"_{field}": value})
        await press(pilot, "enter")
        assert said in text(pilot, "hints")


async def test_an_error_is_told_with_what_to_do(
    story: Make, make_app: Make, settle: Make, press: Make, engine: dict[str, Any], tmp_path: Path
) -> None:
    engine["report"] = RunError("python-pptx is not there", fix="pip install 'promptopt[reports]'")
    async with make_app(story().finish().run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "o", "b")
        await fill(pilot, _3=f"{tmp_path}/new")
        await press(pilot, "enter")
        assert "pip install" in text(pilot, "body")


async def test_a_run_that_measured_nothing_has_no_case_and_no_package(
    story: Make, make_app: Make, settle: Make, press: Make, engine: dict[str, Any]
) -> None:
    from promptopt.domain import events as ev

    told = story()
    ending = ev.RunFinished(
        status="failed", stop_reason="error", detail="no key", seed_id="", best_id="", iterations=0
    )
    told.tell(ending)
    told.summarize(status="failed", heartbeat_at=None)
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "o", "b", "d")
        assert isinstance(pilot.app.screen, ResultScreen)
        assert any("nothing to reckon with" in note.message for note in pilot.app._notifications)


# A package


async def test_a_package_is_asked_for_written_and_leads_to_the_prompts_in_use(
    story: Make, make_app: Make, settle: Make, press: Make, engine: dict[str, Any], tmp_path: Path
) -> None:
    told = story().finish()
    in_use(told, row="d251009-00000b", name="another")
    in_use(told)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("", "utf-8")
    async with make_app(told.run_id).run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "o", "d")
        assert pilot.app.screen.query(Input).first().value == "support tickets"
        for place, value, said in (
            (2, "/no/such.yaml", "no file that is there"),
            (3, "fast", "is one of gradual"),
            (4, "tomorrow", "is no day"),
            (5, str(tmp_path / "full"), "has something in it"),
            (5, "", "is empty"),
        ):
            before = list(pilot.app.screen.query(Input))[place].value
            await fill(pilot, **{f"_{place}": value})
            assert said in text(pilot, "hints")
            await fill(pilot, **{f"_{place}": before})
        await fill(pilot, _0="-Tickets", _1="Support, , Sales", _2="examples/acme.yaml", _4="2026-12-01")
        await fill(pilot, _5=f"{tmp_path}/new")
        await press(pilot, "enter")
        wish = PackageWish(
            told.run_id,
            tmp_path / "new",
            "-Tickets",
            ("Support", "Sales"),
            "examples/acme.yaml",
            "gradual",
            "2026-12-01",
        )
        assert engine["asked"] == [wish]
        assert wish.arguments[:3] == ["deploy", told.run_id, f"--out={tmp_path}/new"]
        assert {"--title=-Tickets", "--team=Support", "--team=Sales"} < set(wish.arguments)
        body = text(pilot, "body")
        assert "✗ Do not deploy" in body and "has the prompt before" in body and "stop  It falls." in body
        assert "80.0% [62.7, 90.5]" in body and "SIMULATED" in body and "GDPR" in body
        await press(pilot, "m")
        assert isinstance(pilot.app.screen, DeploymentsScreen)
        assert pilot.app.screen.chosen is not None and pilot.app.screen.chosen.row.id == "d251009-00000a"


# Prompts in use


async def test_prompts_in_use_are_listed_with_what_was_found(
    story: Make, make_app: Make, settle: Make, press: Make
) -> None:
    told = story().finish()
    in_use(told, looks=[look(1), look(2, "can't tell", 0.8), look(3, "has fallen", 0.61)])
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "D")
        assert isinstance(pilot.app.screen, DeploymentsScreen)
        row = text(pilot, "deployments")
        assert "83.3%" in row and "61.0%" in row and "▼ has fallen" in row and "▇" in row
        assert "▼ 1 fallen" in text(pilot, "header")
        about = text(pilot, "about")
        assert "beyond the margin" in about and "new: the test had none" in about
        assert "median 240 characters now" in about and "3 cases of test" in about
        assert "looks, the newest first" in about and "? can't tell" in about
        await press(pilot, "y")
        assert pilot.app.clipboard == "d251009-00000a"
        await press(pilot, "tab", "y")
        assert "▼ has fallen" in pilot.app.clipboard
        await press(pilot, "tab", "enter")
        assert isinstance(pilot.app.screen, RunScreen)
        await press(pilot, "q", "o")
        assert isinstance(pilot.app.screen, RunScreen) and pilot.app.screen.run_id == told.run_id


async def test_a_look_is_asked_for_and_told(
    story: Make, make_app: Make, settle: Make, press: Make, engine: dict[str, Any], tmp_path: Path
) -> None:
    told = story(simulated=False).finish()
    in_use(told, looks=[look(1)])
    fresh = tmp_path / "fresh.csv"
    fresh.write_text("input,expected\n", "utf-8")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "D", "m")
        assert "Each case is sent to" in text(pilot, "body")
        for place, value, said in (
            (0, str(tmp_path), "is no file"),
            (0, "/no/such.csv", "is no file that is there"),
            (1, "many", "a number from 0 to 99"),
            (2, "-1", "above 0"),
            (3, "maybe", "is yes or no"),
        ):
            before = list(pilot.app.screen.query(Input))[place].value
            await fill(pilot, _0=str(fresh))
            await fill(pilot, **{f"_{place}": value})
            assert said in text(pilot, "hints")
            await fill(pilot, **{f"_{place}": before})
        await fill(pilot, _0=str(fresh), _1="7.5", _2="0.50", _3="yes")
        await press(pilot, "enter")
        await told_in_full(pilot, settle)
        wish = LookWish("d251009-00000a", fresh, 0.075, "0.50", True)
        assert engine["asked"] == [wish]
        assert wish.arguments[2:] == [f"--cases={fresh}", "--threshold=0.075", "--max-usd=0.50", "--again"]
        assert "✓ holds" in text(pilot, "body") and "fresh-2.csv" in text(pilot, "body")
        assert "nothing was sent" not in text(pilot, "body")
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, DeploymentsScreen)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (look(1), "nothing was sent"),
        (RunError("the file lacks a column", fix="name it"), "lacks a column"),
    ],
)
async def test_what_became_of_a_look_is_told(
    story: Make,
    make_app: Make,
    settle: Make,
    press: Make,
    engine: dict[str, Any],
    tmp_path: Path,
    found: Any,
    said: str,
) -> None:
    in_use(story().finish(), looks=[look(1)])
    engine["look"] = found
    fresh = tmp_path / "fresh.csv"
    fresh.write_text("input,expected\n", "utf-8")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "D", "m")
        await fill(pilot, _0=str(fresh))
        await press(pilot, "enter")
        await told_in_full(pilot, settle)
        assert said in text(pilot, "body")


async def test_a_look_that_measured_nothing_and_one_that_nobody_waits_for(
    story: Make, make_app: Make, settle: Make, press: Make, engine: dict[str, Any], tmp_path: Path
) -> None:
    in_use(story().finish())
    fresh = tmp_path / "fresh.csv"
    fresh.write_text("input,expected\n", "utf-8")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        app = pilot.app

        async def noted(said: str) -> None:
            await until(pilot, lambda: any(said in note.message for note in app._notifications))

        engine["look"] = {"verdict": None, "why": "the budget is spent"}
        await press(pilot, "D", "m")
        await fill(pilot, _0=str(fresh))
        await press(pilot, "enter")
        await noted("nothing was measured, the budget is spent")
        engine["look"] = look(1, "has fallen")
        await press(pilot, "m")
        await fill(pilot, _0=str(fresh))
        engine["over"] = False
        await press(pilot, "enter", "m")
        assert isinstance(app.screen, DeploymentsScreen), "one look at a time"
        await press(pilot, "q")
        engine["over"] = True
        await noted("support tickets: ▼ has fallen")
        assert not isinstance(app.screen, Dialog)


async def test_a_look_under_way_is_shown_and_one_that_broke_off(
    story: Make, make_app: Make, settle: Make, press: Make
) -> None:
    told = story().live()
    made = in_use(told, going=True)
    assert history(told, made)[0].eval_run == told.run_id
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "D")
        assert "● looking" in text(pilot, "deployments")
        assert "look 1 at fresh-today.csv goes on" in text(pilot, "about")
        told.summarize(heartbeat_at=1.0)
        pilot.app.screen.freshen()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "! broken off" in text(pilot, "deployments")
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, RunScreen)


async def test_nothing_in_use_hostile_names_and_what_can_not_be_read(
    story: Make, make_app: Make, settle: Make, press: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = story().finish()
    async with make_app().run_test(size=(60, 16)) as pilot:
        await settle(pilot)
        await press(pilot, "D", "m", "w", "o", "enter", "y")
        assert "No prompt is in use yet." in text(pilot, "deployments")
        assert isinstance(pilot.app.screen, DeploymentsScreen)
        in_use(told, name="\x1b[2J[b]evil[/b] 漢字\u202e", reference="{")
        pilot.app.screen.freshen()
        await settle(pilot)
        assert "[b]evil" in text(pilot, "deployments") and "can't be read" in text(pilot, "about")
        assert "\x1b" not in text(pilot, "about")
        await press(pilot, "m")
        assert isinstance(pilot.app.screen, DeploymentsScreen)

        def fail(self: Business) -> Any:
            raise RunError("the store is away")

        monkeypatch.setattr(Business, "deployments", fail)
        pilot.app.screen.freshen()
        await settle(pilot)
        assert "trying again" in text(pilot, "header") and "evil" in text(pilot, "deployments")
        await press(pilot, "q")


async def test_the_history_is_written_as_a_page(
    story: Make,
    make_app: Make,
    settle: Make,
    press: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[tuple[str, Path]] = []
    monkeypatch.setattr(Business, "page", lambda self, one, path: written.append((one, path)))
    in_use(story().finish(), looks=[look(1)])
    (tmp_path / "there.html").write_text("mine", "utf-8")
    async with make_app().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await press(pilot, "D", "w")
        await fill(pilot, _0=f"{tmp_path}/x.txt")
        await press(pilot, "enter")
        assert ".html" in text(pilot, "refused")
        await fill(pilot, _0=f"{tmp_path}/x.html")
        await press(pilot, "enter", "w")
        await fill(pilot, _0=f"{tmp_path}/there.html")
        await press(pilot, "enter", "n")
    assert written == [("d251009-00000a", tmp_path / "x.html")]


# Views


@pytest.mark.parametrize("width", [40, 76, 112])
def test_lines_fit(width: int) -> None:
    long = {**CASE, "files": ["/" + "x" * 300], "headline": "漢字 " * 60}
    for line in [*cases.case_lines(long, width), *views.package_lines(PACKAGE, width)]:
        assert paint.width_of(line) <= width


def test_names_are_those_of_the_engine() -> None:
    assert set(SCENARIOS) == set(scenarios())
    assert FORMS == FORMATS
    assert set(STRATEGIES) == set(get_args(Strategy))


def test_a_look_of_another_form_is_left_out(story: Make) -> None:
    from promptopt_tui.deploybook import read_deployments

    told = story().finish()
    broken = {key: value for key, value in look(2).items() if key != "score"}
    in_use(told, looks=[look(1), {**broken, "score": "high"}])
    (one,) = read_deployments(told.database)
    assert [each.told["n"] for each in one.looks] == [1] and json.loads(one.row.reference)
