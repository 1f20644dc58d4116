"""Cases that are kept as conversations: the last answer is expected, what came before is the input."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from promptopt.store.caserows import Problems, Row, Table

COLUMNS = ("messages", "conversations", "conversation")
"""Names under which people keep a conversation."""

ROLES = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
}

Turn = tuple[str, str]


class Chats(NamedTuple):
    """Rows with ``input`` and ``expected`` in place of a conversation, and the system message that all share.

    ``system`` is "" if there is none; messages that differ stay in the input.
    """

    table: Table
    system: str


def chat_column(table: Table) -> str | None:
    """The column that holds conversations, if there is one."""
    for name in table.columns:
        if name.lower() in COLUMNS and table.rows and _list(table.rows[0].get(name)) is not None:
            return name
    return None


def unfold_chats(tables: Sequence[Table], column: str) -> list[Chats]:
    """Make ``input`` and ``expected`` of the conversations in ``column``.

    Raises:
        SettingsError: rows that are no conversation in text (the first few are named).
    """
    read = [_read(table, column) for table in tables]
    systems = {_system(turns) for chats in read for turns in chats}
    common = systems.pop() if len(systems) == 1 else ""
    unfolded: list[Chats] = []
    for table, chats in zip(tables, read, strict=True):
        rows = [_row(row, column, turns, bool(common)) for row, turns in zip(table.rows, chats, strict=True)]
        others = [name for name in table.columns if name not in (column, "input", "expected")]
        new = Table(table.source, rows, table.lines, ["input", "expected", *others], notices=table.notices)
        unfolded.append(Chats(new, common))
    return unfolded


def _read(table: Table, column: str) -> list[list[Turn]]:
    problems = Problems(table.source)
    chats: list[list[Turn]] = []
    for index, row in enumerate(table.rows):
        try:
            chats.append([_turn(message) for message in _list(row.get(column)) or ()])
            if not chats[-1]:
                raise ValueError("there is no message")
        except ValueError as error:
            problems.add(table.place(index), f"{column!r} is no conversation: {error}")
    problems.raise_any()
    return chats


def _turn(message: Any) -> Turn:
    if not isinstance(message, dict):
        raise ValueError('a message is no object, expected {"role": …, "content": …}')
    told = cast("Mapping[str, Any]", message)
    name = told.get("role", told.get("from"))
    role = ROLES.get(str(name).strip().lower())
    if role is None:
        raise ValueError(f"a message has the role {str(name)[:40]!r}, expected one of {', '.join(ROLES)}")
    content = told.get("content", told.get("value"))
    if isinstance(content, list):
        parts = [cast("Row", part) for part in cast("list[Any]", content) if isinstance(part, dict)]
        if len(parts) == len(cast("list[Any]", content)) and all("text" in part for part in parts):
            content = "\n".join(str(part["text"]) for part in parts)
    if not isinstance(content, str):
        raise ValueError(f"a message of the {role} is not text (images and tool calls are not read)")
    return role, content


def _system(turns: Sequence[Turn]) -> str:
    return turns[0][1] if turns[0][0] == "system" else ""


def _row(row: Row, column: str, turns: Sequence[Turn], without_system: bool) -> Row:
    if without_system:
        turns = turns[1:]
    expected = turns[-1][1] if turns and turns[-1][0] == "assistant" else None
    before = turns[:-1] if expected is not None else turns
    one = len(before) == 1 and before[0][0] == "user"
    text = before[0][1] if one else "\n\n".join(f"{role}: {content}" for role, content in before)
    others = {name: value for name, value in row.items() if name not in (column, "input", "expected")}
    return {"input": text, "expected": expected, **others}


def _list(value: Any) -> list[Any] | None:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return cast("list[Any]", value) if isinstance(value, list) else None
