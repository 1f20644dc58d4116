"""Forms and questions of one list of fields: what is read, refused, shown, kept; and nobody to be asked."""

import ast
import html
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt import BusinessContext, ColabManager
from promptopt.domain.errors import PromptoptError, SettingsError
from promptopt.notebook.wizards import asking
from promptopt.notebook.wizards.asking import Left, Nobody, Sheet, ask, way_here
from promptopt.notebook.wizards.business import FIELDS, business_context
from promptopt.notebook.wizards.fields import Field, Unread, completed
from tests.notebook.kernels import OLDER, kernel
from tests.notebook.test_live_view import HOSTILE, Tags

ALL = (
    Field(
        "name", "Name", required=True, check=lambda said: "no digits" if any(map(str.isdigit, said)) else ""
    ),
    Field("about", "About", "paragraph"),
    Field("parts", "Parts", "list"),
    Field("count", "Count", "whole", least=1, most=50),
    Field("usd", "USD", "number", least=0),
    Field("kind", "Kind", "choice", options=("first", "second")),
    Field("some", "Some", "choices", options=("red", "green", "blue")),
    Field("sure", "Sure", "yes"),
)
BEGUN = completed(ALL, {"name": "Ann", "kind": "first", "some": ("red", "blue"), "parts": ["a"], "usd": 1.5})


def sheet(**more: Any) -> Sheet:
    return Sheet("Tried", ALL, preview=lambda values: f"{values}", previewed="What comes of it", **more)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Answers questions, one after the other, and keeps them."""

    def answers(*typed: str) -> list[str]:
        waiting, asked = list(typed), []

        def answer(question: str = "") -> str:
            asked.append(question)
            if not waiting:
                raise EOFError
            return waiting.pop(0)

        monkeypatch.setattr("builtins.input", answer)
        return asked

    return answers


@pytest.mark.parametrize(
    ("field", "typed", "value"),
    [
        (ALL[2], "a; b ;; c", ("a", "b", "c")),
        (ALL[2], "a; b\nc\n", ("a; b", "c")),
        (ALL[3], "1,200", 1200),
        (ALL[3], "12.5", None),
        (ALL[3], "nan", None),
        (ALL[3], "1e400", None),
        (ALL[4], "$2.50", 2.5),
        (ALL[4], "two", None),
        (ALL[5], "2", "second"),
        (ALL[5], "secnd", "second"),
        (ALL[5], "3", None),
        (ALL[6], "blue, 1", ("red", "blue")),
        (ALL[6], "all", ("red", "green", "blue")),
        (ALL[6], "", ()),
        (ALL[6], "purple", None),
        (ALL[7], "Y", True),
        (ALL[7], "maybe", None),
    ],
)
def test_what_is_typed_is_read(field: Field, typed: str, value: Any) -> None:
    if value is None:
        with pytest.raises(Unread, match="expected"):
            field.read(typed)
    else:
        assert field.read(typed) == value


@given(st.lists(st.sampled_from(ALL[6].options), unique=True), st.integers(1, 50), st.booleans())
def test_what_is_shown_as_default_is_read_back(some: list[str], count: int, sure: bool) -> None:
    ordered = tuple(option for option in ALL[6].options if option in some)
    for field, value in ((ALL[6], ordered), (ALL[3], count), (ALL[7], sure)):
        assert field.read(field.typed(value)) == value


def test_questions_take_defaults_refuse_and_go_round_again(
    person: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    first = ["", "text", "-", "x", "90", "5", "", "2", "green", "y"]
    asked = person("Ann1", *first, "no", *[""] * 8, "yes")
    values = ask(sheet(), BEGUN, "questions")
    assert values == {
        "name": "Ann", "about": "text", "parts": (), "count": 5, "usd": 1.5, "kind": "second",
        "some": ("green",), "sure": True,
    }  # fmt: skip
    out = capsys.readouterr().out
    assert "no digits" in out and "expected a whole number" in out and "expected at most 50" in out
    assert "  name [Ann]: " in asked and "  some [red, blue]: " in asked and "What comes of it" in out


def test_what_is_wrong_with_the_whole_is_asked_for_again(
    person: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    def check(values: dict[str, Any]) -> dict[str, str]:
        return {} if values["count"] == 2 else {"count": "two are needed"}

    person(*[""] * 3, "1", *[""] * 4, "2", "")
    assert ask(sheet(check=check), BEGUN, "questions")["count"] == 2
    assert "two are needed" in capsys.readouterr().out


def test_an_interrupt_is_told_and_nobody_is_nobody(
    monkeypatch: pytest.MonkeyPatch, person: Callable[..., list[str]]
) -> None:
    person("")
    with pytest.raises(Nobody):
        ask(sheet(), BEGUN, "questions")
    with pytest.raises(Nobody):
        ask(sheet(), BEGUN, "defaults")

    def interrupted(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    with pytest.raises(Left, match="was interrupted before it was done"):
        ask(sheet(), BEGUN, "questions")


def test_who_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kernel:
        _allow_stdin = True

    monkeypatch.setattr("sys.stdin", None)
    assert way_here() == "defaults"
    monkeypatch.setattr(asking, "_terminal", lambda: True)
    assert way_here() == "questions"
    with pytest.raises(SettingsError, match="a form needs a notebook"):
        business_context(way="form")
    with pytest.raises(SettingsError, match="found way='from'"):
        business_context(way="from")  # type: ignore[arg-type]
    monkeypatch.setattr(asking, "kernel", Kernel)
    monkeypatch.setattr(asking, "find_spec", lambda _: object())
    assert way_here() == "questions"  # it can't hear widgets
    with pytest.raises(SettingsError, match="hears no form"):
        business_context(way="form")
    monkeypatch.setattr(asking, "can_hear", lambda: True)
    assert way_here() == "form"
    monkeypatch.setattr(Kernel, "_allow_stdin", False)
    assert way_here() == "defaults"
    monkeypatch.setattr(asking, "in_colab", lambda: True)
    assert way_here() == "questions"  # which says itself whether anybody is there


# The business


def test_if_nobody_is_there_the_example_is_taken_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    context = ColabManager().create_business_context_wizard()
    assert context.example and context.company == "Acme Corp" and context.products
    said = capsys.readouterr().out
    assert "nobody is here to be asked" in said and "example company" in said and "(made up)" in said


def test_what_nobody_is_asked_about_comes_from_where_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manager, path = ColabManager(), tmp_path / "company.yaml"
    assert manager.create_business_context_wizard({"company": "B"}, path).company == "B"
    assert not path.exists()  # nobody agreed to it
    BusinessContext.of({"company": "C", "max_words": 9}).save(path)
    assert manager.create_business_context_wizard(path=path).max_words == 9
    assert manager.create_business_context_wizard(str(path)).company == "C"
    assert f"what {path} says: C" in capsys.readouterr().out
    with pytest.raises(PromptoptError, match="no such company file"):
        manager.create_business_context_wizard(str(tmp_path / "none.yaml"))


def test_answers_make_a_context_and_keep_what_has_no_field(
    person: Callable[..., list[str]], tmp_path: Path
) -> None:
    path = tmp_path / "company.yaml"
    begun = {
        "company": "Acme",
        "example": True,
        "plans": "two",
        "rules": [{"name": "x", "not_regex": "http"}],
    }
    typed = {"company": "B & C", "products": "one; two", "tone": "5", "max_words": "40", "strict": "yes"}
    person(*(typed.get(field.key, "") for field in FIELDS), "", "")
    made = ColabManager().create_business_context_wizard(begun, path, way="questions")
    assert (made.company, made.products, made.max_words, made.strict) == ("B & C", ("one", "two"), 40, True)
    assert made.tone.startswith("formal") and not made.example and made.model_extra == {"plans": "two"}
    assert [rule.name for rule in made.rules] == ["x"] and BusinessContext.load(path) == made
    assert {field.key for field in FIELDS} <= BusinessContext.model_fields.keys()


# Widgets


@pytest.fixture
def form() -> Iterator[Callable[..., Any]]:
    pytest.importorskip("ipywidgets")
    from promptopt.notebook.wizards.form import Form

    yield Form


def test_a_form_says_at_once_what_is_wrong(form: Callable[..., Any]) -> None:
    made = form(sheet(), BEGUN)
    assert made.read() == ({**BEGUN, "parts": ("a",)}, {}) and not made.use.disabled
    made.controls["count"].value = "many"
    assert made.use.disabled and "expected a whole number" in made.notes["count"].value
    assert "1 to mend" in made.preview.value
    made.controls["name"].value = ""
    assert "needed" in made.notes["name"].value or "1 to mend" in made.preview.value
    made.use.click()
    assert not made.done
    made.controls["count"].value, made.controls["name"].value = "7", "Zoe"
    made.controls["some"].children[1].value = True
    made.controls["sure"].value = True
    assert not made.use.disabled and html.escape("'count': 7", quote=False) in html.unescape(
        made.preview.value
    )
    made.use.click()
    assert made.done and made.read()[0]["some"] == ("red", "green", "blue")


def test_a_form_keeps_and_loads(tmp_path: Path, form: Callable[..., Any]) -> None:
    from promptopt.notebook.wizards.business import _Desk

    desk = _Desk(BusinessContext.of({"company": "A"}))
    made = form(desk.sheet(""), desk.values())
    made.save.click()
    assert "name a file first" in made.said.value
    made.path.value = str(tmp_path / "c.yaml")
    made.load.click()
    assert "no such company file" in made.said.value
    BusinessContext.of({"company": "B", "values": ["x"], "plans": "two"}).save(made.path.value)
    made.load.click()
    assert made.controls["company"].value == "B" and "Plans: two" in made.preview.value
    made.controls["max_words"].value = "0"
    made.save.click()
    assert "not saved" in made.said.value
    made.controls["max_words"].value = "3"
    made.save.click()
    saved = BusinessContext.load(made.path.value)
    assert (saved.max_words, saved.values, saved.model_extra) == (3, ("x",), {"plans": "two"})


def test_what_only_the_whole_can_tell_is_shown_too(form: Callable[..., Any]) -> None:
    from promptopt.notebook.wizards.business import _Desk

    desk = _Desk(BusinessContext.of({"company": "A", "min_words": 9}))
    made = form(desk.sheet(""), desk.values())
    made.controls["max_words"].value = "5"
    assert made.use.disabled and "min_words 9" in made.preview.value


def test_hostile_text_is_text(form: Callable[..., Any]) -> None:
    fields = (Field("a", HOSTILE, help=HOSTILE, group=HOSTILE, check=lambda said: said),)
    made = form(Sheet(HOSTILE, fields, lambda values: HOSTILE, HOSTILE, about=HOSTILE), {"a": ""})
    plain = Tags(shown(made.box)).seen
    made.controls["a"].value = HOSTILE
    tags = Tags(shown(made.box))
    assert not {"script", "img"} & tags.seen.keys() | {"script", "img"} & plain.keys() and not tags.handlers


def shown(box: Any) -> str:
    """All HTML of a widget and those in it."""
    own = box.value if type(box).__name__ == "HTML" else ""
    return own + "".join(map(shown, getattr(box, "children", ())))


KERNELS = {"this": sys.executable, "ipykernel 6": OLDER}

CELL = """
import json, promptopt
from promptopt.notebook.wizards import form
wait = form.Form.wait
def told(self):
    ids = {key: self.controls[key].comm.comm_id for key in ("company", "max_words")}
    print(json.dumps({**ids, "use": self.use.comm.comm_id}), flush=True)
    return wait(self)
form.Form.wait = told
context = promptopt.ColabManager().create_business_context_wizard()
print([context.company, context.max_words])
"""


@pytest.mark.parametrize("which", KERNELS)
def test_a_form_is_heard_while_its_cell_waits(which: str, tmp_path: Path) -> None:
    pytest.importorskip("ipywidgets")
    pytest.importorskip("jupyter_client")
    if not KERNELS[which]:
        pytest.skip("PROMPTOPT_IPYKERNEL6 names no Python with ipykernel 6")
    with kernel(KERNELS[which], tmp_path) as cells:
        waiting = cells.send(CELL)
        cells.until(waiting, "}\n")
        ids = json.loads(cells.out[waiting].splitlines()[0])
        for key, value in (("company", "Zoe's"), ("max_words", "many"), ("max_words", "12")):
            cells.click(ids[key], {"method": "update", "state": {"value": value}, "buffer_paths": []})
        cells.click(ids["use"], {"method": "custom", "content": {"event": "click"}})
        assert cells.reply(waiting)["status"] == "ok"
        assert ast.literal_eval(cells.out[waiting].splitlines()[-1]) == ["Zoe's", 12]
        left = cells.send("context = promptopt.ColabManager().create_business_context_wizard()")
        cells.until(left, "}\n")
        cells.manager.interrupt_kernel()
        content = cells.reply(left)
        assert content["ename"] == "Left" and "was interrupted" in content["evalue"]
        assert cells.run("print(context.company)") == "Zoe's\n"
