"""Projects, runs and proofs of concept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from promptopt.domain.text import one_line
from promptopt.domain.words import TO_RESUME
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.actions import Scope, bindings, shown
from promptopt_tui.client import LISTED
from promptopt_tui.screens.shelving import Shelving
from promptopt_tui.views import home, proof
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.keyline import KeyLine
from promptopt_tui.widgets.table import Column, Table
from promptopt_tui.widgets.textline import SearchLine

if TYPE_CHECKING:
    from promptopt.store.projects import ProjectEntry
    from promptopt.store.runs import RunRow
    from promptopt_tui.client import Lists
    from promptopt_tui.proofs import Listed

FRESHEN = 1.0
"""Seconds between looks at the store."""

COURSE = 7
"""Cells of the course of a run's score."""


class HomeScreen(Shelving):
    """The lists of projects, runs and proofs of concept, looked up again every second."""

    CSS_PATH = "../styles/home.tcss"
    BINDINGS = bindings("home")
    AUTO_FOCUS = "#runs"

    def __init__(self) -> None:
        super().__init__()
        self.lists: Lists | None = None
        self.filter = ""
        self.project = ""
        self.archived = False
        """Whether archived runs and projects are shown."""
        self._undo = []
        self._wanted: Path | None = None
        """The project to put the cursor on when the lists have it."""
        self._busy = self._stale = False
        self._drawn: object = None
        self._resumable: dict[RunRow, bool | None] = {}
        """Of runs that were selected, as they were then; None is being looked up."""

    @property
    def scopes(self) -> list[Scope]:
        """Whose keys work now, beside those that work everywhere."""
        return ["home"]

    def compose(self) -> ComposeResult:
        projects = [
            Column("", 1, lambda p: home.glyph(p, self._runs_of(p))),
            Column("project", 0, lambda p: (p.name, "muted" if p.archived else "")),
            Column("runs", 5, lambda p: (str(len(self._runs_of(p)) or "–"), "muted"), "right"),
            Column("best", 6, lambda p: home.best_of(self._runs_of(p)), "right", least=34),
            Column("changed", 7, lambda p: self._age(p.changed_at), "right", least=42),
        ]
        runs = [
            Column("status", 13, home.status),
            Column("project", 0, home.project),
            Column("run", 13, lambda r: (r.id, "muted")),
            Column("optimizer", 12, home.optimizer, least=90),
            Column("seed", 6, lambda r: (fm.percent(r.seed_score), "muted"), "right", least=72),
            Column("best", 6, home.best, "right"),
            Column("course", COURSE, lambda r: home.course(r, COURSE), least=80),
            Column("iter", 4, lambda r: (str(r.iteration), "muted"), "right", least=100),
            Column("calls", 7, lambda r: (fm.count(r.calls), "muted"), "right", least=100),
            Column("cost", 9, home.cost, "right"),
            Column("", 3, lambda r: ("sim", "warn") if r.simulated else ("", "")),
            Column("age", 6, lambda r: self._age(r.created_at), "right"),
        ]
        proofs = [
            Column("", 1, proof.glyph),
            Column("proof of concept", 0, lambda one: (one.row.name, "")),
            Column("done", 4, proof.share, "right"),
            Column("spent", 9, proof.spent, "right", least=38),
            Column("age", 6, lambda one: self._age(one.row.created_at), "right", least=46),
        ]
        yield Canvas(id="header")
        with Horizontal(id="lists"):
            with Vertical(id="left"):
                yield Table(projects, lambda p: p.slug, id="projects", classes="panel")
                yield Table(proofs, lambda one: one.row.id, id="proofs", classes="panel")
            yield Table(runs, lambda r: r.id, id="runs", classes="panel")
        yield Canvas(id="detail")
        yield SearchLine("show projects and runs that contain …")
        yield Canvas([[("Too small: 60×16 is needed.", "warn")]], id="too-small")
        yield KeyLine()

    def on_mount(self) -> None:
        for name in ("header", "detail", "too-small"):
            self.query_one(f"#{name}").can_focus = False
        loading = [[("loading…", "muted")]]
        self.query_one("#projects", Table).set_empty(loading)
        self.query_one("#runs", Table).set_empty(loading)
        self.query_one("#projects").border_title = Content("Projects")
        self.query_one("#runs").border_title = Content("Runs")
        self.query_one("#proofs").border_title = Content("Proofs of concept")
        self.freshen()
        self.set_interval(FRESHEN, lambda: None if self._busy else self.freshen())

    def on_screen_resume(self) -> None:
        self.freshen()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < 60 or event.size.height < 16, "-tiny")
        self.call_after_refresh(self.draw)

    def freshen(self) -> None:
        """Look the lists up again, in a thread."""
        if self._busy:
            self._stale = True  # what is being read may be from before
            return
        if not self.is_current:
            return
        self._busy, self._stale = True, False
        self.desk.background(lambda: self.desk.client.lists(), self._arrived, self._failed)

    def _arrived(self, lists: Lists) -> None:
        self._busy = False
        self.lists = lists
        self.draw()
        if self._stale:
            self.freshen()

    def _failed(self, error: BaseException) -> None:
        self._busy = False
        said = one_line(str(error), 300)
        self.query_one("#runs", Table).set_empty([[("The store can't be read:", "bad")], [(said, "")]])
        self.query_one("#runs", Table).set_rows(())

    # Drawing

    def draw(self) -> None:
        """Draw the lists."""
        if not self.is_attached:
            return
        self._draw_header()
        lists = self.lists
        if lists is None:
            self._draw_keys()
            return
        self._find_wanted(lists)
        projects, runs = home.found(lists, self.filter, self.project, archived=self.archived)
        proofs = home.found_proofs(lists, self.filter)
        # Ages change without the rows changing: a minute is the finest that matters for old ones.
        drawn = (projects, runs, proofs, self.filter, self.project, self.archived, int(self.desk.now()) // 5)
        if drawn != self._drawn:
            self._drawn = drawn
            self._fill("#projects", projects, home.NO_PROJECT if not lists.projects else self._nothing_left)
            self._fill("#runs", runs, home.NO_RUN if not lists.runs else self._nothing_left)
            self.set_class(bool(lists.proofs), "-proofs")
            self._fill("#proofs", proofs, home.NOTHING_FITS)
            away = sum(one.archived for one in [*lists.projects, *lists.runs])
            hidden = f" · {away} archived" if away and not self.archived else ""
            self.query_one("#projects").border_title = Content(f"Projects{hidden}")
            note = f" of {one_line(self.project, 40)}" if self.project else ""
            note += f" · the newest {LISTED:,}" if len(lists.runs) >= LISTED else ""
            self.query_one("#runs").border_title = Content(f"Runs{note}")
        self._draw_detail()
        self._draw_keys()

    def _fill(self, table_id: str, rows: Sequence[object], empty: Sequence[paint.Line]) -> None:
        table = self.query_one(table_id, Table)
        table.set_empty(empty)
        table.set_rows(rows)

    @property
    def _nothing_left(self) -> Sequence[paint.Line]:
        """Why a list is empty whose things are there."""
        return home.NOTHING_FITS if self.filter or self.project else home.ARCHIVED

    def _find_wanted(self, lists: Lists) -> None:
        """Put the cursor on a project that was just made, once it is there."""
        if self._wanted in [project.path for project in lists.projects]:
            table = self.query_one("#projects", Table)
            slug = next(project.slug for project in lists.projects if project.path == self._wanted)
            self._wanted = None
            table.cursor_key = slug
            table.focus()
            self._drawn = None

    def _draw_header(self) -> None:
        top = self.query_one("#header", Canvas)
        live = sum(run.live for run in self.lists.runs) if self.lists else 0
        right: paint.Line = [(f"● {live} running", "accent")] if live else []
        left: paint.Line = [("promptopt", "heading"), ("  watch a prompt get better", "muted")]
        top.set_lines([paint.columns(left, right, top.width)])

    def _draw_detail(self) -> None:
        detail = self.query_one("#detail", Canvas)
        line: paint.Line = []
        focused = self.focused
        if isinstance(focused, Table) and focused.row is not None:
            tell = {"runs": home.about_run, "proofs": proof.about}.get(focused.id or "", home.about_project)
            line = tell(focused.row)
        detail.set_lines(
            [paint.cut([(f"{one_line(text, 400)} ", style) for text, style in line], detail.width)]
        )

    def _draw_keys(self) -> None:
        actions = [a for a in shown([*self.scopes, "anywhere"]) if self.may(a.id)]
        self.query_one(KeyLine).show_actions(actions)

    def _runs_of(self, project: ProjectEntry) -> list[RunRow]:
        runs = self.lists.runs if self.lists else []
        return [run for run in runs if run.project == project.name]

    def _age(self, since: float) -> paint.Span:
        return fm.age(max(0.0, self.desk.now() - since)), "muted"

    # Actions

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        run, project = self._selected_run(), self._selected_project()
        needs = {
            "home.open": isinstance(self.focused, Table) and self.focused.row is not None,
            "home.start": project is not None,
            "home.compare": run is not None and self._on_runs,
            "home.resume": (run is not None and self._on_runs and self._may_resume(run))
            or self._proof_to_resume is not None,
            "home.clear": bool(self.filter or self.project),
            "home.only": bool(self.project or project),
            "home.duplicate": project is not None,
            "home.archive": self.selected() is not None,
            "home.delete": self.selected() is not None,
            "home.undo": bool(self._undo),
            "home.archived": bool(
                self.lists and any(one.archived for one in [*self.lists.projects, *self.lists.runs])
            ),
        }
        return needs.get(action_id, True)

    def _may_resume(self, run: RunRow) -> bool:
        """Whether a run is known to be resumable; if that is not known yet, it is looked up in a thread."""
        if run.status not in TO_RESUME:
            return False
        if run not in self._resumable:
            self._resumable[run] = None

            def found(resumable: bool) -> None:
                self._resumable[run] = resumable
                self.draw()

            self.desk.background(lambda: self.desk.client.resumable(run.id), found, lambda _: None)
        return bool(self._resumable[run])

    @property
    def _on_runs(self) -> bool:
        return self.focused is not None and self.focused.id == "runs"

    @property
    def _proof(self) -> Listed | None:
        """The proof of concept under the cursor, if their list has the focus."""
        table = self.query_one("#proofs", Table)
        return table.row if table.has_focus else None

    @property
    def _proof_to_resume(self) -> Listed | None:
        one = self._proof
        return one if one is not None and not one.row.live and one.row.status != "finished" else None

    def _selected_run(self) -> RunRow | None:
        return self.query_one("#runs", Table).row

    def _selected_project(self) -> ProjectEntry | None:
        return self.query_one("#projects", Table).row

    def selected(self) -> ProjectEntry | RunRow | None:
        focused = self.focused
        return focused.row if isinstance(focused, Table) and focused.id != "proofs" else None

    def chosen_project(self) -> ProjectEntry | None:
        return self._selected_project()

    def show_project(self, path: Path) -> None:
        self._wanted = path
        self.filter = ""
        self.freshen()

    @on(Table.Opened)
    def _row_opened(self) -> None:
        self.action_open()

    @on(Table.Moved)
    def _row_moved(self) -> None:
        self._draw_detail()
        self._draw_keys()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._draw_detail()
        self._draw_keys()

    def action_open(self) -> None:
        run, project, proven = self._selected_run(), self._selected_project(), self._proof
        if proven is not None:
            self.desk.open_proof(proven.row.id)
        elif self._on_runs and run:
            self.desk.open_run(run.id)
        elif not self._on_runs and project:
            self.desk.open_project(project.path)

    def action_only(self) -> None:
        project = self._selected_project()
        self.project = "" if self.project or project is None else project.name
        self.draw()

    def action_archived(self) -> None:
        self.archived = not self.archived
        self.draw()

    def action_start(self) -> None:
        project = self._selected_project()
        if project is None:
            self.app.notify(
                "There is no project; n makes one, d starts the demo.", severity="warning", markup=False
            )
            return
        self.desk.start_project(project.path, project.name)

    def action_generate(self) -> None:
        from promptopt_tui.screens.making import ask_for_cases

        ask_for_cases(self.desk)

    def action_prove(self) -> None:
        from promptopt_tui.screens.proving import ask_for_proof

        ask_for_proof(self.desk)

    def action_deployments(self) -> None:
        from promptopt_tui.screens.deployments import show_deployments

        show_deployments(self.desk)

    def action_demo(self) -> None:
        self.desk.start_demo()

    def action_resume(self) -> None:
        proven = self._proof_to_resume
        if proven is not None:
            self.desk.resume_proof(proven.row)
            return
        run = self._selected_run()
        # One that is still being looked up is tried: the store refuses what can't be.
        if run is None or not (self._may_resume(run) or self._resumable.get(run, False) is None):
            why = "Only a run that ended early, before its sealed test, can be resumed."
            self.app.notify(why, severity="warning", markup=False)
            return
        self.desk.resume_run(run.id, lambda _: self.desk.open_run(run.id))

    def action_copy(self) -> None:
        run, project, proven = self._selected_run(), self._selected_project(), self._proof
        if proven is not None:
            self.desk.copy(proven.row.id, "id of the proof of concept")
        elif self._on_runs:
            self.desk.copy(run.id if run else "", "run id")
        else:
            self.desk.copy(str(project.path) if project else "", "path of the project")

    def action_compare(self) -> None:
        from promptopt_tui.screens.comparing import choose_runs

        run = self._selected_run()
        if run is None:
            self.app.notify("There is no run to compare.", severity="warning", markup=False)
            return
        choose_runs(self.desk, run.id)

    def action_switch(self) -> None:
        lists = ["#runs", "#projects", *(["#proofs"] if self.has_class("-proofs") else [])]
        here = f"#{self.focused.id}" if self.focused is not None else ""
        self.query_one(lists[(lists.index(here) + 1) % len(lists) if here in lists else 0]).focus()

    def action_leave(self) -> None:
        self.app.exit(0)

    def action_clear(self) -> None:
        self.filter = self.project = ""
        self.query_one(SearchLine).show("")
        self.draw()

    # Search

    def action_search(self) -> None:
        self.query_one(SearchLine).open()

    @on(SearchLine.Wanted)
    def _search(self, message: SearchLine.Wanted) -> None:
        self.filter = message.text
        self.draw()

    @on(SearchLine.Left)
    def _search_done(self) -> None:
        self.query_one("#runs").focus()
