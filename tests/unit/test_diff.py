"""Diffs give back both sides, and read well."""

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import promptopt.evaluation.diff as module
from promptopt.evaluation.diff import (
    Part,
    diff_chars,
    diff_json,
    diff_lines,
    diff_lines_words,
    diff_words,
    similarity,
)

PROPERTY = settings(derandomize=True, deadline=None, max_examples=150)
TEXT = st.text("ab \n\t.é\u2028", max_size=30) | st.text(max_size=20)


def side(parts: list[Part], mark: str) -> str:
    return "".join(text for found, text in parts if found in ("=", mark))


@pytest.mark.parametrize("diff", [diff_words, diff_chars, diff_lines])
@given(a=TEXT, b=TEXT)
@PROPERTY
def test_a_diff_holds_both_texts(diff: Callable[[str, str], list[Part]], a: str, b: str):
    parts = diff(a, b)
    assert side(parts, "-") == a
    assert side(parts, "+") == b
    assert all(text for _, text in parts)


@pytest.mark.parametrize("diff", [diff_words, diff_chars])
@given(a=TEXT, b=TEXT)
@PROPERTY
def test_neighbours_are_merged_and_minus_comes_first(diff: Callable[[str, str], list[Part]], a: str, b: str):
    marks = [mark for mark, _ in diff(a, b)]
    assert all((one, other) in {("=", "-"), ("=", "+"), ("-", "+"), ("-", "="), ("+", "=")}
               for one, other in pairwise(marks))  # fmt: skip


@given(a=TEXT, b=TEXT)
@PROPERTY
def test_a_diff_by_lines_and_words_holds_both_texts(a: str, b: str):
    lines = diff_lines_words(a, b)
    for mark, text in (("-", a), ("+", b)):
        assert "".join(part for found, parts in lines if found in ("=", mark) for _, part in parts) == text
    for mark, parts in lines:
        assert {found for found, _ in parts} <= {"=", mark}


def test_by_words():
    assert diff_words("The queue is billing.", "The queue is sales.") == [
        ("=", "The queue is "),
        ("-", "billing"),
        ("+", "sales"),
        ("=", "."),
    ]
    assert diff_words("a b", "a b c") == [("=", "a b"), ("+", " c")]


def test_spaces_between_changes_belong_to_them():
    assert diff_words("red cat", "old dog") == [("-", "red cat"), ("+", "old dog")]


def test_by_chars():
    assert diff_chars("biling", "billing") == [("=", "bil"), ("+", "l"), ("=", "ing")]


def test_by_lines():
    assert diff_lines("a\nb\n", "a\nc\nb\n") == [("=", "a\n"), ("+", "c\n"), ("=", "b\n")]


def test_words_inside_rewritten_lines():
    lines = diff_lines_words("Sort.\nBe short.\n", "Sort.\nBe very short.\nThanks.\n")
    assert lines == [
        ("=", [("=", "Sort.\n")]),
        ("-", [("=", "Be short.\n")]),
        ("+", [("=", "Be "), ("+", "very "), ("=", "short.\n")]),
        ("+", [("+", "Thanks.\n")]),
    ]


def test_of_huge_texts_the_middle_is_one_change(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_UNITS", 10)
    assert diff_chars("x" + "a" * 20 + "y", "x" + "b" * 5 + "y") == [
        ("=", "x"),
        ("-", "a" * 20),
        ("+", "b" * 5),
        ("=", "y"),
    ]


@given(TEXT, TEXT)
@PROPERTY
def test_similarity_is_symmetric_and_bounded(a: str, b: str):
    assert 0 <= similarity(a, b) <= 1
    assert similarity(a, b) == similarity(b, a)
    assert similarity(a, a) == 1


def test_similarity_tells_near_from_far():
    assert similarity("billing", "biling") > 0.9
    assert similarity("billing", "xyz") == 0


def test_json():
    expected = {"id": 7, "ok": True, "who": {"city": None, "name": "Ann"}, "tags": ["a"]}
    actual = {"id": 7.0, "ok": 1, "who": {"name": "Bob", "zip": "1"}, "tags": ["a", "b"]}
    assert sorted(diff_json(expected, actual)) == [
        "ok: expected truth value true, got number 1",
        "tags[1] should not be there (is \"b\")",
        "who.city is missing",
        'who.name: expected "Ann", got "Bob"',
        'who.zip should not be there (is "1")',
    ]  # fmt: skip
    assert diff_json([1], {"a": 1}) == ['the value: expected list [1], got object {"a": 1}']
    assert diff_json({"a": 7}, {"a": "7"}) == ['a: expected number 7, got text "7"']
    assert diff_json(expected, expected) == []


def test_json_is_bounded():
    assert len(diff_json(list(range(100)), [str(i) for i in range(100)], limit=5)) == 5
    huge = ["x" * 100] * 3000
    assert diff_json(huge, huge) == []
    assert diff_json(huge, []) == ["the values are different, and too large to compare"]


def test_it_imports_nothing_heavy():
    heavy = ("deepdiff", "scipy", "numpy", "litellm", "pydantic")
    code = f"import sys, promptopt.evaluation.diff\nprint(*[m for m in {heavy} if m in sys.modules])"
    core = str(Path(module.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": core}
    )
    assert done.stdout.strip() == ""
