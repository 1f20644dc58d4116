"""Two terminals and the command line steer one run at once."""

import subprocess
import sys
from collections.abc import Callable

from sqlalchemy import select

from promptopt.runs.state import fold
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from promptopt.store.schema import commands

from .test_terminal import PATIENCE, Terminal, open_terminal

__all__ = ["open_terminal"]

NOTE = "From the next proposal on"


def promptopt(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "promptopt", *arguments], stdout=subprocess.DEVNULL)


def test_no_act_is_lost(open_terminal: Callable[..., Terminal]) -> None:
    one = open_terminal("demo")
    one.until("phase search")
    two = open_terminal("attach", "latest")
    two.until("phase search")

    # a note from each, sent in the same moment as one of the command line and another cap
    for terminal, text in ((one, "from the first"), (two, "from the second")):
        terminal.send("w")
        terminal.until("A note to the optimizer")
        terminal.send("n")
        terminal.until(NOTE)
        terminal.send(text)
        terminal.until(NOTE, text)
    third, cap = (
        promptopt("guide", "latest", "--note", "from the third"),
        promptopt("limit", "latest", "usd=7"),
    )
    one.send("Enter")
    two.send("Enter")
    for terminal in (one, two):
        terminal.until_gone(NOTE)
    assert third.wait(PATIENCE) == 0 and cap.wait(PATIENCE) == 0

    # each sees what the other does
    two.send("Space")
    one.until("‖ paused")
    one.send("Space")
    two.until("● running")
    assert promptopt("stop", "latest", "--now").wait(PATIENCE) == 0
    for terminal in (one, two):
        terminal.until("■ stopped")

    database = Database.open()
    row = Runs(database).find("latest")
    state = fold(RunLog(database, row.id))
    with database.read() as connection:
        asked = connection.execute(select(commands.c.kind, commands.c.handled_at)).all()
    database.close()
    assert len(asked) == 7 and all(each.handled_at for each in asked)
    told = "\n".join(deed.text for deed in state.deeds)
    for text in ("from the first", "from the second", "from the third", "cap on USD is now 7", "paused by"):
        assert text in told
    assert "resumed by" in told and "stop asked for by" in told
