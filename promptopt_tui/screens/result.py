"""The result of a run: verdict, why, and where each sentence of the best prompt comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.actions import bindings
from promptopt_tui.casebook import Casebook
from promptopt_tui.paint import Span
from promptopt_tui.screens.resulting import Resulting
from promptopt_tui.views import header, outcome, result
from promptopt_tui.views.view import View
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.keyline import KeyLine
from promptopt_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from promptopt.runs.aftermath import Aftermath
    from promptopt.runs.provenance import Effect, Sentence
    from promptopt_tui.screens.run import RunScreen

SHORT = 20
"""Rows of a terminal below which a narrow one shows one panel at a time."""

PANELS = {"verdict": "Verdict", "changes": "What changed", "step": "The step", "moved": "Cases"}


@dataclass(frozen=True)
class Moved:
    """A case that a step fixed or broke."""

    case_id: str
    fixed: bool


class ResultScreen(Resulting):
    """What came out of a run that is over."""

    SCOPE = "result"
    PLACES = tuple(PANELS)
    DONE = "The run has come to its end: there is nothing to resume."

    CSS_PATH = "../styles/result.tcss"
    BINDINGS = bindings("result")
    AUTO_FOCUS = "#verdict"

    def __init__(self, run: RunScreen, *, uninvited: bool = False) -> None:
        super().__init__(run, uninvited=uninvited)
        self.found: Aftermath | None = None
        """Where it comes from; None until that is gathered."""
        self.again: Mapping[str, Any] | None = None
        self.unchanged = True
        """Sentences that are as in the seed are shown, too."""
        self._rows: Sequence[Sentence] = ()
        self._shown_effect: Effect | None = None
        self._keys: dict[int, str] = {}
        """Of each sentence its place in the whole trace: the cursor stays on it when others are hidden."""

    def compose(self) -> ComposeResult:
        changes = [
            Column("", 1, result.sign),
            Column("sentence", 0, self._text),
            Column("by", 12, self._by),
            Column("cases", 9, self._counts, "right", least=56),
        ]
        moved = [
            Column("", 8, lambda m: ("✓ fixed", "good") if m.fixed else ("✗ broken", "bad")),
            Column("case", 12, lambda m: (m.case_id, "")),
            Column("input", 0, self._input),
        ]
        yield Canvas(id="header")
        with Horizontal(id="body"):
            yield Canvas(id="verdict", classes="panel")
            with Vertical(id="way"):
                yield Table(changes, self._key, id="changes", classes="panel")
                yield Canvas(id="step", classes="panel")
                yield Table(moved, lambda m: m.case_id, id="moved", classes="panel")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#changes", Table).set_empty([[("looking where it comes from…", "muted")]])
        self._book = Casebook(self.desk, self.run_screen.run_id, self._arrived)
        self._gather()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < SHORT, "-short")
        self.call_after_refresh(self.draw)

    # What is shown

    def _gather(self) -> None:
        row, state = self.run_screen.follower.row, self.run_screen.follower.state
        if row is None:
            return

        def came(found: Aftermath) -> None:
            before, self.found = self.found, found
            self._keys = {id(each): str(at) for at, each in enumerate(found.trace.parts)}
            self.set_class(not found.trace.steps, "-alone")
            self.draw()
            if before is None:
                first = next((at for at, each in enumerate(self._rows) if each.step is not None), 0)
                self.query_one("#changes", Table).move_to(first)

        def sketched(found: Aftermath) -> None:
            if self.found is None:  # the whole of it may have been faster
                came(found)

        def measured(again: Mapping[str, Any] | None) -> None:
            self.again = again
            self.draw()

        self.desk.background(lambda: self.desk.client.aftermath_at_once(state), sketched)
        self.desk.background(lambda: self.desk.client.aftermath(row, state), came)
        if state.finished and state.finished.stop_reason == "scored":
            self.desk.background(lambda: self.desk.client.again(row.id), measured, lambda _: None)

    def view(self) -> View:
        """The run, to be read under the follower's lock."""
        return self.run_screen.view()

    def draw(self) -> None:
        if not self.is_attached:
            return
        with self.run_screen.follower.lock:
            view = self.view()
            top, verdict = self.query_one("#header", Canvas), self.query_one("#verdict", Canvas)
            top.set_lines(header.header(view, top.width))
            width = verdict.width or self.size.width - 4
            more = result.beside(view, self.found, self.again, width)
            verdict.set_lines(outcome.outcome(view, width, more))
            self._draw_changes(view)
            self._draw_step(view)
        for name, title in PANELS.items():
            self.query_one(f"#{name}").border_title = Content(self._title(name, title))
        self._draw_keys()

    def _title(self, name: str, title: str) -> str:
        if self.found is None or name not in ("changes", "moved"):
            return (
                f"Result: {one_line(self.run_screen.follower.state.project, 60)}"
                if name == "verdict"
                else title
            )
        if name == "moved":
            number = fm.plural(len(self.query_one("#moved", Table).rows), "case")
            return f"{title} that it fixed or broke · {number}"
        trace = self.found.trace
        number = fm.plural(len(trace.changes), "change")
        passing = f" · {trace.passing} came and went" if trace.passing else ""
        return f"{title} · {number} in {fm.plural(len(trace.steps), 'step')}{passing}"

    def _draw_changes(self, view: View) -> None:
        table = self.query_one("#changes", Table)
        if self.found is None:
            return
        trace = self.found.trace
        self._rows = trace.parts if self.unchanged else trace.changes
        table.set_empty(result.nothing_changed(view))
        table.set_rows(self._rows if trace.steps else ())

    def _draw_step(self, view: View) -> None:
        canvas, moved = self.query_one("#step", Canvas), self.query_one("#moved", Table)
        sentence = self.sentence
        if self.found is None or sentence is None:
            canvas.set_lines([])
            moved.set_empty([])
            moved.set_rows(())
            return
        canvas.set_lines(result.sentence_lines(view, self.found, sentence, canvas.width or 40))
        effect = result.effect_of(self.found, sentence)
        if effect is not self._shown_effect or effect is None:
            self._shown_effect = effect
            moved.set_empty([[("no case changed by it", "muted")]])
            rows = [Moved(each, True) for each in effect.fixed] if effect else []
            moved.set_rows([*rows, *(Moved(each, False) for each in effect.broken)] if effect else ())

    def _draw_keys(self) -> None:
        on_verdict = self.focused is not None and self.focused.id == "verdict"
        self.draw_keys({} if on_verdict else {"result.next": "panels"})

    def _arrived(self) -> None:
        self.query_one("#moved", Table).redraw()

    @property
    def sentence(self) -> Sentence | None:
        """The sentence under the cursor."""
        return self.query_one("#changes", Table).row

    # Cells

    def _key(self, sentence: Sentence) -> str:
        return self._keys[id(sentence)]

    def _text(self, sentence: Sentence) -> Span:
        style = {"kept": "muted", "removed": "bad"}.get(sentence.kind, "")
        return one_line(sentence.text, 400), style

    def _by(self, sentence: Sentence) -> Span:
        if self.found is None or sentence.step is None:
            return "", "muted"
        step = self.found.trace.steps[sentence.step]
        candidate = self.run_screen.follower.state.candidates[step.candidate_id]
        return candidate.name, fm.SOURCES[candidate.source][2]

    def _counts(self, sentence: Sentence) -> Span:
        if self.found is None:
            return "", ""
        effect = result.effect_of(self.found, sentence)
        return result.counts(effect), "warn" if effect and effect.broken else "muted"

    def _input(self, moved: Moved) -> Span:
        return one_line(self._book.input_of("validation", moved.case_id)[:600], 200), "muted"

    # Panels

    @property
    def places(self) -> Sequence[str]:
        return self.PLACES[:1] if self.has_class("-alone") else self.PLACES

    @on(Table.Moved, "#changes")
    def _sentence_moved(self) -> None:
        with self.run_screen.follower.lock:
            self._draw_step(self.view())
        self.query_one("#step", Canvas).scroll_home(animate=False)
        self.query_one("#moved").border_title = Content(self._title("moved", PANELS["moved"]))

    @on(Table.Opened, "#changes")
    def _sentence_opened(self) -> None:
        self.query_one("#moved").focus()

    @on(Table.Opened, "#moved")
    def _case_opened(self) -> None:
        from promptopt_tui.screens.stepcase import StepCaseScreen

        sentence = self.sentence
        if self.found is None or sentence is None or sentence.step is None:
            return
        cases = self._book.by_id("validation")
        if cases is None:
            self.desk.notify("The cases are being loaded.", markup=False)
            return
        state = self.run_screen.follower.state
        prompts = result.ends(self.found, sentence.step)
        names = state.name(prompts[0]), state.name(prompts[1])
        table = self.query_one("#moved", Table)
        self.app.push_screen(StepCaseScreen(self.run_screen.run_id, prompts, names, table, cases))

    def action_all(self) -> None:
        self.unchanged = not self.unchanged
        self.draw()

    # Actions

    def may(self, action_id: str) -> bool:
        state = self.run_screen.follower.state
        best = state.candidates.get(state.best_id)
        needs = {
            "result.export": best is not None,
            "result.rescore": bool(best and best.scores),
            "result.report": bool(best and best.scores),
            "result.deploy": bool(best and best.scores),
            "result.resume": self.run_screen.may("run.resume"),
            "result.next": not self.has_class("-alone"),
            "result.all": bool(self.found and self.found.trace.changes),
        }
        return needs.get(action_id, True)

    def action_export(self) -> None:
        from promptopt_tui.screens.exporting import open_export

        if not self.refuse("result.export", "There is no prompt to export."):
            open_export(self.run_screen, self.run_screen.follower.state.best_id)

    def action_compare(self) -> None:
        from promptopt_tui.screens.comparing import choose_runs

        choose_runs(self.desk, self.run_screen.run_id)

    def action_rescore(self) -> None:
        from promptopt_tui.screens.rescoring import ask_for_rescoring

        if not self.refuse("result.rescore", "The best prompt was not scored: there is no figure to hold."):
            ask_for_rescoring(self.run_screen)

    def action_report(self) -> None:
        from promptopt_tui.screens.casing import ask_for_case

        if not self.refuse("result.report", "Nothing was measured: there is nothing to reckon with."):
            ask_for_case(self.desk, self.run_screen.run_id)

    def action_deploy(self) -> None:
        from promptopt_tui.screens.deploying import ask_for_package

        if not self.refuse("result.deploy", "The best prompt was not scored: a fall could not be seen."):
            ask_for_package(self.desk, self.run_screen.run_id, self.run_screen.follower.state.project)

    # Copying

    def action_copy(self) -> None:
        focused: Widget | None = self.focused
        if not isinstance(focused, Canvas):
            return
        if focused.id == "changes":
            self.desk.copy(self.sentence.text if self.sentence else "", "sentence")
            return
        self.desk.copy(focused.text_to_copy(), PANELS.get(focused.id or "", "text").lower())

    def action_menu(self) -> None:
        from promptopt_tui.screens.copying import copy_menu, run_texts

        copy_menu(self.desk, run_texts(self.run_screen, self.run_screen.follower.state.best_id))
