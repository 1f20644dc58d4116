"""Which column is what, and conversations as cases."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from promptopt.domain.errors import SettingsError
from promptopt.store.casefiles import load_dataset
from promptopt.store.columns import NOTHING, ColumnChoice, choose_columns
from promptopt.store.importing import Imported, import_project
from promptopt.store.projects import load_project, save_project
from tests.unit.command_line import CommandLine


def lines(folder: Path, rows: list[Any], name: str = "a.jsonl") -> Path:
    (folder / name).write_text("\n".join(map(json.dumps, rows)))
    return folder / name


def cases(imported: Imported, folder: Path) -> list[tuple[dict[str, str], str | None]]:
    project = load_project(save_project(imported.settings, folder / "new", imported.files))
    dataset = load_dataset(project.settings, project.dir).dataset
    return [(case.inputs, case.expected) for case in dataset.cases()]


@pytest.mark.parametrize(
    ("columns", "inputs", "expected"),
    [
        ("question answer", "question", "answer"),
        ("prompt completion", "prompt", "completion"),
        ("instruction input output", "instruction input", "output"),
        ("instruction output", "instruction", "output"),
        ("instruction context response category", "instruction context", "category"),
        ("text label id", "text", "label"),
        ("passage question answer", "passage question", "answer"),
        ("a", "a", None),
        ("foo bar baz", "foo bar baz", None),
        ("Text Extra", "Text", "Extra"),
        ("title text", "text", "title"),
    ],
)
def test_common_names(columns: str, inputs: str, expected: str | None) -> None:
    chosen = choose_columns(columns.split(), "x")
    assert (chosen.inputs, chosen.expected) == (inputs.split(), expected)


def test_what_was_taken_is_told() -> None:
    told = " ".join(choose_columns(["text", "title", "label", "answer"], "x").reasons)
    assert "'label', the likeliest of label, answer (else: --expected)" in told
    assert "the input is text, the likeliest of text, title" in told


def test_what_is_given_is_not_questioned() -> None:
    def never(question: str, options: Sequence[str]) -> str:
        raise AssertionError(question)

    given = ColumnChoice(("b", "c"), "a", "d")
    chosen = choose_columns(["a", "b", "c", "d", "text", "label"], "x", given, never)
    assert (chosen.inputs, chosen.expected, chosen.reasons) == (["b", "c"], "a", [])
    for wrong, words in (
        (ColumnChoice(("tex",)), "did you mean 'text'"),
        (ColumnChoice(("text",), "text"), "both the input and the expected"),
        (ColumnChoice(id="key"), "the columns are: text, label"),
        (ColumnChoice(expected="text", id="label"), "no column can be the input"),
    ):
        with pytest.raises(SettingsError) as caught:
            choose_columns(["text", "label"], "x", wrong)
        assert words in str(caught.value)


def test_a_person_is_asked_where_names_leave_it_open() -> None:
    asked: list[tuple[str, list[str]]] = []

    def ask(question: str, options: Sequence[str]) -> str | None:
        asked.append((question, list(options)))
        return options[1]

    chosen = choose_columns(["foo", "bar", "baz"], "x", ask=ask)
    assert (chosen.inputs, chosen.expected) == (["baz"], "bar")
    assert asked[0] == ("Which column is the expected output?", ["foo", "bar", "baz", NOTHING])
    assert asked[1] == ("Which column is the input?", ["foo", "baz", "all of them"])
    asked.clear()
    choose_columns(["text", "label", "other"], "x", ask=ask)
    assert asked == []
    assert choose_columns(["foo", "bar", "baz"], "x", ask=lambda *_: None).inputs == ["foo", "bar", "baz"]


def test_a_fixed_instruction_is_the_prompt(tmp_path: Path) -> None:
    rows = [{"instruction": "Name the capital.", "input": f"c{i}", "output": f"o{i}"} for i in range(3)]
    imported = import_project(lines(tmp_path, rows))
    assert imported.settings.prompt == "Name the capital." and imported.settings.data.input == "input"
    rows[0]["instruction"] = "Other"
    imported = import_project(lines(tmp_path, rows))
    assert imported.settings.data.input == ["instruction", "input"]


def chat(*turns: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"role": role, "content": content} for role, content in turns]


def test_conversations(tmp_path: Path) -> None:
    system = ("system", "Be brief.")
    rows = [
        {"messages": chat(system, ("user", "hi"), ("assistant", "ho")), "id": "k"},
        {"messages": chat(system, ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))},
        {"messages": chat(system, ("user", [{"type": "text", "text": "open"}]))},
    ]
    imported = import_project(lines(tmp_path, rows))
    assert imported.settings.prompt == "Be brief."
    assert cases(imported, tmp_path) == [
        ({"input": "hi"}, "ho"),
        ({"input": "user: a\n\nassistant: b\n\nuser: c"}, "d"),
        ({"input": "open"}, None),
    ]


def test_conversations_of_other_tools_with_differing_system_messages(tmp_path: Path) -> None:
    def shared(system: str) -> list[dict[str, str]]:
        turns = (("system", system), ("human", "q"), ("gpt", "a"))
        return [{"from": name, "value": text} for name, text in turns]

    imported = import_project(lines(tmp_path, [{"conversations": shared(text)} for text in "xy"]))
    assert cases(imported, tmp_path)[0] == ({"input": "system: x\n\nuser: q"}, "a")
    bad = [{"messages": chat(("user", "q"))}, {"messages": chat(("tool", "x"))}, {"messages": []}]
    with pytest.raises(SettingsError) as caught:
        import_project(lines(tmp_path, bad))
    assert "row 2 (line 2)" in str(caught.value) and "the role 'tool'" in str(caught.value)
    assert "there is no message" in str(caught.value)


def test_columnar_cases_become_lines(tmp_path: Path) -> None:
    told = {b"huggingface": json.dumps({"info": {"features": {"label": {"names": ["no", "yes"]}}}})}
    table = pa.table({"text": ["a", "b"], "label": [1, 0], "image": [b"x", b"y"]})
    pq.write_table(table.replace_schema_metadata(told), tmp_path / "a.parquet")
    imported = import_project(tmp_path / "a.parquet")
    assert list(imported.files) == ["a.jsonl"]
    assert any("bytes: image" in notice for notice in imported.notices)
    assert cases(imported, tmp_path) == [({"text": "a"}, "yes"), ({"text": "b"}, "no")]


def test_a_folder_keeps_its_splits(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for split in ("train", "test"):
        lines(tmp_path / "d", [{"question": split, "answer": "x"}], f"{split}.jsonl")
    imported = import_project(tmp_path / "d")
    data = imported.settings.data
    assert (data.train, data.test, data.file) == ("train.jsonl", "test.jsonl", None)
    assert imported.settings.name == "d" and len(cases(imported, tmp_path)) == 2


def test_columns_of_bytes_are_no_input(tmp_path: Path) -> None:
    rows = [
        {"thumb": b"\xff", "picture": {"bytes": b"\x00"}, "frames": [b"a"], "caption": f"c{n}", "label": "x"}
        for n in range(3)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    imported = import_project(tmp_path / "a.parquet")
    assert imported.settings.data.input == "caption" and "caption" in imported.settings.prompt
    told = f"{tmp_path / 'a.parquet'}: left out, for they hold bytes: thumb, picture, frames"
    assert told in imported.notices
    project = load_project(save_project(imported.settings, tmp_path / "new", imported.files))
    cases = load_dataset(project.settings, project.dir).dataset
    assert [case.inputs for case in cases.train] == [{"caption": f"c{n}"} for n in range(3)]
    with pytest.raises(SettingsError, match="the column 'thumb' holds bytes, which are no text"):
        import_project(tmp_path / "a.parquet", columns=ColumnChoice(input=("thumb",)))
    pq.write_table(pa.table({"picture": [b"\xff"], "label": ["x"]}), tmp_path / "b.parquet")
    with pytest.raises(SettingsError, match="no column can be the input; the columns are: label"):
        import_project(tmp_path / "b.parquet", columns=ColumnChoice(expected="label"))


def test_new_takes_columns(cli: CommandLine, tmp_path: Path) -> None:
    source = lines(tmp_path, [{"a": f"in {i}", "b": f"x{i}", "c": i} for i in range(10)])
    result = cli("new", "mapped", "--from", str(source), "--input", "a", "--input", "c", "--expected", "b")
    assert result.status == 0
    settings = load_project(Path(result.out.strip())).settings
    assert (settings.data.input, settings.data.expected) == (["a", "c"], "b")
    result = cli("new", "other", "--from", str(source), "--id", "b")
    assert "the input is every other column: a, c" in result.err
    assert cli("new", "third", "--from", str(source), "--input", "z").status == 2
    assert "--from FILE" in cli("new", "fourth", "--input", "z").err


def test_new_asks_on_a_terminal(cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = lines(tmp_path, [{"a": "x", "b": "y", "c": "z"}])
    answers = iter(["9", "3", ""])
    monkeypatch.setattr("promptopt.cli.creating.on_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: next(answers))
    result = cli("new", "asked", "--from", str(source))
    settings = load_project(Path(result.out.strip())).settings
    assert (settings.data.input, settings.data.expected) == ("a", "c")
    assert "  3  c" in result.err
