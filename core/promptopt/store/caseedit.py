"""Files of cases under edit: what is not changed stays byte for byte, what is changed is written in one step.

JSON Lines, CSV and TSV keep the text of every row that was left alone; JSON is written anew as a whole. Other
kinds (YAML, packed and columnar files, folders) are only read: :func:`as_json_lines` makes files of them that
can be edited.
"""

import csv
import hashlib
import io
import json
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

from promptopt.domain.dataset import SPLITS, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import DataSettings
from promptopt.store.casefiles import Columns, columns_of, data_path, text_of
from promptopt.store.caserows import MAX_BYTES, Row, Table, format_of, parse_table, read_table, table_of
from promptopt.store.columns import choose_columns
from promptopt.store.datasetfolders import read_source, split_of
from promptopt.store.newcases import as_lines
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
            rows = (self._cells([_cell(row.row.get(name)) for name in self.columns]) for row in self.rows)
        return "".join([head, *_ended(rows, self._end)])

    def _line(self, row: CaseRow) -> str:
        if row.text is not None:
            return row.text
        if format_of(self.path) in CELLS:
            return self._cells([_cell(row.row.get(name)) for name in self.columns])
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


@dataclass(frozen=True, eq=False)
class Entry:
    """A case as a list shows it.

    Attributes:
        source: its row; None if it stands in the project file.
        part: the file that it is of, by its place in the book.
        id: its own, or its number.
        input: what goes in, as one text.
        expected: the reference output; None if there is none.
        split: as its file or row says; empty if it is dealt.
        tags, must_pass: as in the file.
        hay: all of that in small letters, to search in.
    """

    source: CaseRow | None
    part: int
    row: Row
    id: str
    input: str
    expected: str | None
    split: str
    tags: tuple[str, ...]
    must_pass: bool
    hay: str


@dataclass
class CaseBook:
    """The cases of a project.

    Attributes:
        files: the files that they are in; none if they stand in the project file.
        columns: which column is what.
        entries: the cases, in order.
    """

    files: list[CaseFile]
    columns: Columns
    entries: list[Entry] = field(default_factory=list[Entry])

    @classmethod
    def open(cls, data: DataSettings, base: Path) -> "CaseBook":
        """Read the cases that a project names. About a second for 100,000.

        Raises:
            SettingsError: there are none, or they can't be read.
        """
        files: list[CaseFile] = []
        if data.file:
            files = CaseFile.read(data_path(data.file, base))
        for split in SPLITS:
            name: str | None = getattr(data, split)
            if name:
                files += CaseFile.read(data_path(name, base), split)
        if not files and not data.cases:
            raise SettingsError(
                "there are no cases", where="data", fix="add one with n, or import a file with i"
            )
        tables = [Table(str(file.path), [row.row for row in file.rows], (), file.columns) for file in files]
        book = cls(files, columns_of(data, tables or [table_of(data.cases, "data.cases")]))
        if files:
            book.sync()
        else:
            book.entries = [book.inline(row, at) for at, row in enumerate(data.cases, 1)]
        return book

    @property
    def changed(self) -> bool:
        """Whether there is something to save."""
        return any(file.changed for file in self.files)

    def sync(self) -> None:
        """Bring the entries in line with the rows of the files, after a change or one that was taken back."""
        known = {id(entry.source): entry for entry in self.entries}
        self.entries = [
            known.get(id(row)) or self.entry(part, row, at)
            for part, file in enumerate(self.files)
            for at, row in enumerate(file.rows, 1)
        ]

    def entry(self, part: int, row: CaseRow, number: int) -> Entry:
        """How a row of a file is shown; ``number`` counts the rows of its file from 1."""
        file = self.files[part]
        prefix = f"{file.split}-" if file.split else ""
        return self._entry(row.row, row, part, f"{prefix}{number}", file.split)

    def inline(self, row: Row, number: int) -> Entry:
        """How a case of the project file is shown."""
        return self._entry(row, None, 0, str(number), None)

    def _entry(self, row: Row, source: CaseRow | None, part: int, number: str, split: Split | None) -> Entry:
        columns = self.columns
        inputs = [_cell(row.get(name)) for name in columns.inputs]
        expected = None if columns.expected is None else row.get(columns.expected)
        named = row.get("split") if columns.split else None
        own = split or (split_of(named) if isinstance(named, str) else None) or ""
        shown = _cell(row.get(columns.id)).strip() or number
        text = "\n".join(inputs)
        answer = None if expected is None or expected == "" else _cell(expected)
        tags = tuple(_tags(row.get(columns.tags)))
        must = str(row.get(columns.must_pass, "")).strip().casefold() in ("true", "yes", "1")
        hay = " ".join([shown, text, answer or "", *tags]).casefold()
        return Entry(source, part, row, shown, text, answer, own, tags, must, hay)


class Wanted(NamedTuple):
    """What cases are looked for: texts that all occur, of one split, with one tag; empty: any."""

    texts: tuple[str, ...] = ()
    split: str = ""
    tag: str = ""
    must_pass: bool = False

    @classmethod
    def read(cls, text: str) -> "Wanted":
        """From what a person types: ``refund split:test tag:angry must:pass``."""
        texts: list[str] = []
        split = tag = ""
        must = False
        for word in text.split():
            name, colon, value = word.partition(":")
            if colon and name == "split":
                split = next((each for each in SPLITS if each.startswith(value.casefold())), value)
            elif colon and name == "tag":
                tag = value.casefold()
            elif word == "must:pass":
                must = True
            else:
                texts.append(word.casefold())
        return cls(tuple(texts), split, tag, must)


def found(entries: Iterable[Entry], wanted: Wanted, dealt: dict[str, str]) -> Iterator[Entry]:
    """The cases that are looked for.

    Args:
        dealt: id to split, of the cases whose splits are dealt.
    """
    for entry in entries:
        if (
            all(text in entry.hay for text in wanted.texts)
            and (not wanted.split or (entry.split or dealt.get(entry.id, "")) == wanted.split)
            and (not wanted.tag or any(wanted.tag == tag.casefold() for tag in entry.tags))
            and (entry.must_pass or not wanted.must_pass)
        ):
            yield entry


def as_json_lines(book: CaseBook, folder: Path) -> dict[str, tuple[str, bytes]]:
    """Files of JSON Lines with the cases of files that are only read, or of the project file.

    Returns:
        The key of ``data`` (``file``, or a split) to the name and the content of a file in ``folder``.
    """
    made: dict[str, tuple[str, bytes]] = {}
    if not book.files:
        return {"file": lines_file([entry.row for entry in book.entries], folder)}
    for file in book.files:
        table = Table(str(file.path), [row.row for row in file.rows], (), file.columns)
        for name, content in as_lines(file.path, [(file.split, table)]).items():
            made[file.split or "file"] = (_free(folder, name), content)
    return made


def lines_file(rows: Iterable[Row], folder: Path) -> tuple[str, bytes]:
    """Name and content of a file of JSON Lines with these rows, that ``folder`` has not yet."""
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return _free(folder, "cases.jsonl"), content.encode()


def import_rows(path: Path, columns: Columns) -> tuple[list[Row], list[str]]:
    """The rows of another file or folder under the names that ``columns`` give, and what was taken for what.

    Columns of the same name stay; else input and expected output are found as for a new project.

    Raises:
        SettingsError: it can't be read, or its columns can't be matched.
    """
    tables = [table for _, table in read_source(path)] if is_folder(path) else [read_table(path)]
    there = list(dict.fromkeys(name for table in tables for name in table.columns))
    names = {name: name for name in there}
    notices: list[str] = []
    if not set(columns.inputs) <= set(there):
        chosen = choose_columns(there, str(path))
        if len(chosen.inputs) != len(columns.inputs):
            raise SettingsError(
                f"the columns {', '.join(chosen.inputs)} can't be matched with {', '.join(columns.inputs)}",
                where=str(path),
                fix="give the columns of the file the names that the project's cases have",
            )
        names |= dict(zip(chosen.inputs, columns.inputs, strict=True))
        if chosen.expected and columns.expected:
            names[chosen.expected] = columns.expected
        notices = chosen.reasons
    return [{names[key]: value for key, value in row.items()} for t in tables for row in t.rows], notices


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


def _cell(value: Any) -> str:
    """A value as text, whatever it is: this is to be looked at."""
    try:
        return text_of(value)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _tags(value: Any) -> Iterator[str]:
    parts: list[Any] = []
    if isinstance(value, str):
        parts = list(value.replace(";", ",").split(","))
    elif value is not None:
        parts = cast("list[Any]", value) if isinstance(value, list) else [value]
    yield from (tag for part in parts if (tag := _cell(part).strip()))


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


def _free(folder: Path, name: str) -> str:
    """A name like this one that no file in the folder has."""
    stem, dot, suffix = name.rpartition(".")
    number = 1
    while (folder / name).exists():
        number += 1
        name = f"{stem}-{number}{dot}{suffix}"
    return name
