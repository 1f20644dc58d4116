"""YAML that people write and read: the lines on which keys stand, and values written out again."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

from promptopt.store.textfiles import SCALARS

KeyPath = tuple[str | int, ...]


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line, from 1, on which each key or item of a document stands; what an alias stands for is left out.

    Args:
        text: YAML that ``parse_yaml`` has read.
    """
    import yaml

    library: Any = yaml
    root = library.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    found: dict[KeyPath, int] = {}
    seen: set[int] = set()
    waiting: list[tuple[KeyPath, Any]] = [((), root)]
    while waiting:
        keys, node = waiting.pop()
        if id(node) in seen or not isinstance(getattr(node, "value", None), list):
            continue
        seen.add(id(node))
        below: list[tuple[KeyPath, Any]] = []
        for key, marked, value in _children(node):
            found[*keys, key] = marked.start_mark.line + 1
            below.append(((*keys, key), value))
        waiting += reversed(below)
    return found


def _children(node: Any) -> Iterator[tuple[str | int, Any, Any]]:
    """Of a table or a list: key or number, the node that tells the line, and the value's node."""
    for position, child in enumerate(cast("list[Any]", node.value)):
        pair = cast("tuple[Any, Any] | None", child if isinstance(child, tuple) else None)
        yield (position, child, child) if pair is None else (pair[0].value, *pair)


def line_at(lines: Mapping[KeyPath, int], keys: KeyPath) -> int | None:
    """The line of a key; of one that is missing, the line of the table that it is missing from."""
    while keys and keys not in lines:
        keys = keys[:-1]
    return lines.get(keys)


def dump_yaml(value: Any) -> str:
    """Tables, lists, texts, numbers, truth values and None as YAML that ``parse_yaml`` reads back."""
    import yaml

    return yaml.dump(
        value,
        Dumper=_dumper_class(),
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=False,
        width=100,
    )


@cache
def _dumper_class() -> Any:
    """A safe dumper that quotes a text also if only YAML 1.2 reads it as something else (``1e5``)."""
    import yaml

    dumper: Any = type("PlainDumper", (yaml.SafeDumper,), {"ignore_aliases": _always})
    for tag, pattern, first in SCALARS:
        dumper.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), first)
    return dumper


def _always(_dumper: Any, _value: Any) -> bool:
    return True
