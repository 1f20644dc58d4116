"""What a run's events do not carry: its cases, and how older candidates did. Loaded when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptopt.domain.dataset import Example, Split
    from promptopt.domain.events import CaseMark
    from promptopt.runs.state import RunState
    from promptopt_tui.app import PromptoptApp

HELD = 8
"""Sets of marks that are held at most."""


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
        self._cases: dict[Split, dict[str, Example]] = {}
        self._lists: dict[Split, Sequence[Example]] = {}
        self._marks: dict[tuple[str, Split], dict[str, CaseMark]] = {}
        self._loading: set[object] = set()

    def cases(self, split: Split) -> Sequence[Example] | None:
        """The cases of a split, in order; None until they are loaded. The same object each time."""
        if split not in self._lists and split not in self._loading:
            self._loading.add(split)

            def done(cases: list[Example]) -> None:
                self._lists[split], self._cases[split] = cases, {case.id: case for case in cases}
                self._arrived()

            self._desk.background(lambda: self._desk.client.cases(self._run_id, split), done)
        return self._lists.get(split)

    def by_id(self, split: Split) -> Mapping[str, Example] | None:
        """The same by their ids."""
        return None if self.cases(split) is None else self._cases[split]

    def input_of(self, split: Split, case_id: str) -> str:
        """What goes into a case; empty until the cases are loaded, and if there is no such case."""
        case = (self.by_id(split) or {}).get(case_id)
        return case.input_text if case else ""

    def marks(self, state: RunState, candidate_id: str, split: Split) -> dict[str, CaseMark]:
        """How a candidate did, by case: from the run's state, else from the store."""
        key = (candidate_id, split)
        live = state.marks.get(key)
        if live is not None:
            return live
        if key not in self._marks and key not in self._loading and candidate_id:
            self._loading.add(key)

            def done(marks: dict[str, CaseMark]) -> None:
                self._loading.discard(key)
                if len(self._marks) > HELD:
                    self._marks.clear()
                self._marks[key] = marks
                self._arrived()

            self._desk.background(lambda: self._desk.client.marks(self._run_id, *key), done)
        return self._marks.get(key, {})
