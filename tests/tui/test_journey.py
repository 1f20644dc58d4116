"""A whole journey in a real terminal, without a mouse: from a file of cases to the exported prompt."""

import json
import random
from collections.abc import Callable
from pathlib import Path

from .test_terminal import Terminal, open_terminal

__all__ = ["open_terminal"]

WORDS = ("billing", "bug", "account")


def cases(path: Path) -> Path:
    dice = random.Random(7)
    rows = ["text,label"]
    for number in range(45):
        word = dice.choice(WORDS)
        rows.append(f"Ticket {number}: it is about {word} and came on day {dice.randrange(300)},{word}")
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return path


def change(terminal: Terminal, key: str, before: str, value: str) -> None:
    """Give the setting under the cursor another value."""
    terminal.send("Enter")
    terminal.until(f" {key} ", "enter takes it", f"│   {before}  ")
    terminal.send("C-u")
    # What is typed on would be taken away, too, if it came in the same moment.
    terminal.until_gone(f"│   {before}  ")
    terminal.send(value)
    terminal.until(value, "enter takes it")
    terminal.send("Enter")
    terminal.until_gone("enter takes it")


def test_from_a_file_of_cases_to_the_exported_prompt(
    open_terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    path = cases(tmp_path / "tickets.csv")
    terminal = open_terminal(size=(120, 40), folder=tmp_path)

    # a project of a file
    terminal.until("No project yet.")
    terminal.send("n")
    terminal.until("A file of cases")
    terminal.send("f")
    terminal.until("A file or folder of cases")
    terminal.send(str(path), "Enter")
    terminal.until("Name of the new project")
    terminal.send("Enter")
    terminal.until("Made tickets.")

    # its models
    terminal.send("Enter")
    terminal.until("1 Task", "You are given the text")
    terminal.send("4")
    terminal.until("anthropic/")
    change(terminal, "models.target.model", "openai/gpt-4o-mini", "sim/target")
    terminal.send(*["Down"] * 14)
    terminal.until("models.optimizer.model")
    change(terminal, "models.optimizer.model", "anthropic/claude-opus-4-5", "sim/optimizer")
    terminal.until("sim/target", "sim/optimizer")

    # a run, paused
    terminal.send("r")
    terminal.until("Standings", "phase search")
    terminal.send("Space")
    terminal.until("‖ paused")

    # an edit, and on
    terminal.send("e")
    terminal.until("Edit the current prompt")
    terminal.send("In lower case: ")
    terminal.until("In lower case: You")
    terminal.send("C-s")
    terminal.until("Send this change?")
    terminal.send("y")
    terminal.until("Your edit was scored")
    terminal.answer("y", gone="Your edit was scored")
    terminal.until("the run goes on from the")
    terminal.send("Space")
    terminal.until("● running")

    # the result, exported
    terminal.send("s")
    terminal.until("Stop the run?", "Stop, then test")
    terminal.send("s")
    terminal.until("Result: tickets", "sealed test", "What changed · 1")
    terminal.answer("x", gone="label and no…")  # a screen that nobody asked for takes no key at first
    terminal.until("byte for byte", "messages.json")
    terminal.send("Enter")
    terminal.until_gone("byte for byte")
    written = json.loads((tmp_path / "messages.json").read_text("utf-8"))
    assert [message["role"] for message in written] == ["system", "user"]
    assert written[0]["content"].startswith("In lower case: You are given the text.")

    # and out
    terminal.until("What changed")
    terminal.send("q")
    terminal.until("✓ saved", "sim/target")
    terminal.send("q")
    terminal.until("Projects", "tickets", "stopped")
    terminal.send("q")
    terminal.until_dead()
