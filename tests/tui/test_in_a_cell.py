"""The app in a cell of a notebook, which is no terminal: it says what to call instead."""

from pathlib import Path

import pytest

import promptopt_tui
from promptopt.domain.errors import SettingsError
from promptopt_tui import manners
from promptopt_tui.app import PromptoptApp
from promptopt_tui.client import Client


async def test_it_says_what_to_call(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manners, "in_notebook", lambda: True)
    client = Client(None)
    try:
        app = PromptoptApp(client)
        with pytest.raises(SettingsError, match=r"promptopt\.tui\(\)"):
            app.run()
        with pytest.raises(SettingsError, match=r"promptopt\.tui\(\)"):
            await app.run_async()
    finally:
        client.close()
    with pytest.raises(SettingsError, match=r"promptopt\.tui\(\)"):
        promptopt_tui.run()
