"""A case that is wrong: its expectation is put right, or it is dropped, while the run goes on."""

from __future__ import annotations

from promptopt.domain.dataset import Example, Split
from promptopt.domain.text import one_line
from promptopt.store.commands import Mend
from promptopt_tui import paint
from promptopt_tui.screens.approving import Approving
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.editor import EditScreen, Purpose, Written
from promptopt_tui.screens.filling import REASON, Field, FillScreen

MEANS = (
    "All candidates are judged anew on what they answered; nothing is asked again of the target model. "
    "The search begins anew from the current prompt. The project's own file is not changed."
)

RIGHT = Purpose(
    "What the case is to expect", ("for the run: ", MEANS), "all answers to it are judged anew", "Mend it"
)


class MendingCases(Approving):
    """The part of the cockpit that mends cases."""

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        state = self.follower.state
        if action_id == "cases.mend":
            return self.is_live and state.has_search and state.phase == "search"
        return super().may(action_id)

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
