"""Categories: what each rule catches, on the kinds of tasks that there are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.dataset import Example
from promptopt.domain.results import CATEGORIES, CheckResult
from promptopt.evaluation.categories import categorize, is_label
from promptopt.evaluation.checks import reasons


def failed(reason: str = "", name: str = "exact") -> tuple[CheckResult, ...]:
    return (CheckResult(name=name, score=0.0, passed=False, reason=reason),)


def category(
    output: str, expected: str | None, given: str = "My bill is wrong", checks: tuple[CheckResult, ...] = ()
) -> str:
    case = Example(id="1", inputs={"input": given}, expected=expected)
    return categorize(case, output, checks or failed('expected "x", got "y"'), "", "stop")


def test_what_passed_has_none():
    case = Example(id="1", inputs={"input": "x"}, expected="a")
    passed = (CheckResult(name="exact", score=1.0, passed=True),)
    assert categorize(case, "a", passed, "", "stop") == ""
    assert categorize(case, "a", passed, "", "length") == ""


@pytest.mark.parametrize(
    ("output", "error", "finish_reason", "wanted"),
    [
        ("", "timed out", "", "error"),
        ("  \n", "", "stop", "error"),
        ("half", "", "content_filter", "error"),
        ("billing beca", "", "length", "truncated"),
        ("", "", "length", "truncated"),
    ],
)
def test_how_the_call_ended_comes_first(output: str, error: str, finish_reason: str, wanted: str):
    case = Example(id="1", inputs={"input": "x"}, expected="billing")
    assert categorize(case, output, () if error else failed(), error, finish_reason) == wanted


@pytest.mark.parametrize(
    "output",
    [
        "I'm sorry, but I can't help with that.",
        "I am sorry, I cannot assist with this request.",
        "As an AI, I have no opinion on this.",
        "I must decline.",
        "I’m not able to process this mail.",
    ],
)
def test_refusals(output: str):
    assert category(output, "billing") == "refusal"
    assert category(output, '{"queue": "billing"}') == "refusal"
    assert category(output, None) == "refusal"


def test_what_only_sounds_like_a_refusal():
    assert category("I can't help but say billing", "billing") == "too verbose"
    assert category('{"reply": "I cannot help"}', '{"reply": "Hello there"}') != "refusal"
    apology = "I cannot process a refund after 30 days."
    assert category("I cannot process a refund after 30 dayz, dear", apology) != "refusal"


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ("The queue is billing.", "too verbose"),
        ("Queue: billing", "too verbose"),
        ("Billing", "near miss"),
        ("billing.", "near miss"),
        ("**billing**", "near miss"),
        ("biling", "near miss"),
        ("sales", "wrong reasoning"),
        ("non-billing", "too verbose"),
        ("The customer is upset because of several things at once, so somebody should call", "wrong format"),
    ],
)
def test_labels(output: str, wanted: str):
    assert category(output, "billing") == wanted


@pytest.mark.parametrize(
    ("output", "expected"),
    [("incorrect", "correct"), ("class 2", "class 1"), ("disagree", "agree"), ("no", "yes"), ("B", "A")],
)
def test_other_labels_are_no_near_misses(output: str, expected: str):
    assert category(output, expected) == "wrong reasoning"


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ("42 km", "near miss"),
        ("42.0", "near miss"),
        ("43", "near miss"),
        ("-42", "near miss"),
        ("4200", "near miss"),
        ("57", "wrong reasoning"),
        ("The sum is 42", "too verbose"),
        ("none", "wrong reasoning"),
    ],
)
def test_numbers(output: str, wanted: str):
    assert category(output, "42") == wanted


def test_a_wrong_end_of_a_long_reasoning_is_no_fault_of_form_if_the_check_wants_none():
    steps = "First we add the apples, then the pears, and then all of the plums, which makes 57"
    assert category(steps, "42", checks=failed('lacks "42"', "contains")) == "wrong reasoning"


PERSON = '{"name": "Ann", "age": 7, "city": "Ulm"}'
GIVEN = "Ann, 7, has lived in Ulm since 2001."


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        (f"```json\n{PERSON}\n```", "wrong format"),
        (f"Here you are: {PERSON}", "wrong format"),
        ("Ann is seven", "wrong format"),
        ('{"name": "Ann", "age": 7, "ci', "truncated"),
        ('```json\n{"name": "Ann",', "truncated"),
        ('{"name": "Ann", "age": 7}', "wrong structure"),
        ('{"name": "Ann", "age": "7", "city": "Ulm"}', "wrong structure"),
        ('["Ann", 7, "Ulm"]', "wrong structure"),
        ('{"name": "Ann", "age": 7, "city": "Ulm", "since": 2001}', "wrong structure"),
        ('{"name": "Ann", "age": 7, "city": "Ulm", "zip": "89073"}', "hallucination"),
        ('{"name": "Ann", "age": 7, "city": "Bonn"}', "hallucination"),
        ('{"name": "Ann", "age": 7, "city": null}', "missing information"),
        ('{"name": "Ann", "age": 7, "city": "ULM"}', "near miss"),
        ('{"name": "Ann", "age": 2001, "city": "Ulm"}', "wrong reasoning"),
    ],
)
def test_json(output: str, wanted: str):
    assert category(output, PERSON, GIVEN) == wanted


def test_json_lists_and_nulls():
    assert category('["a"]', '["a", "b"]', "a b") == "missing information"
    assert category('["a", "b", "c"]', '["a", "b"]', "a b") == "hallucination"
    assert category('{"city": "Ulm"}', '{"city": null}', "Ann is here") == "hallucination"
    assert category("[" * 400 + "1" + "]" * 400, "[1]") in CATEGORIES


TEXT = "The invoice of 40 EUR was paid by Ms Tarn on Monday, and the order ships this week."
MAIL = "Ms Tarn paid the invoice of 40 EUR on Monday. The order ships this week."


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        (TEXT.replace("paid", "payed"), "near miss"),
        (TEXT + " Thank you for reading all of this, we really hope that it was of use." * 3, "too verbose"),
        ("It was paid.", "too terse"),
        (
            "Someone wrote about a purchase and we should look after it as soon as we find the time.",
            "missing information",
        ),
        (TEXT.replace("40", "95").replace("this week", "very soon"), "hallucination"),
        ("The order of Ms Tarn ships Monday, the invoice of 40 EUR was paid this week", "wrong reasoning"),
    ],
)  # fmt: skip
def test_texts(output: str, wanted: str):
    assert category(output, TEXT, MAIL) == wanted


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        (f"{reasons.TOO_LONG}12 words, at most 3 allowed", "too verbose"),
        (f"{reasons.TOO_SHORT}1 word, at least 3 wanted", "too terse"),
        ("assert len(output.split()) <= 3 (was 12)", "too verbose"),
        ("assert len(output) >= 30 (was 12)", "too terse"),
        ("assert 'refund' in output (was 'x')", "missing information"),
        ("assert output.startswith('Dear')", "wrong format"),
        ("JSONDecodeError: Expecting value (line 1)", "wrong format"),
        ("KeyError: 'queue' (line 2)", "wrong structure"),
        (f'{reasons.NO_MATCH}"x": "y"', "wrong format"),
        (f'{reasons.LACKS}"refund"', "missing information"),
        (f"{reasons.FIELDS_WRONG}a is missing", "wrong structure"),
        (f"{reasons.FIELDS_WRONG}a should be 1, is 2", "wrong reasoning"),
        (f"{reasons.NOT_JSON} (Expecting value)", "wrong format"),
        (f'{reasons.NOT_ALLOWED}"tax" (allowed: billing, sales)', "wrong format"),
        ("assert judge(output)", "other"),
    ],
)
def test_without_an_expected_output_the_reasons_tell(reason: str, wanted: str):
    assert category("Some output", None, checks=failed(reason, "own")) == wanted


def test_an_allowed_output_inside_prose():
    reason = f'{reasons.NOT_ALLOWED}"It is sales." (allowed: billing, sales)'
    assert category("It is sales.", None, checks=failed(reason, "constraint queue")) == "too verbose"


def test_broken_constraints_beside_a_right_answer():
    checks = (
        CheckResult(name="contains", score=1.0, passed=True),
        *failed(f"{reasons.TOO_LONG}9 words, at most 3 allowed", "constraint short"),
    )
    case = Example(id="1", inputs={"input": "x"}, expected="billing")
    assert categorize(case, "well I do think that this is about billing", checks, "", "stop") == "too verbose"


def test_labels_are_short():
    assert is_label("billing")
    assert is_label(" New York City ")
    assert not is_label("")
    assert not is_label("one two three four five")
    assert not is_label("a\nb")


@pytest.mark.parametrize("output", ["``` \n" + "\n" * 300_000, "a" + " " * 300_000 + "b", "```\n" * 100_000])
@pytest.mark.parametrize("expected", ["billing", PERSON, TEXT, None])
def test_hostile_outputs_take_no_quadratic_time(output: str, expected: str | None):
    """With backtracking patterns one of these would run into the suite's time limit."""
    assert category(output, expected) in CATEGORIES


@given(st.text(max_size=80), st.none() | st.text(max_size=40) | st.just('{"a": [1, {"b": null}]}'), st.text())
@settings(derandomize=True, deadline=None, max_examples=200)
def test_every_failure_gets_a_known_category(output: str, expected: str | None, reason: str):
    assert category(output, expected, checks=failed(reason)) in CATEGORIES
