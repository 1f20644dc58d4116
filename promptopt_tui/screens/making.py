"""Having cases made up: a scenario, what is made and by whom, what it may cost, then the run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from promptopt.domain.errors import PromptoptError
from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.desk import OnTop
from promptopt_tui.makings import Wish
from promptopt_tui.screens.acting import cap_fault
from promptopt_tui.screens.asking import AskScreen, typed_path
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.filling import Field, FillScreen, needed
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp

MAKES = "openai/gpt-4o-mini"
"""Who makes cases up, until somebody else was chosen."""

MOST = 100_000

SHIPPED = re.compile(r"examples/[\w.-]+")
"""A file on a company that comes with promptopt: ``examples/acme.yaml``."""

Scenario = Mapping[str, Any]


class ScenarioScreen(OnTop, ModalScreen["str | None"]):
    """The scenarios that there are, the one under the cursor in full; answers its name, or ``""`` for a file.

    Args:
        scenarios: as ``promptopt data scenarios --json`` has them.
        title: of the dialog.
        wanted: name of the one that the cursor begins at.
    """

    CSS_PATH = "../styles/queue.tcss"
    BINDINGS: ClassVar = [
        Binding("escape,q", "leave", show=False),
        Binding("o", "own", show=False),
    ]
    AUTO_FOCUS = "#scenarios"

    def __init__(self, scenarios: Sequence[Scenario], title: str, wanted: str = "") -> None:
        super().__init__(classes="-tall")
        self._title = title
        self._scenarios = list(scenarios)
        self._wanted = wanted

    def compose(self) -> ComposeResult:
        columns = [
            Column("scenario", 26, lambda one: (str(one["title"] or one["name"]), "")),
            Column("cells", 6, lambda one: (str(_cells(one)), "muted"), "right"),
            Column("what it is for", 0, lambda one: (one_line(str(one["description"]), 300), "muted")),
        ]
        with Vertical(id="dialog") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("enter takes it   o a scenario file of your own   esc leaves")
            table = Table(columns, lambda one: str(one["name"]), id="scenarios")
            table.set_rows(self._scenarios)
            yield table
            yield Canvas(id="about")

    def on_mount(self) -> None:
        self.query_one("#about").can_focus = False
        names = [str(one["name"]) for one in self._scenarios]
        if self._wanted in names:
            self.query_one("#scenarios", Table).move_to(names.index(self._wanted))
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @on(Table.Moved)
    def _show(self) -> None:
        if self.is_attached:
            about = self.query_one("#about", Canvas)
            row = self.query_one("#scenarios", Table).row
            about.set_lines(scenario_lines(row, about.width or 60) if row else [])

    @on(Table.Opened)
    def _opened(self, message: Table.Opened) -> None:
        self.dismiss(str(message.row["name"]))

    def action_own(self) -> None:
        self.dismiss("")

    def action_leave(self) -> None:
        self.dismiss(None)


def _cells(scenario: Scenario) -> int:
    return len(scenario["personas"]) * len(scenario["difficulties"]) * len(scenario["situations"])


def scenario_lines(scenario: Scenario, width: int) -> list[paint.Line]:
    """A scenario: its task, and the grid of its cases."""
    lines = paint.wrap([(one_line(str(scenario["description"]), 1000), "")], width)
    for label in ("personas", "difficulties", "situations"):
        names = ", ".join(one_line(str(facet["name"]), 60) for facet in scenario[label])
        lines += paint.wrap([(f"{label:13}", "muted"), (names, "")], width, [(" " * 13, "")])
    if scenario["labels"]:
        said = "; ".join(f"{one['name']}: {', '.join(one['values'])}" for one in scenario["labels"])
        lines += paint.wrap([(f"{'labels':13}", "muted"), (one_line(said, 600), "")], width, [(" " * 13, "")])
    return lines


def ask_for_cases(desk: PromptoptApp) -> None:
    """Lead from a scenario to the run that makes its cases."""
    ask_for_scenario(desk, "Make cases up for …", lambda name, title: _fill(desk, name, title))


def ask_for_scenario(desk: PromptoptApp, title: str, then: Callable[[str, str], object]) -> None:
    """Have a scenario chosen, and hand its name, or the path of its file, and its title to ``then``."""
    makings, asked_at = desk.client.makings, desk.screen

    def show(scenarios: Sequence[Scenario]) -> None:
        if desk.screen is not asked_at:
            return  # who asked has gone on to something else
        titles = {str(one["name"]): str(one["title"] or one["name"]) for one in scenarios}

        def chosen(name: str | None) -> None:
            if name:
                then(name, titles[name])
            elif name is not None:
                _own(desk, then)

        desk.push_screen(ScenarioScreen(scenarios, title, desk.preferences.get("scenario", "")), chosen)

    desk.background(makings.scenarios, show)


def _own(desk: PromptoptApp, then: Callable[[str, str], object]) -> None:
    """A scenario of a file."""

    def refuse(text: str) -> str:
        path = typed_path(text)
        return (
            "" if path.suffix == ".toml" and path.is_file() else "give a scenario file that is there (.toml)"
        )

    def answered(text: str | None) -> None:
        if text is not None:
            path = absolute(text)
            desk.background(
                lambda: desk.client.makings.scenario(path),
                lambda found: then(path, str(found["title"] or found["name"])),
            )

    about: list[paint.Line] = [
        [("promptopt data scenarios NAME --json shows what such a file holds.", "muted")]
    ]
    screen = AskScreen("A scenario file of your own", about, "./", refuse=refuse, files=True)
    desk.push_screen(screen, answered)


def count_fault(text: str) -> str:
    """What is wrong with a number of cases; empty if nothing."""
    fine = text.isascii() and text.isdigit() and 1 <= int(text) <= MOST
    return "" if fine else f"is no number from 1 to {MOST:,}"


def company_fault(text: str) -> str:
    """What is wrong with the path of a file on the company; empty if nothing."""
    there = not text or SHIPPED.fullmatch(text) or typed_path(text).is_file()
    return "" if there else "is no file that is there"


def _fill(desk: PromptoptApp, scenario: str, title: str) -> None:
    kept = desk.preferences
    fields = [
        Field(
            "company",
            "company file",
            kept.get("company", ""),
            "optional; examples/acme.yaml comes with promptopt",
            company_fault,
            files=True,
        ),
        Field("count", "cases", "100", check=count_fault),
        Field("model", "who makes them up", kept.get("generator", MAKES), check=needed),
        Field("judge", "who judges realism", kept.get("realism judge", ""), "optional: a model"),
        Field("usd", "at most USD", "", "no cap", cap_fault),
    ]

    def filled(given: dict[str, str] | None) -> None:
        if given is None:
            return
        kept.set("scenario", scenario)
        kept.set("company", given["company"])
        kept.set("generator", given["model"])
        kept.set("realism judge", given["judge"])
        usd = given["usd"].replace(",", "")
        wish = Wish(
            scenario, absolute(given["company"]), int(given["count"]), given["model"], given["judge"], usd
        )
        _quote(desk, wish)

    about = [
        ("What the model is told of the company makes the cases fit it; it is sent as material.", "muted")
    ]
    screen = FillScreen(
        f"Cases for {title}", fields, lambda width: [*paint.wrap(about, width), []], send="what will it take?"
    )
    desk.push_screen(screen, filled)


def _quote(desk: PromptoptApp, wish: Wish) -> None:
    """Tell what it takes before anything is sent; without a key offer the simulator."""
    makings = desk.client.makings
    simulated = wish.simulate or wish.model.startswith("sim/")
    options: list[Option[Wish]] = [Option("n", "Send nothing", "", replace(wish, count=0))]

    def show(found: Mapping[str, Any] | None, problem: PromptoptError | None = None) -> None:
        if found is not None:
            options.append(Option("y", "Make them", _most(found, simulated), wish))
        if not simulated:
            simulate = replace(wish, simulate=True)
            options.append(Option("s", "With the simulator", "no key, no cost; a trial run", simulate))

        def build(width: int) -> list[paint.Line]:
            return quote_lines(wish, found, problem, simulated, width)

        desk.push_screen(Dialog("Make these cases?", build, options), answered)

    def failed(error: BaseException) -> None:
        if isinstance(error, PromptoptError):
            show(None, error)
        else:
            desk.show_error(error)

    def answered(chosen: Wish | None) -> None:
        if chosen is not None and chosen.count:
            desk.notify("Starting…", timeout=3, markup=False)
            desk.background(lambda: makings.start(chosen), desk.open_run)

    desk.background(lambda: makings.quote(wish), show, failed)


def quote_lines(
    wish: Wish, found: Mapping[str, Any] | None, problem: PromptoptError | None, simulated: bool, width: int
) -> list[paint.Line]:
    """What making the cases takes: least, likely and most; or why it can't be begun."""
    lines: list[paint.Line] = []
    if found is not None:
        title = f"{fm.plural(wish.count, 'case')} for {one_line(str(found['scenario']), 60)}"
        lines += [[(title, "bold"), ("   SIMULATED" if simulated else "", "warn")], []]
        head = [paint.fit(text, 14, "right") for text in ("least", "likely", "most")]
        lines.append([(" " * 10, ""), *((text, "muted") for text in head)])
        for label, key in (
            ("calls", "calls"),
            ("tokens", "tokens"),
            ("cost", "cost_usd"),
            ("time", "seconds"),
        ):
            lines.append(_spread(label, key, found.get(key)))
        if wish.usd:
            lines += [[], *paint.wrap([("It ends at ", "muted"), (f"${wish.usd}", "bold"),
                                       (", with what is made by then.", "muted")], width)]  # fmt: skip
        for note in found.get("notes", ()):
            lines += paint.wrap([(f"· {one_line(str(note), 200)}", "muted")], width, [("  ", "")])
    if problem is not None:
        lines += paint.wrap([("✗ ", "bad"), (one_line(problem.what, 300), "")], width, [("  ", "")])
        if problem.fix and "simulate" not in problem.fix:  # that is offered as an answer
            lines += paint.wrap([("  ", ""), (one_line(problem.fix, 300), "muted")], width, [("  ", "")])
    sent = "the scenario, the company's file, and cases that were made before" if wish.company else (
        "the scenario, and cases that were made before")  # fmt: skip
    return [*lines, [], *paint.wrap([(f"Sent is {sent}.", "muted")], width)]


def _spread(label: str, key: str, spread: Mapping[str, float | None] | None) -> paint.Line:
    line: paint.Line = [(f"{label:10}", "muted")]
    for name in ("low", "likely", "high"):
        value = spread.get(name) if spread else None
        if value is None:
            said = "unknown"
        elif key == "cost_usd":
            said = fm.usd(value)
        elif key == "seconds":
            said = fm.clock(value)
        else:
            said = f"{value:,.0f}"
        line.append((paint.fit(said, 14, "right"), "bold" if name == "high" else ""))
    return line


def _most(found: Mapping[str, Any], simulated: bool) -> str:
    if simulated:
        return "simulated, no cost"
    usd = found.get("cost_usd")
    return f"at most {fm.usd(usd['high'])}" if usd else "at an unknown price"


def absolute(text: str) -> str:
    """A path as it is wherever a command runs; one of a shipped file, or none, is left as it is."""
    return text if not text or SHIPPED.fullmatch(text) else str(typed_path(text))
