"""Files of cases as rows: JSON Lines, JSON, CSV, TSV, YAML, Parquet; each with its place for messages."""

import csv
import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.store.textfiles import decode, from_utf16, is_folder, parse_yaml, read_bytes

MAX_BYTES = 256_000_000
"""A file of cases larger than this is refused: its cases are held in memory."""

TEXT_FORMATS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".yaml", ".yml")
ZIPPED = tuple(f"{suffix}.gz" for suffix in (".jsonl", ".ndjson", ".json", ".csv", ".tsv"))
COLUMNAR = (".parquet", ".arrow")
FORMATS = (*TEXT_FORMATS, *ZIPPED, *COLUMNAR)

DELIMITERS = (",", ";", "\t", "|")
SNIFFED = 50
"""Records of a CSV file that its delimiter is judged by."""

MOST_SHOWN = 5

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """Rows of one source, in its order.

    Attributes:
        source: the file, or ``data.cases``.
        rows: column name to value.
        lines: the line that each row starts at; empty if the format has none to speak of.
        columns: every column, in order of first appearance.
        flat: cells are text, an empty one stands for nothing (CSV, TSV).
        notices: what the reader should know.
    """

    source: str
    rows: list[Row]
    lines: Sequence[int] = ()
    columns: Sequence[str] = ()
    flat: bool = False
    notices: Sequence[str] = ()

    def place(self, index: int) -> str:
        """Where row ``index`` (from 0) is, for a message."""
        return f"row {index + 1} (line {self.lines[index]})" if self.lines else f"case {index + 1}"


@dataclass
class Problems:
    """Rows that can't be used: the first few are named, all are counted."""

    source: str
    shown: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    count: int = 0

    def add(self, place: str, what: str) -> None:
        self.count += 1
        if len(self.shown) < MOST_SHOWN:
            self.shown.append((place, what))

    def raise_any(self) -> None:
        """Raise SettingsError if there was one."""
        if self.count == 1:
            place, what = self.shown[0]
            raise SettingsError(what, where=f"{self.source}, {place}")
        if self.count:
            lines = [f"\n  {place}: {what}" for place, what in self.shown]
            if self.count > len(self.shown):
                lines.append(f"\n  and {self.count - len(self.shown)} more")
            raise SettingsError(f"{self.count} rows can't be used:{''.join(lines)}", where=self.source)


def format_of(path: Path) -> str:
    """Which of ``FORMATS`` a file's name says it has; ``""`` if none."""
    name = path.name.lower()
    return next((suffix for suffix in sorted(FORMATS, key=len, reverse=True) if name.endswith(suffix)), "")


def read_table(path: Path, spoiled: "Problems | None" = None) -> Table:
    """Read a file of cases.

    Args:
        spoiled: takes rows that can't be read, which are left out then; without it they are an error.

    Raises:
        SettingsError: no such file, unknown format, unreadable rows (the first few are named), no row.
    """
    if not format_of(path):
        raise SettingsError(
            f"{'this is a folder' if is_folder(path) else f'unknown format {path.suffix!r}'}, "
            f"expected a file: {', '.join(FORMATS)}",
            where=str(path),
        )
    return parse_table(read_bytes(path, MAX_BYTES), path, spoiled)


def parse_table(data: bytes, path: Path, spoiled: Problems | None = None) -> Table:
    """Rows of ``data``, the content of ``path``; see :func:`read_table`."""
    suffix = format_of(path)
    if suffix in COLUMNAR:
        from promptopt.store.arrowfiles import parse_columnar

        columns, rows = parse_columnar(data, path)
        table = Table(str(path), rows, columns=columns)
    else:
        content = _unzipped(data, path) if suffix in ZIPPED else data
        text = decode(from_utf16(content, path), path)
        table = _parse_text(text, suffix.removesuffix(".gz"), path, spoiled)
    if not table.rows:
        raise SettingsError("the file has no case", where=str(path))
    return table


def _parse_text(text: str, suffix: str, path: Path, spoiled: Problems | None = None) -> Table:
    if suffix in (".csv", ".tsv"):
        return _parse_csv(text, path, "\t" if suffix == ".tsv" else None, spoiled)
    if suffix in (".jsonl", ".ndjson"):
        return _parse_lines(text, path, spoiled)
    value = _parse_json(text, path) if suffix == ".json" else parse_yaml(text, path)
    return table_of(_listed(value, path), str(path), spoiled=spoiled)


def _unzipped(data: bytes, path: Path) -> bytes:
    """The content of a gzip file (of all its members), at most ``MAX_BYTES`` of it."""
    parts: list[bytes] = []
    room = MAX_BYTES + 1
    try:
        while data.strip(b"\0"):
            stream = zlib.decompressobj(wbits=31)
            parts.append(stream.decompress(data, room))
            room -= len(parts[-1])
            if room <= 0:
                raise SettingsError(
                    f"the file is too large: unpacked it has more than {MAX_BYTES / 1e6:g} MB",
                    where=str(path),
                    fix="take a part of it",
                )
            if not stream.eof:
                raise zlib.error("it ends in the middle")
            data = stream.unused_data
    except zlib.error as error:
        raise SettingsError(
            f"the file can't be unpacked as gzip ({error})",
            where=str(path),
            fix="fetch or pack it anew; a file that is not packed should not be called .gz",
        ) from error
    return b"".join(parts)


def table_of(
    values: Sequence[Any], source: str, lines: Sequence[int] = (), spoiled: Problems | None = None
) -> Table:
    """A table of parsed values, each of which must be a table of columns.

    Raises:
        SettingsError: some value is anything else.
    """
    problems = spoiled or Problems(source)
    rows: list[Row] = []
    kept: list[int] = []
    columns: dict[str, None] = {}
    for index, value in enumerate(values):
        if isinstance(value, dict):
            row = cast("Row", value)
            rows.append(row)
            kept += lines[index : index + 1]
            columns.update(dict.fromkeys(row))
        else:
            place = f"row {index + 1} (line {lines[index]})" if lines else f"case {index + 1}"
            problems.add(
                place, f'found {_kind(value)}, expected an object such as {{"input": …, "expected": …}}'
            )
    if spoiled is None:
        problems.raise_any()
    return Table(source, rows, kept, list(columns))


def _parse_lines(text: str, path: Path, spoiled: Problems | None = None) -> Table:
    problems = spoiled or Problems(str(path))
    values: list[Any] = []
    lines: list[int] = []
    # Not splitlines(): JSON text may hold U+2028 and the like as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            values.append(_json(line))
            lines.append(number)
        except json.JSONDecodeError as error:
            what = f"bad JSON: {error.msg} (column {error.colno}), expected one object per line"
            problems.add(f"row {len(values) + problems.count + 1} (line {number})", what)
        except (ValueError, RecursionError) as error:
            problems.add(
                f"row {len(values) + problems.count + 1} (line {number})", f"bad JSON: {_why(error)}"
            )
    if spoiled is None:
        problems.raise_any()
    return table_of(values, str(path), lines, spoiled)


def _parse_json(text: str, path: Path) -> Any:
    try:
        return _json(text)
    except json.JSONDecodeError as error:
        fix = "for one object per line, name the file .jsonl" if error.msg == "Extra data" else ""
        where = f"{path}, line {error.lineno}, column {error.colno}"
        raise SettingsError(f"bad JSON: {error.msg}", where=where, fix=fix) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"bad JSON: {_why(error)}", where=str(path)) from error


def _json(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> Row:
    """A JSON object; one that has a key twice would lose a value without a word."""
    row = dict(pairs)
    if len(row) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f"the key {one_line(repr(twice), 60)} is there twice")
    return row


def _refuse_constant(name: str) -> None:
    raise ValueError(f"found {name}, which is not JSON")


def _why(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _listed(value: Any, path: Path) -> list[Any]:
    """The list of cases in a parsed file: the whole of it, or under ``cases``."""
    if isinstance(value, dict):
        value = cast("Row", value).get("cases", cast("Row", value))
    if not isinstance(value, list):
        raise SettingsError(
            f'found {_kind(value)}, expected a list of cases, or {{"cases": [...]}}', where=str(path)
        )
    return cast("list[Any]", value)


def _kind(value: Any) -> str:
    names = {
        "dict": "an object",
        "list": "a list",
        "str": "text",
        "bool": "true or false",
        "NoneType": "nothing",
    }
    return names.get(type(value).__name__, "a number")


def _parse_csv(text: str, path: Path, delimiter: str | None, spoiled: Problems | None = None) -> Table:
    text, skipped, said = _spreadsheet_mark(text)
    delimiter = delimiter or said or _delimiter(text)
    # The limit is the csv module's own; a cell may be as large as the file, max_case_kb judges later.
    before = csv.field_size_limit(len(text) + 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = 1 + skipped
    try:
        header = [name.strip() for name in next(reader)]
        notices = _check_header(header, path)
        named = [position for position, name in enumerate(header) if name]
        columns = [header[position] for position in named]
        problems = spoiled or Problems(str(path))
        rows: list[Row] = []
        lines: list[int] = []
        start = reader.line_num + 1 + skipped
        for cells in reader:
            if "".join(cells).strip():
                if len(cells) == len(header):
                    rows.append({header[position]: cells[position] for position in named})
                    lines.append(start)
                else:
                    place = f"row {len(rows) + problems.count + 1} (line {start})"
                    problems.add(
                        place, f"found {len(cells)} cells, expected {len(header)} ({', '.join(header)})"
                    )
            start = reader.line_num + 1 + skipped
    except csv.Error as error:
        raise SettingsError(
            f"a row that can't be read: {error}",
            where=f"{path}, line {start}",
            fix='put cells with quotes into quotes, and double the quotes inside: "he said ""no"""',
        ) from error
    finally:
        csv.field_size_limit(before)
    if spoiled is None:
        problems.raise_any()
    return Table(str(path), rows, lines, columns, flat=True, notices=notices)


def _spreadsheet_mark(text: str) -> tuple[str, int, str | None]:
    """Without the line ``sep=;`` that spreadsheets may begin with: the rest, lines taken off, delimiter."""
    first, _, rest = text.partition("\n")
    mark = first.strip("\r").lower()
    return (rest, 1, mark[4]) if len(mark) == 5 and mark.startswith("sep=") else (text, 0, None)


def _delimiter(text: str) -> str:
    """The delimiter by which the first records all have as many cells as the header, comma first.

    Without one the first that the header has: then the row that does not fit is named. So a file with
    semicolons may have decimal commas, and a comma in its header.
    """
    header = text[: text.find("\n")] if "\n" in text else text
    there = [mark for mark in DELIMITERS if mark in header]
    return next((mark for mark in there if _fits(text, mark)), there[0] if there else ",")


def _fits(text: str, delimiter: str) -> bool:
    before = csv.field_size_limit(len(text) + 1)
    try:
        records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        widths = {len(cells) for cells in islice(records, SNIFFED) if "".join(cells).strip()}
    except csv.Error:
        return False
    finally:
        csv.field_size_limit(before)
    return len(widths) == 1 and widths != {1}


def _check_header(header: list[str], path: Path) -> list[str]:
    seen: set[str] = set()
    for name in header:
        if name and name in seen:
            raise SettingsError(f"the column {name!r} is there twice", where=f"{path}, line 1")
        seen.add(name)
    unnamed = [str(position) for position, name in enumerate(header, 1) if not name]
    return [f"{path}: column {', '.join(unnamed)} has no name and is ignored"] if unnamed else []
