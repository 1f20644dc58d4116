"""Files of cases under edit: what is not changed stays byte for byte, what is changed is written in one step.

JSON Lines, CSV and TSV keep the text of every row that was left alone; JSON is written anew as a whole. Other
kinds (YAML, packed and columnar files, folders) are only read.
"""

import csv
import hashlib
import io
import json
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from promptopt.domain.dataset import Split
from promptopt.domain.errors import SettingsError
from promptopt.store.casefiles import text_of
from promptopt.store.caserows import MAX_BYTES, Row, Table, format_of, parse_table
from promptopt.store.datasetfolders import read_source
from promptopt.store.projectedit import ChangedOutside
from promptopt.store.projects import write_file
from promptopt.store.textfiles import decode, is_folder, read_bytes

LINES = (".jsonl", ".ndjson")
CELLS = (".csv", ".tsv")
WRITABLE = (*LINES, *CELLS, ".json")

_MARK = b"\xef\xbb\xbf"


@dataclass(eq=False)
class CaseRow:
    """One row of a file: its columns, and its text in the file if it was not changed."""

    row: Row
    text: str | None = None


class _Change(NamedTuple):
    """At a place of the rows, ``before`` were taken out and ``after`` put in."""

    place: int
    before: tuple[CaseRow, ...]
    after: tuple[CaseRow, ...]


class CaseFile:
    """One file of cases.

    Args:
        path: the file or folder.
        split: the split that all its cases have; None: each has its own, or they are dealt.
        table: its rows as they were read.
        why_not: why it can't be written; empty if it can.
    """

    def __init__(self, path: Path, split: Split | None, table: Table, why_not: str = "") -> None:
        self.path = path
        self.split: Split | None = split
        self.columns = list(table.columns)
        self.why_not = why_not
        self.flat = table.flat
        self.rows = [CaseRow(row) for row in table.rows]
        self._done: list[_Change] = []
        self._undone: list[_Change] = []
        self._saved: _Change | None = None
        self._head = self._mark = b""
        self._digest = ""
        self._wrapper: Row | None = None
        self._delimiter, self._end = ",", "\n"
        self._before: Sequence[str] = tuple(self.columns)

    @classmethod
    def read(cls, path: Path, split: Split | None = None) -> "list[CaseFile]":
        """The file at ``path``, or the tables of a folder.

        Raises:
            SettingsError: it can't be read.
        """
        suffix = format_of(path)
        if is_folder(path) or suffix not in WRITABLE:
            kind = "a folder" if is_folder(path) else f"a {suffix} file"
            why_not = f"{kind} is only read; i makes a file of JSON Lines of it that can be edited"
            return [cls(path, split or named, table, why_not) for named, table in read_source(path)]
        content = read_bytes(path, MAX_BYTES)
        table = parse_table(content, path)
        made = cls(path, split, table)
        made._take(content, table)
        return [made]

    @property
    def changed(self) -> bool:
        """Whether there is something to save."""
        return (self._done[-1] if self._done else None) is not self._saved

    def replace(self, row: CaseRow, new: Row) -> CaseRow:
        """Put other columns in the place of a row; returns the new one."""
        after = CaseRow(new)
        self._do(_Change(self.rows.index(row), (row,), (after,)))
        return after

    def add(self, *new: Row) -> None:
        """Add rows at the end."""
        self._do(_Change(len(self.rows), (), tuple(map(CaseRow, new))))

    def remove(self, row: CaseRow) -> None:
        """Take a row out."""
        self._do(_Change(self.rows.index(row), (row,), ()))

    def undo(self) -> bool:
        """Take the last change back; False if there is none."""
        if not self._done:
            return False
        change = self._done.pop()
        self._undone.append(change)
        self._apply(_Change(change.place, change.after, change.before))
        return True

    def redo(self) -> bool:
        """Make the change again that was taken back; False if there is none."""
        if not self._undone:
            return False
        change = self._undone.pop()
        self._done.append(change)
        self._apply(change)
        return True

    def _do(self, change: _Change) -> None:
        if self.why_not:
            raise SettingsError(self.why_not, where=str(self.path))
        self._done.append(change)
        self._undone.clear()
        self._apply(change)

    def _apply(self, change: _Change) -> None:
        self.rows[change.place : change.place + len(change.before)] = change.after
        for row in change.after:
            self.columns += [name for name in row.row if name not in self.columns]

    # On the disk

    def save(self, *, force: bool = False) -> None:
        """Write the file, whole or not at all.

        Args:
            force: also over what somebody else has written meanwhile.

        Raises:
            ChangedOutside: the file was changed since it was read.
            SettingsError: it can't be written, or has no case left.
        """
        if not self.rows:
            raise SettingsError("a file of cases can't be empty", where=str(self.path))
        if not force and hashlib.sha256(read_bytes(self.path, MAX_BYTES)).hexdigest() != self._digest:
            raise ChangedOutside("the file of cases was changed by somebody else", where=str(self.path))
        content = self._mark + self._text().encode("utf-8")
        table = parse_table(content, self.path)  # what can't be read again is not written
        try:
            place = self.path.resolve()
            mode = stat.S_IMODE(place.stat().st_mode)
            write_file(place, content, overwrite=True)
            place.chmod(mode)
        except OSError as error:
            raise SettingsError(
                f"the file can't be written ({error.strerror or error})", where=str(self.path)
            ) from error
        self._take(content, table)
        self._saved = self._done[-1] if self._done else None

    def _text(self) -> str:
        suffix = format_of(self.path)
        if suffix == ".json":
            return self._as_json()
        head, rows = self._head.decode("utf-8"), (self._line(row) for row in self.rows)
        if suffix in CELLS and tuple(self.columns) != tuple(self._before):
            # Every row has to have as many cells as the header.
            head = self._cells(self.columns)
            rows = (self._cells([cell_text(row.row.get(name)) for name in self.columns]) for row in self.rows)
        return "".join([head, *_ended(rows, self._end)])

    def _line(self, row: CaseRow) -> str:
        if row.text is not None:
            return row.text
        if format_of(self.path) in CELLS:
            return self._cells([cell_text(row.row.get(name)) for name in self.columns])
        return json.dumps(row.row, ensure_ascii=False) + self._end

    def _cells(self, cells: Iterable[str]) -> str:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=self._delimiter, lineterminator=self._end).writerow(cells)
        return buffer.getvalue()

    def _as_json(self) -> str:
        rows = [row.row for row in self.rows]
        whole: Any = rows
        if self._wrapper is not None:
            whole = {**self._wrapper, "cases": rows}
        return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"

    def _take(self, content: bytes, table: Table) -> None:
        """Remember how the file is written: its text row by row."""
        self._digest = hashlib.sha256(content).hexdigest()
        suffix = format_of(self.path)
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            self.why_not = "a file in UTF-16 is only read; i makes a file of JSON Lines of it"
            return
        if any("has no name" in notice for notice in table.notices):
            self.why_not = "the file has a column without a name, which would be lost; name it first"
            return
        self._mark = _MARK if content.startswith(_MARK) else b""
        text = decode(content, self.path)
        self._before = tuple(table.columns)
        if suffix == ".json":
            whole: Any = json.loads(text)
            self._wrapper = cast("Row", whole) if isinstance(whole, dict) else None
            return
        starts = _starts(text, csv_lines=suffix in CELLS)
        bounds = [starts[line - 1] for line in table.lines]
        self._head = text[: bounds[0]].encode("utf-8")
        self._end = "\r\n" if "\r\n" in text[: bounds[1] if len(bounds) > 1 else None] else "\n"
        if suffix in CELLS:
            self._delimiter = _delimiter_of(self._head.decode("utf-8"), table.columns, suffix)
        for row, start, end in zip(self.rows, bounds, [*bounds[1:], len(text)], strict=True):
            row.text = text[start:end]


def with_value(row: Row, column: str, text: str | None) -> Row:
    """A row with another text in a column; None or, where there was nothing, "" takes it out.

    What was no text (a number, a list) stays one, if the new text is JSON.
    """
    new = dict(row)
    if text is None or (text == "" and column not in row):
        new.pop(column, None)
        return new
    before = row.get(column)
    if before is not None and not isinstance(before, str):
        try:
            new[column] = json.loads(text)
            return new
        except ValueError:
            pass
    new[column] = text
    return new


def cell_text(value: Any) -> str:
    """A value as text, whatever it is: this is to be looked at."""
    try:
        return text_of(value)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _starts(text: str, *, csv_lines: bool) -> list[int]:
    """Where each line begins, as the reader of the format counts lines."""
    starts, at = [0], 0
    lines = io.StringIO(text, newline="") if csv_lines else (f"{line}\n" for line in text.split("\n"))
    for line in lines:
        at += len(line)
        starts.append(at)
    return starts


def _delimiter_of(head: str, columns: Sequence[str], suffix: str) -> str:
    """What stands between the cells of the header, which is known to have these columns."""
    line = head.rstrip("\r\n").splitlines()[-1] if head.strip() else ""
    for mark in ("\t",) if suffix == ".tsv" else (",", ";", "\t", "|"):
        if any(
            [name.strip() for name in names] == list(columns) for names in csv.reader([line], delimiter=mark)
        ):
            return mark
    return "\t" if suffix == ".tsv" else ","


def _ended(rows: Iterable[str], end: str) -> Iterator[str]:
    """The rows, each but the last with an end of line."""
    before: str | None = None
    for row in rows:
        if before is not None:
            yield before if before.endswith(("\n", "\r")) else before + end
        before = row
    if before is not None:
        yield before
