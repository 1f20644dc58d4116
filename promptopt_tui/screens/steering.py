"""What a person can ask of a run, and the questions that a run asks a person."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING

from textual.screen import Screen

from promptopt.domain.text import one_line
from promptopt.domain.words import TO_RESUME
from promptopt.store.commands import Command, Decide, Edit, Pause, Resume, Stop
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.desk import OnTop
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.editor import EditScreen, Written, editing
from promptopt_tui.screens.filling import Field, FillScreen
from promptopt_tui.views import outcome
from promptopt_tui.views.view import View

if TYPE_CHECKING:
    from promptopt.runs.following import Follower

PATIENCE = 10.0
"""Seconds for which it is shown that something was asked of the run."""

NEED_SEARCH = ("run.edit", "run.step", "run.inject", "run.guide", "run.approval")


OF_PROMPTS = ("run.diff", "run.against", "run.side", "run.split", "run.export")
"""What can be done with prompts and scored cases: a run that makes cases up has none."""


class Steering(OnTop, Screen[None]):
    """The part of the cockpit that sends commands; see :class:`promptopt_tui.screens.run.RunScreen`."""

    follower: Follower
    run_id: str
    sent = ""
    _sent_at = 0.0
    _logged_then = 0
    _asked_about = 0
    """The edit (its command's id) that the question was put for."""
    _was_live = False
    _question: Dialog[bool] | None = None
    _current_then = ""
    """The run's current prompt when the question was last drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._to_send: deque[Command] = deque()
        self._sending = Lock()
        self._why = ""
        """The reason of what will be asked next."""

    def view(self) -> View:
        """The run as it stands, to be read under the follower's lock."""
        raise NotImplementedError

    @property
    def is_live(self) -> bool:
        """A worker is at the run."""
        return self.follower.status in ("created", "running", "paused")

    @property
    def makes_cases(self) -> bool:
        """The run makes cases up, and looks for no prompt."""
        row = self.follower.row
        return self.follower.state.generation is not None or bool(row and row.kind == "generate")

    @property
    def _edit_waits(self) -> bool:
        edit = self.follower.state.edit
        return bool(edit and edit.waiting and edit.comparison and not self.follower.state.over)

    @property
    def _may_edit(self) -> bool:
        state = self.follower.state
        return self.is_live and bool(state.current_id) and state.has_search and not self._edit_waits

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        needs = {
            "run.pause": self.is_live,
            "run.why": self.is_live,
            "run.edit": self._may_edit,
            "run.stop": self.is_live,
            "run.answer": self._edit_waits,
            "run.resume": self.follower.status in TO_RESUME and self.follower.state.resumable,
            "run.outcome": self.follower.state.over,
            "run.tournament": self.follower.state.tournament is not None,
            "run.review": bool(self.follower.state.generation and self.follower.state.generation.done),
        }
        if self.makes_cases and action_id in OF_PROMPTS:
            return False
        return needs.get(action_id, True)

    def _refuse(self, action_id: str) -> bool:
        """Say so if an action makes no sense now."""
        if self.may(action_id):
            return False
        status = self.follower.status
        why = "Answer the question about the edit first: a." if self._edit_waits else f"The run is {status}."
        if action_id == "run.answer":
            why = "Nothing waits for an answer."
        elif action_id == "run.tournament":
            why = "This run has played no tournament."
        elif action_id in NEED_SEARCH and self.is_live and not self.follower.state.has_search:
            why = "This run has no search that could take it up."
        elif action_id in NEED_SEARCH and self.is_live and self.follower.state.phase == "test":
            why = "The search is over."
        elif action_id == "run.outcome":
            why = "The run is not over yet."
        elif action_id == "run.review":
            why = "No case is made yet." if self.makes_cases else "This run makes no cases up."
        elif action_id != "run.resume" and self.may("run.resume"):
            why = f"The run is {status}; R resumes it."
        elif action_id == "run.resume" and status in TO_RESUME:
            why = f"The run is {status}, and its sealed test was scored: there is nothing to resume."
        self.app.notify(why, severity="warning", markup=False)
        return True

    def send(self, command: Command, said: str) -> None:
        """Ask something of the run, and say so until its stream shows it."""
        if self._why:
            command = command.model_copy(update={"reason": command.reason or self._why})
            said, self._why = f"{said} ({one_line(self._why, 40)})", ""
        self.sent, self._sent_at, self._logged_then = said, self.desk.now(), self.follower.logged
        self._to_send.append(command)
        self.desk.background(self._send_next, lambda _: self.follower.hurry())

    def _send_next(self) -> None:
        with self._sending:  # one thread may overtake another; what is sent may not
            self.desk.client.send(self.run_id, self._to_send.popleft())

    # Commands

    def action_why(self) -> None:
        """Have a reason written down, for an act that has no field for it."""
        if self._refuse("run.why"):
            return

        def answered(given: dict[str, str] | None) -> None:
            if given is not None:
                self._why = given["reason"]
                said = f"With what you do next: {one_line(self._why, 80)}"
                self.app.notify(said if self._why else "No reason is kept.", markup=False)

        field = Field("reason", "why", self._why)
        about = [("Kept with what you ask of the run next: pause, step, resume, stop, a wish …", "muted")]
        screen = FillScreen("Say why", [field], lambda width: [*paint.wrap(about, width), []], "keep")
        self.app.push_screen(screen, answered)

    def action_pause(self) -> None:
        if self._refuse("run.pause"):
            return
        if self.follower.status == "paused":
            self.send(Resume(), "resuming…")
        else:
            self.send(Pause(), "pausing: calls in flight finish, no new one starts…")

    def action_stop(self) -> None:
        if self._refuse("run.stop"):
            return
        with self.follower.lock:
            lines = self._consequences(self.view())
        options = [
            Option("n", "Go on", "the run is not touched", ""),
            Option("s", "Stop, then test", "end the search, score the sealed test", "test"),
            Option("i", "Stop after this iteration", "then score the sealed test", "iteration"),
            Option("x", "Stop now", "no sealed test: no claim about new cases", "now"),
        ]
        if self.follower.state.phase == "test":
            del options[2]
        if not self.follower.state.has_search:
            options[1:] = [Option("s", "Stop", "it can be resumed, and nothing is paid twice", "now")]

        def answered(answer: str | None) -> None:
            if answer:
                said = "it will end with this iteration…" if answer == "iteration" else "stopping…"
                self.send(Stop(now=answer == "now", after_iteration=answer == "iteration"), said)

        def build(width: int) -> list[paint.Line]:
            return [piece for line in lines for piece in paint.wrap(line, width)]

        self.app.push_screen(Dialog("Stop the run?", build, options), answered)

    def _consequences(self, view: View) -> list[paint.Line]:
        state = view.state
        best = state.candidates.get(state.best_id)
        lines: list[paint.Line] = []
        calls = fm.plural(state.in_flight, "call")
        finish = "finishes" if state.in_flight == 1 else "finish"
        lines.append([(f"{calls} in flight {finish} first; everything answered so far is kept.", "")])
        if best and best.validation:
            lines.append(
                [("Best so far: ", "muted"), (f"{view.name(best.id)}, {fm.interval(best.validation)}", "")]
            )
        if state.generation is not None:
            made = state.generation
            said = f"{made.done:,} of {made.plan.count:,} cases are made; they can be looked at and saved."
            lines.append([(said, "")])
        tests = state.sizes.get("test", 0)
        if not state.has_search:
            return lines
        if not tests:
            lines.append([("There is no test split, so neither way gives a tested verdict.", "warn")])
            return lines
        prompts = 1 if best is None or best.id == state.seed_id else 2
        line: paint.Line = [("The sealed test takes ", "muted"), (f"{tests} cases × {prompts}", "")]
        usd = state.meters.get("usd")
        if usd and usd.held:
            line += [(", at most ", "muted"), (fm.usd(usd.held), ""), (" held back for it", "muted")]
        return [*lines, line]

    def action_edit(self) -> None:
        if self._refuse("run.edit"):
            return
        with self.follower.lock:
            state = self.follower.state
            text, name = state.candidates[state.current_id].text, self.view().name(state.current_id)
            on_edit, demands = state.on_edit, state.wishes.in_force

        def answered(written: Written | None) -> None:
            if written is not None:
                self.send(
                    Edit(text=written.text, adopt="ask", reason=written.reason),
                    "the edit is on its way; the run takes it up at its next safe point…",
                )

        self.app.push_screen(EditScreen(text, name, editing(on_edit), demands), answered)

    def action_resume(self) -> None:
        if self._refuse("run.resume"):
            return
        self.sent, self._sent_at, self._logged_then = (
            "starting a worker…",
            self.desk.now(),
            self.follower.logged,
        )
        self._asked_about = 0

        def given_up() -> None:
            self.sent = ""

        self.desk.resume_run(self.run_id, lambda _: self.follower.hurry(), given_up)

    def action_leave(self) -> None:
        self.desk.leave_run(self.run_id, self.follower.status, self.is_live, self.may("run.resume"))

    # Questions and the end

    def attend(self) -> None:
        """Put the questions that are due, take away those that are not any more."""
        if self.sent and (
            self.follower.logged != self._logged_then or self.desk.now() - self._sent_at > PATIENCE
        ):
            self.sent = ""
        waits = self._edit_waits
        if self._question is not None and not waits:
            if self._question.on_top:
                self._question.dismiss(None)
                self.app.notify("The edit was decided on elsewhere.", markup=False)
        elif self._question is not None and self.follower.state.current_id != self._current_then:
            self._current_then = self.follower.state.current_id
            self._question.rebuild()
        edit = self.follower.state.edit
        if waits and edit and self.on_top and edit.command_id != self._asked_about:
            self._ask(uninvited=True)
        over = self.follower.state.over
        if over and self._was_live and self.on_top and not self.is_live:
            self._was_live = False
            self.show_outcome(uninvited=True)
        elif not over and self.follower.caught_up.is_set() and self.is_live:
            self._was_live = True

    def action_answer(self) -> None:
        if not self._refuse("run.answer"):
            self._ask()

    def _ask(self, *, uninvited: bool = False) -> None:
        edit = self.follower.state.edit
        if edit is None or edit.comparison is None:
            return
        self._asked_about, self._current_then = edit.command_id, self.follower.state.current_id
        candidate_id = edit.candidate_id
        doubtful = edit.comparison.verdict == "worse" or bool(edit.breaks)
        options = [
            Option("y", "Go on from the edit", "the search builds on your prompt", True),
            Option("n", "Put it aside", "the search goes on as if there had been no edit", False),
        ]

        def build(width: int) -> list[paint.Line]:
            with self.follower.lock:
                return outcome.edit_lines(self.view(), width)

        def answered(answer: bool | None) -> None:
            self._question = None
            if answer is not None:
                self.send(Decide(candidate_id=candidate_id, adopt=answer), "telling the run…")

        title = "Your edit was scored: go on from it?"
        self._question = Dialog(title, build, options, start=1 if doubtful else 0, uninvited=uninvited)
        self.app.push_screen(self._question, answered)

    def action_outcome(self) -> None:
        if not self._refuse("run.outcome"):
            self.show_outcome()

    def show_outcome(self, *, uninvited: bool = False) -> None:
        """Show what came out; ``uninvited`` if nobody asked for it."""
        raise NotImplementedError
