"""Folders with a data set: those of ``datasets.save_to_disk``, and those of a hub (shards and a README)."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple, cast

from promptopt.domain.dataset import SPLITS, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.store.arrowfiles import ClassNames, class_names, name_classes
from promptopt.store.caserows import FORMATS, MAX_BYTES, Table, format_of, parse_table, read_table
from promptopt.store.textfiles import is_file, is_folder, parse_yaml, read_bytes, read_text

SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}
"""How people call the three splits, in a column, and in names of files and folders."""

SplitTable = tuple[Split | None, Table]

DEEPEST = 4
"""Folders below the given one are looked into this deep."""

MOST_FILES = 2_000

PREFERRED = (".parquet", ".arrow", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".yaml", ".yml")
"""Of a folder's formats the first counts: the others are copies of it, or something else."""

_MAX_INFO = 5_000_000
_DESCRIPTIONS = {
    "dataset_info.json",
    "dataset_infos.json",
    "dataset_dict.json",
    "state.json",
    "metadata.json",
}
_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)^---\s*$", re.DOTALL | re.MULTILINE)
_WORDS = re.compile(r"[^a-zA-Z]+")


class _Shards(NamedTuple):
    """The files of a data set by split (None: no split is told), with what to tell and the class names."""

    files: dict[Split | None, list[Path]]
    notices: list[str]
    classes: ClassNames


def read_source(path: Path) -> list[SplitTable]:
    """Read the cases of a file, or of a folder with a data set.

    Returns:
        One table, or one for each split that a folder tells, in the order of the splits. A single split, or
        splits without training cases, come as one table without a split: they are to be split anew.

    Raises:
        SettingsError: see :func:`promptopt.store.caserows.read_table`; the folder has no data set, or one of
            which a file is missing.
    """
    if not is_folder(path):
        return [(None, read_table(path))]
    shards = _shards(path)
    order: tuple[Split | None, ...] = (*SPLITS, None)
    tables: list[SplitTable] = [
        (split, _joined(path, split, shards)) for split in order if split in shards.files
    ]
    if any(split == "train" for split, _ in tables) and len(tables) > 1:
        return [entry for entry in tables if entry[0] is not None]
    only = tables[0][1] if len(tables) == 1 else _together(path, [table for _, table in tables])
    names = " and ".join(str(split) for split, _ in tables if split)
    anew = f"{path}: there is {names or 'no split'} only; its cases are dealt to the three splits anew"
    return [(None, only if names in ("", "train") else _told(only, [anew]))]


def _shards(folder: Path) -> _Shards:
    if is_file(folder / "dataset_dict.json"):
        return _saved_dict(folder)
    if is_file(folder / "state.json"):
        files, classes = _saved(folder)
        return _Shards({None: files}, [], classes)
    return _hub(folder)


def _saved_dict(folder: Path) -> _Shards:
    """``DatasetDict.save_to_disk``: a folder for each split."""
    names: Any = _json(folder / "dataset_dict.json").get("splits")
    if not (isinstance(names, list) and all(_is_plain(name) for name in cast("list[Any]", names))):
        raise _broken(folder / "dataset_dict.json", "expected a list of folders under 'splits'")
    files: dict[Split | None, list[Path]] = {}
    classes: dict[str, Sequence[str]] = {}
    left: list[str] = []
    for name in cast("list[str]", names):
        split = split_of(name)
        if split is None:
            left.append(name)
            continue
        found, own = _saved(folder / name)
        files.setdefault(split, []).extend(found)
        classes.update(own)
    if not files:
        raise _broken(folder, f"its splits are called {one_line(', '.join(left), 200)}, expected train, …")
    return _Shards(files, _left_out(folder, left), classes)


def _saved(folder: Path) -> tuple[list[Path], ClassNames]:
    """``Dataset.save_to_disk``: Arrow files, listed in ``state.json``."""
    state = _json(folder / "state.json")
    try:
        names: list[Any] = [entry["filename"] for entry in state["_data_files"]]
    except (KeyError, TypeError) as error:
        raise _broken(folder / "state.json", "expected a list of files under '_data_files'") from error
    if not names or not all(_is_plain(name) for name in names):
        raise _broken(folder / "state.json", "expected plain names of files under '_data_files'")
    info = folder / "dataset_info.json"
    return [folder / name for name in names], class_names(_json(info).get("features")) if is_file(
        info
    ) else {}


def _hub(folder: Path) -> _Shards:
    """A folder as a hub has it: files whose names, or whose README, say to which split they belong."""
    found = list(_data_files(folder))
    if not found:
        raise SettingsError(
            "there is no file of cases in the folder",
            where=str(folder),
            fix=f"give a folder with files of one of these formats: {', '.join(FORMATS)}",
        )
    card = _card(folder)
    listed = _listed(card, folder, found)
    if listed is not None:
        return listed
    kind = min(map(_rank, found))
    chosen = [path for path in found if _rank(path) == kind]
    others = [path.name for path in found if _rank(path) != kind]
    files: dict[Split | None, list[Path]] = {}
    for path in chosen:
        files.setdefault(_split_in(path.relative_to(folder)), []).append(path)
    if len(files) > 1:
        others += [path.name for path in files.pop(None, ())]
    return _Shards(files, _left_out(folder, others), _card_classes(card))


def _listed(card: Mapping[str, Any], folder: Path, found: Sequence[Path]) -> _Shards | None:
    """The files that the README assigns to splits (``configs``); None if it does not."""
    configs: Any = card.get("configs")
    tables = [cast("dict[str, Any]", c) for c in _list(configs) if isinstance(c, dict) and "data_files" in c]
    if not tables:
        return None
    config = next((c for c in tables if c.get("default") or c.get("config_name") == "default"), tables[0])
    files: dict[Split | None, list[Path]] = {}
    left: list[str] = []
    for entry in _list(config["data_files"]):
        named = {"split": "train", "path": entry}
        told = cast("dict[str, Any]", entry) if isinstance(entry, dict) else named
        split = split_of(str(told.get("split", "train")))
        patterns = [str(pattern) for pattern in _list(told.get("path"))]
        there = [p for p in found if any(fnmatch(p.relative_to(folder).as_posix(), one) for one in patterns)]
        if split is None:
            left.append(str(told.get("split")))
        elif there:
            files.setdefault(split, []).extend(there)
    if not files:
        return None
    notices = _left_out(folder, left)
    if len(tables) > 1:
        names = one_line(", ".join(str(c.get("config_name")) for c in tables if c is not config), 200)
        notices.append(f"{folder}: the configuration {config.get('config_name')!r} is taken, not {names}")
    return _Shards(files, notices, _card_classes(card, config.get("config_name")))


def _data_files(folder: Path) -> Iterator[Path]:
    """Files of cases in a folder and below, by name. Links to folders are not followed: they may be loops."""

    def unreadable(error: OSError) -> None:
        reason = error.strerror or str(error)
        raise SettingsError(f"the folder can't be read ({reason})", where=str(error.filename)) from error

    count = 0
    for place, folders, names in os.walk(folder, onerror=unreadable):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if depth < DEEPEST else []
        for name in sorted(names):
            path = Path(place) / name
            if name.startswith(".") or name.lower() in _DESCRIPTIONS or not format_of(path):
                continue
            count += 1
            if count > MOST_FILES:
                raise SettingsError(
                    f"the folder has more than {MOST_FILES:,} files of cases", where=str(folder)
                )
            yield path


def split_of(name: str) -> Split | None:
    """The split that a name means: ``dev`` is validation."""
    return SPLIT_NAMES.get(name.strip().lower())


def _split_in(path: Path) -> Split | None:
    """The split that a path tells: by a word in the file's name, else in the nearest folder's."""
    for part in reversed(path.parts):
        for word in _WORDS.split(part):
            if split_of(word):
                return split_of(word)
    return None


def _rank(path: Path) -> int:
    return PREFERRED.index(format_of(path).removesuffix(".gz"))


def _joined(folder: Path, split: Split | None, shards: _Shards) -> Table:
    """The rows of one split's shards as one table."""
    total = 0
    tables: list[Table] = []
    for path in shards.files[split]:
        data = read_bytes(path, MAX_BYTES)
        total += len(data)
        if total > MAX_BYTES:
            raise SettingsError(
                f"the files of {split or 'the data set'} are too large together, "
                f"expected at most {MAX_BYTES / 1e6:g} MB",
                where=str(folder),
                fix="take a part of them",
            )
        table = parse_table(data, path)
        name_classes(table.rows, shards.classes, path)
        tables.append(table)
    joined = tables[0] if len(tables) == 1 else _together(folder / (split or ""), tables)
    first = next(name for name in (*SPLITS, None) if name in shards.files)
    return _told(joined, shards.notices) if split == first else joined


def _together(source: Path, tables: Sequence[Table]) -> Table:
    return Table(
        str(source),
        [row for table in tables for row in table.rows],
        columns=list(dict.fromkeys(name for table in tables for name in table.columns)),
        flat=all(table.flat for table in tables),
        notices=[notice for table in tables for notice in table.notices],
    )


def _told(table: Table, notices: Sequence[str]) -> Table:
    return replace(table, notices=[*table.notices, *notices])


def _left_out(folder: Path, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return [f"{folder}: not read: {one_line(', '.join(names), 200)}"]


def _card(folder: Path) -> dict[str, Any]:
    """The front matter of the README; empty if there is none, or none that can be read."""
    readme = folder / "README.md"
    if not is_file(readme):
        return {}
    try:
        found = _FRONT_MATTER.match(read_text(readme, _MAX_INFO))
        value: Any = parse_yaml(found.group(1), readme) if found else {}
    except SettingsError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _card_classes(card: Mapping[str, Any], config: Any = None) -> dict[str, list[str]]:
    infos = [
        cast("dict[str, Any]", info) for info in _list(card.get("dataset_info")) if isinstance(info, dict)
    ]
    info = next((info for info in infos if info.get("config_name") == config), infos[0] if infos else {})
    return class_names(info.get("features"))


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _is_plain(name: Any) -> bool:
    return (
        isinstance(name, str) and bool(name) and name not in (".", "..") and not re.search(r"[\\/:\0]", name)
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        value: Any = json.loads(read_text(path, _MAX_INFO))
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"bad JSON ({one_line(str(error), 80)})") from error
    if not isinstance(value, dict):
        raise _broken(path, "expected a JSON object")
    return cast("dict[str, Any]", value)


def _broken(path: Path, what: str) -> SettingsError:
    return SettingsError(
        f"this is no data set that can be read: {what}", where=str(path), fix="save or fetch it anew"
    )
