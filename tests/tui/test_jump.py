"""Jump mode."""

from collections.abc import Callable
from typing import Any

import pytest

from promptopt_tui.screens.jump import LETTERS, JumpScreen, places

Make = Callable[..., Any]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_a_letter_goes_to_each_panel_in_sight(
    story: Make, make_app: Make, settle: Make, size: tuple[int, int]
) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        targets = places(app.screen.focus_chain)
        assert len(targets) == 1 if size[0] == 80 else len(targets) > 5
        for letter, target in targets.items():
            await pilot.press("ctrl+o")
            await pilot.pause()
            assert isinstance(app.screen, JumpScreen)
            labels = {label.region.offset for label in app.screen.query(".letter")}
            assert labels == {each.region.offset for each in targets.values()}
            await pilot.press(letter)
            await pilot.pause()
            assert app.focused is target


async def test_any_other_key_changes_nothing(story: Make, make_app: Make, settle: Make) -> None:
    app = make_app(story().live().run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        before, cockpit = app.focused, app.screen
        for key in ("escape", LETTERS[-1], "q", "ctrl+o"):
            await pilot.press("ctrl+o", key)
            await pilot.pause()
            assert app.screen is cockpit and app.focused is before
