"""What the screens look like, at the sizes that people have.

After a wanted change: ``pytest tests/tui/test_snapshots.py --snapshot-update``, and look at the pictures.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

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
def test_home(looks: Make, story: Make, make_app: Make, tmp_path: Path, size: tuple[int, int]) -> None:
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

    assert looks(make_app(), size)


def test_home_without_anything(looks: Make, make_app: Make) -> None:
    assert looks(make_app(), (80, 24))


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_run(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().live().run_id), size)


@pytest.mark.parametrize("panel", ["1", "3", "4", "6"])
def test_run_one_panel_at_a_time(looks: Make, story: Make, make_app: Make, panel: str) -> None:
    assert looks(make_app(story().live().run_id), (80, 24), panel)


@pytest.mark.parametrize("theme", ["promptopt-light", "promptopt-contrast"])
def test_themes(looks: Make, story: Make, make_app: Make, theme: str) -> None:
    assert looks(make_app(story().live().run_id), (120, 40), "4", theme=theme)


def test_diff_side_by_side(looks: Make, story: Make, make_app: Make) -> None:
    assert looks(make_app(story().live().run_id), (200, 60), "3", "d", "v")


@pytest.mark.parametrize("verdict", ["better", "worse"])
def test_edit_verdict(looks: Make, story: Make, make_app: Make, verdict: str) -> None:
    assert looks(make_app(story().edited(verdict).run_id), (120, 40))


@pytest.mark.parametrize("size", SIZES[:2], ids=NAMES[:2])
def test_result(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().finish().run_id), size, "o")


def test_failed(looks: Make, story: Make, make_app: Make) -> None:
    assert looks(make_app(story().fail().run_id), (80, 24), "o")


@pytest.mark.parametrize("size", SIZES, ids=NAMES)
def test_tournament(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().tournament().run_id), size)


@pytest.mark.parametrize("size", SIZES[:2], ids=NAMES[:2])
def test_tournament_at_full_size(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().tournament().run_id), size, "m")


def test_bracket(looks: Make, story: Make, make_app: Make) -> None:
    assert looks(make_app(story().tournament("single_elimination", over=True).run_id), (120, 40), "m")


def test_case(looks: Make, story: Make, make_app: Make) -> None:
    assert looks(make_app(story().live().run_id), (120, 40), "4", "n", "enter")


def test_editor(looks: Make, story: Make, make_app: Make) -> None:
    assert looks(make_app(story().live().run_id), (80, 24), "e")


def test_stop(looks: Make, story: Make, make_app: Make) -> None:
    assert looks(make_app(story().live().run_id), (80, 24), "s")


def test_help(looks: Make, story: Make, make_app: Make) -> None:
    assert looks(make_app(story().live().run_id), (120, 40), "question_mark")


@pytest.mark.parametrize("size", SIZES[:2], ids=NAMES[:2])
def test_run_that_plays(looks: Make, story: Make, make_app: Make, size: tuple[int, int]) -> None:
    assert looks(make_app(story().plays().run_id), size, "o")
