"""Cases under edit: untouched rows stay byte for byte, changed ones are read back as they were meant."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import DataSettings
from promptopt.store.casebook import CaseBook, Entry, Wanted, as_json_lines, found, import_rows
from promptopt.store.caseedit import CaseFile, with_value
from promptopt.store.caserows import read_table
from promptopt.store.projectedit import ChangedOutside

LINES = (
    '{"input": "a",  "expected": "x", "tags": ["t"]}\n'
    '\n'
    '{"expected":"y","input":"b\\u00e9","n":1.50}\n'
    '{"input": "c", "expected": "z", "must_pass": true}'
)  # fmt: skip
CELLS = 'id;input;expected\r\n1;"a;""b""";x\r\n2;"two\r\nlines";"y"\r\n3;c;z\r\n'


def opened(folder: Path, name: str, text: str, **data: str) -> CaseBook:
    (folder / name).write_bytes(text.encode())
    return CaseBook.open(DataSettings.model_validate({"file": name, **data}), folder)


def source(entry: Entry):
    assert entry.source is not None
    return entry.source


def test_a_change_leaves_the_other_lines_as_they_were(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.jsonl", LINES)
    (file,) = book.files
    row = source(book.entries[0])
    file.replace(row, with_value(row.row, "expected", "Ω"))
    assert book.changed
    file.save()
    before, after = LINES.splitlines(), (tmp_path / "c.jsonl").read_text().splitlines()
    assert json.loads(after[0]) == {"input": "a", "expected": "Ω", "tags": ["t"]}
    assert after[1:] == before[2:] and not book.changed


def test_rows_of_a_spreadsheet_keep_their_quotes_and_ends(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.csv", CELLS)
    (file,) = book.files
    assert [entry.input for entry in book.entries] == ['a;"b"', "two\r\nlines", "c"]
    file.add({"id": "4", "input": "new;", "expected": ""})
    file.remove(source(book.entries[2]))
    file.save()
    kept = CELLS.removesuffix("3;c;z\r\n")
    assert (tmp_path / "c.csv").read_bytes().decode() == kept + '4;"new;";\r\n'


def test_a_new_column_gives_every_row_a_cell(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.csv", CELLS)
    (file,) = book.files
    row = source(book.entries[0])
    file.replace(row, {**row.row, "must_pass": "true"})
    file.save()
    rows = list(
        csv.reader(io.StringIO((tmp_path / "c.csv").read_bytes().decode(), newline=""), delimiter=";")
    )
    assert rows[0] == ["id", "input", "expected", "must_pass"]
    assert [cells[3] for cells in rows[1:]] == ["true", "", ""]
    assert rows[2][1] == "two\r\nlines"


def test_a_last_line_without_an_end_gets_one_when_another_follows(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.jsonl", LINES)
    book.files[0].add({"input": "d"})
    book.files[0].save()
    assert (tmp_path / "c.jsonl").read_text() == LINES + '\n{"input": "d"}\n'


def test_json_keeps_what_stands_beside_the_cases(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.json", '{"made": 1, "cases": [{"input": "a"}, {"input": "b"}]}')
    book.files[0].remove(source(book.entries[0]))
    book.files[0].save()
    assert json.loads((tmp_path / "c.json").read_text()) == {"made": 1, "cases": [{"input": "b"}]}


def test_undoing_goes_back_to_what_is_saved(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.jsonl", LINES)
    (file,) = book.files
    rows = list(file.rows)
    file.remove(rows[1])
    file.add({"input": "d"})
    assert file.undo() and file.undo() and not file.undo()
    assert file.rows == rows and not file.changed
    assert file.redo() and file.changed
    file.save()
    assert not file.changed and file.undo() and file.changed
    file.save()
    assert [json.loads(line)["input"] for line in (tmp_path / "c.jsonl").read_text().split("\n") if line] == [
        "a", "bé", "c",
    ]  # fmt: skip


def test_what_somebody_else_wrote_is_not_overwritten(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.jsonl", LINES)
    book.files[0].add({"input": "d"})
    (tmp_path / "c.jsonl").write_text('{"input": "theirs"}\n')
    with pytest.raises(ChangedOutside):
        book.files[0].save()
    book.files[0].save(force=True)
    assert "theirs" not in (tmp_path / "c.jsonl").read_text()


def test_the_last_case_stays(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.jsonl", '{"input": "a"}\n')
    book.files[0].remove(source(book.entries[0]))
    with pytest.raises(SettingsError, match="can't be empty"):
        book.files[0].save()


def test_what_is_only_read_says_so_and_becomes_lines(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.yaml", "- input: a\n  expected: x\n- input: b\n  expected: y\n")
    (file,) = book.files
    with pytest.raises(SettingsError, match="only read"):
        file.add({"input": "c"})
    (tmp_path / "c.jsonl").touch()
    made = as_json_lines(book, tmp_path)
    assert made["file"][0] == "c-2.jsonl"
    assert [json.loads(line)["input"] for line in made["file"][1].decode().splitlines()] == ["a", "b"]


def test_a_column_without_a_name_would_be_lost(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.csv", "input,,expected\na,b,c\n")
    assert "without a name" in book.files[0].why_not


def test_a_file_per_split(tmp_path: Path) -> None:
    for name in ("train", "validation"):
        (tmp_path / f"{name}.jsonl").write_text('{"input": "a"}\n{"input": "b"}\n')
    data = DataSettings(train="train.jsonl", validation="validation.jsonl")
    book = CaseBook.open(data, tmp_path)
    assert [(entry.id, entry.split) for entry in book.entries] == [
        ("train-1", "train"), ("train-2", "train"),
        ("validation-1", "validation"), ("validation-2", "validation"),
    ]  # fmt: skip


def test_rows_of_another_file_get_the_names_of_ours(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.jsonl", LINES)
    (tmp_path / "more.csv").write_text("question,answer\nq1,a1\nq2,a2\n")
    rows, notices = import_rows(tmp_path / "more.csv", book.columns)
    assert rows == [{"input": "q1", "expected": "a1"}, {"input": "q2", "expected": "a2"}]
    assert any("answer" in notice for notice in notices)
    book.files[0].add(*rows)
    book.sync()
    assert [entry.id for entry in book.entries] == ["1", "2", "3", "4", "5"]
    assert book.files[0].undo() and len(book.files[0].rows) == 3


def test_cases_of_the_project_file_become_lines(tmp_path: Path) -> None:
    book = CaseBook.open(DataSettings(cases=[{"input": "a", "expected": "b"}]), tmp_path)
    assert [entry.id for entry in book.entries] == ["1"] and not book.files
    assert as_json_lines(book, tmp_path) == {"file": ("cases.jsonl", b'{"input": "a", "expected": "b"}\n')}


def test_cases_are_found_by_text_split_tag_and_must(tmp_path: Path) -> None:
    book = opened(tmp_path, "c.jsonl", LINES)
    dealt = {"1": "train", "2": "test", "3": "test"}

    def ids(text: str) -> list[str]:
        return [entry.id for entry in found(book.entries, Wanted.read(text), dealt)]

    assert ids("") == ["1", "2", "3"]
    assert ids("BÉ") == ["2"] and ids("a x") == ["1"] and ids("a y") == []
    assert ids("split:test") == ["2", "3"] and ids("split:te c") == ["3"]
    assert ids("tag:T") == ["1"] and ids("must:pass") == ["3"]


def test_what_was_a_number_stays_one() -> None:
    assert with_value({"n": 1}, "n", "2.5") == {"n": 2.5}
    assert with_value({"n": 1}, "n", "two") == {"n": "two"}
    assert with_value({"n": "1"}, "n", "2") == {"n": "2"}
    assert with_value({"n": "1"}, "n", None) == {} and with_value({}, "n", "") == {}


TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)
ROWS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "json"])
@given(rows=ROWS, new=st.tuples(TEXT, TEXT), place=st.integers(0, 5))
def test_every_change_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    rows: list[tuple[str, str]],
    new: tuple[str, str],
    place: int,
) -> None:
    path = tmp_path_factory.mktemp("cases") / f"c.{kind}"
    path.write_bytes(_written(kind, [("first", "row"), *rows]))
    try:
        (file,) = CaseFile.read(path)
    except SettingsError:
        return  # what csv can't tell apart from nothing
    meant = [dict(row.row) for row in file.rows]
    place %= len(meant)
    meant[place] = {"input": f"x{new[0]}", "expected": new[1]}
    file.replace(file.rows[place], dict(meant[place]))
    meant.append({"input": f"y{new[1]}", "expected": new[0]})
    file.add(dict(meant[-1]))
    file.save()
    assert read_table(path).rows == meant


def _written(kind: str, rows: list[tuple[str, str]]) -> bytes:
    tables = [{"input": given, "expected": wanted} for given, wanted in rows]
    if kind == "jsonl":
        return "".join(json.dumps(table, ensure_ascii=False) + "\n" for table in tables).encode()
    if kind == "json":
        return json.dumps(tables).encode()
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter="\t" if kind == "tsv" else ",")
    writer.writerows([["input", "expected"], *rows])
    return buffer.getvalue().encode()
