"""Marks are kept as columns, and are what a dictionary of them would be."""

import json

from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain import marks as module
from promptopt.domain.events import CaseMark
from promptopt.domain.marks import Marks

mark = st.builds(
    CaseMark,
    case_id=st.sampled_from("abcdef"),
    score=st.floats(0, 1),
    passed=st.booleans(),
    category=st.sampled_from(["", "wrong format", "other", "[/x] \x1b漢"]),
)


@given(st.lists(mark, max_size=30))
def test_they_are_what_a_dictionary_would_be(told: list[CaseMark]) -> None:
    marks, plain = Marks(), dict[str, CaseMark]()
    for one in told:
        assert marks.add(one) == (one.case_id not in plain)
        plain[one.case_id] = one
    assert dict(marks) == plain and len(marks) == len(plain)
    assert list(marks) == list(plain)
    failed: dict[str, int] = {}
    for one in plain.values():
        if not one.passed:
            failed[one.category or "other"] = failed.get(one.category or "other", 0) + 1
    assert marks.failed == failed
    assert all(marks.passes(name) == plain[name].passed for name in plain)
    for name, one in plain.items():
        assert marks.failure(name) == (None if one.passed else one.category or "other")
    assert marks.failure("z") is None
    assert marks.passes("z") is None and marks.get("z") is None
    assert dict(Marks.of(json.loads(json.dumps(marks.columns())))) == plain
    assert dict(Marks(plain.values())) == plain


def test_categories_without_end_are_not_kept(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "MOST_CATEGORIES", 3)
    marks = Marks(CaseMark(case_id=str(n), score=0.0, passed=False, category=f"c{n}") for n in range(20))
    assert marks.failed == {"other": 18, "c0": 1, "c1": 1}
    assert marks["19"].category == "other"
