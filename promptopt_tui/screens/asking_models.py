"""Having a model propose something: what it may cost at most is told and agreed to beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.screens.dialogs import Dialog, Option

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp

SIMULATOR = "sim/generator"

Found = Mapping[str, Any]


def count_flaw(text: str) -> str:
    """What is wrong with a number of cases; empty if nothing."""
    return "" if text.strip().isdecimal() and 1 <= int(text) <= 60 else "is no number from 1 to 60"


def with_quote(
    app: PromptoptApp,
    model: str,
    quote: Callable[[str], Found],
    work: Callable[[str], Found],
    done: Callable[[Found], object],
    sent: str,
) -> None:
    """Tell what asking may cost at most; if that is agreed to, ask, and hand the answer to ``done``.

    Args:
        model: who is asked; without a key for it the simulator is offered.
        quote, work: take the model; they wait, and are called in a thread.
        sent: what is sent, in words.
    """

    def told(found: Found) -> None:
        options: list[Option[str]] = [Option("n", "Send nothing", "", "")]
        if not found["problem"]:
            options.append(Option("y", "Send it", _cost(found), model))
        if not found["simulated"]:
            options.append(Option("s", "Try the simulator", "no key, no cost, and not clever", SIMULATOR))

        def build(width: int) -> list[paint.Line]:
            lines = paint.wrap(
                [(f"{found['model']}: at most {found['calls']} calls, {_cost(found)}.", "")], width
            )
            lines += paint.wrap([(f"Sent is {sent}.", "muted")], width)
            if found["problem"]:
                lines += [[], *paint.wrap([("✗ ", "bad"), (str(found["problem"]), "")], width, [("  ", "")])]
            return lines

        def answered(chosen: str | None) -> None:
            if chosen:
                app.notify("Asked; that can take a minute…", markup=False)
                app.background(lambda: work(chosen), done)

        app.push_screen(Dialog("Ask this model?", build, options), answered)

    app.background(lambda: quote(model), told)


def spent(found: Found, model: str) -> str:
    """What it took, in words."""
    cost = "simulated" if model.startswith("sim/") else fm.usd(found.get("usd"))
    return f"{model} · {fm.plural(int(found['calls']), 'call')} · {cost}"


def _cost(found: Found) -> str:
    if found["simulated"]:
        return "simulated, no cost"
    return "at an unknown price" if found["usd"] is None else f"at most {fm.usd(found['usd'])}"
