"""data review: a person goes through cases that were made up, or those of a file, one by one."""

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from promptopt.cli.editor import edited
from promptopt.cli.output import emit, note, say
from promptopt.domain.errors import SettingsError
from promptopt.domain.text import sanitize

if TYPE_CHECKING:
    from promptopt.domain.dataset import Dataset, Example
    from promptopt.store.database import Database
    from promptopt.synthetic.reviewing import ReviewQueue

_SOURCE = "a run that made cases up (its id, a part of it, or: latest), or a file of cases."

LONGEST = 4_000
"""Characters of a text that are shown."""

HELP = "k keep, e edit, d drop, s skip, u undo the last one, q leave"


def review(
    source: Annotated[str, Parameter(name="SOURCE", help=_SOURCE)],
    /,
    *,
    out: Path | None = None,
    overwrite: bool = False,
    reviewed_only: bool = False,
    json: bool = False,
) -> int:
    """Go through cases one by one: keep, edit, drop or skip. Decisions are kept, and a review goes on later.

    Args:
        out: write into this file (.jsonl, .json, .csv) what was not dropped: kept and edited cases, and
            those that nobody has decided on yet.
        overwrite: the file may be there.
        reviewed_only: with --out: leave out what nobody has decided on yet.
        json: ask nothing; print where the review stands and what was decided, as one JSON object.
    """
    from promptopt.domain.dataset import Dataset
    from promptopt.store.database import Database
    from promptopt.synthetic.saving import hint_of_formulas, save_cases

    with closing(Database.open()) as database:
        queue, whole = _queue(database, source)
        if json:
            emit(_as_json(queue))
        elif out is None or queue.waiting():
            _Session(queue).run()
        if out is not None:
            kept = queue.kept(reviewed_only=reviewed_only)
            dataset = (
                whole(kept) if whole else Dataset(train=tuple(kept), validation=tuple(kept), held_back=False)
            )
            path = save_cases(dataset, out, overwrite=overwrite)
            note(_written(queue, len(dataset), path, reviewed_only=reviewed_only))
            if told := hint_of_formulas(dataset, path):
                note(f"note: {told}")
    return 0


def _written(queue: "ReviewQueue", count: int, path: Path, *, reviewed_only: bool) -> str:
    """What a file has: undecided cases are in it unless somebody wants the decided ones alone."""
    standing = queue.standing()
    parts = f"{standing.kept} kept, {standing.edited} edited"
    if reviewed_only:
        left = f"left out: {standing.dropped} dropped, {standing.open} undecided"
    else:
        parts += f", {standing.open} undecided (--reviewed-only leaves these out)"
        left = f"left out: {standing.dropped} dropped"
    return f"{count} cases written: {parts}; {left}: {path}"


def _queue(
    database: "Database", source: str
) -> "tuple[ReviewQueue, Callable[[list[Example]], Dataset] | None]":
    """The queue, and, of a run, what puts kept cases into their splits."""
    from promptopt.cli.data import is_cases
    from promptopt.runs.generated import generated_by, queue_of
    from promptopt.store.importing import load_cases
    from promptopt.store.reviews import Reviews, of_file
    from promptopt.synthetic.reviewing import ReviewQueue

    path = Path(source).expanduser()
    if is_cases(path):
        loaded, told = load_cases(path)
        for text in told:
            note(f"note: {text}")
        return ReviewQueue(Reviews(database, of_file(path)), list(loaded.dataset.cases())), None
    found = generated_by(database, source)
    return queue_of(database, found), found.dataset


def _as_json(queue: "ReviewQueue") -> dict[str, object]:
    standing = queue.standing()
    decided = [
        {
            "case_id": case.id,
            "verdict": found.verdict,
            "reason": found.reason,
            "author": found.author,
            "at": found.at,
        }
        for case in queue.cases
        if (found := queue.decision(case))
    ]
    return {**vars(standing), "open": standing.open, "decided": decided}


class _Session:
    """One sitting at a terminal: reads lines, so that it works through a pipe as well."""

    def __init__(self, queue: "ReviewQueue") -> None:
        self._queue = queue
        self._done: list[Example] = []
        self._skipped: set[str] = set()

    def run(self) -> None:
        """Until nothing waits, or the person leaves."""
        say(HELP)
        while case := next((each for each in self._queue.waiting() if each.id not in self._skipped), None):
            self._show(case)
            answer = self._ask()
            if answer is None or answer.casefold() in ("q", "quit"):
                break
            self._carry_out(answer, case)
        standing = self._queue.standing()
        say(
            f"{standing.cases} cases: {standing.kept} kept, {standing.edited} edited, "
            f"{standing.dropped} dropped, {standing.open} open"
        )

    def _show(self, case: "Example") -> None:
        standing = self._queue.standing()
        rating = self._queue.rating(case)
        real = "" if rating is None else f", realism {rating:g} of 10"
        say(f"\n[{standing.cases - standing.open + 1} of {standing.cases}] {case.id}{real}")
        say("  ".join(case.tags))
        say(f"\n{sanitize(case.input_text, LONGEST)}\n")
        if case.expected is not None:
            say(f"expected:\n{sanitize(case.expected, LONGEST)}\n")

    def _ask(self) -> str | None:
        print("keep, edit, drop, skip? ", end="", flush=True)
        line = sys.stdin.readline()
        return line.strip() or "?" if line else None

    def _carry_out(self, answer: str, case: "Example") -> None:
        letter, _, reason = answer.partition(" ")
        letter = letter[:1].casefold()
        if letter in ("k", "d"):
            (self._queue.keep if letter == "k" else self._queue.drop)(case, reason)
            self._done.append(case)
        elif letter == "e":
            self._edit(case)
        elif letter == "s":
            self._skipped.add(case.id)
        elif letter == "u" and self._done:
            self._queue.undo(self._done.pop())
        else:
            say(HELP)

    def _edit(self, case: "Example") -> None:
        from promptopt.synthetic.reviewing import as_text, from_text

        try:
            text = edited(f"{as_text(case)}\n", "keep, drop or skip it")
        except SettingsError as error:
            note(str(error))
            return
        changed = from_text(case, text)
        if changed is None:
            note(
                "the line that divides input and expected output, or the input, is gone: nothing was changed"
            )
            return
        self._queue.edit(case, changed)
        self._done.append(case)
