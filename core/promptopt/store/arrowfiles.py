"""Parquet and Arrow files as rows, read with pyarrow, which comes with the extra ``data``.

The format of the files that ``datasets.save_to_disk`` writes, and of the shards on a hub, is Arrow's; the
``datasets`` library is not needed to read them.
"""

import importlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line

Row = dict[str, Any]
ClassNames = Mapping[str, Sequence[str]]
"""Column to the names of its integer class labels."""

MAX_ARROW_BYTES = 512_000_000
"""Unpacked, a file of cases may have this many bytes: its rows are held in memory."""

MOST_ROWS = 2_000_000

BATCH = 8_192
"""Rows that are unpacked at a time."""

_PANDAS_INDEX = "__index_level_"


def parse_columnar(data: bytes, path: Path) -> tuple[list[str], list[Row]]:
    """The columns and rows of ``data``, the content of the Parquet or Arrow file ``path``.

    Integer class labels become their names, if the file's metadata tell these; NaN (how pandas writes that
    nothing is there) becomes None.

    Raises:
        SettingsError: pyarrow is not installed; the file is broken, too large, or has a column twice.
    """
    arrow = _library("pyarrow", path)
    try:
        schema, batches = _parquet(data, path) if _is_parquet(data, path) else _arrow(data, path)
        columns = [name for name in schema.names if not name.startswith(_PANDAS_INDEX)]
        _refuse_twice(columns, path)
        rows = list(_rows(batches, columns, path))
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the file can't be read: {one_line(str(error), 200)}",
            where=str(path),
            fix="fetch or write it anew",
        ) from error
    name_classes(rows, _own_names(schema), path)
    return columns, rows


def class_names(features: Any) -> dict[str, list[str]]:
    """Names of class labels in a description of columns (``features``), as datasets of a hub have it.

    Both forms are known: ``{"label": {"_type": "ClassLabel", "names": [...]}}`` and, in a README,
    ``[{"name": "label", "dtype": {"class_label": {"names": {"0": "neg", "1": "pos"}}}}]``.
    """
    found: dict[str, list[str]] = {}
    if isinstance(features, dict):
        for column, feature in cast("Row", features).items():
            if isinstance(feature, dict) and isinstance(cast("Row", feature).get("names"), list):
                found[column] = [str(name) for name in cast("Row", feature)["names"]]
    for feature in cast("list[Any]", features) if isinstance(features, list) else ():
        try:
            names: Any = feature["dtype"]["class_label"]["names"]
            numbered = {int(number): str(name) for number, name in names.items()}
            found[str(feature["name"])] = [numbered[number] for number in range(len(numbered))]
        except (KeyError, TypeError, AttributeError, ValueError):
            continue  # no class label, or a description that says nothing of use
    return found


def _library(name: str, path: Path) -> Any:
    """A module of pyarrow. Named only here, so that nothing else loads 60 MB."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SettingsError(
            f"reading {path.suffix} needs pyarrow, which is not installed",
            where=str(path),
            fix="install the extra that brings it: pip install 'promptopt[data]'",
        ) from error


def _is_parquet(data: bytes, path: Path) -> bool:
    """Tell the format by its first bytes, and what is wrong with a file that is neither."""
    start, end = data[:4], data[-4:]
    if start == b"PARE" or (start == b"PAR1" and end == b"PARE"):
        raise SettingsError("the file is encrypted Parquet, which is not read", where=str(path))
    if start == b"PAR1" and end != b"PAR1":
        raise SettingsError(
            "the file is Parquet that ends in the middle: its footer is missing",
            where=str(path),
            fix="fetch it anew; downloads that were cut short look like this",
        )
    if start == b"PAR1":
        return True
    if data.startswith(b"version https://git-lfs"):
        raise SettingsError(
            "this is a pointer of Git LFS, not the file itself", where=str(path), fix="run: git lfs pull"
        )
    if path.suffix.lower() == ".parquet":
        raise SettingsError(
            f"the file is not Parquet: it starts with {start!r}, expected b'PAR1'",
            where=str(path),
            fix="name it by the format that it has, or write it anew",
        )
    if not (data.startswith((b"ARROW1", b"\xff\xff\xff\xff"))):
        raise SettingsError(f"the file is not Arrow: it starts with {start!r}", where=str(path))
    return False


def _parquet(data: bytes, path: Path) -> tuple[Any, Iterator[Any]]:
    file = _library("pyarrow.parquet", path).ParquetFile(_library("pyarrow", path).BufferReader(data))
    if file.metadata.num_rows > MOST_ROWS:
        raise _too_large(f"{file.metadata.num_rows:,} rows, expected at most {MOST_ROWS:,}", path)
    return file.schema_arrow, file.iter_batches(batch_size=BATCH, use_threads=False)


def _arrow(data: bytes, path: Path) -> tuple[Any, Iterator[Any]]:
    ipc = _library("pyarrow.ipc", path)
    source = _library("pyarrow", path).BufferReader(data)
    if data.startswith(b"ARROW1"):
        file = ipc.open_file(source)
        return file.schema, (file.get_batch(number) for number in range(file.num_record_batches))
    stream = ipc.open_stream(source)
    return stream.schema, iter(stream)


def _refuse_twice(columns: Sequence[str], path: Path) -> None:
    twice = next((name for place, name in enumerate(columns) if name in columns[:place]), None)
    if twice is not None:
        raise SettingsError(
            f"the column {one_line(twice, 60)!r} is there twice", where=str(path), fix="rename one of them"
        )


def _rows(batches: Iterator[Any], columns: Sequence[str], path: Path) -> Iterator[Row]:
    size = count = 0
    for whole in batches:
        whole.validate(full=True)  # a broken file must not crash what reads its rows
        batch = whole.select(list(columns))
        size += batch.nbytes
        count += batch.num_rows
        if size > MAX_ARROW_BYTES or count > MOST_ROWS:
            raise _too_large(f"more than {MAX_ARROW_BYTES / 1e6:g} MB unpacked, or {MOST_ROWS:,} rows", path)
        yield from map(_without_nan, batch.to_pylist())


def _without_nan(row: Row) -> Row:
    for name, value in row.items():
        if isinstance(value, float) and math.isnan(value):
            row[name] = None
    return row


def _too_large(what: str, path: Path) -> SettingsError:
    return SettingsError(f"the file is too large: {what}", where=str(path), fix="take a part of it")


def _own_names(schema: Any) -> dict[str, list[str]]:
    """Class names that the file itself tells, in the metadata that ``datasets`` writes."""
    metadata: Any = schema.metadata or {}
    raw = metadata.get(b"huggingface")
    try:
        return class_names(json.loads(raw)["info"]["features"]) if raw else {}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def name_classes(rows: Sequence[Row], names: ClassNames, path: Path) -> None:
    """Put names in the place of integer class labels, in ``rows`` themselves; -1 (no label) becomes None.

    Raises:
        SettingsError: a class that has no name.
    """
    for column, known in names.items():
        for number, row in enumerate(rows, 1):
            value = row.get(column)
            if not isinstance(value, int) or isinstance(value, bool):
                continue
            if not -1 <= value < len(known):
                raise SettingsError(
                    f"{column!r} is the class {value}, but there are names for 0 to {len(known) - 1} only",
                    where=f"{path}, case {number}",
                )
            row[column] = None if value == -1 else known[value]
