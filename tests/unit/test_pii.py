"""Personal data and secrets are found, and what only looks like them is left alone."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain.compliance import ComplianceSettings
from promptopt.domain.errors import SettingsError
from promptopt.domain.pii import checksums, national
from promptopt.domain.pii.find import find_pii
from promptopt.domain.pii.finding import KINDS, Finding, Kind, in_words
from promptopt.domain.pii.looking import looker
from promptopt.domain.pii.overlaps import without_overlaps

LINES = Path(__file__).with_name("pii_lines.txt")
MARK = re.compile(r"\[\[(\w+)\|(.*?)\]\](?!\])", re.DOTALL)

RECALL, PRECISION = 0.95, 0.95
"""Over all values of the labelled lines."""

RECALL_OF_A_KIND = 0.85


def labelled() -> list[tuple[str, list[tuple[str, int, int]]]]:
    """Texts, and the values in each: kind, start, end."""
    found: list[tuple[str, list[tuple[str, int, int]]]] = []
    for line in LINES.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line:
            continue
        text, spans, at = "", [], 0
        for match in MARK.finditer(line):
            text += line[at : match.start()].replace("\\n", "\n")
            value = match[2].replace("\\n", "\n")
            spans.append((match[1], len(text), len(text) + len(value)))
            text += value
            at = match.end()
        found.append((text + line[at:].replace("\\n", "\n"), spans))
    return found


def hits(found: list[Finding], wanted: list[tuple[str, int, int]]) -> tuple[list[str], list[str], list[str]]:
    """Kinds of values that were found whole, missed, and found where there are none."""
    good, missed = [], []
    for kind, start, end in wanted:
        # A title may be taken with its name, and a sign at an end be left out; no more.
        whole = any(each.kind == kind and each.start <= start + 4 and each.end >= end for each in found)
        (good if whole else missed).append(kind)
    false = [
        each.kind
        for each in found
        if not any(each.kind == kind and each.start < end and start < each.end for kind, start, end in wanted)
    ]
    return good, missed, false


def test_precision_and_recall_on_labelled_messages() -> None:
    good: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    false: Counter[str] = Counter()
    told: list[str] = []
    for text, wanted in labelled():
        right, lost, wrong = hits(find_pii(text), wanted)
        good.update(right)
        missed.update(lost)
        false.update(wrong)
        if lost or wrong:
            told.append(f"missed {lost} false {wrong}: {text!r}")
    report = "\n".join(told)
    recall = good.total() / (good.total() + missed.total())
    precision = good.total() / (good.total() + false.total())
    assert recall >= RECALL, f"recall {recall:.3f}\n{report}"
    assert precision >= PRECISION, f"precision {precision:.3f}\n{report}"
    for kind in KINDS:
        assert good[kind] >= RECALL_OF_A_KIND * (good[kind] + missed[kind]), f"{kind}\n{report}"


def test_the_labelled_set_is_worth_the_name() -> None:
    lines = labelled()
    kinds = Counter(kind for _, wanted in lines for kind, _, _ in wanted)
    assert len(lines) >= 300
    assert set(kinds) == set(KINDS) - {"national_id"}
    assert sum(not wanted for _, wanted in lines) >= 120


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("４１１１\u200b １１１１ １１１１ １１１１!", "４１１１\u200b １１１１ １１１１ １１１１"),
        ("at jo\u00adhn@ac\u200dme.com now", "jo\u00adhn@ac\u200dme.com"),
        ("ring +1\u2011202\u2011555\u20110143.", "+1\u2011202\u2011555\u20110143"),
        (
            "to DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
            "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
        ),
    ],
)
def test_a_value_is_told_where_it_stands_in_the_text_as_given(text: str, value: str) -> None:
    (found,) = find_pii(text)
    assert text[found.start : found.end] == value


def test_names_that_are_given_are_found_wherever_they_stand() -> None:
    text = "the file of ANNA  schmidt, not of Annabell Schmidtke"
    assert not find_pii(text)
    (found,) = find_pii(text, names=["Anna Schmidt"])
    assert text[found.start : found.end] == "ANNA  schmidt"


def test_what_is_public_is_nobodys_name_nor_are_its_words() -> None:
    text = "This is Acme Desk. The Desk asks Dear Sarah, open Acme Desk"
    look = looker(ComplianceSettings(pii="redact", public=["Acme Desk"]).policy(), KINDS)
    assert [text[each.start : each.end] for each in look(text)] == ["Sarah"]
    assert "Desk" in [text[each.start : each.end] for each in find_pii(text)]


def test_only_what_is_wanted_is_looked_for() -> None:
    text = "Dear Sarah, mail sarah@acme.com"
    assert [each.kind for each in find_pii(text, kinds=["email"])] == ["email"]
    assert [each.kind for each in find_pii("Sehr geehrte Frau Roth", languages=["en"])] == []


def test_a_finding_can_be_logged() -> None:
    text = "write to sarah@acme.com"
    assert "sarah" not in repr(find_pii(text))


def test_counts_in_words() -> None:
    counts: dict[Kind, int] = {"email": 1, "name": 2}
    assert in_words(counts) == "2 names, 1 e-mail address"


@pytest.mark.parametrize("number", ["86095742719", "47036892816", "65929970489", "57549285017"])
def test_german_tax_ids_prove_themselves(number: str) -> None:
    assert checksums.de_tax_id(number)
    assert not any(checksums.de_tax_id(number[:10] + wrong) for wrong in "0123456789" if wrong != number[10])


@given(
    st.text(alphabet=st.sampled_from("DE89 370400\u200b4405@acme.com-+()Dear MrSmith,\n４:/ßöpassword=x1"))
)
def test_findings_lie_in_the_text_in_order_and_apart(text: str) -> None:
    last = 0
    for each in find_pii(text):
        assert last <= each.start < each.end <= len(text)
        assert 0 < each.confidence <= 1
        last = each.end


@given(st.integers(10**14, 10**15 - 1))
def test_luhn_knows_every_wrong_digit(number: int) -> None:
    body = str(number)
    right = [last for last in "0123456789" if checksums.luhn(body + last)]
    assert len(right) == 1


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=40))
def test_of_overlapping_spans_the_preferred_ones_are_kept_apart(places: list[tuple[int, int]]) -> None:
    spans = [(start, start + length) for start, length in places]
    wanted: list[tuple[int, int]] = []
    for start, end in spans:
        if not any(start < other[1] and other[0] < end for other in wanted):
            wanted.append((start, end))
    assert without_overlaps(spans, lambda span: span) == sorted(wanted)


# Identity numbers by presidio: a stand-in for the package, and the package itself where it is installed.

PRESIDIO = ComplianceSettings(pii="redact", detectors=["presidio"]).policy()


class StandIn:
    """A recognizer of ten digits, and of two letters and six digits, both with full marks."""

    supported_entities = ("ID",)
    context = ("nhs", "health number")

    def __init__(self, supported_language: str) -> None:
        assert supported_language == "en"

    def analyze(self, text: str, entities: Any, artifacts: None) -> list[SimpleNamespace]:
        found = re.finditer(r"[0-9]{10}|[A-Z]{2}[0-9]{6}|[a-z]{2}[0-9]{6}", text)
        score = {True: 0.5, False: 1.0}
        return [SimpleNamespace(start=m.start(), end=m.end(), score=score[m[0][0].islower()]) for m in found]


@pytest.fixture
def presidio(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package, module = ModuleType("presidio_analyzer"), ModuleType("presidio_analyzer.predefined_recognizers")
    module.NhsRecognizer = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "presidio_analyzer", package)
    monkeypatch.setitem(sys.modules, "presidio_analyzer.predefined_recognizers", module)
    monkeypatch.setattr(national, "installed", lambda: True)
    national._recognizers.cache_clear()
    yield
    national._recognizers.cache_clear()


@pytest.mark.usefixtures("presidio")
@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("order 9434765919 was shipped", []),
        ("my NHS number is 9434765919", ["9434765919"]),
        ("my \uff2e\uff28\uff33 number is \uff19434765919", ["\uff19434765919"]),
        ("pass AB123456, mail jo@acme.com", ["AB123456", "jo@acme.com"]),
        ("code ab123456", []),
        ("nothing here", []),
    ],
)
def test_identity_numbers_join_our_own_findings(text: str, values: list[str]) -> None:
    found = looker(PRESIDIO, KINDS)(text)
    assert [text[each.start : each.end] for each in found] == values
    assert all(each.kind == "national_id" for each in found if "@" not in text[each.start : each.end])
    assert "jo@acme.com" not in [text[e.start : e.end] for e in looker(PRESIDIO, ["national_id"])(text)]


def test_a_detector_that_is_not_there_is_named_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(national, "installed", lambda: False)
    with pytest.raises(SettingsError, match="presidio-analyzer") as error:
        looker(PRESIDIO, ["email"])
    assert "promptopt[pii]" in error.value.fix
    looker(ComplianceSettings(pii="redact").policy(), ["email"])


@pytest.mark.skipif(not national.installed(), reason="presidio-analyzer is not installed")
def test_presidio_finds_numbers_that_our_patterns_do_not_and_marks_no_labelled_message() -> None:
    for text, value in (
        ("Mi DNI es 12345678Z.", "12345678Z"),
        ("Il mio codice fiscale è RSSMRA85T10A562S.", "RSSMRA85T10A562S"),
        ("Mój PESEL to 44051401359.", "44051401359"),
        ("My NHS number is 943 476 5919.", "943 476 5919"),
    ):
        found = national.find_national_ids(text)
        assert value in [text[each.start : each.end] for each in found], value
    assert national.find_national_ids("order 9434765919 was shipped") == []
    assert [text for text, _ in labelled() if national.find_national_ids(text)] == []
