"""What can be asked of a proof of concept on its screen: pause, stop, go on, a word, a look at more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from textual import on
from textual.screen import Screen

from promptopt_tui import formatting as fm
from promptopt_tui.desk import OnTop
from promptopt_tui.paint import wrap
from promptopt_tui.screens.comparing import MOST, CompareScreen
from promptopt_tui.screens.deployments import show_deployments
from promptopt_tui.screens.dialogs import Build, Dialog, Option, confirm
from promptopt_tui.screens.filing import open_file, show_file
from promptopt_tui.screens.queue import open_review
from promptopt_tui.views import proof
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.table import Table

if TYPE_CHECKING:
    from promptopt.enterprise.poc.state import StageState
    from promptopt.store.runs import RunRow
    from promptopt_tui.proofs import Look


class Proofwork(OnTop, Screen[None]):
    """The part of the screen of a proof of concept that asks for something.

    Args:
        look: where it stood when this was opened.
    """

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.record: Mapping[str, Any] | None = None
        """The figures so far; None until they were computed."""

    def freshen(self) -> None:
        """Look it up again."""
        raise NotImplementedError

    @property
    def poc_id(self) -> str:
        """Its id."""
        return self.look.row.id

    def rows(self, stage: StageState) -> list[RunRow]:
        """The runs of a stage; of the comparison today's prompt first."""
        rows = [self.look.runs[run] for run in stage.runs if run in self.look.runs]
        if stage.name == "comparison":
            rows.sort(key=lambda row: (row.optimizer != "none", row.created_at))
        return rows

    @property
    def _compared(self) -> list[str]:
        """Ids of the runs of the comparison, today's prompt first."""
        stage = next((one for one in self.look.state.stages if one.name == "comparison"), None)
        return [row.id for row in self.rows(stage)][:MOST] if stage else []

    @property
    def _cases_run(self) -> str:
        """Id of the run that made its cases up; empty if none did."""
        stage = self.look.state.stages[0]
        return stage.runs[0] if stage.name == "data" and stage.runs else ""

    @property
    def _deployment(self) -> str:
        """Id of the prompt in use that came of it; empty if none did."""
        return str((self.record or {}).get("deployment_id") or "")

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        row = self.look.row
        needs = {
            "proof.pause": row.live,
            "proof.stop": row.live,
            "proof.resume": not row.live and row.status != "finished",
            "proof.review": bool(self._cases_run),
            "proof.compare": len(self._compared) > 1,
            "proof.open": bool(self.look.files),
            "proof.deployment": bool(self._deployment),
        }
        return needs.get(action_id, True)

    def _refuse(self, action_id: str, why: str) -> bool:
        """Say so if an action makes no sense now."""
        if self.may(action_id):
            return False
        self.desk.notify(why, severity="warning", markup=False)
        return True

    def _do(self, said: str, work: Callable[[], object]) -> None:
        """Ask for something in a thread, and say so when it was asked."""

        def done(_: object) -> None:
            self.desk.notify(said, timeout=3, markup=False)
            self.freshen()

        self.desk.background(work, done)

    # Pause, stop, go on

    def action_pause(self) -> None:
        if self._refuse("proof.pause", "Nobody is at it: there is nothing to pause."):
            return
        proofs, row = self.desk.client.proofs, self.look.row
        if row.status == "paused" or row.wish == "pause":
            self._do("It goes on.", lambda: proofs.resume(row.id))
        else:
            said = "It pauses: calls under way end, no new one starts."
            self._do(said, lambda: proofs.ask(row.id, "pause"))

    def action_stop(self) -> None:
        if self._refuse("proof.stop", "Nobody is at it: there is nothing to stop."):
            return
        proofs, poc_id = self.desk.client.proofs, self.poc_id
        confirm(
            self.app,
            "Stop this proof of concept?",
            ("Leave it", "it goes on"),
            ("Stop it", "its runs end at once"),
            lambda: self._do("It stops.", lambda: proofs.ask(poc_id, "stop")),
            lambda width: wrap([("R lets it go on later; nothing is paid twice.", "muted")], width),
        )

    def action_resume(self) -> None:
        why = "It is under way." if self.look.row.live else "It came to its end: there is nothing to resume."
        if self._refuse("proof.resume", why):
            return
        status, emergency = self.look.row.status, self.look.emergency
        if status == "held":
            self._ask_about_cases()
        elif status == "failed" and emergency is not None:
            self._ask_about_money(emergency)
        else:
            self._resume("go")

    def _ask_about_cases(self) -> None:
        """It waits for a person's word on its cases."""
        look = self.look
        options = [Option("n", "Leave it waiting", "nothing is sent", "")]
        if self._cases_run:
            options.append(Option("c", "Look at the cases", "keep, edit, drop", "review"))
        if look.asks:
            options.append(Option("y", "Go on", "the cases were looked at", "go"))
        if look.objects:
            options.append(Option("a", "Use them all the same", "the gate objects, you do not", "accept"))
        elif not look.asks:
            options.append(Option("y", "Go on", "", "go"))
        lines = proof.news(look, 10_000)[:1]
        self._ask("Use these cases?", lambda width: proof.wrapped(lines, width), options)

    def _ask_about_money(self, emergency: float) -> None:
        """It failed, maybe as the month's budget is used up; there is an emergency budget."""
        options = [
            Option("n", "Leave it", "nothing is sent", ""),
            Option("y", "Go on", "within the month's budget", "go"),
            Option("e", "Go beyond it", f"up to {fm.usd(emergency)}, the emergency budget", "emergency"),
        ]
        self._ask(
            "Let it go on?", lambda width: proof.wrapped(proof.news(self.look, 10_000)[:1], width), options
        )

    def _ask(self, title: str, build: Build, options: list[Option[str]]) -> None:
        self.app.push_screen(Dialog(title, build, options), self._resume)

    def _resume(self, word: str | None) -> None:
        """Let it go on with a person's word; or look at the cases, or leave it."""
        if word == "review":
            self.action_review()
        elif word:
            proofs, poc_id = self.desk.client.proofs, self.poc_id
            accept, emergency = word == "accept", word == "emergency"
            self._do("It goes on.", lambda: proofs.resume(poc_id, accept=accept, emergency=emergency))

    # A look at more

    def action_review(self) -> None:
        if not self._refuse("proof.review", "Its cases were not made up here."):
            open_review(self.desk, self._cases_run)

    def action_compare(self) -> None:
        if not self._refuse("proof.compare", "There are no two runs to compare yet."):
            self.app.push_screen(CompareScreen(self._compared))

    def action_deployment(self) -> None:
        if not self._refuse("proof.deployment", "No prompt is in use that came of it."):
            show_deployments(self.desk, self._deployment)

    @on(Table.Opened, "#files")
    def _file_opened(self, message: Table.Opened) -> None:
        show_file(self.desk, message.row.path)

    def action_open(self) -> None:
        if self._refuse("proof.open", "Nothing was written yet."):
            return
        row = self.query_one("#files", Table).row
        if row is not None:
            open_file(self.desk, row.path)

    def action_copy(self) -> None:
        focused = self.focused
        row = focused.row if isinstance(focused, Table) else None
        if row is not None and isinstance(focused, Table) and focused.id == "files":
            self.desk.copy(str(row.path), "path of the file")
        elif row is not None and isinstance(focused, Table) and focused.id == "runs":
            self.desk.copy(row.id, "run id")
        elif isinstance(focused, Canvas):
            self.desk.copy(focused.text_to_copy(), focused.id or "")

    def action_leave(self) -> None:
        self.dismiss()
