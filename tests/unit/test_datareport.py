"""What is odd about a data set, and how it is told."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from promptopt.domain.dataset import Dataset, Example
from promptopt.store.datareport import LONG_BYTES, Finding, examine, normalised
from tests.unit.command_line import CommandLine

SENTENCE = "the quick brown fox jumps over the lazy dog while seventeen cats look on from the garden wall"


def case(name: str, text: str, expected: str | None = "x") -> Example:
    return Example(id=name, inputs={"input": text}, expected=expected)


def kinds(
    train: Sequence[Example], validation: Sequence[Example] = (), prompt: str = ""
) -> dict[str, Finding]:
    filler = case("filler", "something else altogether")
    dataset = Dataset(train=tuple(train), validation=tuple(validation) or (filler,))
    return {finding.kind: finding for finding in examine(dataset, prompt)}


def test_clean_cases_have_no_finding() -> None:
    cases = [case(str(i), f"question number {i}", f"answer {i}") for i in range(30)]
    assert kinds(cases[:20], cases[20:], "Answer the question.") == {}


def test_duplicates_and_leaks() -> None:
    train = [case("a", "Hello there"), case("b", "Hello there"), case("c", " hello  THERE! ")]
    found = kinds(train, [case("d", "Hello there"), case("e", "hello there?")])
    assert found["duplicate"].cases == ("a = b",)
    assert found["near duplicate"].cases == ("a = c",)
    assert found["leak"].cases == ("a = d",)
    assert found["near leak"].text == (
        "leak: 1 cases of validation have almost the same input as a case of train: a = e"
    )


def test_labels_that_are_spelt_in_several_ways() -> None:
    labels = ["yes", "Yes", "yes", "NO", "no", "maybe", "a long expected output, which is no label at all"]
    found = kinds([case(str(i), f"text {i}", label) for i, label in enumerate([*labels, labels[-1].upper()])])
    assert found["spelling"].count == 2
    assert found["spelling"].text == (
        "spelling: expected outputs differ in case or marks only: "
        "'yes' (2) and 'Yes' (1); 'NO' (1) and 'no' (1)"
    )


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("Label {mesage}.", "mark: {mesage} in the prompt is no column, and stays as it is; did you mean"),
        ("Label {inptu}.", "did you mean {input}?"),
        ("Label {message} {message2}.", "mark: {message2} in the prompt"),
        ("Label {message} as {json} or {x}: {input}, {{mesage }}", None),
        ("Label it.", None),
    ],
)
def test_marks_that_look_like_a_slip(prompt: str, said: str | None) -> None:
    cases = [Example(id=str(n), inputs={"message": f"m {n}", "x": "y"}, expected="x") for n in range(4)]
    found = {one.kind: one.text for one in examine(Dataset(train=tuple(cases), validation=()), prompt)}
    assert said in found["mark"] if said else "mark" not in found


def test_near_duplicates_by_their_words() -> None:
    found = kinds(
        [case("a", SENTENCE)], [case("b", SENTENCE.replace("wall", "fence")), case("c", SENTENCE[:40])]
    )
    assert found["near leak"].cases == ("a = b",) and len(found) == 1
    assert kinds([case("a", "What is 12 + 5?"), case("b", "What is 12 - 5?")]) == {}


def test_beyond_the_limit_near_duplicates_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("promptopt.store.datareport.MOST_NEAR", 1)
    found = kinds([case("a", SENTENCE)], [case("b", SENTENCE + " today")])
    assert set(found) == {"not looked for"}


def test_cases_in_the_prompt() -> None:
    prompt = "Label it.\nExample: The  PARCEL never came -> complaint\n"
    found = kinds(
        [case("a", "the parcel never came")],
        [case("b", "The parcel never came."), case("c", "Label")],
        prompt,
    )
    assert found["in the prompt"].cases == ("b",)
    whole = Dataset(train=(case("a", "the parcel never came"),), validation=(), held_back=False)
    assert [finding.kind for finding in examine(whole, prompt)] == ["in the prompt"]


def test_labels() -> None:
    cases = [case(str(i), f"text {i}", "yes" if i < 18 else "no") for i in range(20)]
    found = kinds(cases)
    assert found["imbalance"].count == 18 and "right on 86%" in found["imbalance"].text
    assert "imbalance" not in kinds([case(str(i), f"text {i}", f"label {i % 2}") for i in range(20)])
    same = kinds([case(str(i), f"text {i}", "x") for i in range(59)])
    assert same["one label"].count == 60 and "all 60 cases expect 'x'" in same["one label"].text
    assert "imbalance" not in same and "one label" not in found
    found = kinds([case("a", "Same", "x"), case("b", "same.", "y"), case("c", "same", " x ")])
    assert found["conflict"].cases == ("a ≠ b",)


def test_empty_long_and_garbled_texts() -> None:
    texts = {
        "control": "a\x07b",
        "invisible": "a\u200bb",
        "garbled": "cafÃ©",
        "long": "é" * (LONG_BYTES // 2 + 1),
        "empty input": " \n",
    }
    found = kinds([case(kind, text, f"{kind} answer") for kind, text in texts.items()])
    assert {kind: finding.cases for kind, finding in found.items()} == {kind: (kind,) for kind in texts}
    assert f"up to {LONG_BYTES + 2 + len('long answer') + 1:,} bytes" in found["long"].text
    assert kinds([case("a", "größe\n東京\t🙂", "x"), case("b", "y")]) == {}
    found = kinds([case("a", "b", None), case("c", "d", " ")])
    assert found["no expected output"].cases == ("a",) and found["empty expected output"].cases == ("c",)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=12), st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_leak_is_found_wherever_it_stands(texts: list[str], rng: random.Random) -> None:
    train = [case(f"t{number}", f"{number} {text}") for number, text in enumerate(texts)]
    copied = rng.choice(train)
    found = examine(Dataset(train=tuple(train), validation=(case("v", copied.input_text),)))
    leaks = [finding for finding in found if finding.kind in ("leak", "near leak")]
    assert [finding.count for finding in leaks] == [1]


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


def write(folder: Path) -> Path:
    rows = [{"text": f"message {i % 11}", "label": "ab"[i % 2], "more": 1} for i in range(24)]
    (folder / "my.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder / "my.jsonl"


def test_the_command_on_a_file_and_a_project(cli: CommandLine, tmp_path: Path) -> None:
    path = write(tmp_path)
    result = cli("data", "validate", str(path), "--json")
    (report,) = result.objects
    assert (
        result.status == 1
        and report["bad"]
        and report["cases"] == 24
        and sum(report["splits"].values()) == 24
    )
    assert "conflict" in [finding["kind"] for finding in report["findings"]]
    assert any("the input is text" in notice for notice in report["notices"])
    assert cli("new", "checked", "--from", str(path)).err.count("conflict: ") == 1
    plain = cli("data", "validate", "checked")
    assert plain.status == 1 and "24 cases: " in plain.out and "bad    conflict: " in plain.out
    doctor = [line for line in cli("doctor", "checked").out.splitlines() if "conflict: " in line]
    assert len(doctor) == 1 and doctor[0].startswith("note   cases: ")
    assert list(tmp_path.glob("*.jsonl")) == [path] and not list(tmp_path.glob("*.toml"))


def test_the_command_on_folders_and_what_cannot_be_read(cli: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for split in ("train", "test"):
        (folder / f"{split}.csv").write_text("question,answer\n" + "".join(f"q{i},{i}\n" for i in range(9)))
    (report,) = cli("data", "validate", str(folder), "--json").objects
    assert [finding["kind"] for finding in report["findings"]] == ["leak", "leak"]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 cut short")
    assert "ends in the middle" in cli("data", "validate", str(tmp_path / "bad.parquet")).err
    for source in ("nothing", str(tmp_path / "bad.parquet"), str(tmp_path / "gone.csv")):
        assert cli("data", "validate", source).status == 2


def test_a_new_project_with_cases_that_cannot_be_used_says_so(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,input,expected\n1,a,b\n1,c,d\n")
    result = cli("new", "twice", "--from", str(tmp_path / "a.csv"))
    assert (
        result.status == 0 and "its cases can't be used yet" in result.err and "row 2 (line 3)" in result.err
    )
