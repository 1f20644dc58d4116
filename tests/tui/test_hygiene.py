"""What the terminal UI must not import, nor any of its screens."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import promptopt_tui

from .used import in_use, look

PACKAGE = Path(promptopt_tui.__file__).parent
PATHS = [str(PACKAGE.parent / "core"), str(PACKAGE.parent), str(PACKAGE.parent / "themes")]
FORBIDDEN = ("litellm", "dspy", "scipy", "numpy", "promptopt.models", "promptopt.optimizers", "tree_sitter")

BEFORE_THE_FIRST_FRAME = "import promptopt_tui.app"
AFTER_A_RUN_WAS_SHOWN = """
import asyncio, sys
from promptopt_tui.app import PromptoptApp
from promptopt_tui.client import Client
async def main():
    app = PromptoptApp(Client(), sys.argv[1])
    async with app.run_test(size=(120, 40)) as pilot:
        while type(app.screen).__name__ != "RunScreen" or not app.screen.follower.caught_up.is_set():
            await pilot.pause()
        for key in KEYS.split():
            await pilot.press(key)
            await app.workers.wait_for_complete()
asyncio.run(main())
"""


AFTER_PROMPTS_IN_USE_WERE_SHOWN = """
import asyncio
from promptopt_tui.app import PromptoptApp
from promptopt_tui.client import Client
async def main():
    app = PromptoptApp(Client())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("D")
        while not getattr(app.screen, "listed", None):
            await pilot.pause()
        for key in ("m", "escape", "tab"):
            await pilot.press(key)
            await app.workers.wait_for_complete()
asyncio.run(main())
"""

LIVE = "4 enter escape 3 d v 2 enter e escape s escape question_mark"
OVER = "o tab enter enter escape Y c x down escape"


def modules_after(code: str, *arguments: str) -> set[str]:
    script = f"{code}\nimport sys\nprint('\\n'.join(sorted(sys.modules)))"
    paths = os.pathsep.join([*PATHS, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_first_frame_needs_little() -> None:
    found = modules_after(BEFORE_THE_FIRST_FRAME)

    assert found.isdisjoint({*FORBIDDEN, "sqlalchemy", "pydantic", "rapidfuzz"})


@pytest.mark.parametrize("keys", [LIVE, OVER])
def test_showing_a_run_loads_no_model_library(story, tmp_path: Path, keys: str) -> None:
    told = story().live() if keys == LIVE else story().finish()
    told.database.close()
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    for file in tmp_path.glob("store.db*"):
        file.rename(home / file.name)

    found = modules_after(AFTER_A_RUN_WAS_SHOWN.replace("KEYS", repr(keys)), told.run_id)

    assert "promptopt_tui.screens.run" in found
    assert ("promptopt_tui.screens.exporting" in found) == (keys == OVER)
    assert found.isdisjoint(FORBIDDEN)


AFTER_A_PROOF_WAS_SHOWN = """
import asyncio
from promptopt_tui.app import PromptoptApp
from promptopt_tui.client import Client
async def main():
    app = PromptoptApp(Client())
    async with app.run_test(size=(120, 40)) as pilot:
        app.open_proof("latest")
        while type(app.screen).__name__ != "ProofScreen":
            await pilot.pause()
        for key in "tab tab tab enter escape space".split():
            await pilot.press(key)
            await app.workers.wait_for_complete()
asyncio.run(main())
"""


def test_showing_a_proof_of_concept_loads_no_model_library_and_no_statistics(proving, tmp_path: Path) -> None:
    proving().live().database.close()
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    for file in tmp_path.glob("store.db*"):
        file.rename(home / file.name)

    found = modules_after(AFTER_A_PROOF_WAS_SHOWN)

    assert "promptopt_tui.screens.proof" in found and "promptopt.enterprise.poc.state" in found
    assert found.isdisjoint({*FORBIDDEN, "matplotlib", "pptx", "openpyxl", "promptopt.evaluation.checks"})


def test_prompts_in_use_load_no_library_that_computes(story, tmp_path: Path) -> None:
    told = story().finish()
    in_use(told, looks=[look(1), look(2, "has fallen", 0.6)])
    told.database.close()
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    for file in tmp_path.glob("store.db*"):
        file.rename(home / file.name)

    found = modules_after(AFTER_PROMPTS_IN_USE_WERE_SHOWN)

    assert "promptopt_tui.deploybook" in found
    assert found.isdisjoint({*FORBIDDEN, "matplotlib", "pptx", "openpyxl", "promptopt.enterprise"})


def test_no_text_of_others_is_given_to_a_markup_parser() -> None:
    """``Static`` and ``notify`` parse markup unless told not to; lists of Textual grow with their rows."""
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text("utf-8")
        for call in text.split("notify(")[1:]:
            assert "markup=False" in call[:260], f"{file.name}: {call[:60]}"
        for name in ("Static(", "Label(", "DataTable(", "OptionList(", "RichLog(", "Markdown("):
            assert name not in text, f"{file.name} uses {name}"
