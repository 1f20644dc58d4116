"""Starting what may need its owner's trust: he is shown what it is about, and asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from promptopt.store.trust import TrustError, at_stake
from promptopt_tui import paint
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.views.trust import trust_lines

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp

T = TypeVar("T")


def with_trust(
    app: PromptoptApp,
    work: Callable[[], T],
    done: Callable[[T], object],
    given_up: Callable[[], object] = lambda: None,
) -> None:
    """Do ``work`` in a thread, then ``done`` here; if it needs trust, ask for that and do it again.

    Args:
        given_up: called if it came to nothing: an error, which was told, or no trust.
    """

    def failed(error: BaseException) -> None:
        if isinstance(error, TrustError):
            app.background(lambda: app.client.around(error.powers), lambda around: ask(error, around))
            return
        given_up()
        app.show_error(error)

    def ask(error: TrustError, around: str) -> None:
        def answered(trusted: bool | None) -> None:
            if trusted:
                # What was shown, and nothing that was changed meanwhile: that is asked for again.
                app.background(lambda: app.client.trust(error.powers), again, failed)
            else:
                given_up()
                app.notify("Not trusted: nothing was started.", markup=False)

        app.push_screen(trust_dialog(error, around), answered)

    def again(_: object) -> None:
        with_trust(app, work, done, given_up)

    app.background(work, done, failed)


def trust_dialog(error: TrustError, around: str) -> Dialog[bool]:
    """Shows what ``error`` is about; answers whether exactly that is trusted."""

    def build(width: int) -> list[paint.Line]:
        return trust_lines(error.where, error.powers, around, width)

    options = [
        Option("n", "Do not trust it", "nothing is started", False),
        Option("y", "Trust exactly this", at_stake(error.powers), True),
    ]
    return Dialog("Trust this project?", build, options, kind="-tall")
