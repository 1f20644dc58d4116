"""The editor of a project: task, cases, checks, models, optimizer, budget; it writes project.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings, shown
from promptopt_tui.screens.project.trying import Trying
from promptopt_tui.views import project as view
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.form import Form
from promptopt_tui.widgets.keyline import KeyLine
from promptopt_tui.widgets.table import Table
from promptopt_tui.widgets.textline import SearchLine

if TYPE_CHECKING:
    from promptopt.domain.describing import Setting
    from promptopt.store.projectedit import ProjectDocument
    from promptopt.store.validation import Flaw
    from promptopt_tui.projects import CheckType

LOOK = 1.0
"""Seconds between looks whether somebody else has changed the file."""


class ProjectScreen(Trying):
    """One project under edit.

    Args:
        document: its file.
        checks: the types of checks that there are.
    """

    CSS_PATH = "../../styles/project.tcss"
    BINDINGS = bindings("project")
    AUTO_FOCUS = "#form"

    def __init__(self, document: ProjectDocument, checks: dict[str, CheckType]) -> None:
        super().__init__()
        self.document = document
        self.known = view.Known(checks=checks)
        self.section = "task"
        self.flaws: list[Flaw] = []
        self.notices: list[str] = []
        self.dealt = {}
        self._steps, self._back = [], []
        self._asked: set[str] = set()
        self._answers = {}
        self._cursors: dict[str, str] = {}
        """Section to the setting that the cursor was on."""

    @property
    def scopes(self) -> list[Scope]:
        """Whose keys work now, beside those that work everywhere."""
        return ["project", *getattr(self.focused, "scopes", ())]

    def compose(self) -> ComposeResult:
        yield Canvas(id="header")
        yield Canvas(id="tabs")
        with Container(id="body"):
            yield Form(id="form", classes="panel")
            yield self.table()
            yield Canvas(id="file", classes="panel")
            yield Canvas(id="aside", classes="panel")
        yield Canvas(id="doc")
        yield SearchLine("text, split:test, tag:x, must:pass")
        yield Canvas([[("Too small: 60×16 is needed.", "warn")]], id="too-small")
        yield KeyLine()

    def on_mount(self) -> None:
        for name in ("header", "tabs", "doc", "too-small"):
            self.query_one(f"#{name}").can_focus = False
        self._judge()
        self.show_section("task")
        self.desk.background(self.desk.client.projects.optimizers, self._know_optimizers, lambda _: None)
        self.set_interval(LOOK, self._look)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 60 or event.size.height < 16, "-tiny")
        self.call_after_refresh(self.draw)

    # What is known

    def _judge(self) -> None:
        from promptopt.store.validation import Flaw

        _, self.flaws, self.notices = self.document.check()
        for place, table in enumerate(self.document.items(("checks",))):
            known = any(flaw.keys[:2] == ("checks", place) for flaw in self.flaws)
            text = "" if known else self.desk.client.projects.check_flaw(table)
            if text:
                self.flaws.append(Flaw(("checks", place), text))

    def _know_optimizers(self, found: dict[str, str]) -> None:
        self.known = view.Known(
            dict.fromkeys(found, None) | dict(self.known.optimizers), found, self.known.checks
        )
        self.draw()

    def _want_optimizer(self) -> None:
        """Ask for the settings of the optimizer that the project names, once."""
        name = str(self.document.get(("optimizer", "name"), "refine"))
        if name in self._asked or self.known.optimizers.get(name) is not None:
            return
        self._asked.add(name)

        def found(settings: list[Setting]) -> None:
            optimizers = {**self.known.optimizers, name: settings}
            self.known = view.Known(optimizers, self.known.abouts, self.known.checks)
            self.draw()

        def failed(error: BaseException) -> None:
            self.app.notify(one_line(str(error), 300), severity="warning", markup=False)

        self.desk.background(lambda: self.desk.client.projects.optimizer(name), found, failed)

    def changed(self) -> None:
        self._judge()
        self.draw()
        if self.section == "budget":
            self.foretell()
        if self.section == "cases":
            self.load_cases()

    # Drawing

    def show_section(self, section: str) -> None:
        """Go to a section, to the setting that the cursor was on last."""
        form = self.query_one("#form", Form)
        self._cursors[self.section] = form.cursor_key
        self.section = section
        form.cursor, form.cursor_key = 0, self._cursors.get(section, "")
        self.query_one("#form").display = section in view.FORMS
        self.query_one("#file").display = section == "file"
        self.query_one("#cases").display = section == "cases"
        self.query_one("#aside").display = section != "file"
        self.query_one("#form" if section in view.FORMS else f"#{section}").focus()
        if section in ("cases", "task", "checks"):
            self.load_cases()
        if section == "optimizer":
            self._want_optimizer()
        if section == "budget":
            self.foretell()
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Draw what the document says."""
        if not self.is_attached:
            return
        self._draw_header()
        if self.section in view.FORMS:
            if self.section == "optimizer":
                self._want_optimizer()
            flaws = {flaw.keys: flaw.text for flaw in self.flaws if flaw.keys}
            form = self.query_one("#form", Form)
            form.border_title = view.LABELS.get(self.section, self.section.capitalize())
            form.set_rows(view.section_rows(self.section, self.document.data, flaws, self.known))
        elif self.section == "file":
            file = self.query_one("#file", Canvas)
            file.border_title = "project.toml"
            file.set_lines(paint.text_lines(self.document.text, max(1, file.width)))
        self.draw_aside()
        self._draw_doc()
        self._draw_keys()

    def _draw_header(self) -> None:
        head = self.query_one("#header", Canvas)
        name = one_line(str(self.document.get(("name",), self.document.path.parent.name)), 60)
        left: paint.Line = [(name, "heading"), (f"  {self.document.path}", "muted")]
        right: paint.Line = []
        if self.flaws:
            right.append((f"✗ {fm.plural(len(self.flaws), 'key')} can't be used  ", "bad"))
        if self.theirs is not None:
            right.append(("! changed by somebody else  ", "warn"))
        right.append(("● not saved", "warn") if self.unsaved else ("✓ saved", "good"))
        head.set_lines([paint.columns(left, right, head.width)])
        tabs = self.query_one("#tabs", Canvas)
        flawed = [view.section_of(flaw.keys) for flaw in self.flaws if flaw.keys]
        tabs.set_lines([view.tab_line(self.section, flawed, tabs.width)])

    def draw_aside(self) -> None:
        aside = self.query_one("#aside", Canvas)
        width = aside.width
        if not aside.display or not width:
            return
        title, lines = "", list[paint.Line]()
        whole = [flaw for flaw in self.flaws if not flaw.keys]
        if self.section == "task":
            title = "The prompt"
            text = str(self.document.get(("prompt",)) or self.document.get(("task", "description")) or "")
            columns = self.columns()
            lines = [*view.prompt_lines(text, columns, width), *view.prompt_note(text, columns, width)]
        elif self.section == "cases":
            title, lines = "Case", self.case_lines(width)
        elif self.section == "budget":
            title, lines = "Forecast", self.answer_lines("budget", width)
        elif self.section == "checks":
            title, lines = "Tried out", self.answer_lines("checks", width)
            if self.flaws:
                lines = [*view.flaw_lines(self.flaws, width), [], *lines]
        elif self.section == "settings":
            title, lines = "What would be sent", self.answer_lines("settings", width)
            lines = [*view.flaw_lines(self.flaws, width), [], *lines] if self.flaws else lines
            lines += self._notice_lines(width)
        elif self.section == "models":
            title, lines = "Reached and priced", self.answer_lines("models", width)
        else:
            title, lines = "What is wrong", view.flaw_lines(self.flaws, width)
            lines = lines or [[("✓ ", "good"), ("nothing is wrong with the file", "muted")]]
            lines += self._notice_lines(width)
        if whole and self.section in ("task", "budget", "models"):
            lines = [*view.flaw_lines(whole, width), [], *lines]
        aside.border_title = title
        aside.set_lines(lines)

    def _notice_lines(self, width: int) -> list[paint.Line]:
        noted = [paint.wrap([("· ", "muted"), (each, "muted")], width, [("  ", "")]) for each in self.notices]
        return [line for lines in noted for line in lines]

    def columns(self) -> list[str]:
        """The columns of the input, as far as they are known."""
        if self.book is not None:
            return self.known_columns()
        named = self.document.get(("data", "input"))
        if isinstance(named, str):
            return [named]
        if isinstance(named, list):
            return [str(name) for name in named]
        first = self.document.get(("data", "cases", 0), {})
        return [str(name) for name in first] if isinstance(first, dict) else []

    def _draw_doc(self) -> None:
        doc = self.query_one("#doc", Canvas)
        row = self.query_one("#form", Form).row if self.section in view.FORMS else None
        doc.set_lines(view.doc_lines(row, max(1, doc.width)))

    def _draw_keys(self) -> None:
        labels = {"project.add": "add", "project.test": {"budget": "foretell"}.get(self.section, "try")}
        offered = [action for action in shown([*self.scopes, "anywhere"]) if self.may(action.id)]
        self.query_one(KeyLine).show_actions(offered, labels)

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        needs = {
            "project.save": self.unsaved,
            "project.add": self.section in ("checks", "models", "cases"),
            "project.remove": self.section in ("checks", "models", "cases"),
            "project.search": self.section == "cases",
            "project.split": self.section == "cases",
            "project.import": self.section == "cases",
            "project.generate": self.section == "cases",
            "project.test": self.section in ("budget", "models", "checks", "settings"),
            "project.difference": self.document.changed,
            "project.outside": self.theirs is not None,
            "project.external": not self.app.is_web,
            "project.undo": bool(self._steps),
        }
        return needs.get(action_id, True)

    @on(Table.Moved)
    def _row_moved(self) -> None:
        if self.section == "cases":
            self.draw_aside()
        self._draw_doc()
        self._draw_keys()

    def on_descendant_focus(self) -> None:
        self._draw_keys()

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self.draw)

    def draw_case(self) -> None:
        self.draw_aside()

    # Going about

    def action_section(self, number: int) -> None:
        self.show_section(view.SECTIONS[number - 1])

    def action_next(self) -> None:
        self._step(1)

    def action_previous(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        place = view.SECTIONS.index(self.section) + by
        self.show_section(view.SECTIONS[place % len(view.SECTIONS)])

    def action_add(self) -> None:
        if self.section == "cases":
            self.add_case()
        else:
            super().action_add()

    def action_remove(self) -> None:
        if self.section == "cases":
            self.remove_case()
        else:
            super().action_remove()
