"""Starting a proof of concept: a scenario, the company, models and caps, what it needs, then its screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.proofs import ProofWish
from promptopt_tui.screens.acting import cap_fault
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.filling import Field, FillScreen
from promptopt_tui.screens.making import absolute, ask_for_scenario, company_fault, count_fault
from promptopt_tui.views import proving

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp


def ask_for_proof(desk: PromptoptApp) -> None:
    """Lead from a scenario to the screen of its proof of concept."""
    ask_for_scenario(desk, "Prove it for …", lambda name, title: _fill(desk, name, title))


def file_fault(text: str) -> str:
    """What is wrong with the path of a file that may be left out; empty if nothing."""
    return "" if not text or Path(absolute(text)).is_file() else "is no file that is there"


def number_fault(text: str) -> str:
    """What is wrong with a number of cases that may be left out; empty if nothing."""
    return count_fault(text) if text else ""


def yes_fault(text: str) -> str:
    """What is wrong with an answer of yes or no; empty if nothing."""
    return "" if text.casefold() in ("yes", "no", "y", "n", "") else "is yes or no"


def _fill(desk: PromptoptApp, scenario: str, title: str) -> None:
    kept = desk.preferences
    fields = [
        Field("company", "company file", kept.get("company", ""),
              "optional; examples/acme.yaml comes with promptopt", company_fault, files=True),
        Field("cases", "cases of yours", "", "optional; else they are made up", file_fault, files=True),
        Field("count", "cases to make up", "", "60 with the simulator, else 200", number_fault),
        Field("prompt", "prompt of today", "", "optional: its file", file_fault, files=True),
        Field("model", "model", kept.get("proof model", ""), "that the prompt is for; none: the simulator"),
        Field("strong", "strong model", kept.get("proof strong", ""), "writes prompts and cases, judges"),
        Field("usd", "at most USD", "", "the company's configuration, else 500", cap_fault),
        Field("review", "look at the cases", "no", "yes: it waits for you", yes_fault),
        Field("out", "folder", "", f"poc-… in {Path.cwd()}", files=True),
    ]  # fmt: skip

    def filled(given: dict[str, str] | None) -> None:
        if given is None:
            return
        kept.set("scenario", scenario)
        kept.set("company", given["company"])
        kept.set("proof model", given["model"])
        kept.set("proof strong", given["strong"])
        wish = ProofWish(
            scenario,
            company=absolute(given["company"]),
            cases=absolute(given["cases"]),
            prompt=absolute(given["prompt"]),
            count=given["count"],
            model=given["model"],
            strong=given["strong"],
            usd=given["usd"].replace(",", ""),
            review=given["review"].casefold().startswith("y"),
            out=absolute(given["out"]),
        )
        _estimate(desk, wish)

    about: paint.Line = [
        ("Cases, a comparison of optimizers, the business case, a package for the team.", "muted")
    ]
    screen = FillScreen(
        f"Proof of concept: {title}",
        fields,
        lambda width: [*paint.wrap(about, width), []],
        send="what will it take?",
    )
    desk.push_screen(screen, filled)


def _estimate(desk: PromptoptApp, wish: ProofWish) -> None:
    """Tell what its stages need before anything is sent; without a key offer the simulator."""
    desk.notify("Counting what it needs…", timeout=2, markup=False)
    asked_at = desk.screen

    def show(found: Mapping[str, Any]) -> None:
        if desk.screen is not asked_at:
            return  # who asked has gone on to something else
        options: list[Option[ProofWish | None]] = [Option("n", "Send nothing", "", None)]
        simulated = bool(found["simulated"])
        if not found.get("problem"):
            options.append(Option("y", "Start it", proving.most(found, wish), wish))
        elif found.get("emergency"):
            said = f"up to {fm.usd(found['emergency'])}, the emergency budget"
            options.append(Option("e", "Start it all the same", said, replace(wish, emergency=True)))
        if not simulated:
            rehearsal = replace(wish, model="", strong="")
            options.append(Option("s", "With the simulator", "no key, no cost; a rehearsal", rehearsal))

        def build(width: int) -> list[paint.Line]:
            return proving.estimate_lines(found, wish, width)

        desk.push_screen(Dialog("Start this proof of concept?", build, options, kind="-tall"), answered)

    def answered(chosen: ProofWish | None) -> None:
        if chosen is not None:
            _start(desk, chosen)

    desk.background(lambda: desk.client.proofs.estimate(wish), show)


def _start(desk: PromptoptApp, wish: ProofWish) -> None:
    desk.notify("Starting…", timeout=3, markup=False)

    def started(found: tuple[str, bool]) -> None:
        poc_id, known = found
        if not known:
            desk.open_proof(poc_id)
            return
        options = [
            Option("enter", "Show it", "it goes on where it was, and pays for nothing twice", ""),
            Option("f", "Start anew", "all is made and paid again", "fresh"),
        ]

        def build(width: int) -> list[paint.Line]:
            return paint.wrap([(f"{one_line(poc_id, 40)} was planned in just this way.", "")], width)

        def answered(word: str | None) -> None:
            if word == "fresh":
                _start(desk, replace(wish, fresh=True))
            elif word is not None:
                desk.open_proof(poc_id)

        desk.push_screen(Dialog("The same is there already", build, options), answered)

    desk.background(lambda: desk.client.proofs.start(wish), started)
