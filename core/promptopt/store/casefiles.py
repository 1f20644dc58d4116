"""From the rows of data files to a dataset: columns, texts, ids, splits."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from promptopt.domain.dataset import SPLITS, Dataset, Example, Split, split_cases
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import CheckSettings, DataSettings, ProjectSettings
from promptopt.domain.text import half_character, one_line
from promptopt.store.caserows import MOST_SHOWN, Problems, Row, Table, read_table, table_of
from promptopt.store.columns import ANSWERS
from promptopt.store.datareport import Finding, examine
from promptopt.store.datasetfolders import SplitTable, read_source, split_of
from promptopt.store.textfiles import closest

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


@dataclass(frozen=True)
class LoadedData:
    """The cases of a project, and what its owner should know about them.

    ``notices`` has the text of every finding too.
    """

    dataset: Dataset
    notices: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Columns:
    """Which column is what. ``strict``: a row without one of ``inputs`` is an error."""

    inputs: tuple[str, ...]
    expected: str | None
    id: str
    group: str
    tags: str
    weight: str
    must_pass: str
    strict: bool
    checks: bool
    split: bool


class _Found(NamedTuple):
    """A case, the split that its file or row names, and where it came from."""

    case: Example
    split: Split | None
    table: Table
    row: int

    @property
    def place(self) -> str:
        return f"{self.table.source}, {self.table.place(self.row)}"


class _BadRow(Exception):
    """A row that can't be used, and why."""


def load_dataset(settings: ProjectSettings, base: Path) -> LoadedData:
    """Read the cases of a project and split them.

    Args:
        settings: the project's settings; ``settings.data`` says where the cases are.
        base: the folder that relative paths start from.

    Returns:
        The dataset, with notices about leaks between splits, empty inputs and the like.

    Raises:
        SettingsError: no cases, an id used twice, or a file or rows that can't be used (the first few are
            named).
    """
    tables, columns, dataset = _read_cases(settings.data, base)
    cases = list(dataset.cases())
    notices = [notice for _, table in tables for notice in table.notices]
    notices += _column_notices(columns, settings.data)
    notices += _tag_notices(settings.checks, cases)
    findings = examine(dataset, settings.prompt)
    notices += [finding.text for finding in findings]
    return LoadedData(dataset, tuple(notices), tuple(findings))


def dealt(data: DataSettings, base: Path) -> dict[str, Split]:
    """The split of each case, by its id; cases that are both train and validation are train.

    Raises:
        SettingsError: as :func:`load_dataset`.
    """
    dataset = _read_cases(data, base).dataset
    return {case.id: split for split in reversed(SPLITS) for case in dataset[split]}


class _Read(NamedTuple):
    """Tables that were read, what their columns are, and the cases that they make."""

    tables: list[SplitTable]
    columns: Columns
    dataset: Dataset


def _read_cases(data: DataSettings, base: Path) -> _Read:
    if not (all(math.isfinite(share) and share >= 0 for share in data.split) and data.split[0] > 0):
        raise SettingsError(
            f"data.split is {list(data.split)}, expected three shares of at least 0, the first above 0",
            fix="for example split = [0.5, 0.25, 0.25]",
        )
    tables = _read(data, base)
    columns = columns_of(data, [table for _, table in tables])
    found = [entry for split, table in tables for entry in _cases(table, columns, split, data.max_case_kb)]
    _check_ids(found)
    cases = [entry.case for entry in found]
    if not any(text.strip() for case in cases for text in case.inputs.values()):
        raise SettingsError("the input of every case is empty", where="data", fix="check data.input")
    if found[0].split is None:
        return _Read(tables, columns, split_cases(cases, data.split, data.seed))
    parts = [[entry.case for entry in found if entry.split == split] for split in SPLITS]
    if not parts[0]:
        raise SettingsError("the column 'split' puts no case into train", where=found[0].table.source)
    return _Read(tables, columns, Dataset.from_splits(*parts, seed=data.seed))


def text_of(value: Any) -> str:
    """A cell as the text that is sent or compared: text as it is, nothing as "", all else as JSON.

    Raises:
        ValueError, TypeError: JSON has no form for it.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, (date, time, Decimal)):
        return plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number that a model can be sent; a missing value is None")
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=plain)


def plain(value: Any) -> str:
    """The text of a date, a time or a decimal number. Raises TypeError for anything else."""
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__}, which JSON has no form for")


def _read(data: DataSettings, base: Path) -> list[SplitTable]:
    """The tables that ``data`` names, in the order of the splits."""
    files: dict[Split, str] = {split: name for split in SPLITS if (name := getattr(data, split))}
    given = [
        name
        for name, there in (
            ("data.cases", bool(data.cases)),
            ("data.file", bool(data.file)),
            (", ".join(f"data.{split}" for split in files), bool(files)),
        )
        if there
    ]
    if not given:
        unknown = ", ".join(f"data.{name}" for name in data.model_extra or ())
        raise SettingsError(
            "there are no cases" + (f" ({unknown}: no such option)" if unknown else ""),
            where="data",
            fix="give data.file, or data.train, or cases as [[data.cases]]",
        )
    if len(given) > 1:
        raise SettingsError(f"{' and '.join(given)} are given, expected one of them", where="data")
    if data.cases:
        return [(None, table_of(data.cases, "data.cases"))]
    if data.file:
        return read_source(data_path(data.file, base))
    if "train" not in files:
        raise SettingsError(
            f"{given[0]} is given without data.train", where="data", fix="give a file for data.train"
        )
    return [(split, read_table(data_path(name, base))) for split, name in files.items()]


def data_path(name: str, base: Path) -> Path:
    """Where a file is that ``data`` names."""
    try:
        return base / Path(name).expanduser()
    except RuntimeError:
        return base / name


def columns_of(data: DataSettings, tables: Sequence[Table]) -> Columns:
    """Which column is what, as ``data`` says or names tell.

    Raises:
        SettingsError: a column that is named is not there, or none can be the input.
    """
    there = list(dict.fromkeys(column for table in tables for column in table.columns))
    for key in ("id", "group", "tags", "weight", "must_pass"):
        if key in data.model_fields_set and getattr(data, key) != key:
            _must_have(getattr(data, key), f"data.{key}", tables)
    if data.expected is not None:
        _must_have(data.expected, "data.expected", tables)
    expected = data.expected or ("expected" if "expected" in there else None)
    named = [data.input] if isinstance(data.input, str) else data.input
    if named is None and "input" in there:
        named = ["input"]
    special = {expected, data.id, data.group, data.tags, data.weight, data.must_pass, "checks", "split"}
    inputs = tuple(dict.fromkeys(named)) if named else tuple(name for name in there if name not in special)
    if not inputs or named == []:
        raise SettingsError(
            f"there is no column with the input; the columns are: {_names(there)}",
            where=tables[0].source,
            fix='name it, as in data.input = "text"',
        )
    if expected in inputs:
        raise SettingsError(f"{expected!r} is both the input and the expected output", where="data")
    for name in named or ():
        _must_have(name, "data.input", tables)
    return Columns(
        inputs=inputs,
        expected=expected,
        id=data.id,
        group=data.group,
        tags=data.tags,
        weight=data.weight,
        must_pass=data.must_pass,
        strict=bool(named),
        checks="checks" in there and "checks" not in inputs,
        split="split" in there and "split" not in inputs and len(tables) == 1,
    )


def _must_have(name: str, key: str, tables: Sequence[Table]) -> None:
    for table in tables:
        if name in table.columns:
            continue
        near = closest(name, table.columns)
        raise SettingsError(
            f"{key} is {name!r}, but there is no such column; the columns are: {_names(table.columns)}",
            where=table.source,
            fix=f"did you mean {near!r}?" if near else "",
        )


def _names(columns: Sequence[str]) -> str:
    return one_line(", ".join(columns), 300) or "none"


def _cases(table: Table, columns: Columns, split: Split | None, max_kb: int) -> list[_Found]:
    problems = Problems(table.source)
    found: list[_Found] = []
    prefix = f"{split}-" if split else ""
    for index, row in enumerate(table.rows):
        try:
            case = _case(row, columns, f"{prefix}{index + 1}", table.flat, max_kb)
            found.append(_Found(case, split or _split(row, columns), table, index))
        except _BadRow as error:
            problems.add(table.place(index), str(error))
    problems.raise_any()
    return found


def _case(row: Row, columns: Columns, auto_id: str, flat: bool, max_kb: int) -> Example:
    inputs = {name: _cell(row, name, required=columns.strict) for name in columns.inputs}
    expected: str | None = None
    if columns.expected is not None:
        value = row.get(columns.expected)
        if not (value is None or (flat and value == "")):
            expected = _cell(row, columns.expected)
    _check_size(inputs, expected, max_kb)
    return Example(
        id=_cell(row, columns.id).strip() or auto_id,
        inputs=inputs,
        expected=expected,
        checks=_checks(row) if columns.checks else (),
        tags=_tags(row.get(columns.tags)),
        weight=_weight(row.get(columns.weight)),
        group=_cell(row, columns.group).strip() or None,
        must_pass=columns.must_pass not in columns.inputs and _flag(row, columns.must_pass),
    )


def _cell(row: Row, name: str, required: bool = False) -> str:
    if required and name not in row:
        raise _BadRow(f"there is no column {name!r}; the row has: {_names(list(row))}")
    try:
        text = text_of(row.get(name))
    except (TypeError, ValueError, RecursionError) as error:
        raise _BadRow(f"{name!r} can't be made text: {error}") from error
    if "\0" in text:
        raise _BadRow(f"{name!r} holds a NUL character, which models and stores refuse")
    if flaw := half_character(text):
        raise _BadRow(f"{name!r} {flaw}")
    return text


def _check_size(inputs: dict[str, str], expected: str | None, max_kb: int) -> None:
    texts = [*inputs.values(), expected or ""]
    if sum(map(len, texts)) * 4 <= max_kb * 1024:
        return
    size = sum(len(text.encode("utf-8")) for text in texts) / 1024
    if size > max_kb:
        raise _BadRow(f"the case has {size:,.0f} KB, expected at most {max_kb} KB (data.max_case_kb)")


def _split(row: Row, columns: Columns) -> Split | None:
    if not columns.split:
        return None
    name = row.get("split")
    split = split_of(name) if isinstance(name, str) else None
    if split is None:
        found = one_line(repr(name), 40)
        raise _BadRow(f"the column 'split' says {found}, expected train, validation or test")
    return split


def _checks(row: Row) -> tuple[dict[str, Any], ...]:
    value = row.get("checks")
    if value is None or value == "":
        return ()
    if not isinstance(value, list):
        raise _BadRow("'checks' must be a list of checks; only JSON and YAML files can hold one")
    checks = cast("list[Any]", value)
    for number, check in enumerate(checks):
        try:
            CheckSettings.model_validate(check)
        except ValidationError as error:
            detail = error.errors(include_url=False, include_input=False)[0]
            key = ".".join(str(part) for part in detail["loc"])
            raise _BadRow(f"checks[{number}]{'.' if key else ''}{key}: {detail['msg']}") from error
    return tuple(checks)


def _tags(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        parts: list[Any] = value.replace(";", ",").split(",")
    else:
        parts = cast("list[Any]", value) if isinstance(value, list) else [value]
    tags = [_cell({"tags": part}, "tags").strip() for part in parts]
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def _weight(value: Any) -> float:
    if value is None or value == "":
        return 1.0
    try:
        weight = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        weight = math.nan
    if not (math.isfinite(weight) and weight > 0):
        raise _BadRow(f"the weight is {one_line(repr(value), 40)}, expected a number above 0")
    return weight


def _flag(row: Row, name: str) -> bool:
    value = row.get(name)
    if isinstance(value, bool) or value is None:
        return bool(value)
    word = str(value).strip().casefold()
    if word not in _FLAGS:
        raise _BadRow(f"{name!r} is {one_line(repr(value), 40)}, expected true or false")
    return _FLAGS[word]


def _check_ids(found: Sequence[_Found]) -> None:
    """Refuse an id that two rows share, naming both."""
    first: dict[str, _Found] = {}
    twice: list[str] = []
    for entry in found:
        earlier = first.setdefault(entry.case.id, entry)
        if earlier is not entry and len(twice) < MOST_SHOWN:
            twice.append(f"{entry.case.id!r} is the id of {earlier.place} and of {entry.place}")
    if twice:
        raise SettingsError("\n  ".join(twice), where="data", fix="give every case an id of its own")


def _column_notices(columns: Columns, data: DataSettings) -> list[str]:
    if columns.expected is not None or data.input is not None:
        return []
    suspect = next((name for name in columns.inputs if name.lower() in ANSWERS), None)
    if suspect is None:
        return []
    return [
        f"the column {suspect!r} is sent to the model as input; "
        f"if it is the right answer, say data.expected = {json.dumps(suspect)}"
    ]


def _tag_notices(checks: Sequence[CheckSettings], cases: Sequence[Example]) -> list[str]:
    """Checks whose tags no case has: a slip in a tag would switch a check off, and nobody would see it."""
    there = {tag for case in cases for tag in case.tags}
    notices: list[str] = []
    for check in checks:
        if check.tags and there.isdisjoint(check.tags):
            near = closest(check.tags[0], there)
            hint = f"; did you mean {near!r}?" if near else ""
            name = one_line(check.name or check.type, 40)
            notices.append(f"the check {name!r} judges no case: none has the tag {_some(check.tags)}{hint}")
    return notices


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name, 60) for name in names[:MOST_SHOWN])
    return shown + (f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else "")
