"""What a run's events do not carry: its cases, and how older candidates did. Loaded when asked for."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from promptopt.domain.marks import Marks

if TYPE_CHECKING:
    from promptopt.domain.dataset import Example, Split
    from promptopt.domain.mending import Mend
    from promptopt.runs.state import RunState
    from promptopt_tui.app import PromptoptApp

HELD = 8
"""Sets of marks that are held at most."""

AGAIN = 2.0
"""Seconds between looks at the marks of a candidate that is being measured."""


class CaseRow:
    """A case that is made when it is looked at: 100,000 of them stay small.

    Args:
        case_id: its id.
        body: the case as JSON.
    """

    __slots__ = ("body", "id")

    def __init__(self, case_id: str, body: str) -> None:
        self.id, self.body = case_id, body

    def mended(self, mends: Mapping[str, Mend]) -> bool:
        """Take up what people have made of the case; False if they dropped it."""
        mend = mends.get(self.id)
        if mend is not None and mend.expected is not None:
            self.body = json.dumps({**json.loads(self.body), "expected": mend.expected}, ensure_ascii=False)
        return mend is None or mend.expected is not None

    @property
    def whole(self) -> Example:
        """The case."""
        from promptopt.domain.dataset import Example

        return Example.model_validate_json(self.body)

    @property
    def input_text(self) -> str:
        """What goes into it, as one text."""
        return self.whole.input_text

    def may_hold(self, folded: str) -> bool:
        """False if its input does not contain this text, case-folded and as :func:`as_json` has it: to tell
        that, the case need not be made.
        """
        return folded in self.body.casefold()


def as_json(text: str) -> str:
    """A text as it stands in the JSON of a case."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


class Whole(Mapping[str, "Example"]):
    """Cases by their ids, each made when it is asked for."""

    def __init__(self, rows: Mapping[str, CaseRow]) -> None:
        self._rows = rows

    def __getitem__(self, case_id: str) -> Example:
        return self._rows[case_id].whole

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, case_id: object) -> bool:
        return case_id in self._rows


class Casebook:
    """The cases of one run. What is not there yet is being loaded after it was asked for.

    Args:
        desk: the app, which loads in threads.
        run_id: the run.
        arrived: called when something was loaded.
    """

    def __init__(self, desk: PromptoptApp, run_id: str, arrived: Callable[[], object]) -> None:
        self._desk = desk
        self._run_id = run_id
        self._arrived = arrived
        self._cases: dict[Split, dict[str, CaseRow]] = {}
        self._lists: dict[Split, Sequence[CaseRow]] = {}
        self._mends: dict[str, Mend] = {}
        self._stale: set[Split] = set()
        self._marks: dict[tuple[str, Split], Marks] = {}
        self._loading: set[object] = set()
        self._none = Marks()
        self._told: dict[tuple[str, Split], tuple[int, float]] = {}
        """Of each place how many marks had been told of when it was looked up, and when that was."""

    def follow(self, mends: Mapping[str, Mend]) -> None:
        """Have cases as people have mended them in the course of the run."""
        if mends != self._mends:
            self._mends = dict(mends)
            self._stale = set(self._lists)  # they are shown until the mended ones are there
            self._marks.clear()
            self._told.clear()

    def cases(self, split: Split) -> Sequence[CaseRow] | None:
        """The cases of a split, in order; None until they are loaded. The same object each time."""
        if (split not in self._lists or split in self._stale) and split not in self._loading:
            self._loading.add(split)
            mends = dict(self._mends)

            def load() -> tuple[list[CaseRow], dict[str, CaseRow]]:
                found = self._desk.client.cases(self._run_id, split)
                rows = [row for row in (CaseRow(*each) for each in found) if row.mended(mends)]
                by_id = {row.id: row for row in rows}
                gc.freeze()  # to look through them for garbage would stop the screen, again and again
                return rows, by_id

            def done(found: tuple[list[CaseRow], dict[str, CaseRow]]) -> None:
                self._loading.discard(split)
                if mends == self._mends:  # else they were mended meanwhile, and are loaded again
                    self._lists[split], self._cases[split] = found
                    self._stale.discard(split)
                self._arrived()

            self._desk.background(load, done)
        return self._lists.get(split)

    def by_id(self, split: Split) -> Mapping[str, Example] | None:
        """The same by their ids."""
        return None if self.cases(split) is None else Whole(self._cases[split])

    def input_of(self, split: Split, case_id: str) -> str:
        """What goes into a case; empty until the cases are loaded, and if there is no such case."""
        row = self._cases[split].get(case_id) if self.cases(split) is not None else None
        return row.input_text if row else ""

    def marks(self, state: RunState, candidate_id: str, split: Split) -> Marks:
        """How a candidate did, by case: from the run's state if that has all of it, else from the store."""
        key = (candidate_id, split)
        live = state.marks.get(key)
        if live is not None and key not in state.forgotten:
            return live
        self._look_up(key, len(live) if live else 0)
        return self._marks.get(key, live or self._none)

    def _look_up(self, key: tuple[str, Split], told: int) -> None:
        """Load a candidate's marks, and again, not too often, when more of them were told of."""
        before, at = self._told.get(key, (-1, 0.0))
        if key in self._loading or not key[0] or told == before or time.monotonic() - at < AGAIN:
            return
        self._loading.add(key)
        self._told[key] = told, time.monotonic()

        def done(marks: Marks) -> None:
            self._loading.discard(key)
            if len(self._marks) > HELD:
                self._marks.clear()
                self._told.clear()
            self._marks[key] = marks
            self._arrived()

        self._desk.background(lambda: self._desk.client.marks(self._run_id, *key), done)
