"""Consent: proposals of the optimizer that wait for a person, one card each."""

from __future__ import annotations

from promptopt.store.commands import Decide
from promptopt_tui import paint
from promptopt_tui.screens.acting import Acting
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.filling import REASON, FillScreen
from promptopt_tui.views import wishes


class Approving(Acting):
    """The part of the cockpit that shows proposals which wait, and sends what a person says of them."""

    _card: Dialog[str] | None = None
    _card_of = ""
    """The proposal that the card is about."""
    _put: frozenset[str] = frozenset()
    """Proposals that a card was put up for without being asked."""
    _answered: frozenset[str] = frozenset()
    """Proposals that were answered here, whether the run has heard of it or not."""

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        if action_id == "run.answer" and self._open_proposals():
            return True
        return super().may(action_id)

    def _open_proposals(self) -> list[str]:
        """Ids of the proposals that wait and were not answered here, oldest first."""
        if not self.is_live:
            return []
        with self.follower.lock:
            return [each for each in self.follower.state.wishes.waiting if each not in self._answered]

    def attend(self) -> None:
        """Put up the card of a proposal that has come, and take away one that was decided elsewhere."""
        super().attend()
        open_ = self._open_proposals()
        if self._card is not None and self._card_of not in open_:
            if self._card.on_top:
                self._card.dismiss(None)
                self.app.notify("The proposal was decided on elsewhere.", markup=False)
            elif self._card not in self.app.screen_stack:  # its reader is saying why not
                self._card = None
        new = [each for each in open_ if each not in self._put]
        if new and self._card is None and self.on_top and not self._edit_waits:
            self._show_card(new[0], uninvited=True)

    def action_answer(self) -> None:
        """Answer the edit that waits, else the proposal that waits longest."""
        open_ = self._open_proposals()
        if open_ and not self._edit_waits:
            self._show_card(open_[0])
        else:
            super().action_answer()

    def _show_card(self, candidate_id: str, *, uninvited: bool = False) -> None:
        with self.follower.lock:
            waiting = self.follower.state.wishes.waiting
            if candidate_id not in waiting:
                return
            told, _ = waiting[candidate_id]
            number = len(waiting)
        self._put |= {candidate_id}
        self._card_of = candidate_id
        options = [
            Option("a", "Accept", "it is scored", "accept"),
            Option("r", "Reject", "nothing is paid for it", "reject"),
            Option("w", "Reject, and say why", "the optimizer is told, and tries again", "why"),
            Option("n", "Not now", "it waits; a shows it again", ""),
        ]

        def build(width: int) -> list[paint.Line]:
            with self.follower.lock:
                return wishes.proposal(self.view(), told, width)

        def explained(given: dict[str, str] | None) -> None:
            self._card = None
            if given is not None:
                self._answer(candidate_id, False, given["reason"])

        def answered(answer: str | None) -> None:
            if answer == "why":  # no other card comes up meanwhile
                ask = FillScreen("Why not?", [REASON], send="reject")
                self.app.push_screen(ask, explained)
                return
            self._card = None
            if not answer:  # not now: nor the others that wait
                self._put |= set(self._open_proposals())
            else:
                self._answer(candidate_id, answer == "accept")

        more = f", of {number} that wait" if number > 1 else ""
        title = f"A proposal waits for you{more}"
        self._card = Dialog(title, build, options, start=3, kind="-tall", uninvited=uninvited)
        self.app.push_screen(self._card, answered)

    def _answer(self, candidate_id: str, accept: bool, reason: str = "") -> None:
        self._answered |= {candidate_id}
        command = Decide(candidate_id=candidate_id, adopt=accept, reason=reason)
        self.send(command, "accepting…" if accept else "rejecting…")
