"""A new project made of a file or a folder of cases: columns, seed prompt, check, and the data files."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.text import one_line
from promptopt.store.casefiles import plain
from promptopt.store.caserows import COLUMNAR, MAX_BYTES, Row, Table, format_of, parse_table
from promptopt.store.chatrows import chat_column, unfold_chats
from promptopt.store.columns import NOT_SAID, Ask, Chosen, ColumnChoice, choose_columns
from promptopt.store.datasetfolders import SplitTable, read_source
from promptopt.store.projects import settings_from
from promptopt.store.textfiles import is_folder, read_bytes

LONGEST_NAME = 100

DEFAULT_TARGET = "openai/gpt-4o-mini"

LONG_ANSWER = 200
"""Characters beyond which an expected output is hardly ever met word for word."""

MadeOf = tuple[ProjectSettings, dict[str, bytes], list[str]]


def project_of_cases(
    path: Path, given: ColumnChoice = NOT_SAID, ask: Ask | None = None, *, cases_only: bool = False
) -> MadeOf:
    """Settings, data files and notices of a project with the cases of ``path``.

    A text file is taken over as it is. Columnar files, folders and conversations become JSON Lines, with a
    column for the input and one for the expected output, so that the project can be read and edited.

    Args:
        cases_only: there will be no project: nothing is told of its checks.

    Raises:
        SettingsError: the cases can't be read, or no column can be the input.
    """
    content = b"" if is_folder(path) else read_bytes(path, MAX_BYTES)
    tables: list[SplitTable] = [(None, parse_table(content, path))] if content else read_source(path)
    notices = [notice for _, table in tables for notice in table.notices]
    convert = is_folder(path) or format_of(path) in COLUMNAR
    tables = _of_text(tables, path, given, notices)
    prompt = ""
    chat = None if given.input or given.expected else chat_column(tables[0][1])
    if chat is not None:
        tables, prompt = _unfolded(tables, chat)
        convert = True
        notices.append(
            f"{chat!r} holds conversations: the last answer is expected, what came before is the input"
        )
    columns = list(dict.fromkeys(name for _, table in tables for name in table.columns))
    if chat is not None:
        chosen = Chosen(["input"], "expected")
    else:
        chosen = choose_columns(columns, str(path), given, ask)
    rows = [row for _, table in tables for row in table.rows]
    chosen, prompt = _fixed_instruction(chosen, rows, prompt)
    files = {path.name: content} if not convert else as_lines(path, tables)
    data: dict[str, Any] = {**_places(tables, list(files)), **given.settings()}
    data["input"] = chosen.inputs[0] if len(chosen.inputs) == 1 else chosen.inputs
    checks: list[dict[str, Any]] = []
    if chosen.expected is not None:
        data["expected"] = chosen.expected
        checks = [_check(rows, chosen.expected, [] if cases_only else notices)]
    raw = {
        "name": path.absolute().stem[:LONGEST_NAME],
        "prompt": prompt or _seed_prompt(chosen.inputs, chosen.expected),
        "models": {"target": {"model": DEFAULT_TARGET}},
        "data": data,
        "checks": checks,
    }
    settings, more = settings_from(raw, path)
    return settings, files, [*notices, *chosen.reasons, *more]


def _unfolded(tables: Sequence[SplitTable], column: str) -> tuple[list[SplitTable], str]:
    chats = unfold_chats([table for _, table in tables], column)
    unfolded: list[SplitTable] = [(split, chat.table) for (split, _), chat in zip(tables, chats, strict=True)]
    return unfolded, chats[0].system


def _fixed_instruction(chosen: Chosen, rows: Sequence[Row], prompt: str) -> tuple[Chosen, str]:
    """An instruction that is the same in all rows is the prompt, and no part of the input."""
    name = next((name for name in chosen.inputs if name.lower() == "instruction"), None)
    if name is None or len(chosen.inputs) < 2 or prompt:
        return chosen, prompt
    texts = {row.get(name) for row in rows if isinstance(row.get(name), str)}
    if len(texts) != 1 or len(rows) < 2 or not all(isinstance(row.get(name), str) for row in rows):
        return chosen, prompt
    inputs = [column for column in chosen.inputs if column != name]
    reasons = [*chosen.reasons, f"{name!r} is the same in every row: it is the prompt to start from"]
    return Chosen(inputs, chosen.expected, reasons), str(texts.pop()).strip()


def _places(tables: Sequence[SplitTable], names: Sequence[str]) -> dict[str, str]:
    """Which file has which split, as ``data`` says it."""
    return {split or "file": name for (split, _), name in zip(tables, names, strict=True)}


def _of_text(
    tables: Sequence[SplitTable], path: Path, given: ColumnChoice, notices: list[str]
) -> list[SplitTable]:
    """The tables without the columns that hold bytes (pictures, sound), which are no text that is sent.

    Raises:
        SettingsError: one of those is named as the input or as something else.
    """
    binary = {
        name: table.source
        for _, table in tables
        for name in table.columns
        if any(_is_binary(row.get(name)) for row in table.rows)
    }
    if not binary:
        return list(tables)
    for name in [given.expected, *given.input, *given.settings().values()]:
        if isinstance(name, str) and name in binary:
            raise SettingsError(
                f"the column {one_line(name, 60)!r} holds bytes, which are no text",
                where=str(path),
                fix="name a column with text",
            )
    notices.append(
        f"{path}: left out, for they hold bytes: {', '.join(one_line(name, 60) for name in binary)}"
    )
    return [
        (
            split,
            replace(
                table,
                columns=[name for name in table.columns if name not in binary],
                rows=[
                    {name: value for name, value in row.items() if name not in binary} for row in table.rows
                ],
            ),
        )
        for split, table in tables
    ]


def as_lines(path: Path, tables: Sequence[SplitTable]) -> dict[str, bytes]:
    """A file of JSON Lines for each table."""
    files: dict[str, bytes] = {}
    for split, table in tables:
        name = f"{split}.jsonl" if split else f"{path.name.partition('.')[0] or 'cases'}.jsonl"
        files[name] = "".join(_line(table, index) for index in range(len(table.rows))).encode()
    return files


def _line(table: Table, index: int) -> str:
    try:
        return json.dumps(table.rows[index], ensure_ascii=False, allow_nan=False, default=plain) + "\n"
    except (TypeError, ValueError) as error:
        where = f"{table.source}, {table.place(index)}"
        raise SettingsError(f"the row can't be written as JSON: {error}", where=where) from error


def _is_binary(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_binary, cast("dict[Any, Any]", value).values()))
    if isinstance(value, list):
        return any(map(_is_binary, cast("list[Any]", value)))
    return isinstance(value, bytes)


def _check(rows: Sequence[Row], expected: str, notices: list[str]) -> dict[str, Any]:
    answers = [row.get(expected) for row in rows]
    if all(map(_is_object, answers)):
        return {"type": "json_fields"}
    lengths = [len(answer) for answer in answers if isinstance(answer, str)]
    if lengths and median(lengths) > LONG_ANSWER:
        notices.append(
            f"the expected outputs are long (half of them over {LONG_ANSWER} characters): "
            "'exact' will hardly ever pass; choose another check in project.toml"
        )
    return {"type": "exact"}


def _is_object(value: Any) -> bool:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    return isinstance(value, dict)


def _seed_prompt(inputs: Sequence[str], expected: str | None) -> str:
    given = " and the ".join(name.replace("_", " ") for name in inputs)
    answer = f"Answer with the {expected.replace('_', ' ')} and nothing else." if expected else "Answer it."
    return f"You are given the {given}. {answer}"
