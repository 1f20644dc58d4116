"""What the screens look like, at the sizes that people have, in every theme.

Each test has a picture, in the default theme, and a text file with the colours that the other themes give it.
After a wanted change: ``pytest tests/tui/test_snapshots.py --snapshot-update``, and look at the pictures.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from promptopt.evaluation.reliability import merge
from promptopt.store.trust import Power, TrustError
from promptopt_tui.business import CaseWish
from promptopt_tui.client import Client
from promptopt_tui.makings import Makings
from promptopt_tui.proofs import Proofs
from promptopt_tui.screens.casing import show_case
from promptopt_tui.screens.deploying import show_package
from promptopt_tui.screens.sending import once_looked_through

from .test_business import CASE, PACKAGE
from .test_making import SCENARIO
from .test_proof import ESTIMATE
from .test_sending import FOUND
from .used import in_use, look

Make = Callable[..., Any]

SIZES = [(80, 24), (120, 40), (200, 60)]
NAMES = [f"{width}x{height}" for width, height in SIZES]


@pytest.fixture
def looks(snap_compare: Make, settle: Make) -> Make:
    """Presses keys, waits until everything is shown, and compares with the picture."""

    def compare(app: Any, size: tuple[int, int], *keys: str, theme: str = "") -> bool:
        async def before(pilot: Pilot[int]) -> None:
            await settle(pilot)
            if theme:
                pilot.app.theme = theme
            for key in keys:
                await pilot.press(key)
                await settle(pilot)
            await settle(pilot)

        return snap_compare(app, terminal_size=size, run_before=before)

    return compare


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_home(
    looks: Make, story: Make, proving: Make, make_app: Make, tmp_path: Path, size: tuple[int, int]
) -> None:
    folder = tmp_path / "home" / "projects" / "support"
    folder.mkdir(parents=True)
    (folder / "project.toml").write_text(
        'name = "support tickets"\nprompt = "Sort."\n[models.target]\nmodel = "sim/target"\n', "utf-8"
    )
    story().finish()
    story(simulated=False, project="invoice fields").fail()
    story(simulated=False, project="summaries of long legal documents").finish("not distinguishable")
    story(project="invoice fields").live().summarize(heartbeat_at=1.0)
    story().live()
    proving(name="Acme Corp: E-mail inside the company", simulated=False).held()
    proving(usd=None, folder=Path("/out")).live()

    assert looks(make_app(), size, "tab", "tab")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_home_without_anything(looks: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(), size)


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_run(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().live().run_id), size)


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_proof_that_goes_on(looks: Make, proving: Make, make_app: Make, size: tuple[int, int]) -> None:
    proving(folder=Path("/out")).live()

    assert looks(make_app(), size, "tab", "tab", "enter")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_proof_that_waits(looks: Make, proving: Make, make_app: Make, size: tuple[int, int]) -> None:
    proving(folder=Path("/out"), simulated=False).held()

    assert looks(make_app(), size, "tab", "tab", "enter")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_proof_that_is_over(
    looks: Make, proving: Make, make_app: Make, size: tuple[int, int], tmp_path: Path
) -> None:
    folder = Path("poc-customer-support")  # its path is seen
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        proving(folder=folder).over()

        assert looks(make_app(), size, "tab", "tab", "enter", "tab", "tab", "tab")


@pytest.mark.parametrize("size", SIZES[:2], ids=NAMES[:2])
def test_estimate_of_a_proof(
    looks: Make, make_app: Make, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = {
        "what": "no key for openai/gpt-4o-mini: set OPENAI_API_KEY",
        "where": "",
        "fix": "the simulator",
    }
    monkeypatch.setattr(Proofs, "estimate", lambda self, wish: {**ESTIMATE, "problem": problem})
    monkeypatch.setattr(Makings, "scenarios", lambda self: [SCENARIO])
    monkeypatch.setattr("promptopt_tui.screens.proving.absolute", lambda text: "/home/ann/poc")
    monkeypatch.setattr("promptopt_tui.screens.proving.file_fault", lambda text: "")
    # Notes go away after a while.
    monkeypatch.setattr("promptopt_tui.app.PromptoptApp.notify", lambda self, *said, **how: None)

    assert looks(make_app(), size, "P", "enter", "enter")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_making(looks: Make, making: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(making().live().run_id), size, "4", "down")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_made(looks: Make, making: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(making().finish().run_id), size, "o")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_review_of_cases(
    looks: Make, making: Make, make_app: Make, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"private": ["c0001"], "alike": {"c0001": ["c0009"], "c0009": ["c0001"]}}
    monkeypatch.setattr(Client, "look_over", lambda self, run_id: found)
    card = "You took money from my card 4111 1111 1111 1111 twice. \u202e[b]Pay[/b] 漢字 \x1b[2J!"
    app = make_app(making(texts=(card,)).finish().run_id)
    keys = ("c", "space", "d", *"dull", "enter", "f", "g")
    assert looks(app, size, *keys)


@pytest.mark.parametrize("panel", ["1", "3", "4", "5", "6"])
def test_run_one_panel_at_a_time(looks: Make, story: Make, make_app: Make, panel: str) -> None:
    assert looks(make_app(story().live().run_id), (80, 24), panel)


@pytest.mark.parametrize("layout", ["prompt", "cases", "calls"])
@pytest.mark.parametrize("size", SIZES[1:], ids=NAMES[1:])
def test_layouts(looks: Make, story: Make, make_app: Make, size: tuple[int, int], layout: str) -> None:
    app = make_app(story().live().calls().run_id)
    app.preferences.set("layout", layout)
    assert looks(app, size, "0", *["0"] * 8)


@pytest.mark.parametrize("panel", ["8", "9", "0"])
def test_more_panels_narrow(looks: Make, story: Make, make_app: Make, panel: str) -> None:
    assert looks(make_app(story().live().calls().run_id), (80, 24), *[panel] * 6)


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_arrange(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().live().run_id), size, "L")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_call(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().live().calls().run_id), size, "9", "9", "9", "up", "enter", "down")


@pytest.mark.parametrize("theme", ["promptopt-light", "promptopt-contrast"])
def test_themes(looks: Make, story: Make, make_app: Make, theme: str) -> None:
    assert looks(make_app(story().live().run_id), (120, 40), "4", theme=theme)


def test_diff_side_by_side(looks: Make, story: Make, make_app: Make) -> None:
    assert looks(make_app(story().live().run_id), (200, 60), "3", "d", "v")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
@pytest.mark.parametrize("verdict", ["better", "worse"])
def test_edit_verdict(looks: Make, story: Make, make_app: Make, verdict: str, size: tuple[int, int]) -> None:
    assert looks(make_app(story().edited(verdict).run_id), size)


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_result(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().finish().run_id), size, "o")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_where_the_result_comes_from(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().stop(tested=True).run_id), size, "o", "tab", "down")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_export(
    looks: Make, story: Make, make_app: Make, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "cwd", lambda: Path("/work/prompts"))
    assert looks(make_app(story().finish().run_id), size, "o", "x", "down", "down", "down")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_compare(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    story(simulated=False).finish()
    story(project="invoice fields").finish("not distinguishable")
    assert looks(make_app(story().stop(tested=True).run_id), size, "o", "c", "space", "space", "enter")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_choosing_runs_to_compare(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    story(project="invoice fields").finish("not distinguishable")
    story().finish()
    assert looks(make_app(story().stop(tested=True).run_id), size, "o", "c", "space")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_choosing_what_to_copy(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().finish().run_id), size, "o", "Y")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_failed(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().fail().run_id), size, "o")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_tournament(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().tournament().run_id), size)


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_tournament_at_full_size(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().tournament().run_id), size, "m")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_bracket(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().tournament("single_elimination", over=True).run_id), size, "m")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_case(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().live().run_id), size, "4", "n", "enter")


def test_case_with_several_answers(looks: Make, story: Make, make_app: Make) -> None:
    told = story().live()
    result = told.cells.result(told.ids["second"], "validation", "val-013")
    right = result.model_copy(update={"output": "bug", "score": 1.0, "passed": True})
    merged = merge([right, result, right, result.model_copy(update={"output": "", "error": "timed out"})])
    told.cells.keep(told.ids["second"], "validation", [merged])
    assert looks(make_app(told.run_id), (120, 40), "4", "n", "enter")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_failures_that_are_alike(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().stop(tested=False).run_id), size, "5", "enter")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_editor(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().live().run_id), size, "e")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_stop(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().live().run_id), size, "s")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_help(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().live().run_id), size, "question_mark")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_run_that_plays(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().plays().run_id), size, "o")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_trust(
    looks: Make, make_app: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    file = tmp_path / "home" / "projects" / "theirs" / "project.toml"
    file.parent.mkdir(parents=True)
    file.write_text('name = "theirs"\nprompt = "x"\n[models.target]\nmodel = "sim/target"\n', "utf-8")
    code = 'import re\nassert re.search(r"\\d+", output), "no [b]number[/b]"\n# \x1b]52;c;YmFk\x07'
    function = (
        "function score:judge\nfile score.py, sha256 4e856dfc2cc6767b…\n| def judge(output, *_):\n|     ..."
    )
    powers = [
        Power("python", "checks[0].code", code, "5" * 64),
        Power("callable", "checks[1].function", function, "6" * 64),
        Power("key", "models.target.api_key_env", "the key in K is sent to https://a.example/v1", "7" * 64),
    ]

    def refuse(self: Client, path: Path) -> Any:
        raise TrustError(powers, where="/projects/theirs/project.toml", fix="look at it")

    monkeypatch.setattr(Client, "check", lambda self, path: {"actions": {}, "chosen": False, "away": False})
    monkeypatch.setattr(Client, "start", refuse)
    monkeypatch.setattr(Client, "around", lambda *_: "Here the code runs behind landlock and seccomp.")
    assert looks(make_app(), size, "r")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_jump(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().live().run_id), size, "ctrl+o")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
@pytest.mark.parametrize("key", ["b", "w", "M"], ids=["caps", "guide", "model"])
def test_acts(looks: Make, story: Make, make_app: Make, key: str, size: tuple[int, int]) -> None:
    assert looks(make_app(story().live().run_id), size, key)


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_prompts_in_use(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    told = story(simulated=False).finish()
    seen = [look(1, score=0.86), look(2, "can't tell", 0.8), look(3, "has fallen", 0.61)]
    in_use(story(project="invoice fields").finish(), row="d251009-00000b", name="invoice fields")
    in_use(told, row="d251009-00000c", name="\u202e[b]mails[/b] 漢字 \x1b[2J", looks=[look(1)], going=True)
    in_use(told, looks=seen)
    app = make_app()
    assert looks(app, size, "D", "g")


@pytest.mark.parametrize("what", ["case", "package", "sending"])
def test_what_is_written_and_what_would_be_sent(
    snap_compare: Make, settle: Make, make_app: Make, tmp_path: Path, what: str
) -> None:
    wish = CaseWish("251009-000001", tmp_path, ("md",))

    async def before(pilot: Pilot[int]) -> None:
        await settle(pilot)
        app: Any = pilot.app
        if what == "case":
            show_case(app, CASE, wish)
        elif what == "package":
            show_package(app, PACKAGE)
        else:
            once_looked_through(app, tmp_path / "replies" / "project.toml", FOUND, lambda: None)
        await settle(pilot)

    assert snap_compare(make_app(), terminal_size=(80, 24), run_before=before)
