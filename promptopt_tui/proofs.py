"""The client's part for proofs of concept: how far each is, what it has come to, and what is asked of one.

How far one is comes from the store; what makes or needs figures is asked of the command line, so that
statistics and models never come into the process that draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt_tui import errands

if TYPE_CHECKING:
    from promptopt.enterprise.poc.state import POCState
    from promptopt.store.database import Database
    from promptopt.store.pocs import PocRow
    from promptopt.store.runs import RunRow

AT_ONCE = 8
"""Proofs of concept that are over and were not looked at yet, of which so many are with each look."""


@dataclass(frozen=True)
class ProofWish:
    """What is to be proven. Empty texts leave it to the command line.

    Attributes:
        scenario: its name, or the path of a scenario file.
        company: path of a company file or an enterprise configuration.
        cases: path of cases of one's own, in the place of made-up ones.
        prompt: path of a file with the prompt that is in use.
        count: cases to make up.
        model: that the prompt is for; none: the simulator.
        strong: model that writes prompts, makes cases up and judges.
        usd: cap on spending over all stages.
        review: a person looks at the cases before they are used.
        out: folder for what is written.
        fresh: start anew, also if the same is there.
        emergency: go beyond the month's budget, up to the emergency budget.
    """

    scenario: str
    company: str = ""
    cases: str = ""
    prompt: str = ""
    count: str = ""
    model: str = ""
    strong: str = ""
    usd: str = ""
    review: bool = False
    out: str = ""
    fresh: bool = False
    emergency: bool = False

    @property
    def arguments(self) -> list[str]:
        """What is to be proven, as the command line takes it."""
        given = {
            "--company": self.company,
            "--cases": self.cases,
            "--prompt": self.prompt,
            "--count": self.count,
            "--model": self.model,
            "--optimizer-model": self.strong,
            "--max-usd": self.usd,
        }
        said = [f"--scenario={self.scenario}", *(f"{name}={value}" for name, value in given.items() if value)]
        return [*said, *(["--review"] * self.review), *(["--emergency"] * self.emergency)]


@dataclass(frozen=True)
class Listed:
    """One in the list; ``state`` is None until it was looked at."""

    row: PocRow
    state: POCState | None


@dataclass(frozen=True)
class ProofFile:
    """Something that was written; ``size`` in bytes, None for a folder, −1 if it is not there any more."""

    name: str
    path: Path
    size: int | None


@dataclass(frozen=True)
class Look:
    """Where one stands.

    Attributes:
        runs: rows of its runs, by id.
        paid: ids of the runs that it has paid for: not one that was found made already.
        objects: the gate does not let its cases pass.
        asks: it waits for a person to look at the cases.
        emergency: US dollars of an emergency budget that nobody has agreed to yet; None if there is none.
    """

    row: PocRow
    state: POCState
    runs: Mapping[str, RunRow]
    paid: frozenset[str]
    files: tuple[ProofFile, ...]
    objects: bool = False
    asks: bool = False
    emergency: float | None = None


class Proofs:
    """What can be asked about proofs of concept."""

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database
        self._over: dict[PocRow, POCState] = {}

    def listed(self) -> list[Listed]:
        """All of them, newest first."""
        from promptopt.store.pocs import Pocs

        found: list[Listed] = []
        over: dict[PocRow, POCState] = {}
        new = 0
        for row in Pocs(self._database()).list():
            state = None if row.live else self._over.get(row)
            if state is None and (row.live or new < AT_ONCE):
                new += not row.live
                state = self._state(row)
            if state is not None and not row.live:
                over[row] = state
            found.append(Listed(row, state))
        self._over = over
        return found

    def _state(self, row: PocRow) -> POCState | None:
        """Where one stands; None if what was kept of it can't be read: it must not hide the others."""
        from promptopt.domain.errors import PromptoptError
        from promptopt.enterprise.poc.state import state_of

        try:
            return state_of(self._database(), row)
        except (PromptoptError, ValueError, LookupError):
            return None

    def look(self, reference: str) -> Look:
        """Where the one with this id or name stands.

        Raises:
            RunError: there is none.
        """
        import json

        from promptopt.enterprise.poc.spending import own_runs
        from promptopt.enterprise.poc.state import state_of
        from promptopt.store.pocs import Pocs
        from promptopt.store.runs import Runs

        database = self._database()
        row = Pocs(database).find(reference)
        state, parts, runs = state_of(database, row), Pocs(database).parts(row.id), Runs(database)
        gate: dict[str, Any] = json.loads(parts["gate"].body) if "gate" in parts else {}
        plan: dict[str, Any] = json.loads(row.plan)
        return Look(
            row=row,
            state=state,
            runs={run_id: runs.find(run_id) for run_id in state.run_ids},
            paid=frozenset(own_runs(database, row.id)),
            files=tuple(_file(Path(state.output_dir), name) for name in state.files),
            objects=row.status == "held" and not gate.get("passed", True),
            asks=row.status == "held" and bool(plan.get("review")) and "review" not in parts,
            emergency=None if plan.get("emergency_allowed") else plan.get("emergency"),
        )

    def record(self, poc_id: str) -> Mapping[str, Any]:
        """What it has come to so far: figures with their sources, headline, business case, next steps."""
        return errands.ask("poc", "show", poc_id)

    def estimate(self, wish: ProofWish) -> Mapping[str, Any]:
        """What its stages need; ``problem``: what is missing to start; ``emergency``: a budget that helps."""
        return errands.ask("poc", "estimate", *wish.arguments)

    def start(self, wish: ProofWish) -> tuple[str, bool]:
        """Start it in the background; returns its id, and whether the same was there already."""
        from promptopt.store.pocs import Pocs

        known = {row.id for row in Pocs(self._database()).list()}
        more = [
            "--detach",
            *(["--fresh"] if wish.fresh else []),
            *([f"--out={wish.out}"] if wish.out else []),
        ]
        poc_id = str(errands.ask("poc", "run", *wish.arguments, *more)["poc_id"])
        return poc_id, poc_id in known

    def ask(self, poc_id: str, wish: str) -> None:
        """Ask it to ``pause`` or to ``stop``.

        Raises:
            RunError: nobody is at it.
        """
        from promptopt.enterprise.poc.wishes import ask_for
        from promptopt.store.pocs import Pocs

        ask_for(self._database(), Pocs(self._database()).find(poc_id), wish)

    def resume(self, poc_id: str, *, accept: bool = False, emergency: bool = False) -> None:
        """Let it go on; with a driver of its own if none is at it.

        Args:
            accept: use the cases although they do not pass the gate.
            emergency: go beyond the month's budget, up to the emergency budget.
        """
        from promptopt.enterprise.poc.wishes import go_on
        from promptopt.store.pocs import Pocs

        if not go_on(self._database(), Pocs(self._database()).find(poc_id)):
            more = [*(["--accept-cases"] * accept), *(["--emergency"] * emergency)]
            errands.ask("poc", "resume", poc_id, "--detach", *more)


def _file(folder: Path, name: str) -> ProofFile:
    path = folder / name
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ProofFile(name, path, -1)
    return ProofFile(name, path, None if path.is_dir() else found.st_size)
