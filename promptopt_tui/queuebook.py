"""A review as the screen has it: which cases are shown, at which it stands, and what is being written down.

Decisions are those of :class:`promptopt.synthetic.reviewing.ReviewQueue`, which the command line has, too.
Each is written at once, in a thread, in the order in which it was made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptopt.domain.dataset import Example
    from promptopt.domain.drafted import GenerationStarted
    from promptopt.runs.draftlog import Drafts
    from promptopt.store.reviews import Review, Verdict
    from promptopt.store.runs import RunRow
    from promptopt.synthetic.reviewing import ReviewQueue, Standing
    from promptopt_tui.app import PromptoptApp

FILTERS = ("open", "all", "low realism", "findings", "decided")
"""Which cases are shown; ``open``: nobody has decided on them, those that seem least real first."""

LOW = 6.0
"""Realism below which it is low."""


@dataclass
class Source:
    """What is reviewed.

    Attributes:
        row: the run that made the cases up.
        plan: what it was to make.
        drafts: the cases, and what was said of each.
        queue: the decisions.
    """

    row: RunRow
    plan: GenerationStarted | None
    drafts: Drafts
    queue: ReviewQueue


@dataclass
class _Act:
    """A decision on its way into the store."""

    work: Callable[[], object]
    case_ids: Sequence[str] = ()
    done: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class _Done:
    """What can be taken back: the cases, and what had been decided on each before."""

    cases: Sequence[Example]
    before: Sequence[Review | None] = field(default=())


class QueueBook:
    """Walks through the cases of a source.

    Args:
        desk: the app, which writes in threads.
        source: what is reviewed.
        changed: called when there is something new to show.
    """

    def __init__(self, desk: PromptoptApp, source: Source, changed: Callable[[], object]) -> None:
        self._desk = desk
        self._changed = changed
        self.source = source
        self.queue = source.queue
        self.cases = source.queue.cases
        self.by_id = {case.id: case for case in self.cases}
        self.private: set[str] | None = None
        """Ids of cases with private data; None until that is known."""
        self.alike: Mapping[str, Sequence[str]] = {}
        self.filter = "open"
        self.rows: list[Example] = []
        self.at = 0
        self._pending: dict[str, Verdict | None] = {}
        self._acts: deque[_Act] = deque()
        self._writing = Lock()
        self._taken_back: list[_Done] = []
        self._standing: Standing | None = None
        """Counted once for each change: there may be many cases."""
        self.choose("open" if self.queue.waiting() else "all")

    # What is shown

    @property
    def case(self) -> Example | None:
        """The case that is looked at."""
        return self.rows[self.at] if self.at < len(self.rows) else None

    def verdict(self, case: Example) -> Verdict | None:
        """What was decided on a case, what is being written down included."""
        if case.id in self._pending:
            return self._pending[case.id]
        found = self.queue.decision(case)
        return found.verdict if found else None

    def as_decided(self, case: Example) -> Example:
        """The case as it was edited; else as it is."""
        found = self.queue.decision(case)
        return found.edited if found and found.edited and self.verdict(case) == "edit" else case

    def reason(self, case: Example) -> str:
        """Why it was decided so; empty if nobody said."""
        found = self.queue.decision(case)
        return found.reason if found and case.id not in self._pending else ""

    def standing(self) -> Standing:
        """How far the review is."""
        from promptopt.synthetic.reviewing import Standing

        if self._standing is None:
            said = [self.verdict(case) for case in self.cases]
            self._standing = Standing(len(said), said.count("keep"), said.count("edit"), said.count("drop"))
        return self._standing

    def choose(self, name: str) -> None:
        """Show other cases; the one that is looked at stays, if it is among them."""
        here = self.case
        self.filter = name
        self.rows = self._filtered(name)
        self.at = next((at for at, case in enumerate(self.rows) if case is here), 0)

    def next_filter(self) -> str:
        """Go on to the next filter that shows anything."""
        place = FILTERS.index(self.filter)
        for step in range(1, len(FILTERS) + 1):
            name = FILTERS[(place + step) % len(FILTERS)]
            if self._filtered(name):
                self.choose(name)
                break
        return self.filter

    def _filtered(self, name: str) -> list[Example]:
        if name == "open":
            return [case for case in self.queue.waiting() if not self._pending.get(case.id)]
        if name == "low realism":
            return [case for case in self.cases if _low(self.queue.rating(case))]
        if name == "findings":
            private = self.private or set[str]()
            return [case for case in self.cases if case.id in private or case.id in self.alike]
        if name == "decided":
            return [case for case in self.cases if self.verdict(case)]
        return self.cases

    # Moving about

    def step(self, by: int) -> None:
        """Go some cases on."""
        if self.rows:
            self.at = max(0, min(len(self.rows) - 1, self.at + by))

    def go_to(self, case: Example) -> None:
        """Look at a case, whichever filter is in force."""
        if not any(case is each for each in self.rows):
            self.choose("all")
        self.at = next((at for at, each in enumerate(self.rows) if each is case), self.at)

    def skip(self) -> bool:
        """To the next case that nobody has decided on; False if there is none."""
        order = [*range(self.at + 1, len(self.rows)), *range(self.at)]
        for at in order:
            if self.verdict(self.rows[at]) is None:
                self.at = at
                return True
        return False

    # Deciding

    def decide(self, verdict: Verdict, reason: str = "", edited: Example | None = None) -> None:
        """Decide on the case that is looked at, and go on to the next."""
        case = self.case
        if case is None:
            return
        works: dict[Verdict, Callable[[], object]] = {
            "keep": lambda: self.queue.keep(case, reason),
            "drop": lambda: self.queue.drop(case, reason),
            "edit": lambda: self.queue.edit(case, edited or case, reason),
        }
        self._taken_back.append(_Done([case], [self.queue.decision(case)]))
        self._pending[case.id] = verdict
        self._write(_Act(works[verdict], [case.id]))
        if not self.skip():
            self._none_is_open()

    def keep_rest(self) -> int:
        """Keep every case that nobody has decided on; returns how many."""
        rest = [case for case in self.cases if self.verdict(case) is None]
        if rest:
            self._taken_back.append(_Done(rest, [None] * len(rest)))
            self._pending.update((case.id, "keep") for case in rest)
            self._write(_Act(lambda: self.queue.keep_all(rest), [case.id for case in rest]))
            self._none_is_open()
        return len(rest)

    def _none_is_open(self) -> None:
        """Where only open ones are shown, there is none any more."""
        if self.filter == "open" and not self.standing().open:
            self.choose("open")

    @property
    def may_undo(self) -> bool:
        """Something was decided here that can be taken back."""
        return bool(self._taken_back)

    def undo(self) -> int:
        """Take the last decision of this sitting back; returns on how many cases that was."""
        if not self._taken_back:
            return 0
        last = self._taken_back.pop()

        def work() -> None:
            for case, before in zip(last.cases, last.before, strict=True):
                self._restore(case, before)

        self._pending.update(
            (case.id, before.verdict if before else None)
            for case, before in zip(last.cases, last.before, strict=True)
        )
        self._write(_Act(work, [case.id for case in last.cases]))
        self.go_to(last.cases[0])
        return len(last.cases)

    def _restore(self, case: Example, before: Review | None) -> None:
        if before is None:
            self.queue.undo(case)
        elif before.verdict == "edit" and before.edited is not None:
            self.queue.edit(case, before.edited, before.reason, before.author)
        elif before.verdict == "drop":
            self.queue.drop(case, before.reason, before.author)
        else:
            self.queue.keep(case, before.reason, before.author)

    # Writing and reading

    @property
    def is_writing(self) -> bool:
        """Something is on its way into the store."""
        return bool(self._pending)

    def _write(self, act: _Act) -> None:
        self._standing = None
        self._acts.append(act)
        self._desk.background(self._write_next, lambda act: self._written(act), self._failed)

    def _write_next(self) -> _Act:
        with self._writing:  # one thread may overtake another; what is written may not
            act = self._acts.popleft()
            act.work()
            return act

    def _written(self, act: _Act) -> None:
        self._standing = None
        # Of a case that was decided on again meanwhile the later word holds.
        later = {name for each in self._acts for name in each.case_ids}
        for name in act.case_ids:
            if name not in later:
                self._pending.pop(name, None)
        act.done()
        self._changed()

    def _failed(self, error: BaseException) -> None:
        self._pending.clear()
        self._standing = None
        self._desk.show_error(error)
        self._changed()

    def then(self, work: Callable[[], Any], done: Callable[[Any], object]) -> None:
        """Do something in a thread when all that was decided is written, then ``done`` here."""
        found: list[Any] = []
        self._write(_Act(lambda: found.append(work()), (), lambda: done(found[0])))

    def reload(self) -> None:
        """Take up what others have decided meanwhile, unless something is just being written."""
        if self.is_writing:
            return
        before = self.standing()

        def done(_: object) -> None:
            self._standing = None
            if self.standing() != before:
                self._changed()

        def load() -> None:
            with self._writing:
                self.queue.reload()

        self._desk.background(load, done, lambda _: None)

    def look_over(self) -> None:
        """Look for private data and near duplicates, in a process of its own."""

        def found(told: Mapping[str, Any]) -> None:
            self.private = set(told["private"])
            self.alike = told["alike"]
            if self.filter == "findings":
                self.choose("findings")
            self._changed()

        run_id = self.source.row.id
        self._desk.background(lambda: self._desk.client.look_over(run_id), found, lambda _: None)


def _low(rating: float | None) -> bool:
    return rating is not None and rating < LOW
