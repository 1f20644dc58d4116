"""Cases from files: formats, columns, texts, ids, splits, and errors that name the rows."""

import csv
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from promptopt.domain.dataset import Dataset, Example, split_cases
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.store.casefiles import LoadedData, load_dataset
from promptopt.store.caserows import parse_table

CASES = [{"input": f"question {i}", "expected": f"answer {i}"} for i in range(12)]


def load(folder: Path, **data: Any) -> LoadedData:
    raw = {"name": "a", "prompt": "p", "models": {"target": {"model": "sim/target"}}, "data": data}
    return load_dataset(ProjectSettings.model_validate(raw), folder)


def load_file(folder: Path, name: str, content: str | bytes, **data: Any) -> LoadedData:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return load(folder, file=name, **data)


def refused(folder: Path, name: str, content: str | bytes, **data: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load_file(folder, name, content, **data)
    return str(caught.value)


def cases_of(loaded: LoadedData) -> list[Example]:
    return sorted(loaded.dataset.cases(), key=lambda case: int(case.id) if case.id.isdigit() else 0)


def lines(rows: list[Any]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


CSV = "input,expected\n" + "".join(f"{case['input']},{case['expected']}\n" for case in CASES)
FORMS = {
    "a.jsonl": lines(CASES),
    "b.ndjson": "\n" + lines(CASES).replace("\n", "\r\n\r\n"),
    "c.json": json.dumps(CASES),
    "d.json": json.dumps({"cases": CASES}),
    "e.csv": CSV,
    "f.csv": "\ufeff" + CSV.replace("\n", "\r\n") + ",\r\n",
    "g.csv": CSV.replace(",", ";"),
    "h.TSV": CSV.replace(",", "\t"),
    "i.yaml": "".join(f"- input: {case['input']}\n  expected: {case['expected']}\n" for case in CASES),
    "j.yml": "cases:\n" + "".join(f"- {json.dumps(case)}\n" for case in CASES),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_format_gives_the_same_cases(tmp_path: Path, name: str) -> None:
    loaded = load_file(tmp_path, name, FORMS[name])
    assert loaded == load(tmp_path, cases=CASES)
    assert [case.inputs for case in cases_of(loaded)] == [{"input": case["input"]} for case in CASES]
    assert [case.id for case in cases_of(loaded)] == [str(number) for number in range(1, 13)]
    assert [len(loaded.dataset[split]) for split in ("train", "validation", "test")] == [6, 3, 3]


def test_texts_of_values(tmp_path: Path) -> None:
    rows = [
        *[("plain ", "plain "), (7, "7"), (7.5, "7.5"), (True, "true"), (None, None), ("", "")],
        *[({"ä": [1]}, '{"ä": [1]}'), ([1, None], "[1, null]")],
    ]
    loaded = load_file(
        tmp_path, "a.jsonl", lines([{"input": f"i{i}", "expected": row[0]} for i, row in enumerate(rows)])
    )
    assert [case.expected for case in cases_of(loaded)] == [row[1] for row in rows]
    assert loaded.notices == (
        "1 of 8 cases have no expected output: 5",
        "1 of 8 cases expect an empty output: 6",
    )
    inputs = load(tmp_path, cases=[{"input": {"a": 1}}, {"input": 3}])
    assert [case.input_text for case in cases_of(inputs)] == ['{"a": 1}', "3"]


def test_empty_csv_cells_stand_for_nothing(tmp_path: Path) -> None:
    loaded = load_file(tmp_path, "a.csv", "input,expected,group,weight,tags,id\nx,,,,,\ny,z,g,2.5,b; c,k\n")
    first, second = loaded.dataset.train
    assert (first.expected, first.group, first.weight, first.tags, first.id) == (None, None, 1.0, (), "1")
    assert (second.expected, second.group, second.weight, second.tags, second.id) == (
        "z",
        "g",
        2.5,
        ("b", "c"),
        "k",
    )


def test_named_columns(tmp_path: Path) -> None:
    rows = [{"q": "x", "ctx": "y", "a": "z", "key": 7, "w": 3, "t": ["m", "n"], "doc": "d", "more": 1}]
    loaded = load(
        tmp_path, cases=rows, input=["q", "ctx"], expected="a", id="key", weight="w", tags="t", group="doc"
    )
    (case,) = loaded.dataset.train
    assert case == Example(
        id="7", inputs={"q": "x", "ctx": "y"}, expected="z", tags=("m", "n"), weight=3, group="d"
    )


def test_without_an_input_column_all_others_are_inputs(tmp_path: Path) -> None:
    loaded = load_file(
        tmp_path, "a.jsonl", '{"q": "x", "note": "n", "id": "k", "tags": "t", "checks": []}\n{"q": "y"}'
    )
    assert [case.inputs for case in loaded.dataset.train] == [{"q": "x", "note": "n"}, {"q": "y", "note": ""}]
    leaky = load_file(tmp_path, "b.csv", "text,label\nx,y\n")
    assert 'say data.expected = "label"' in leaky.notices[0]


def test_checks_of_single_cases(tmp_path: Path) -> None:
    check = {"type": "contains", "text": "x"}
    loaded = load(tmp_path, cases=[{"input": "i", "checks": [check]}, {"input": "j", "checks": None}])
    assert [case.checks for case in loaded.dataset.train] == [(check,), ()]
    assert loaded.notices == ()
    wrong = lines(
        [{"input": "i", "checks": [{"type": "exact", "weight": -1}]}, {"input": "j", "checks": "exact"}]
    )
    message = refused(tmp_path, "a.jsonl", wrong)
    assert (
        "row 1 (line 1): checks[0].weight" in message and "row 2 (line 2): 'checks' must be a list" in message
    )


BAD = {
    "bad JSON line": ("a.jsonl", '{"input": "x"}\n\n{"input": ', "a.jsonl, row 2 (line 3): bad JSON"),
    "no object": ("a.jsonl", '{"input": "x"}\n[1]', "row 2 (line 2): found a list, expected an object"),
    "NaN": ("a.jsonl", '{"input": NaN}', "NaN, which is not JSON"),
    "deep": ("a.jsonl", "[" * 100_000, "nested too deep"),
    "bad JSON": ("a.json", '[{"input": "x"},\n]', "a.json, line"),
    "JSON lines in .json": ("a.json", '{"input": "x"}\n{"input": "y"}', "name the file .jsonl"),
    "no list": ("a.json", '{"rows": []}', "found an object, expected a list of cases"),
    "no case": ("a.json", "[]", "no case"),
    "empty": ("a.csv", "", "the file is empty"),
    "header only": ("a.csv", "input,expected\n", "no case"),
    "ragged": ("a.csv", 'input,expected\n"x\ny",z\na,b,c\nd\n', "row 2 (line 4): found 3 cells, expected 2"),
    "open quote": ("a.csv", 'input,expected\nx,y\nz,"oh\nno\n', "a.csv, line 3"),
    "column twice": ("a.csv", "input,input\nx,y\n", "'input' is there twice"),
    "no text file": ("a.csv", b"input\nx\0y\n", "NUL character"),
    "NUL": ("a.jsonl", '{"input": "x"}\n{"input": "a\\u0000b"}', "row 2 (line 2): 'input' holds a NUL"),
    "surrogate": ("a.jsonl", '{"input": "a\\ud83d"}', "row 1 (line 1): 'input' holds half a character"),
    "surrogate id": ("a.json", '[{"input": "a", "id": "\\ud83d"}]', "case 1: 'id' holds half a character"),
    "encoding": ("a.csv", b"input\ncaf\xe9\n", "a.csv, line 2"),
    "too large": ("a.jsonl", json.dumps({"input": "x" * 300_000}), "293 KB, expected at most 256 KB"),
    "weight": ("a.jsonl", '{"input": "x", "weight": 0}', "the weight is 0, expected a number above 0"),
    "weight text": ("a.csv", "input,weight\nx,heavy\n", "the weight is 'heavy'"),
    "column left out": ("a.jsonl", '{"input": "x"}\n{"text": "y"}', "row 2 (line 2): there is no column"),
    "same id": ("a.jsonl", '{"input": "x", "id": "k"}\n{"input": "y", "id": "k"}', "'k' is the id of"),
    "all inputs empty": ("a.jsonl", '{"input": " "}\n{"input": ""}', "the input of every case is empty"),
    "no input": ("a.csv", "expected,id\nx,1\n", "no column with the input"),
    "split": ("a.csv", "input,split\nx,train\ny,holdout\n", "row 2 (line 3): the column 'split' says"),
    "no train": ("a.csv", "input,split\nx,test\ny,val\n", "puts no case into train"),
    "format": ("a.xlsx", b"PK", "unknown format '.xlsx'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_bad_files_name_their_rows(tmp_path: Path, fault: str) -> None:
    name, content, words = BAD[fault]
    message = refused(tmp_path, name, content)
    assert words in message and (name in message or "data" in message)


def test_five_bad_rows_are_shown_and_all_are_counted(tmp_path: Path) -> None:
    message = refused(tmp_path, "a.csv", "input,weight\n" + "x,-1\n" * 9)
    assert "9 rows can't be used" in message and "row 5 (line 6)" in message
    assert "row 6" not in message and "and 4 more" in message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"input": "txt"}, ["'txt'", "the columns are: text, label", "did you mean 'text'?"]),
        ({"input": ["text", "boddy"]}, ["'boddy'"]),
        ({"input": "text", "expected": "lable"}, ["data.expected is 'lable'", "did you mean 'label'?"]),
        ({"input": "text", "id": "key"}, ["data.id is 'key'"]),
        ({"input": "text", "expected": "text"}, ["both the input and the expected"]),
        ({"input": []}, ["no column with the input"]),
        ({"split": [0, 1, 1]}, ["data.split", "three shares"]),
        ({"split": [1, -1, 1]}, ["data.split"]),
        ({"split": [float("inf"), 1, 1]}, ["data.split"]),
    ],
)
def test_bad_data_settings(tmp_path: Path, data: dict[str, Any], words: list[str]) -> None:
    message = refused(tmp_path, "a.csv", "text,label\nx,y\n", **data)
    assert all(word in message for word in words)


def test_one_source_is_given(tmp_path: Path) -> None:
    for data, words in (
        ({}, "there are no cases"),
        ({"path": "a.csv"}, r"there are no cases \(data.path: no such option\)"),
        ({"file": "a.csv", "cases": CASES}, "data.cases and data.file are given"),
        ({"file": "a.csv", "train": "b.csv"}, "data.file and data.train are given"),
        ({"test": "b.csv"}, "without data.train"),
        ({"file": "gone.csv"}, "no such file"),
    ):
        with pytest.raises(SettingsError, match=words):
            load(tmp_path, **data)


def test_files_per_split(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("input\na\nb\n")
    (tmp_path / "v.jsonl").write_text('{"input": "c", "id": "own"}\n{"input": "a"}')
    (tmp_path / "e.json").write_text('[{"input": "d"}]')
    loaded = load(tmp_path, train="t.csv", validation="v.jsonl", test=str(tmp_path / "e.json"))
    ids = {split: [case.id for case in loaded.dataset[split]] for split in ("train", "validation", "test")}
    assert ids == {"train": ["train-1", "train-2"], "validation": ["own", "validation-2"], "test": ["test-1"]}
    assert loaded.dataset.held_back
    assert loaded.notices == (
        "leak: 1 cases of validation have the same input as a case of train: train-1 = validation-2",
    )


def test_ids_are_unique_over_all_files(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,input\n7,a\n")
    (tmp_path / "v.csv").write_text("id,input\n6,b\n7,c\n")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, train="t.csv", validation="v.csv")
    message = str(caught.value)
    assert "'7'" in message and "t.csv, row 1 (line 2)" in message and "v.csv, row 2 (line 3)" in message


def test_training_file_alone_is_split_by_the_seed(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(lines(CASES))
    loaded = [load(tmp_path, train="t.jsonl", seed=seed).dataset for seed in (0, 0, 1)]
    assert [(len(data.train), len(data.validation), len(data.test)) for data in loaded] == [(8, 4, 0)] * 3
    assert loaded[0] == loaded[1] != loaded[2]


def test_split_column(tmp_path: Path) -> None:
    text = "input,split\na,train\nb,Validation\nc,dev\nd,test\ne,train\n"
    dataset = load_file(tmp_path, "a.csv", text).dataset
    names = {split: [case.input_text for case in dataset[split]] for split in ("train", "validation", "test")}
    assert names == {"train": ["a", "e"], "validation": ["b", "c"], "test": ["d"]}
    as_input = load_file(tmp_path, "b.csv", "split\nbanana\n", input="split")
    assert as_input.dataset.train[0].input_text == "banana"


def test_notices_about_empty_inputs_and_nameless_columns(tmp_path: Path) -> None:
    loaded = load_file(tmp_path, "a.csv", ",input,expected\n0,x,y\n1, ,z\n")
    assert "column 1 has no name and is ignored" in loaded.notices[0]
    assert loaded.notices[1] == "1 of 2 cases have an empty input: 2"


def test_size_limit_counts_bytes_and_can_be_raised(tmp_path: Path) -> None:
    row = json.dumps({"input": "é" * 600}, ensure_ascii=False)
    assert "1 KB" in refused(tmp_path, "a.jsonl", row, max_case_kb=1)
    assert len(load_file(tmp_path, "a.jsonl", row, max_case_kb=2).dataset) == 1
    long_cell = load_file(tmp_path, "b.csv", "input\n" + "x" * 200_000 + "\n")
    assert len(long_cell.dataset.train[0].input_text) == 200_000


def test_toml_dates_become_text(tmp_path: Path) -> None:
    data = tomllib.loads('cases = [{input = 2024-01-31, expected = {at = 10:20:30}}, {input = "x"}]')
    case = load(tmp_path, **data).dataset.train[0]
    assert (case.input_text, case.expected) == ("2024-01-31", '{"at": "10:20:30"}')


def test_json_lines_may_hold_line_separators(tmp_path: Path) -> None:
    loaded = load_file(tmp_path, "a.jsonl", '{"input": "one\u2028two\x85three"}\n')
    assert loaded.dataset.train[0].input_text == "one\u2028two\x85three"


cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))


@given(st.lists(st.tuples(cells, cells).filter(lambda row: "".join(row).strip()), min_size=1, max_size=8))
@hypothesis_settings(max_examples=60, deadline=None)
def test_csv_cells_survive(rows: list[tuple[str, str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([("a", "b"), *rows])
    table = parse_table(written.getvalue().encode(), Path("x.csv"))
    assert [(row["a"], row["b"]) for row in table.rows] == rows


def example(number: int, text: str, group: str | None = None) -> Example:
    return Example(id=str(number), inputs={"input": text}, expected="e", group=group)


def test_equal_cases_stay_together_across_groups() -> None:
    cases = [example(i, f"text {i // 2}", None if i % 2 else f"group {i}") for i in range(40)]
    for seed in range(5):
        dataset = split_cases(cases, seed=seed)
        places = {case.id: split for split in ("train", "validation", "test") for case in dataset[split]}
        assert len(places) == 40
        assert all(places[str(i)] == places[str(i + 1)] for i in range(0, 40, 2))


def test_groups_linked_by_an_equal_case_stay_together() -> None:
    cases = [example(i, f"text {i}", f"group {i // 4}") for i in range(40)]
    cases.append(example(40, "text 0", "group 9"))
    dataset = split_cases(cases)
    places = {case.id: split for split in ("train", "validation", "test") for case in dataset[split]}
    assert len({places[str(i)] for i in (0, 1, 2, 3, 36, 37, 38, 39, 40)}) == 1


def test_from_splits_deals_validation_by_the_seed() -> None:
    cases = [example(i, f"text {i}") for i in range(30)]
    assert Dataset.from_splits(cases, seed=1) == Dataset.from_splits(cases, seed=1)
    assert Dataset.from_splits(cases, seed=1) != Dataset.from_splits(cases, seed=2)


def test_a_check_for_a_tag_that_no_case_has_is_told(tmp_path: Path):
    (tmp_path / "a.csv").write_text("input,expected,tags\na,x,refund\nb,y,\n")
    settings = ProjectSettings.model_validate(
        {
            "name": "p",
            "prompt": "x",
            "models": {"target": {"model": "sim/target"}},
            "data": {"file": "a.csv"},
            "checks": [
                {"type": "exact", "tags": ["refund"]},
                {"type": "exact", "name": "mine", "tags": ["refnud"]},
            ],
        }
    )
    (notice,) = [text for text in load_dataset(settings, tmp_path).notices if "tag" in text]
    assert notice == "the check 'mine' judges no case: none has the tag refnud; did you mean 'refund'?"
