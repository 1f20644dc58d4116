"""The sections of a project's editor, as lines."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from promptopt_tui import paint
from promptopt_tui.projects import Projects
from promptopt_tui.views import project as view
from promptopt_tui.widgets.form import FormRow

ODD = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=4)),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["target", "model", "type", "name", "constraints", "file"]), inner)
    ),
    max_leaves=5,
)
TOPS = st.sampled_from(
    ["name", "prompt", "models", "judges", "checks", "task", "optimizer", "budget", "data", "cache"]
)


def projects() -> Projects:
    def never() -> Any:
        raise AssertionError("no store is needed")

    return Projects(never)


KNOWN = view.Known({"refine": None}, {}, projects().checks())


def by_name(rows: list[FormRow]) -> dict[str, FormRow]:
    return {".".join(map(str, row.keys)): row for row in rows if row.setting}


def said(lines: list[paint.Line]) -> str:
    return paint.plain(lines)


@given(data=st.dictionaries(TOPS, ODD))
def test_whatever_a_file_says_every_section_is_drawn(data: dict[str, Any]) -> None:
    for section in view.FORMS:
        rows = view.section_rows(section, data, {}, KNOWN)
        assert len({row.key for row in rows}) == len(rows)
        for row in rows[:3]:
            view.doc_lines(row, 40)


def test_values_defaults_and_flaws() -> None:
    data = {
        "models": {"target": {"model": "m", "temperature": "warm"}},
        "checks": [{"type": "length", "max": 3}],
    }
    flaws = {("models", "target", "temperature"): "found 'warm', expected a number"}
    rows = by_name(view.section_rows("models", data, flaws, KNOWN))
    assert rows["models.target.model"].shown == "m" and rows["models.target.max_tokens"].value is None
    assert rows["models.target.max_tokens"].shown == "1024"
    assert rows["models.optimizer.max_tokens"].shown == "4096"  # the defaults of that role
    assert rows["models.target.temperature"].flaw
    assert "expected a number" in said(view.doc_lines(rows["models.target.temperature"], 80))
    checks = by_name(view.section_rows("checks", data, {}, KNOWN))
    assert checks["checks.0.max"].value == 3 and checks["checks.0.weight"].shown == "1.0"


def test_marks_in_the_prompt_are_set_off() -> None:
    lines = view.prompt_lines("Sort {text} {imput}\n{ not one }", ["text"], 40)
    styles = {text: style for line in lines for text, style in line}
    assert (styles["{text}"], styles["{imput}"]) == ("key", "warn")
    assert styles["{ not one }"] == ""
    assert "user message" in said(view.prompt_note("Sort {text}", ["text"], 60))
    assert "system message" in said(view.prompt_note("Sort it", ["text"], 60))


def test_each_key_of_a_file_is_shown_in_a_section() -> None:
    places = {
        ("name",): "task", ("task", "description"): "task", ("task", "constraints", 0): "checks",
        ("checks", 1, "type"): "checks", ("judges", 0): "models", ("budget", "usd"): "budget",
        ("data", "file"): "settings", ("data", "cases", 3): "cases", ("nonsense",): "file", (): "file",
    }  # fmt: skip
    assert {keys: view.section_of(keys) for keys in places} == places


@given(st.integers(20, 100))
def test_lines_keep_to_their_width(width: int) -> None:
    found = {
        "case_id": "x" * 90, "score": 0.5, "passed": False, "output": "字" * 120, "left_out": ["judge " * 30],
        "checks": [
            {"name": "n" * 70, "score": 0, "passed": False, "weight": 1, "hard": True, "reason": "r " * 90}
        ],
    }  # fmt: skip
    finding = {"check": "c" * 60, "status": "fault", "detail": "d " * 60, "fix": "f " * 50}
    for lines in (view.verdict_lines(found, width), view.doctor_lines([finding], width)):
        assert all(paint.width_of(line) <= max(width, 52) for line in lines)
