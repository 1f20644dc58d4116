"""Reading text that people wrote: UTF-8, TOML and YAML, with errors that say which line to mend."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from promptopt.domain.errors import SettingsError

DEEPEST = 100
"""Tables and lists may be nested this deep; deeper YAML overflows the C stack of its parser."""

MOST_YAML_NODES = 2_000_000
"""Values in a YAML document, counting an alias as all that it stands for."""

MAX_YAML_BYTES = 10_000_000

_NUMBER = r"-?(?:0|[1-9][0-9]*)"

SCALARS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", _NUMBER, list("-0123456789")),
    ("float", _NUMBER + r"(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", list("-0123456789")),
    ("merge", r"<<", ["<"]),
)
"""Plain YAML scalars that are no text: tag, pattern, and what they begin with."""


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most ``limit`` bytes.

    Raises:
        SettingsError: missing, a folder, no regular file, unreadable, or larger than ``limit``.
    """
    try:
        if path.is_dir():
            raise SettingsError("this is a folder, expected a file", where=str(path))
        if not path.exists():
            raise SettingsError("there is no such file", where=str(path), fix=_beside(path))
        if not path.is_file():
            raise SettingsError("this is not a regular file", where=str(path))
        with path.open("rb") as file:
            data = file.read(limit + 1)
            size = path.stat().st_size
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise SettingsError(f"the file can't be read ({reason})", where=str(path)) from error
    if len(data) > limit:
        raise SettingsError(
            f"the file is too large: {size / 1e6:,.1f} MB, expected at most {limit / 1e6:g} MB",
            where=str(path),
        )
    return data


def read_text(path: Path, limit: int) -> str:
    """The text of a UTF-8 file (a byte order mark is dropped).

    Raises:
        SettingsError: see :func:`read_bytes`; empty, binary, or another encoding.
    """
    return decode(read_bytes(path, limit), path)


def decode(data: bytes, path: Path) -> str:
    """``data``, the content of ``path``, as text; see :func:`read_text`."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SettingsError("the file is UTF-16, expected UTF-8", where=str(path), fix="save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise SettingsError("the file is empty", where=str(path))
    nul = data.find(b"\0")
    if nul >= 0:
        raise SettingsError(
            "found a NUL character, expected a text file", where=f"{path}, line {_line(data, nul)}"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"found the byte 0x{data[error.start]:02x}, which is not UTF-8",
            where=f"{path}, line {_line(data, error.start)}",
            fix="save the file as UTF-8",
        ) from error


def from_utf16(data: bytes, path: Path) -> bytes:
    """The UTF-8 of a UTF-16 file with a byte order mark, as spreadsheets write; other content as it is.

    Raises:
        SettingsError: it is UTF-32, or broken UTF-16.
    """
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        raise SettingsError("the file is UTF-32, expected UTF-8", where=str(path), fix="save it as UTF-8")
    if data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return data
    try:
        return data.decode("utf-16").encode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].decode("utf-16", "replace").count("\n") + 1
        raise SettingsError(
            f"the file is UTF-16, and broken there ({error.reason})",
            where=f"{path}, line {line}",
            fix="save the file as UTF-8",
        ) from error


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        SettingsError: syntax error, with line and column.
    """
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r" \(at (.+)\)$", message)
        if place is None:
            raise SettingsError(f"TOML syntax error: {message}", where=str(path)) from error
        at = f"{path}, {place.group(1)}"
        raise SettingsError(f"TOML syntax error: {message[: place.start()]}", where=at) from error
    except (RecursionError, ValueError) as error:
        # A tower of brackets, or an integer too long for Python to read.
        raise SettingsError(f"TOML that can't be read: {type(error).__name__}", where=str(path)) from error


def parse_yaml(text: str, path: Path) -> Any:
    """Parse one YAML document with the scalars of YAML 1.2: ``yes``, ``12:30`` and dates stay text.

    Nothing but plain data is built. Aliases are allowed as long as they do not blow the document up.

    Raises:
        SettingsError: syntax error with line and column, a key given twice, unknown tag, nested too deep,
            too large, or too many aliases.
    """
    if len(text) > MAX_YAML_BYTES:
        raise SettingsError(
            f"the YAML is too large: {len(text) / 1e6:,.1f} MB, expected at most {MAX_YAML_BYTES / 1e6:g} MB",
            where=str(path),
            fix="put many cases into a .jsonl or .csv file",
        )
    import yaml

    loader_class = _loader_class()
    try:
        _check_depth(text, path)
        loader = loader_class(text)
        node = loader.get_single_node()
        if node is None:
            raise SettingsError("the file has no content", where=str(path))
        extent = _extent(node, path, {})
        if extent.size > MOST_YAML_NODES or extent.depth > DEEPEST:
            raise SettingsError(
                f"it stands for more than {MOST_YAML_NODES:,} values, or nests more than {DEEPEST} deep",
                where=str(path),
                fix="write out what its aliases (*name) stand for, or leave it out",
            )
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        context = f" ({error.context})" if error.context else ""
        raise SettingsError(
            f"YAML syntax error: {error.problem or 'unreadable'}{context}", where=f"{path}{place}"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsError(f"YAML that can't be read: {error}", where=str(path)) from error


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` is a slip of: ``max_iteratons``, ``maxTokens``, ``base-url``."""
    from difflib import get_close_matches

    plain = {re.sub("[-_ ]", "", name).lower(): name for name in known}
    found = get_close_matches(re.sub("[-_ ]", "", word).lower(), plain, n=1, cutoff=0.75)
    return plain[found[0]] if found else None


def is_file(path: Path) -> bool:
    """Whether there is a file; False for a path that the system can't even look at."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder; False for a path that the system can't even look at."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _loader_class() -> Any:
    """A safe loader whose plain scalars are those of JSON (YAML 1.1 reads ``no`` as false, 12:30 as 750)."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader = type("PlainLoader", (base,), {"yaml_implicit_resolvers": {}})
    for tag, pattern, first in SCALARS:
        loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), first)
    return loader


def _check_depth(text: str, path: Path) -> None:
    import yaml

    library: Any = yaml
    depth = 0
    for event in library.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise SettingsError(
                    f"nested more than {DEEPEST} deep", where=f"{path}, line {event.start_mark.line + 1}"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


@dataclass(frozen=True)
class _Extent:
    """Of a YAML value with its aliases written out: how many values it has and how deep they nest."""

    size: int = 1
    depth: int = 0


def _extent(node: Any, path: Path, known: dict[int, _Extent | None]) -> _Extent:
    """Measure ``node``; refuse keys given twice and aliases that contain themselves."""
    value: Any = node.value
    if not isinstance(value, list):
        return _Extent()
    if id(node) in known:
        extent = known[id(node)]
        if extent is None:
            raise SettingsError("an alias contains itself", where=f"{path}, line {node.start_mark.line + 1}")
        return extent
    known[id(node)] = None
    children = cast("list[Any]", value)
    if children and isinstance(children[0], tuple):
        _check_keys(children, path)
        children = [part for pair in children for part in pair]
    parts = [_extent(child, path, known) for child in children]
    extent = _Extent(1 + sum(part.size for part in parts), 1 + max((part.depth for part in parts), default=0))
    known[id(node)] = extent
    return extent


def _check_keys(pairs: list[Any], path: Path) -> None:
    """Refuse keys that are no text or given twice; ``7:`` and ``null:`` are read as text."""
    seen: set[str] = set()
    for key, _ in pairs:
        where = f"{path}, line {key.start_mark.line + 1}"
        if not isinstance(key.value, str):
            raise SettingsError("a key is a list or a table, expected text", where=where)
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        key.tag = "tag:yaml.org,2002:str"
        if key.value in seen:
            raise SettingsError(f"the key {key.value[:60]!r} is given twice", where=where)
        seen.add(key.value)


def _line(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def _beside(path: Path) -> str:
    """A hint: the file that was probably meant."""
    try:
        names = [entry.name for entry in path.parent.iterdir()][:1000]
    except OSError:
        return ""
    near = closest(path.name, names)
    return f"did you mean {near}?" if near else ""
