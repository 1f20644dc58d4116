"""Parquet and Arrow files, packed files, other encodings, and folders with a data set."""

import csv
import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from promptopt.domain.dataset import SPLITS
from promptopt.domain.errors import SettingsError
from promptopt.store.caserows import Table, parse_table, read_table
from promptopt.store.datasetfolders import read_source
from tests.unit.test_casefiles import load

ROWS = [{"text": f"text {i}", "label": i % 2} for i in range(12)]
FEATURES = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}, "text": {"dtype": "string"}}
NAMED = [{"text": row["text"], "label": ("neg", "pos")[row["label"]]} for row in ROWS]


def arrow(rows: list[dict[str, Any]] = ROWS, features: Any = None) -> Any:
    table = pa.Table.from_pylist(rows)
    told = {b"huggingface": json.dumps({"info": {"features": features}})} if features else None
    return table.replace_schema_metadata(told)


def save(folder: Path, rows: list[dict[str, Any]] = ROWS, shards: int = 1) -> None:
    """A folder as datasets.save_to_disk writes it: Arrow streams and two descriptions."""
    folder.mkdir(parents=True)
    names = [f"data-{number:05}-of-{shards:05}.arrow" for number in range(shards)]
    size = -(-len(rows) // shards)
    for number, name in enumerate(names):
        part = arrow(rows[number * size : (number + 1) * size])
        with pa.ipc.new_stream(folder / name, part.schema) as out:
            out.write_table(part)
    state = {"_data_files": [{"filename": name} for name in names], "_split": "train"}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))


def refused(path: Path) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        read_source(path)
    assert caught.value.where.startswith(str(path))
    return caught.value


def test_parquet(tmp_path: Path) -> None:
    pq.write_table(arrow(), tmp_path / "a.parquet")
    pq.write_table(arrow(features=FEATURES), tmp_path / "b.parquet")
    assert read_table(tmp_path / "a.parquet").rows == ROWS
    table = read_table(tmp_path / "b.parquet")
    assert (table.rows, list(table.columns)) == (NAMED, ["text", "label"])
    loaded = load(tmp_path, file="b.parquet", input="text", expected="label")
    assert sorted({case.expected for case in loaded.dataset.cases()}) == ["neg", "pos"]


def test_what_pandas_and_hubs_write(tmp_path: Path) -> None:
    columns = {
        "input": ["x", "y"],
        "label": [-1, 1],
        "score": [1.5, float("nan")],
        "__index_level_0__": [7, 8],
    }
    told = {b"huggingface": json.dumps({"info": {"features": FEATURES}})}
    pq.write_table(pa.table(columns).replace_schema_metadata(told), tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").rows == [
        {"input": "x", "label": None, "score": 1.5},
        {"input": "y", "label": "pos", "score": None},
    ]
    pq.write_table(pa.table({"input": [b"\xff"]}), tmp_path / "bytes.parquet")
    with pytest.raises(SettingsError, match="'input' can't be made text: a value of type bytes"):
        load(tmp_path, file="bytes.parquet")


def test_broken_columnar_files(tmp_path: Path) -> None:
    whole = io.BytesIO()
    pq.write_table(arrow(), whole)
    good = whole.getvalue()
    flipped = bytearray(good)
    flipped[4:40] = b"\xff" * 36
    for content, words in (
        (good[:-20], "ends in the middle"),
        (b"PK\x03\x04" + good, "not Parquet: it starts with b'PK"),
        (b"PAR1" + b"\0" * 30 + b"PAR1", "can't be read"),
        (bytes(flipped), "can't be read"),
        (b"PAR1xPARE", "encrypted"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"", "not Parquet"),
    ):
        (tmp_path / "a.parquet").write_bytes(content)
        assert words in refused(tmp_path / "a.parquet").what
    (tmp_path / "a.arrow").write_bytes(b"hello")
    assert "not Arrow" in refused(tmp_path / "a.arrow").what
    pq.write_table(
        pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], ["a", "a"]), tmp_path / "b.parquet"
    )
    assert "'a' is there twice" in refused(tmp_path / "b.parquet").what
    pq.write_table(arrow([{"text": "x", "label": 5}], FEATURES), tmp_path / "c.parquet")
    error = refused(tmp_path / "c.parquet")
    assert "names for 0 to 1 only" in error.what and "case 1" in error.where
    pq.write_table(arrow([]), tmp_path / "d.parquet")
    assert "no case" in refused(tmp_path / "d.parquet").what


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(arrow(), tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "promptopt[data]" in refused(tmp_path / "a.parquet").fix


def test_a_saved_dataset_is_split_anew(tmp_path: Path) -> None:
    save(tmp_path / "one", shards=3)
    ((split, table),) = read_source(tmp_path / "one")
    assert split is None and table.rows == NAMED and table.notices == []
    assert load(tmp_path, file="one").dataset.held_back


def test_a_saved_dict_keeps_its_splits(tmp_path: Path) -> None:
    for name, rows in (("train", ROWS), ("validation", ROWS[:3]), ("test", ROWS[:2]), ("unsupervised", ROWS)):
        save(tmp_path / "all" / name, rows)
    names = ["train", "test", "validation", "unsupervised"]
    (tmp_path / "all" / "dataset_dict.json").write_text(json.dumps({"splits": names}))
    tables = read_source(tmp_path / "all")
    assert [(split, len(table.rows)) for split, table in tables] == [
        ("train", 12),
        ("validation", 3),
        ("test", 2),
    ]
    assert "not read: unsupervised" in tables[0][1].notices[0]
    dataset = load(tmp_path, file="all", input="text", expected="label").dataset
    assert [len(dataset[split]) for split in SPLITS] == [12, 3, 2]
    assert dataset.test[1].id == "test-2" and dataset.test[1].expected == "pos"


def test_broken_saved_folders(tmp_path: Path) -> None:
    for name, spoil, words in (
        ("a", lambda f: (f / "data-00000-of-00001.arrow").unlink(), "no such file"),
        ("b", lambda f: (f / "state.json").write_text("{"), "bad JSON"),
        ("c", lambda f: (f / "state.json").write_text("{}"), "_data_files"),
        (
            "d",
            lambda f: (f / "state.json").write_text('{"_data_files": [{"filename": "../x"}]}'),
            "plain names",
        ),
        ("e", lambda f: (f / "data-00000-of-00001.arrow").write_bytes(b"\xff\xff\xff\xff\x10\0\0\0"), "read"),
        ("f", lambda f: (f / "dataset_dict.json").write_text('{"splits": ["/etc"]}'), "list of folders"),
        ("g", lambda f: (f / "dataset_dict.json").write_text('{"splits": ["odd"]}'), "called odd"),
    ):
        save(tmp_path / name)
        spoil(tmp_path / name)
        assert words in refused(tmp_path / name).what


def hub(folder: Path, files: dict[str, bytes], card: str = "") -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "README.md").write_text(f"---\n{card}---\n# Data\n")
    return folder


def parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(arrow(rows), out)
    return out.getvalue()


def counts(folder: Path) -> dict[str | None, int]:
    return {split: len(table.rows) for split, table in read_source(folder)}


CARD = """\
dataset_info:
  features:
  - name: label
    dtype:
      class_label:
        names:
          '0': neg
          '1': pos
"""


def test_hub_folders(tmp_path: Path) -> None:
    shards = {
        "data/train-00000-of-00002.parquet": parquet(ROWS[:6]),
        "data/train-00001-of-00002.parquet": parquet(ROWS[6:]),
        "data/test-00000-of-00001.parquet": parquet(ROWS[:4]),
        "train.jsonl": b'{"text": "a copy"}\n',
        "dataset_infos.json": b"{}",
    }
    tables = dict(read_source(hub(tmp_path / "a", shards, CARD)))
    assert tables["train"].rows == NAMED and len(tables["test"].rows) == 4
    assert any("not read: train.jsonl" in notice for notice in tables["train"].notices)
    rows = "\n".join(map(json.dumps, ROWS)).encode()
    by_folder = {"train/x.jsonl.gz": gzip.compress(rows), "dev/y.jsonl": rows}
    assert counts(hub(tmp_path / "b", by_folder)) == {"train": 12, "validation": 12}
    assert counts(hub(tmp_path / "c", {"reviews.csv": b"text,label\nx,1\n"})) == {None: 1}
    assert counts(hub(tmp_path / "d", {"test.csv": b"a\n1\n", "valid.csv": b"a\n2\n"})) == {None: 2}


def test_the_readme_says_which_files_are_which_split(tmp_path: Path) -> None:
    files = {"x/first.csv": b"a\n1\n", "x/second.csv": b"a\n1\n2\n", "y/train.csv": b"a\n1\n2\n3\n"}
    card = (
        "configs:\n- config_name: small\n  data_files:\n  - split: train\n    path: y/*.csv\n"
        "- config_name: default\n  data_files:\n  - split: train\n    path: x/f*.csv\n"
        "  - split: test\n    path: [x/second.csv, ../../etc/*]\n"
    )
    folder = hub(tmp_path / "a", files, card)
    assert counts(folder) == {"train": 1, "test": 2}
    assert "'default' is taken, not small" in read_source(folder)[0][1].notices[0]


def test_a_folder_with_a_loop_or_without_cases(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a", target_is_directory=True)
    assert "no file of cases" in refused(tmp_path / "a").what
    (tmp_path / "a" / "train.csv").write_text("a\n1\n")
    assert counts(tmp_path / "a") == {None: 1}


def test_packed_files(tmp_path: Path) -> None:
    rows = "\n".join(map(json.dumps, ROWS)).encode()
    (tmp_path / "a.JSONL.gz").write_bytes(gzip.compress(rows[:300]) + gzip.compress(rows[300:]))
    assert read_table(tmp_path / "a.JSONL.gz").rows == ROWS
    for content, words in (
        (gzip.compress(rows)[:-30], "ends in the middle"),
        (b"text,label\n", "can't be unpacked as gzip"),
    ):
        (tmp_path / "b.csv.gz").write_bytes(content)
        assert words in refused(tmp_path / "b.csv.gz").what


def test_a_packed_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptopt.store.caserows.MAX_BYTES", 1_000_000)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"a\n" * 1_000_000))
    assert "unpacked it has more than 1 MB" in refused(tmp_path / "b.csv.gz").what


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding: str) -> None:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    table = parse_table((mark + "größe,x\n東京,1\n").encode(encoding), Path("a.csv"))
    assert table.rows == [{"größe": "東京", "x": "1"}]


def test_other_encodings_are_refused_with_the_line() -> None:
    for content, words in (
        ("a\nü\n".encode("latin-1"), "line 2"),
        ("a\n".encode("utf-32"), "UTF-32"),
        ("a\n1\n".encode("utf-16") + b"\0", "line 3"),
        ("a\n1\n".encode("utf-16-le"), "NUL"),
    ):
        with pytest.raises(SettingsError) as caught:
            parse_table(content, Path("a.csv"))
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a;b\n1,5;2,5\n", [{"a": "1,5", "b": "2,5"}]),
        ('a;b, in points\n"x;y";2,5\n', [{"a": "x;y", "b, in points": "2,5"}]),
        ("a|b\nx;y|z\n", [{"a": "x;y", "b": "z"}]),
        ("sep=;\r\na;b\r\n1;2\r\n", [{"a": "1", "b": "2"}]),
        ("a,b\nx|y,z;w\n", [{"a": "x|y", "b": "z;w"}]),
        ("text\nhello; world\n", [{"text": "hello; world"}]),
    ],
)
def test_delimiters(text: str, rows: list[dict[str, str]]) -> None:
    assert parse_table(text.encode(), Path("a.csv")).rows == rows


def test_the_line_is_right_after_the_mark_of_a_spreadsheet() -> None:
    with pytest.raises(SettingsError, match=r"row 2 \(line 4\): found 1 cells"):
        parse_table(b"sep=;\na;b\n1;2\n3\n", Path("a.csv"))


def test_a_key_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"row 2 \(line 2\): bad JSON: the key 'a' is there twice"):
        parse_table(b'{"a": 1}\n{"a": 1, "a": 2}\n', Path("a.jsonl"))


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)
values = st.one_of(texts, st.integers(-(2**53), 2**53), st.booleans(), st.none(), st.lists(texts, max_size=3))
names = st.text("abcdefgh_", min_size=1, max_size=5)


@given(
    st.dictionaries(names, st.none(), min_size=1, max_size=4),
    st.lists(st.lists(values, min_size=4, max_size=4), min_size=1, max_size=6),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_json_lines_are_read_back_the_same(columns: dict[str, None], drawn: list[list[Any]]) -> None:
    rows = [dict(zip(columns, row, strict=False)) for row in drawn]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    for content, name in ((text.encode(), "a.jsonl"), (gzip.compress(text.encode()), "a.jsonl.gz")):
        assert parse_table(content, Path(name)).rows == rows
    assert parse_table(json.dumps(rows).encode("utf-16"), Path("a.json")).rows == rows


@given(st.lists(st.tuples(texts, st.none() | st.integers(-(2**40), 2**40)), min_size=1, max_size=8))
@hypothesis_settings(max_examples=60, deadline=None)
def test_columnar_rows_are_read_back_the_same(drawn: list[tuple[str, int | None]]) -> None:
    rows: list[dict[str, Any]] = [{"a": text, "b": number, "c": [text]} for text, number in drawn]
    table = pa.Table.from_pylist(rows)
    stored, streamed = io.BytesIO(), io.BytesIO()
    pq.write_table(table, stored)
    with pa.ipc.new_stream(streamed, table.schema) as out:
        out.write_table(table)
    assert parse_table(stored.getvalue(), Path("a.parquet")).rows == rows
    assert parse_table(streamed.getvalue(), Path("a.arrow")).rows == rows


@given(
    st.lists(st.tuples(texts, texts, texts).filter(lambda row: "".join(row).strip()), min_size=1, max_size=8),
    st.sampled_from(",;\t|"),
)
@hypothesis_settings(max_examples=150, deadline=None)
def test_delimited_rows_are_read_back_the_same(rows: list[tuple[str, ...]], delimiter: str) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter).writerows([("a", "b", "c"), *rows])
    table: Table = parse_table(written.getvalue().encode(), Path("a.csv"))
    assert [tuple(row.values()) for row in table.rows] == rows
