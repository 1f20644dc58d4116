"""The client's part for what a prompt is worth and for giving it out: reports, packages, deployments.

It asks the command line, so that what computes and draws never comes into the process that shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt_tui import errands
from promptopt_tui.errands import Errand

if TYPE_CHECKING:
    from promptopt.store.database import Database
    from promptopt_tui.deploybook import InUse

LONG = 600.0
"""Seconds that a report or a package may take."""

FORMS = ("md", "html", "pptx", "xlsx")
"""Documents of a business case."""

SCENARIOS = ("general", "customer_support", "internal_email", "content_creation", "technical_documentation")
"""Whose assumptions there are."""


STRATEGIES = ("gradual", "pilot", "all_at_once")
"""How a prompt is rolled out."""


@dataclass(frozen=True)
class CaseWish:
    """A business case that is to be written.

    Attributes:
        run_id: of the run that measured.
        folder: the documents go there.
        forms: which documents, of :data:`FORMS`.
        scenario: whose assumptions; empty: those of the file, or general ones.
        assumptions: file of them; empty: none.
        keep: file to write the assumptions to, to change them there; empty: none.
    """

    run_id: str
    folder: Path
    forms: tuple[str, ...]
    scenario: str = ""
    assumptions: str = ""
    keep: str = ""

    @property
    def arguments(self) -> list[str]:
        """As the command line takes it."""
        given = {
            "--out": str(self.folder),
            "--format": ",".join(self.forms),
            "--scenario": self.scenario,
            "--assumptions": self.assumptions,
            "--save-assumptions": self.keep,
        }
        return ["report", self.run_id, *(f"{name}={value}" for name, value in given.items() if value)]


@dataclass(frozen=True)
class PackageWish:
    """A package for a team that is to be written, of what a run has found.

    Attributes:
        run_id: of the run.
        folder: new or empty.
        title: what the team calls it; empty: as the project is called.
        teams: who gets it, in the order of the roll-out.
        company: file on the company; empty: none.
        strategy: of :data:`STRATEGIES`.
        start: first day, as 2026-12-01; empty: next Monday.
    """

    run_id: str
    folder: Path
    title: str = ""
    teams: tuple[str, ...] = ()
    company: str = ""
    strategy: str = ""
    start: str = ""

    @property
    def arguments(self) -> list[str]:
        """As the command line takes it."""
        given = {
            "--out": str(self.folder),
            "--title": self.title,
            "--company": self.company,
            "--strategy": self.strategy,
            "--start": self.start,
        }
        said = [f"{name}={value}" for name, value in given.items() if value]
        return ["deploy", self.run_id, *said, *(f"--team={team}" for team in self.teams)]


@dataclass(frozen=True)
class LookWish:
    """A look at a prompt in use.

    Attributes:
        deployment_id: of the prompt in use.
        cases: file of fresh cases with the right answers.
        threshold: fall of the score that does not matter, a share.
        usd: cap on it; empty: the project's own.
        again: ask anew, also if the same cases were scored before.
    """

    deployment_id: str
    cases: Path
    threshold: float
    usd: str = ""
    again: bool = False

    @property
    def arguments(self) -> list[str]:
        """As the command line takes it."""
        said = ["monitor", self.deployment_id, f"--cases={self.cases}", f"--threshold={self.threshold:g}"]
        cap = [f"--max-usd={self.usd}"] if self.usd else []
        return [*said, *cap, *(["--again"] if self.again else [])]


class Business:
    """What can be asked about the worth of a prompt, and about giving it out."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database
        self.errands: dict[str, Errand] = {}
        """Looks under way that this UI has begun, by deployment."""

    def report(self, wish: CaseWish) -> Mapping[str, Any]:
        """Write a business case; its ranges, in words under ``told``, and the ``files``."""
        return errands.ask(*wish.arguments, patience=LONG)

    def deploy(self, wish: PackageWish) -> Mapping[str, Any]:
        """Write a package and keep the deployment: its advice, its plan, its id."""
        return errands.ask(*wish.arguments, patience=LONG)

    def deployments(self) -> Sequence[InUse]:
        """The prompts in use, newest first, with what was found of each."""
        from promptopt_tui.deploybook import read_deployments

        return read_deployments(self._database())

    def look(self, wish: LookWish) -> Errand:
        """Begin a look at a prompt in use; it goes on if this UI is left."""
        found = self.errands[wish.deployment_id] = Errand(*wish.arguments)
        return found

    def page(self, deployment_id: str, path: Path) -> None:
        """Write the history of a deployment as a page."""
        errands.ask("monitor", deployment_id, f"--html={path}", "--history")


def in_use(folder: Path) -> bool:
    """Whether a folder is there and something is in it."""
    return folder.is_dir() and any(folder.iterdir())
