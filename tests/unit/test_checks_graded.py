"""Checks of numbers, lists, texts, form and limits; negation, tags and groups."""

import json
from collections import Counter
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.chat import LLMResponse
from promptopt.domain.errors import SettingsError
from promptopt.domain.results import CheckResult
from promptopt.evaluation.checks import build_judge
from promptopt.evaluation.checks.base import RIGHT
from promptopt.evaluation.checks.lists import f1, read_items
from promptopt.evaluation.checks.numeric import find_numbers
from promptopt.evaluation.checks.shape import measure
from promptopt.evaluation.checks.structured import JsonFields, same_json
from promptopt.evaluation.checks.texts import ngram_cosine, rouge
from tests.unit.test_checks import case, judged, opinion, project, refused

CALM = settings(derandomize=True, deadline=None, max_examples=60)


# --- not ---


@pytest.mark.parametrize(
    ("output", "check", "score"),
    [
        ("all good", {"type": "contains", "value": "sorry"}, 1),
        ("I am SORRY", {"type": "contains", "value": "sorry"}, 0),
        ("a sorry b", {"type": "contains", "values": ["sorry", "cannot"]}, 0.5),
        ("a sorry b", {"type": "contains", "values": ["sorry", "cannot"], "all": False}, 0.5),
        ("call 555", {"type": "regex", "pattern": r"\d"}, 0),
        ("call me", {"type": "regex", "pattern": r"\d"}, 1),
        ("billing", {"type": "exact"}, 0),
        ("sales", {"type": "exact"}, 1),
    ],
)
async def test_a_check_can_be_turned_round(output: str, check: dict[str, Any], score: float):
    got, reason = await opinion(output, "billing", **check, **{"not": True})
    assert got == score
    assert not reason or reason.startswith("contains what it must not: ")


def test_a_negated_pattern_that_is_in_every_text_is_refused():
    error = refused({"type": "regex", "pattern": "x*", "not": True})
    assert error.where == "checks[0].pattern" and "every text" in error.what


async def test_a_negated_pattern_that_takes_for_ever_fails():
    check = {"type": "regex", "pattern": "(a+)+$", "not": True, "timeout": 0.3}
    score, reason = await opinion("a" * 40 + "b", None, **check)
    assert score == 0 and "took longer than" in reason


# --- number ---


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("The total is $1,234.50.", ["1234.50"]),
        ("−5 °C, then +3", ["-5", "3"]),
        ("-$7", ["-7"]),
        ("10-12 days", ["10", "12"]),
        ("v2 and B12x", []),
        ("1'000 and 1_000_000", ["1000", "1000000"]),
        ("1,2,3", ["1", "2", "3"]),
        ("10 200 300", ["10", "200", "300"]),
        ("6.02e23 and 1E−3", ["6.02e23", "0.001"]),
        (".5 or 0.25%", ["0.5", "0.25"]),
        ("٤٢", ["42"]),
        ("", []),
        ("9" * 1000, []),
        ("1e9999", []),
    ],
)
def test_numbers_in_a_text(text: str, numbers: list[str]):
    assert find_numbers(text) == [Decimal(number) for number in numbers]


def test_numbers_with_a_decimal_comma():
    assert find_numbers("1.234,5 und 1 000", ",") == [Decimal("1234.5"), Decimal("1000")]


@pytest.mark.parametrize(
    ("output", "expected", "options", "score"),
    [
        ("The answer is 42.", "42", {}, 1),
        ("6 x 7 = 42", "42 apples", {}, 1),
        ("42 of 50", "42", {}, 0),
        ("42 of 50", "42", {"pick": "first"}, 1),
        ("41 or 42 or 43", "42", {"pick": "any"}, 1),
        ("41 or 42", "42", {"pick": "only"}, 0),
        ("0.3", "0.2", {"absolute": 0.1}, 1),
        ("0.31", "0.2", {"absolute": 0.1}, 0),
        ("1,010", "1000", {"relative": 0.01}, 1),
        ("1011", "1000", {"relative": 0.01}, 0),
        ("12345678901234567891", "12345678901234567890", {}, 0),
        ("about 5 km in 30 min", "5", {"unit": "km"}, 1),
        ("about 5 kmh", "5", {"unit": "km"}, 0),
        ("€ 12", "12", {"unit": "€"}, 1),
        ("20%", "20", {"unit": "%"}, 1),
        ("7", None, {"value": 7}, 1),
        ("none", "7", {}, 0),
        ("", "7", {}, 0),
    ],
)
async def test_number(output: str, expected: str | None, options: dict[str, Any], score: float):
    assert (await opinion(output, expected, type="number", **options))[0] == score


async def test_number_says_how_far_off_it_is():
    assert (await opinion("41.50", "42", type="number"))[1] == "expected 42, got 41.5 (off by -0.5)"


def test_number_refuses_what_it_can_not_use():
    for options in ({"absolute": -1}, {"relative": float("nan")}, {"value": float("inf")}, {"pick": "best"}):
        assert (refused({"type": "number", **options}).where or "").startswith("checks[0].")
    with pytest.raises(SettingsError, match="the expected output has no number"):
        build_judge(project({"type": "number"}), Path(), [case("many")])
    with pytest.raises(SettingsError, match="has 2 numbers"):
        build_judge(project({"type": "number"}), Path(), [case("1 or 2")])


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=3))
@CALM
def test_a_number_is_found_however_it_is_written(number: Decimal):
    assert find_numbers(f"It is {number:,} or so") == [number]
    assert find_numbers(f"It is {number:f}.") == [number]


@given(st.text())
@CALM
def test_any_text_can_be_searched_for_numbers(text: str):
    assert all(number.is_finite() for number in find_numbers(text))
    assert all(number.is_finite() for number in find_numbers(text, ","))


# --- json ---


async def test_json_fields_counts_weights_orders_and_tolerances():
    expected = json.dumps({"id": 1, "tags": ["a", "b"], "score": 0.5})
    output = json.dumps({"id": 2, "tags": ["b", "a"], "score": 0.51})
    check = {"type": "json_fields", "weights": {"id": 2}, "unordered": ["tags"], "tolerance": 0.02}
    score, reason = await opinion(output, expected, **check)
    assert score == 0.5 and reason == "wrong fields: id should be 1, is 2"


SCHEMA = {
    "type": "object",
    "required": ["label", "items"],
    "additionalProperties": False,
    "properties": {
        "label": {"enum": ["a", "b"]},
        "items": {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
        "code": {"type": "string", "pattern": "^(x+)+$"},
    },
}


ITEM = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, 1.0]) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(ITEM, max_size=5), st.lists(ITEM, max_size=5), st.randoms(use_true_random=False))
@CALM
def test_items_in_any_order_are_those_that_can_be_paired(one: list[Any], other: list[Any], chance: Any):
    def plainly(left: list[Any], right: list[Any]) -> bool:
        return len(left) == len(right) and any(
            all(same_json(*pair) for pair in zip(left, order, strict=True)) for order in permutations(right)
        )

    shuffled = chance.sample(one, len(one))
    check = JsonFields.model_validate({"unordered": [""]})
    for left, right in ((one, other), (one, shuffled), (one, [*shuffled[1:], *other[:1]])):
        assert (check._compare(left, right) == RIGHT) == plainly(left, right)


@pytest.mark.parametrize(
    ("one", "other", "tolerance", "same"),
    [
        ([0, 1], [2, 1], 1, True),
        ([0, 1], [2.5, 1], 1, False),
        ([True, 1], [1, 1], 1, False),
        ([{"a": 0, "b": 5}, {"a": 1, "b": 0}], [{"a": 0.5, "b": 0.5}, {"a": 0.6, "b": 5.5}], 1, True),
        ([{"a": 0, "b": 5}, {"a": 1, "b": 0}], [{"a": 0.5, "b": 0.5}, {"a": 0.6, "b": 7}], 1, False),
        (list(range(20_000)), list(range(20_000))[::-1], 0, True),
        ([{"a": n} for n in range(20_000)], [{"a": n + 0.4} for n in range(20_000)][::-1], 0.5, True),
        ([{"a": n, "b": 0} for n in range(9_000)], [{"a": n + 1, "b": 0} for n in range(9_000)], 0.5, False),
        ([[str(n)] for n in range(20_000)], [[str(n)] for n in range(20_000)][::-1], 0.5, True),
    ],
    ids=range(9),
)
def test_many_items_in_any_order(one: list[Any], other: list[Any], tolerance: float, same: bool):
    check = JsonFields.model_validate({"unordered": [""], "tolerance": float(tolerance)})
    assert (check._compare(one, other) == RIGHT) == same


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ('{"label": "a", "items": [1]}', ""),
        ('{"label": "c", "items": [1]}', "wrong fields: label: 'c' is not one of"),
        ('{"label": "a"}', "wrong fields: items is missing"),
        ('{"label": "a", "items": [], "z": 1}', "which should not be there"),
        ('{"label": "a", "items": ["x"]}', "items.0: 'x' is not of type 'integer'"),
        ("[]", "wrong fields: the value: [] is not of type 'object'"),
        ("", "not JSON"),
        ('Here: {"label": "a", "items": [1]}', "there is text around the JSON"),
        ('```json\n{"label": "a", "items": [1]}\n```', "there is text around the JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
async def test_json_schema(output: str, said: str):
    score, reason = await opinion(output, None, type="json_schema", schema=SCHEMA)
    assert score == (0 if said else 1)
    assert said in reason


async def test_a_schema_with_a_pattern_that_takes_for_ever_fails_the_case_only():
    output = json.dumps({"label": "a", "items": [], "code": "x" * 40 + "!"})
    score, reason = await opinion(output, None, type="json_schema", schema=SCHEMA, timeout=0.5)
    assert score == 0 and "took longer than" in reason


async def test_a_schema_can_be_text_or_a_file_and_a_fence_allowed(tmp_path: Path):
    (tmp_path / "s.json").write_text('{"type": "integer"}')
    for option in ({"file": "s.json"}, {"schema": '{"type": "integer"}'}):
        check = {"type": "json_schema", "allow_fence": True, **option}
        (result,) = await judged("```\n3\n```", None, check, folder=tmp_path)
        assert result.passed


async def test_a_schema_runs_no_code_of_the_project(tmp_path: Path):
    for name in ("jsonschema", "jsonschema_specifications", "referencing", "rpds", "attr", "promptopt"):
        (tmp_path / f"{name}.py").write_text("raise SystemError('code of the project')\n")
    check = {"type": "json_schema", "schema": {"type": "integer"}}
    (result,) = await judged("3", None, check, folder=tmp_path)
    assert result.passed, result.reason


async def test_references_in_a_schema_are_not_fetched():
    schema = {"$ref": "http://127.0.0.1:9/schema.json"}
    score, reason = await opinion("3", None, type="json_schema", schema=schema)
    assert score == 0 and "can't be used" in reason


@pytest.mark.parametrize(
    ("options", "where", "said"),
    [
        ({}, "checks[0]", "needs either schema or file"),
        ({"schema": "{"}, "checks[0].schema", "not JSON"),
        ({"schema": {"type": "nothing"}}, "checks[0].schema", "wrong at type"),
        ({"file": "missing.json"}, "checks[0].file", "can't be read"),
        ({"schema": "[]"}, "checks[0].schema", "neither a table"),
    ],
)
def test_a_wrong_schema_is_refused(options: dict[str, Any], where: str, said: str):
    error = refused({"type": "json_schema", **options})
    assert error.where == where and said in error.what


# --- lists ---


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a, b; c", ["a", " b", " c"]),
        ("- a, b\n- c", ["a, b", "c"]),
        ("Here they are:\n1. a\n2) b", ["a", "b"]),
        ('["a", "b, c"]', ["a", "b, c"]),
        ("```json\n[1, 2]\n```", ["1", "2"]),
        ("", []),
        ("東京、大阪", ["東京", "大阪"]),
    ],
)
def test_lists_are_read_as_people_write_them(text: str, items: list[str]):
    assert read_items(text) == items


@pytest.mark.parametrize(
    ("output", "expected", "options", "score"),
    [
        ("b, A", "a, b", {}, 1),
        ("A", "a", {"ignore_case": False}, 0),
        ("a", "a, b, c", {}, 0.5),
        ("a, a", "a", {}, 1),
        ("a, a", "a", {"duplicates": True}, 2 / 3),
        ("a | b", "b|a", {"separator": "|"}, 1),
        ("", "a", {}, 0),
        ("", "", {}, 1),
    ],
)
async def test_list_f1(output: str, expected: str, options: dict[str, Any], score: float):
    assert (await opinion(output, expected, type="list_f1", **options))[0] == pytest.approx(score)


@pytest.mark.parametrize(
    ("output", "expected", "score"),
    [
        ("Paris, France; Rome, Italy", '["Paris, France", "Rome, Italy"]', 1.0),
        ('["Rome, Italy", "Paris, France"]', "Paris, France; Rome, Italy", 1.0),
        ("Paris, France; Bonn", '["Paris, France", "Rome, Italy"]', 0.5),
        ("a; [b, c]; d", '["a", "[b, c]", "d"]', 1.0),
        ("[a]; b", "[a]; b", 1.0),
    ],
)
async def test_list_f1_reads_a_json_list_also_if_there_is_a_separator(
    output: str, expected: str, score: float
):
    assert (await opinion(output, expected, type="list_f1", separator=";"))[0] == pytest.approx(score)


async def test_list_f1_says_what_is_missing_and_too_many():
    _, reason = await opinion("a, x", "a, b", type="list_f1")
    assert reason == 'lacks "b"; has "x" too many'


@given(st.lists(st.sampled_from("abcdef")), st.lists(st.sampled_from("abcdef")))
@CALM
def test_f1_is_symmetric_and_in_range(one: list[str], other: list[str]):
    score = f1(Counter(one), Counter(other))
    assert score == f1(Counter(other), Counter(one))
    assert 0 <= score <= 1 and (score == 1) == (Counter(one) == Counter(other))


# --- texts ---


def test_rouge_is_what_rouge_score_gives():
    expected, output = (
        "the quick brown fox jumps over the lazy dog",
        "the quick dark fox leaps over the lazy dog",
    )
    assert rouge(expected, output, "rouge1")[2] == pytest.approx(7 / 9)
    assert rouge(expected, output, "rouge2")[2] == pytest.approx(4 / 8)
    assert rouge(expected, output, "rougeL")[2] == pytest.approx(7 / 9)


@given(
    st.lists(st.sampled_from(["a", "b", "c", "d", "e"])), st.lists(st.sampled_from(["a", "b", "c", "d", "e"]))
)
@CALM
def test_rouge_equals_rouge_score(one: list[str], other: list[str]):
    from rouge_score.rouge_scorer import RougeScorer  # pyright: ignore

    names = ["rouge1", "rouge2", "rougeL"]
    theirs: Any = RougeScorer(names).score(" ".join(one), " ".join(other))
    for name in names:
        if len(one) >= 2 and len(other) >= 2:
            ours = rouge(" ".join(one), " ".join(other), name)
            assert ours == pytest.approx((theirs[name].precision, theirs[name].recall, theirs[name].fmeasure))


@given(st.text(max_size=60), st.text(max_size=60))
@CALM
def test_text_measures_are_in_range_and_symmetric(one: str, other: str):
    for variant in ("rouge1", "rouge2", "rougeL"):
        precision, recall, both = rouge(one, other, variant)
        assert all(0 <= score <= 1 for score in (precision, recall, both))
        back = rouge(other, one, variant)
        assert (recall, precision) == back[:2] and both == pytest.approx(back[2])
    cosine = ngram_cosine(one, other)
    assert 0 <= cosine <= 1 and cosine == pytest.approx(ngram_cosine(other, one))


@pytest.mark.parametrize("kind", ["rouge", "bleu", "similarity"])
async def test_text_checks_grade_between_the_same_and_nothing(kind: str):
    text = "The parcel was sent on Monday, and it should arrive by Friday."
    same, _ = await opinion_of(kind, text, text)
    close, reason = await opinion_of(kind, text.replace("Monday", "Tuesday"), text)
    none, _ = await opinion_of(kind, "", text)
    huge, _ = await opinion_of(kind, "word " * 200_000, text)
    assert same == 1 and none == 0 and huge < 0.2
    assert 0.5 < close < 1 and "expected" in reason


async def opinion_of(kind: str, output: str, expected: str) -> tuple[float, str]:
    (result,) = await judged(output, expected, {"type": kind})
    return result.score, result.reason


async def test_similarity_is_labelled_lexical_and_has_a_threshold_of_its_own():
    (result,) = await judged("the cat sat on a mat", "the cat sat on the mat", {"type": "similarity"})
    assert result.passed and 0.8 <= result.score < 1
    assert result.reason.startswith("lexical similarity 0.")
    (strict,) = await judged("the cat", "the cat sat", {"type": "similarity", "threshold": 0.99})
    assert not strict.passed


async def test_japanese_characters_count_as_words():
    assert (await opinion_of("rouge", "東京に行く", "東京に行った"))[0] > 0.5


def test_bleu_without_sacrebleu_is_a_clear_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("promptopt.evaluation.checks.texts.find_spec", lambda name: None)
    error = refused({"type": "bleu"})
    assert "sacrebleu" in error.what and "promptopt[metrics]" in (error.fix or "")


def test_text_checks_need_something_to_compare_with():
    with pytest.raises(SettingsError, match="the expected output is empty"):
        build_judge(project({"type": "rouge"}), Path(), [case(" ")])


# --- form ---


@pytest.mark.parametrize(
    ("text", "unit", "size"),
    [
        ("  abc \n", "characters", 3),
        ("one two", "words", 2),
        ("One. Two! Three?", "sentences", 3),
        ("It is 3.5 m. No end", "sentences", 2),
        ("一。二！", "sentences", 2),
        ("a\n\nb\n", "lines", 2),
        ("", "sentences", 0),
        ("", "lines", 0),
    ],
)
def test_lengths(text: str, unit: Any, size: int):
    assert measure(text, unit) == size


async def test_length():
    assert await opinion("a b c", None, type="length", max=2) == (
        0,
        "too long: 3 words, at most 2 allowed",
    )
    assert (await opinion("a", None, type="length", min=2))[1] == "too short: 1 word, at least 2 wanted"
    assert (await opinion("a b", None, type="length", min=2, max=2))[0] == 1
    assert (await opinion("x" * 5_000_000, None, type="length", unit="characters", max=10))[0] == 0


def test_length_refuses_limits_that_nothing_keeps():
    assert "needs min or max" in refused({"type": "length"}).what
    assert "no output would pass" in refused({"type": "length", "min": 3, "max": 2}).what
    assert refused({"type": "length", "max": 2, "unit": "pages"}).where == "checks[0].unit"
    assert refused({"type": "length", "max": "2"}).where == "checks[0].max"


@pytest.mark.parametrize(
    ("output", "options", "score", "said"),
    [
        ('{"a": 1}', {"json": True}, 1, ""),
        ("{'a': 1}", {"json": True}, 0, "not JSON"),
        ('ok: {"a": 1}', {"json": True}, 0, "there is text around the JSON"),
        ("one\ntwo", {"one_line": True}, 0, "wrong form: 2 lines"),
        (" one\n", {"one_line": True}, 1, ""),
        ("```\nx\n```", {"no_fence": True}, 0, "wrong form: a Markdown code fence"),
        ("Dear you", {"starts_with": "Dear"}, 1, ""),
        ("dear you", {"starts_with": "Dear"}, 0, "wrong form: it should start with"),
        ("dear you", {"starts_with": "Dear", "ignore_case": True}, 1, ""),
        ("the end!", {"ends_with": "."}, 0, "wrong form: it should end with"),
        ("yes", {"one_of": ["yes", "no"]}, 1, ""),
        ("Yes", {"one_of": ["yes", "no"]}, 0, "not one of the allowed outputs"),
        ("a\nb", {"one_line": True, "no_fence": True}, 0.5, "2 lines"),
        ("", {"json": True, "one_line": True}, 0.5, "not JSON"),
    ],
)
async def test_format(output: str, options: dict[str, Any], score: float, said: str):
    got, reason = await opinion(output, None, type="format", **options)
    assert got == score and said in reason


def test_a_format_that_demands_nothing_is_refused():
    assert "demands nothing" in refused({"type": "format"}).what
    error = refused({"type": "format", "jsn": True})
    assert error.where == "checks[0].jsn" and "'json'" in (error.fix or "")


# --- limits ---


async def limited(check: dict[str, Any], response: LLMResponse | None) -> CheckResult:
    judge = build_judge(project(check), Path())
    (result,) = await judge.judge(case(), "x", response)
    await judge.close()
    return result


async def test_latency_and_cost():
    response = LLMResponse(text="x", cost=0.002, latency=1.5)
    assert (await limited({"type": "latency", "max": 2}, response)).passed
    slow = await limited({"type": "latency", "max": 1}, response)
    assert slow.reason == "over the limit: 1.5 s, at most 1 s allowed"
    assert (await limited({"type": "cost", "max": 0.002}, response)).passed
    dear = await limited({"type": "cost", "max": 0.001}, response)
    assert dear.reason == "over the limit: $0.002, at most $0.001 allowed"
    unknown = await limited({"type": "cost", "max": 1}, LLMResponse(text="x"))
    assert not unknown.passed and "not known" in unknown.reason
    assert not (await limited({"type": "latency", "max": 1}, None)).passed


# --- tags ---


async def test_a_check_with_tags_judges_only_cases_that_have_one():
    checks = ({"type": "exact"}, {"type": "length", "max": 1, "tags": ["short", "brief"]})
    judge = build_judge(project(*checks), Path())
    plain = await judge.judge(case("a b"), "a b")
    short = await judge.judge(case("a b", tags=("x", "brief")), "a b")
    assert [result.name for result in plain] == ["exact"]
    assert [result.passed for result in short] == [True, False]
    await judge.close()


def test_a_case_that_no_check_is_for_is_refused():
    with pytest.raises(SettingsError, match="no check applies"):
        build_judge(project({"type": "length", "max": 1, "tags": ["short"]}), Path(), [case("a")])


# --- groups ---

HAS_A: dict[str, Any] = {"type": "contains", "value": "a"}
HAS_B: dict[str, Any] = {"type": "contains", "value": "b", "weight": 3}


@pytest.mark.parametrize(
    ("output", "group", "score", "passed"),
    [
        ("a b", {"type": "all_of"}, 1, True),
        ("a", {"type": "all_of"}, 0.25, False),
        ("b", {"type": "all_of", "threshold": 0.7}, 0.75, True),
        ("a", {"type": "any_of"}, 1, True),
        ("b", {"type": "any_of"}, 1, True),
        ("c", {"type": "any_of"}, 0, False),
        ("", {"type": "any_of"}, 0, False),
    ],
)
async def test_groups(output: str, group: dict[str, Any], score: float, passed: bool):
    (result,) = await judged(output, None, {**group, "checks": [HAS_A, HAS_B]})
    assert (result.score, result.passed) == (score, passed)


async def test_members_pass_by_their_own_thresholds():
    graded = {"type": "contains", "values": ["a", "b", "c"], "threshold": 0.6}
    (both,) = await judged("a b", None, {"type": "all_of", "checks": [graded]})
    (one,) = await judged("a b", None, {"type": "any_of", "checks": [HAS_B | {"value": "z"}, graded]})
    assert both.passed and both.score == pytest.approx(2 / 3)
    assert one.passed and one.score == pytest.approx(2 / 3)


async def test_a_hard_member_fails_the_group_whole_and_the_reason_names_the_member():
    (result,) = await judged("b", None, {"type": "all_of", "checks": [HAS_A | {"hard": True}, HAS_B]})
    assert result.score == 0 and result.reason == 'lacks "a"; got "b" (contains)'


async def test_members_that_do_not_apply_are_left_out():
    group = {"type": "all_of", "checks": [{"type": "exact"}, HAS_A, HAS_B | {"tags": ["b"]}]}
    (result,) = await judged("a", None, group)
    assert result.passed
    assert await judged("a", None, {"type": "any_of", "checks": [{"type": "exact"}]}, HAS_A) == (
        CheckResult(name="contains", score=1, passed=True),
    )


async def test_a_case_can_carry_a_group():
    judge = build_judge(project(HAS_A), Path())
    own = case(None, checks=({"type": "any_of", "checks": [HAS_B, {"type": "length", "max": 1}]},))
    assert [result.passed for result in await judge.judge(own, "a c")] == [True, False]
    await judge.close()


@pytest.mark.parametrize(
    ("checks", "where", "said"),
    [
        ([], "checks[0].checks", "no checks"),
        ([{"type": "any_of", "checks": [HAS_A]}], "checks[0].checks[0]", "a group inside a group"),
        ([{"type": "contians"}], "checks[0].checks[0].type", "no check type"),
        ([HAS_A, {"type": "length"}], "checks[0].checks[1]", "needs min or max"),
        ([{"value": "a"}], "checks[0].checks[0].type", "required"),
        ([{"type": "exact", "weight": 0}], "checks[0].checks[0].weight", "greater than 0"),
    ],
)
def test_wrong_groups_are_refused_with_their_place(checks: list[Any], where: str, said: str):
    error = refused({"type": "all_of", "checks": checks})
    assert error.where == where and said in error.what


def test_a_member_that_can_not_judge_a_case_is_told():
    group = {"type": "any_of", "checks": [{"type": "number"}]}
    with pytest.raises(SettingsError, match="no number"):
        build_judge(project(group), Path(), [case("many")])


OUTPUTS = ["", " ", "\x00\x07", "🦄" * 1000, "x" * 300_000, '{"a": 1}', "ß İ ﬁ", "\ud800"]
EVERY: list[dict[str, Any]] = [
    {"type": "exact", "not": True},
    {"type": "contains"},
    {"type": "regex"},
    {"type": "number", "value": 1},
    {"type": "json_fields"},
    {"type": "json_schema", "schema": True},
    {"type": "list_f1"},
    {"type": "rouge"},
    {"type": "bleu"},
    {"type": "similarity"},
    {"type": "length", "max": 10},
    {"type": "format", "json": True},
    {"type": "latency", "max": 1},
    {"type": "cost", "max": 1},
    {"type": "any_of", "checks": [{"type": "exact"}]},
]


async def test_no_output_makes_a_check_raise():
    judge = build_judge(project(*EVERY), Path())
    for output in OUTPUTS:
        results = await judge.judge(case('{"a": 1}'), output, LLMResponse(text=output, cost=0.0))
        assert len(results) == len(EVERY)
        for result in results:
            assert 0 <= result.score <= 1
            assert "Error" not in result.reason.partition(":")[0], result
    await judge.close()


async def test_a_schema_that_gives_no_verdict_is_told_in_words_of_its_own():
    told: list[str] = []
    check = {"type": "json_schema", "schema": SCHEMA, "timeout": 0.5}
    judge = build_judge(project(check), Path(), notice=told.append)
    for _ in range(2):
        await judge.judge(case(), json.dumps({"label": "a", "items": [], "code": "x" * 40 + "!"}))
    await judge.close()
    assert len(told) == 1 and told[0].startswith("a JSON schema gave no verdict: took longer than")


def test_a_slip_in_the_name_of_a_needed_option_is_told_as_one():
    error = refused({"type": "judge", "rubrik": "x"})
    assert error.where == "checks[0].rubrik" and "did you mean 'rubric'" in (error.fix or "")
