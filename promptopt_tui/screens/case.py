"""Cases in a dialog: one of the table, or failures that are alike; left and right go on to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from promptopt.domain.dataset import Example, Split
from promptopt.domain.events import ClusterMark
from promptopt.domain.results import CaseResult
from promptopt.domain.text import one_line
from promptopt_tui.desk import OnTop
from promptopt_tui.paint import Line
from promptopt_tui.views.case import case_lines, where
from promptopt_tui.views.clusters import cluster_page
from promptopt_tui.widgets.canvas import Canvas

HELD = 200
"""Results that are held at most."""


class Pages(OnTop, ModalScreen[None]):
    """Pages with results of one prompt on one split, which are loaded as they are shown."""

    BINDINGS: ClassVar = [
        Binding("escape,q,enter", "leave", show=False),
        Binding("left,p", "step(-1)", show=False),
        Binding("right,n", "step(1)", show=False),
        Binding("y", "copy", show=False),
    ]
    WHAT = "cases"
    """What is on the pages."""
    MORE = ""
    """Other keys, for the border."""

    def __init__(self, run_id: str, prompt_id: str, split: Split) -> None:
        super().__init__(classes="-tall")
        self._run_id, self._prompt_id = run_id, prompt_id
        self._split: Split = split
        self.results: dict[str, CaseResult | None] = {}
        """Those that are loaded, by case id; None was not scored."""

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_subtitle = Content(f"← → other {self.WHAT}   {self.MORE}y copy   esc closes")
            yield Canvas(id="body")

    def on_mount(self) -> None:
        self.query_one("#body").focus()
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def page(self, width: int) -> tuple[str, list[Line], list[str]] | None:
        """Title and lines of the page, and the cases whose results it needs; None if there is no page."""
        raise NotImplementedError

    def turn(self, step: int) -> None:
        """Go some pages on."""
        raise NotImplementedError

    def _show(self) -> None:
        body = self.query_one("#body", Canvas) if self.is_attached else None
        found = self.page(body.width) if body is not None and body.width else None
        if body is None or found is None:
            return
        title, lines, needed = found
        self.query_one("#dialog").border_title = Content(one_line(title, 100))
        body.styles.height = max(1, min(len(lines), self.size.height - 6))
        body.set_lines(lines)
        missing = [case_id for case_id in needed if case_id not in self.results]
        if missing:
            self._load(missing)

    def _load(self, case_ids: Sequence[str]) -> None:
        app = self.desk
        about = self._run_id, self._prompt_id, self._split

        def done(results: dict[str, CaseResult | None]) -> None:
            if len(self.results) > HELD:
                self.results.clear()
            self.results |= results
            self._show()

        app.background(lambda: {each: app.client.result(*about, each) for each in case_ids}, done)

    def action_step(self, step: int) -> None:
        self.turn(step)
        self.query_one("#body", Canvas).scroll_home(animate=False)
        self._show()

    def action_copy(self) -> None:
        self.desk.copy(self.query_one("#body", Canvas).text_to_copy(), self.WHAT)

    def action_leave(self) -> None:
        self.dismiss(None)


class Walk(Protocol):
    """Cases one after the other, of which one is looked at."""

    @property
    def case(self) -> Example | None: ...

    def step(self, rows: int) -> None: ...


class CaseScreen(Pages):
    """The case that ``walk`` stands at, under one candidate.

    Args:
        mend: called with a case that is wrong.
    """

    BINDINGS: ClassVar = [Binding("c", "mend", show=False)]
    MORE = "c mend it   "

    def __init__(
        self,
        run_id: str,
        prompt_id: str,
        split: Split,
        name: str,
        walk: Walk,
        mend: Callable[[Example, Split], None],
    ) -> None:
        super().__init__(run_id, prompt_id, split)
        self._name = name
        self._walk = walk
        self._mend = mend

    def action_mend(self) -> None:
        case = self._walk.case
        if case is not None:
            self.dismiss(None)
            self._mend(case, self._split)

    def page(self, width: int) -> tuple[str, list[Line], list[str]] | None:
        case = self._walk.case
        if case is None:
            return None
        loading = case.id not in self.results
        lines = case_lines(case, self.results.get(case.id), None, width, loading=loading)
        return where(case, self._split, self._name), lines, [case.id]

    def turn(self, step: int) -> None:
        self._walk.step(step)


class ClusterScreen(Pages):
    """Kinds of failures of one candidate, those most worth mending first.

    Args:
        name: what the candidate is called.
        clusters: at least one.
        cases: the cases of the split by id.
    """

    WHAT = "failures"

    def __init__(
        self,
        run_id: str,
        prompt_id: str,
        split: Split,
        name: str,
        clusters: Sequence[ClusterMark],
        cases: Mapping[str, Example],
    ) -> None:
        super().__init__(run_id, prompt_id, split)
        self._name, self._clusters, self._cases = name, clusters, cases
        self._place = 0

    def page(self, width: int) -> tuple[str, list[Line], list[str]]:
        cluster = self._clusters[self._place]
        title = (
            f"What fails alike, {self._place + 1} of {len(self._clusters)}  ·  {self._split}  ·  {self._name}"
        )
        needed = [each for each in (cluster.case_id, cluster.contrast_id) if each in self._cases]
        return title, cluster_page(cluster, self._cases, self.results, width), needed

    def turn(self, step: int) -> None:
        self._place = (self._place + step) % len(self._clusters)
