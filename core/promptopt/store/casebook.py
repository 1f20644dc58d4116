"""The cases of a project as a list that is looked through, searched and added to."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

from promptopt.domain.dataset import SPLITS, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import DataSettings
from promptopt.store.caseedit import CaseFile, CaseRow, cell_text
from promptopt.store.casefiles import Columns, columns_of, data_path
from promptopt.store.caserows import Row, Table, read_table, table_of
from promptopt.store.columns import choose_columns
from promptopt.store.datasetfolders import read_source, split_of
from promptopt.store.newcases import as_lines
from promptopt.store.textfiles import is_folder


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
        inputs = [cell_text(row.get(name)) for name in columns.inputs]
        expected = None if columns.expected is None else row.get(columns.expected)
        named = row.get("split") if columns.split else None
        own = split or (split_of(named) if isinstance(named, str) else None) or ""
        shown = cell_text(row.get(columns.id)).strip() or number
        text = "\n".join(inputs)
        answer = None if expected is None or expected == "" else cell_text(expected)
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


def _tags(value: Any) -> Iterator[str]:
    parts: list[Any] = []
    if isinstance(value, str):
        parts = list(value.replace(";", ",").split(","))
    elif value is not None:
        parts = cast("list[Any]", value) if isinstance(value, list) else [value]
    yield from (tag for part in parts if (tag := cell_text(part).strip()))


def _free(folder: Path, name: str) -> str:
    """A name like this one that no file in the folder has."""
    stem, dot, suffix = name.rpartition(".")
    number = 1
    while (folder / name).exists():
        number += 1
        name = f"{stem}-{number}{dot}{suffix}"
    return name
