"""Snapshots of the fold: where a run stood after so many events, so that nobody folds those again.

A snapshot holds for the code that made it: another version of the fold does not read it and folds all.
"""

import hashlib
import json
import marshal
import sys
from functools import lru_cache
from types import ModuleType
from typing import Any, Protocol

from promptopt.runs import written
from promptopt.runs.state import RunState
from promptopt.store.database import StoreError
from promptopt.store.runlog import RunLog

EVERY = 5_000
"""Events after which a worker keeps a snapshot, as soon as nothing is under way."""

LATEST = 50_000
"""Events after which it does so whatever is under way."""

ROOMS = ("promptopt.domain", "promptopt.runs")
"""Whose code the fold is made of."""


class Keeps(Protocol):
    """What can keep a state."""

    def keep(self, state: RunState, n: int) -> None: ...


class Snapshots:
    """The snapshot of one run."""

    def __init__(self, log: RunLog) -> None:
        self._log = log

    def latest(self) -> tuple[RunState, int] | None:
        """The state that was kept, and after how many events; None without one that can be read."""
        found = self._log.snapshot(digest())
        if found is None:
            return None
        n, body = found
        try:
            return from_json(body), n
        except (ValueError, TypeError, LookupError, AttributeError, ImportError):
            return None  # nobody of ours wrote that

    def keep(self, state: RunState, n: int) -> None:
        """Keep where the run stands after ``n`` events (queued)."""
        self._log.keep_snapshot(n, digest(), to_json(state))


class Keeper:
    """Keeps a snapshot of a run now and then; its worker tells it of each event."""

    def __init__(self, log: RunLog, state: RunState) -> None:
        self._log = log
        self._state = state
        self._kept = 0

    def begin(self, n: int) -> None:
        """The newest snapshot is that of ``n`` events."""
        self._kept = n

    def moved(self) -> None:
        """There was an event."""
        new = self._log.last - self._kept
        due = new >= EVERY and not self._state.evaluations
        if due or new >= LATEST or (new and self._state.over):
            self._kept = self._log.last
            self._log.keep_snapshot(self._kept, digest(), to_json(self._state))


def fold_from_snapshot(log: RunLog) -> RunState:
    """The fold over all that a run has said, from its snapshot on.

    Of a run that is over and has none, one is kept: the next one to ask has it.
    """
    snapshots = Snapshots(log)
    state, n = snapshots.latest() or (RunState(), 0)
    begun = n
    while batch := log.after(n):
        for stored in batch:
            state.apply(stored.event, stored.at)
        n = batch[-1].n
    if worth_keeping(state, n - begun):
        keep_if_possible(snapshots, state, n)
    return state


def worth_keeping(state: RunState, folded: int) -> bool:
    """Whether somebody who has folded so many events should keep what came of it."""
    return state.over and folded >= EVERY


def keep_if_possible(snapshots: Keeps, state: RunState, n: int) -> None:
    """Keep a snapshot; a store that can't be written is no reason to know less of the run."""
    try:
        snapshots.keep(state, n)
    except StoreError:
        return


def to_json(state: RunState) -> str:
    """A state without the marks of what is not under way: the store has those."""
    values = dict(vars(state))
    values["marks"] = {place: marks for place, marks in state.marks.items() if place in state.evaluations}
    values["forgotten"] = state.forgotten | (state.marks.keys() - state.evaluations.keys())
    return json.dumps(written.write(values), ensure_ascii=False, separators=(",", ":"))


def from_json(text: str) -> RunState:
    """What :func:`to_json` wrote.

    Raises:
        ValueError, TypeError, LookupError, AttributeError, ImportError: it did not.
    """
    state = RunState()
    values = written.read(json.loads(text))
    if values.keys() != vars(state).keys():
        raise ValueError("not a state of this version")
    vars(state).update(values)
    return state


@lru_cache(maxsize=1)
def digest() -> str:
    """Of the code of the fold, and of all that a state is made of: the modules that it comes to."""
    found: set[str] = set()
    todo = ["promptopt.runs.state", "promptopt.runs.snapshots"]
    while todo:
        name = todo.pop()
        if name in found or not name.startswith(ROOMS):
            continue
        found.add(name)
        todo += {_module_of(value) for value in vars(sys.modules[name]).values()} & sys.modules.keys()
    code = hashlib.sha256()
    for name in sorted(found):
        code.update(name.encode())
        code.update(_source(sys.modules[name]))
    return code.hexdigest()[:32]


def _module_of(value: Any) -> str:
    if isinstance(value, ModuleType):
        return value.__name__
    found = getattr(value, "__module__", "")
    return found if isinstance(found, str) else ""


def _source(module: ModuleType) -> bytes:
    """The module's text, or, where it is installed without that, its code."""
    loader: Any = module.__spec__.loader if module.__spec__ else None
    text: str | None = loader.get_source(module.__name__) if loader else None
    if text is not None:
        return text.encode()
    return marshal.dumps(loader.get_code(module.__name__)) if loader else b""
