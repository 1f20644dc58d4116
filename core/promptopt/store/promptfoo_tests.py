"""The parts of a promptfoo configuration that stand in other files: tests, prompts, values of variables."""

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.store.caserows import format_of, read_table
from promptopt.store.promptfoo_checks import CANDIDATES, HOPELESS
from promptopt.store.textfiles import parse_yaml, read_text

MAX_BYTES = 10_000_000

MOST_TESTS = 100_000
MOST_COMBINATIONS = 10_000
DEEPEST = 8
"""Files of tests may name others, this deep."""

Table = dict[str, Any]

_CELL = re.compile(
    r"(?P<type>[a-z][a-z-]*)(?:\((?P<threshold>[0-9.]+)\))?\s*(?::\s?(?P<value>.*))?\Z", re.DOTALL
)
_CELL_NAMES = {"fn": "javascript", "eval": "javascript", "grade": "llm-rubric"}
_OUTSIDE = "the file is outside of the configuration's folder, and is not read"


class Test(NamedTuple):
    """One test, and where it stands."""

    content: Table
    where: str


def read_tests(value: Any, folder: Path, where: str, lost: list[str], depth: int = 0) -> Iterator[Test]:
    """The tests that ``tests`` stands for: inline, files, or patterns of file names.

    What can't be read as tests (code, addresses) is added to ``lost``.

    Raises:
        SettingsError: a file that is missing or broken.
    """
    if isinstance(value, dict) and "path" in value and "vars" not in value:
        value = cast("Table", value)["path"]
    if isinstance(value, str):
        if depth == DEEPEST:
            raise SettingsError("files of tests name each other without an end", where=f"{folder}, {where}")
        yield from _from_files(value, folder, where, lost, depth + 1)
        return
    if not isinstance(value, list):
        raise _unexpected(value, "a list of tests or a file", folder, where)
    for number, test in enumerate(cast("list[Any]", value)):
        place = f"{where}[{number}]"
        if isinstance(test, str) or (isinstance(test, dict) and "path" in test and "vars" not in test):
            yield from read_tests(test, folder, place, lost, depth)
        elif isinstance(test, dict):
            yield Test(cast("Table", test), place)
        else:
            raise _unexpected(test, "a test", folder, place)


def _from_files(name: str, folder: Path, where: str, lost: list[str], depth: int) -> Iterator[Test]:
    plain = name.removeprefix("file://")
    paths = sorted(folder.glob(plain)) if re.search(r"[*?\[]", plain) and not plain.startswith("/") else []
    for path in paths or [folder / plain]:
        if "://" in plain or not format_of(path):
            lost.append(f"{where}: tests of {one_line(name, 80)} (only files of cases are read)")
            continue
        inside(path, folder)
        if format_of(path).removesuffix(".gz") in (".csv", ".tsv"):
            table = read_table(path)
            for index, row in enumerate(table.rows):
                yield Test(_of_row(row), f"{path.name}, {table.place(index)}")
        elif path.suffix.lower() in (".yaml", ".yml"):
            yield from read_tests(
                parse_yaml(read_text(path, MAX_BYTES), path), folder, path.name, lost, depth
            )
        else:
            rows = read_table(path)
            yield from (
                Test(row, f"{path.name}, {rows.place(number)}") for number, row in enumerate(rows.rows)
            )


def _unexpected(value: Any, wanted: str, folder: Path, where: str) -> SettingsError:
    return SettingsError(f"found {one_line(repr(value), 40)}, expected {wanted}", where=f"{folder}, {where}")


def _of_row(row: Mapping[str, str]) -> Table:
    """A row of a CSV file as a test: columns are variables, but for those that begin with ``__``."""
    test: Table = {"vars": {name: value for name, value in row.items() if not name.startswith("__")}}
    asserts: list[Table] = []
    metadata: Table = {}
    for name, cell in row.items():
        if re.fullmatch(r"__expected\d*", name) and cell.strip():
            asserts.append(parse_cell(cell))
        elif name.startswith("__metadata:") and cell.strip():
            metadata[name.removeprefix("__metadata:").removesuffix("[]")] = cell
        elif name in ("__description", "__threshold", "__prefix", "__suffix", "__transform") and cell.strip():
            test[name.removeprefix("__")] = cell
        elif name == "__metric" and cell.strip():
            asserts = [{**one, "metric": cell} for one in asserts]
    return {**test, "assert": asserts, "metadata": metadata}


def parse_cell(cell: str) -> Table:
    """An assertion in promptfoo's short form: ``contains: x``, ``similar(0.8): x``; else it is ``equals``."""
    found = _CELL.match(cell.strip())
    kind = _CELL_NAMES.get(found["type"], found["type"]) if found else ""
    if not found or kind.removeprefix("not-") not in {*CANDIDATES, *HOPELESS}:
        return {"type": "equals", "value": cell}
    table: Table = {"type": kind}
    if found["value"]:
        table["value"] = found["value"]
    elif kind.removeprefix("not-") not in ("is-json", "contains-json", "cost", "latency"):
        return {"type": "equals", "value": cell}
    if found["threshold"]:
        table["threshold"] = float(found["threshold"])
    return table


def expanded(variables: Mapping[str, Any]) -> Iterator[Table]:
    """One set of variables for each combination of those that are lists.

    Raises:
        SettingsError: there are too many of them.
    """
    lists = {
        name: cast("list[Any]", value)
        for name, value in variables.items()
        if isinstance(value, list) and value
    }
    if math.prod(map(len, lists.values())) > MOST_COMBINATIONS:
        raise SettingsError(
            f"the lists of a test have more than {MOST_COMBINATIONS:,} combinations", where="vars"
        )
    for combination in itertools.product(*lists.values()):
        yield {**variables, **dict(zip(lists, combination, strict=True))}


def file_text(value: Any, folder: Path) -> Any:
    """A value that names a text file (``file://``) as the text of that file; any other as it is.

    Raises:
        SettingsError: the file can't be read, or is outside of ``folder``.
    """
    if not (isinstance(value, str) and value.startswith("file://")):
        return value
    path = folder / value.removeprefix("file://")
    if path.suffix.lower() in (".js", ".mjs", ".cjs", ".ts", ".pdf", ".png", ".jpg", ".jpeg", ".mp3"):
        raise SettingsError("code and media are not read as text", where=str(path))
    inside(path, folder)
    return read_text(path, MAX_BYTES)


def inside(path: Path, folder: Path) -> None:
    """Raise SettingsError if ``path`` is not below ``folder``: what is read is sent to models."""
    try:
        safe = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        safe = False
    if not safe:
        raise SettingsError(
            _OUTSIDE, where=str(path), fix="copy it beside the configuration, and name the copy"
        )
