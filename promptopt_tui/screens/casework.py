"""Cases in the cockpit: which are shown, what opens out of one, and what becomes of one that is wrong."""

from __future__ import annotations

from textual import on

from promptopt.domain.dataset import SPLITS, Example, Split
from promptopt.domain.text import one_line
from promptopt.store.commands import Mend
from promptopt_tui import paint
from promptopt_tui.casebook import Casebook
from promptopt_tui.screens.approving import Approving
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.editor import EditScreen, Purpose, Written
from promptopt_tui.screens.filling import REASON, Field, FillScreen
from promptopt_tui.views.clusters import analysed
from promptopt_tui.widgets.cases import CasesPanel
from promptopt_tui.widgets.deck import Deck
from promptopt_tui.widgets.heat import HeatPanel
from promptopt_tui.widgets.panels import ErrorsPanel
from promptopt_tui.widgets.table import Table

MEANS = (
    "All candidates are judged anew on what they answered; nothing is asked again of the target model. "
    "The search begins anew from the current prompt. The project's own file is not changed."
)

RIGHT = Purpose(
    "What the case is to expect", ("for the run: ", MEANS), "all answers to it are judged anew", "Mend it"
)


class Casework(Approving):
    """The part of the cockpit that is about cases."""

    wanted_split: Split | None = None
    """The split that was chosen; None follows the run."""
    drawn_split: Split | None = None
    """The split whose cases are on the screen."""
    book: Casebook

    @property
    def deck(self) -> Deck:
        """The room of the panels."""
        return self.query_one(Deck)

    def soon(self) -> None:
        """Draw before the next tick: somebody has pressed a key and looks."""
        raise NotImplementedError

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        state = self.follower.state
        if action_id == "cases.mend":
            return self.is_live and state.has_search and state.phase == "search"
        return super().may(action_id)

    # Which are shown

    def action_split(self) -> None:
        with self.follower.lock:
            view = self.view()
            there: list[Split] = [split for split in SPLITS if view.state.sizes.get(split)]
            over = view.state.over
        # The sealed test is not to be looked at before the end.
        there = [split for split in there if split != "test" or over]
        if there:
            place = there.index(view.split) if view.split in there else -1
            self.wanted_split = there[(place + 1) % len(there)]

    @on(ErrorsPanel.CasesWanted)
    def _cases_wanted(self, message: ErrorsPanel.CasesWanted) -> None:
        with self.follower.lock:
            view = self.view()
            shown = view.shown
            told = shown is not None and view.state.marks.get((shown.id, view.split))
        if shown is not None and not told and message.category in shown.categories:
            self.wanted_split = shown.feedback_split  # what the counts were drawn from
        self.query_one(CasesPanel).only(message.category)
        self.deck.go_to("cases")
        self.soon()

    # What opens out of one

    @on(Table.Opened, "#cases")
    def _case_opened(self) -> None:
        from promptopt_tui.screens.case import CaseScreen

        with self.follower.lock:
            view = self.view()
            about = self.run_id, view.shown_id, view.split, view.name(view.shown_id)
        self.app.push_screen(CaseScreen(*about, self.query_one(CasesPanel), self.mend))

    @on(Table.Opened, "#heat")
    def _cell_opened(self) -> None:
        from promptopt_tui.screens.case import CaseScreen

        panel = self.query_one(HeatPanel)
        candidate = panel.candidate
        if candidate is not None and self.drawn_split:
            about = self.run_id, candidate.id, self.drawn_split, candidate.name
            self.app.push_screen(CaseScreen(*about, panel, self.mend))

    @on(ErrorsPanel.LookWanted)
    def _look_wanted(self) -> None:
        from promptopt_tui.screens.case import ClusterScreen

        with self.follower.lock:
            told = analysed(self.view())
        if told is None or not told.clusters:
            return
        cases = self.book.by_id(told.feedback_split)
        if cases is None:
            self.app.notify("The cases are being loaded.", markup=False)
            return
        about = self.run_id, told.id, told.feedback_split, told.name
        self.app.push_screen(ClusterScreen(*about, list(told.clusters), cases))

    # What becomes of one that is wrong

    @on(CasesPanel.MendWanted)
    def _mend_wanted(self) -> None:
        case = self.query_one(CasesPanel).case
        if case is not None and self.drawn_split:
            self.mend(case, self.drawn_split)

    def mend(self, case: Example, split: Split) -> None:
        """Ask what is to become of a case."""
        if split == "test":
            self.app.notify("The sealed test is not touched.", severity="warning", markup=False)
            return
        if self._refuse("cases.mend"):
            return
        options = [
            Option("e", "Put its expectation right", "", "expect"),
            Option("d", "Drop the case", "it counts no more in this run", "drop"),
            Option("n", "Leave it as it is", "", ""),
        ]

        def build(width: int) -> list[paint.Line]:
            lines = paint.wrap([("input: ", "muted"), (one_line(case.input_text, 300), "")], width)
            expects = "nothing" if case.expected is None else one_line(case.expected, 300)
            lines += [*paint.wrap([("expects: ", "muted"), (expects, "bold")], width), []]
            return lines + paint.wrap([(MEANS, "muted")], width)

        def dropped(given: dict[str, str] | None) -> None:
            if given is not None:
                self.send(Mend(case_id=case.id, reason=given["reason"]), "dropping the case…")

        def answered(answer: str | None) -> None:
            if answer == "expect":
                self._ask_for_expectation(case)
            elif answer == "drop":
                self.app.push_screen(FillScreen("Why is it dropped?", [REASON], send="drop"), dropped)

        title = f"Case {one_line(case.id, 40)}, {split}"
        self.app.push_screen(Dialog(title, build, options, start=2), answered)

    def _ask_for_expectation(self, case: Example) -> None:
        before = case.expected or ""

        def written(answer: Written | None) -> None:
            if answer is not None:
                self.send(
                    Mend(case_id=case.id, expected=answer.text, reason=answer.reason), "mending the case…"
                )

        def filled(given: dict[str, str] | None) -> None:
            if given is not None:
                written(Written(given["expected"], given["reason"]))

        if "\n" in before:
            self.app.push_screen(EditScreen(before, case.id, RIGHT), written)
            return

        def differs(text: str) -> str:
            return "is what it expects already" if text == before else ""

        fields = [Field("expected", "expects", before, check=differs), REASON]
        self.app.push_screen(FillScreen("What the case is to expect", fields, send="mend"), filled)
