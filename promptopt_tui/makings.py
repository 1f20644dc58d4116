"""The client's part for making cases up: scenarios, quotes, runs, what becomes of the cases.

It asks the command line, so that models and checks never come into the process that draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptopt_tui import errands

LONG = 600.0
"""Seconds that writing many cases out may take."""


@dataclass(frozen=True)
class Wish:
    """What is to be made.

    Attributes:
        scenario: its name, or the path of a scenario file.
        company: path of a file on the company; empty: nothing is told of one.
        count: cases.
        model: who makes them up.
        judge: who says how real each seems; empty: nobody.
        usd: cap on spending; empty: none.
        simulate: the simulator in the place of all models.
    """

    scenario: str
    company: str = ""
    count: int = 100
    model: str = ""
    judge: str = ""
    usd: str = ""
    simulate: bool = False

    @property
    def arguments(self) -> list[str]:
        """As the command line takes it."""
        said = ["data", "generate", self.scenario, "--count", str(self.count)]
        given = {"--company": self.company, "--usd": self.usd, "--judge": self.judge}
        if self.simulate:
            said.append("--simulate")
        else:
            given["--model"] = self.model
        return [*said, *(f"{name}={value}" for name, value in given.items() if value)]


class Makings:
    """What can be asked about cases that are made up."""

    def scenarios(self) -> Sequence[Mapping[str, Any]]:
        """The scenarios that come with promptopt."""
        return errands.ask("data", "scenarios")

    def scenario(self, path: str) -> Mapping[str, Any]:
        """A scenario of a file of one's own."""
        return errands.ask("data", "scenarios", path)

    def quote(self, wish: Wish) -> Mapping[str, Any]:
        """What it takes, least, likely and most; nothing is sent."""
        return errands.ask(*wish.arguments, "--quote")

    def start(self, wish: Wish) -> str:
        """Start the run that makes the cases; returns its id."""
        return str(errands.ask(*wish.arguments, "--detach")["run_id"])

    def save_project(self, run_id: str, name: str) -> Mapping[str, Any]:
        """Make a project of a run's cases: ``project`` is its file, ``cases`` how many."""
        return errands.ask("data", "save", run_id, f"--project={name}", patience=LONG)

    def save_file(self, run_id: str, path: Path, *, overwrite: bool = False) -> Mapping[str, Any]:
        """Write a run's cases into a file: ``out``, and ``cases``, how many."""
        more = ["--overwrite"] if overwrite else []
        return errands.ask("data", "save", run_id, f"--out={path}", *more, patience=LONG)
