"""YAML that people write and read: the lines on which keys stand, and values written out again."""

import re
from collections.abc import Mapping
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
        children = cast("list[Any]", node.value)
        below: list[tuple[KeyPath, Any]] = []
        for position, child in enumerate(children):
            key, mark, value = (
                (child[0].value, child[0].start_mark, child[1])
                if isinstance(child, tuple)
                else (position, child.start_mark, child)
            )
            found[*keys, key] = mark.line + 1
            below.append(((*keys, key), value))
        waiting += reversed(below)
    return found


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

    dumper: Any = type("PlainDumper", (yaml.SafeDumper,), {"ignore_aliases": lambda _self, _data: True})
    for tag, pattern, first in SCALARS:
        dumper.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), first)
    return dumper
