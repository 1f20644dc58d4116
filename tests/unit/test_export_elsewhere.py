"""What LangChain, DSPy and promptfoo send by an exported prompt is what was scored."""

import json
from dataclasses import replace
from typing import Any

import dspy
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from langchain_core.messages import BaseMessage

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.settings import ModelSettings
from promptopt.store.export import FORMATS, Exported, Format, export
from promptopt.store.export.asset import RESERVED, variables
from promptopt.store.export.documents import literal
from promptopt.store.export.modules import DSPY_NAMES
from promptopt.store.export.reading import format_of, holds, run_of

MODEL = ModelSettings(model="openai/gpt-4o-mini", temperature=0.0, max_tokens=64)
ROLES = {"human": "user", "ai": "assistant", "system": "system"}

columns = st.lists(
    st.sampled_from(["a", "b", "input", "in put", "class", "self", "a.b", "x[0]", "é", "_", "json", "A"]),
    min_size=1,
    max_size=3,
    unique=True,
)
pieces = st.sampled_from(
    ["{", "}", "{{", "}}", "{{ a }}", "{% raw %}", "{% endraw %}", "{#", "#}", "$a", "${a}", "{a}", "{b}",
     "{input}", "{in put}", "{a.b}", "{x[0]}", "%s", "\\n", "\n", '"', "'''", '"""', "\\", "<b>", "word", " "]
)  # fmt: skip
texts = st.lists(pieces, max_size=12).map("".join)
values = st.text(st.sampled_from("{}%a\n\"'\\ é😀"), min_size=1, max_size=12)


@st.composite
def prompts(draw: st.DrawFn) -> tuple[Exported, Example]:
    names = tuple(draw(columns))
    shown = tuple(
        Example(id=f"d{number}", inputs={name: draw(values) for name in names}, expected=draw(values))
        for number in range(draw(st.integers(0, 2)))
    )
    prompt = Prompt(text=draw(texts), demonstrations=shown)
    case = Example(id="x", inputs={name: draw(values) for name in names})
    return Exported(prompt, names, MODEL, {"project": 'x\n"""\nraise SystemExit'}), case


def sent(what: Exported, case: Example) -> list[dict[str, str]]:
    return [message.model_dump() for message in what.prompt.render(case)]


def module(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "exported", "exec"), names)
    return names


@given(prompts())
@settings(deadline=None)
def test_langchain_sends_what_was_scored(given_: tuple[Exported, Example]) -> None:
    what, case = given_
    got: list[BaseMessage] = module(export(what, "langchain"))["messages"](case.inputs)

    assert [{"role": ROLES[each.type], "content": each.content} for each in got] == sent(what, case)


class Recorder(dspy.LM):
    """Answers everything with a word, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__("recorder/x", cache=False)
        self.asked: list[Any] = []

    def __call__(self, prompt: Any = None, *, messages: Any = None, **kwargs: Any) -> list[str]:
        self.asked.append(messages)
        return ["the answer"]


@given(prompts())
@settings(deadline=None, max_examples=40)
def test_dspy_sends_what_was_scored(given_: tuple[Exported, Example]) -> None:
    what, case = given_
    names = module(export(what, "dspy"))
    lm = Recorder()
    with dspy.context(lm=lm):
        answer = names["program"](**{names["FIELDS"][name]: text for name, text in case.inputs.items()})

    assert lm.asked == [sent(what, case)]
    assert answer[names["OUTPUT"]] == "the answer"


def test_dspy_can_go_on_with_the_program() -> None:
    names = module(export(Exported(Prompt(text="  Label {a}.\n    Now."), ("a",), MODEL), "dspy"))
    program, lm = names["Program"](), Recorder()
    program.predict.signature = program.predict.signature.with_instructions("Say it: {a}")
    program.predict.demos = [dspy.Example(a="one", output="two")]
    with dspy.context(lm=lm):
        program(a="three")

    assert [each["content"] for each in lm.asked[0]] == ["Say it: one", "two", "Say it: three"]


def test_no_field_can_have_a_name_that_dspy_has_taken() -> None:
    assert {name for name in dir(dspy.Signature) if not name.startswith("_")} <= DSPY_NAMES


def nunjucks(chat: Any, names: dict[str, str], case: Example) -> list[dict[str, str]]:
    """A chat as promptfoo fills it: string by string. Jinja2 reads these templates as Nunjucks does."""
    env = Environment(keep_trailing_newline=True)
    filled = {"input": case.input_text, **case.inputs}
    given_ = {plain: filled[name] for name, plain in names.items()}
    return [{**each, "content": env.from_string(each["content"]).render(given_)} for each in chat]


@given(prompts())
@settings(deadline=None)
def test_promptfoo_sends_what_was_scored(given_: tuple[Exported, Example]) -> None:
    what, case = given_
    config = yaml.safe_load(export(what, "promptfoo"))
    raw = config["prompts"][0]["raw"]

    assert "\n" in raw, "promptfoo might take one line for a file"
    assert nunjucks(json.loads(raw), variables(what.columns), case) == sent(what, case)


@given(texts)
def test_a_literal_has_no_template_but_its_own(text: str) -> None:
    assert Environment(keep_trailing_newline=True).from_string(literal(text)).render() == text


def test_the_end_of_a_comment_is_an_expression_too() -> None:
    # Jinja2 takes it for text, Nunjucks refuses it.
    assert literal("a #} {#}") == 'a {{ "#" }}} {{ "{" }}{{ "#" }}}'


def test_promptfoo_gets_the_model() -> None:
    what = Exported(Prompt(text="Label it."), ("a",), MODEL)
    config = yaml.safe_load(export(what, "promptfoo"))
    assert config["providers"] == [
        {"id": "openai:gpt-4o-mini", "config": {"max_tokens": 64, "temperature": 0.0}}
    ]
    claude = Exported(what.prompt, what.columns, ModelSettings(model="anthropic/claude-x"))
    assert yaml.safe_load(export(claude, "promptfoo"))["providers"][0]["id"] == "anthropic:messages:claude-x"


@given(columns)
def test_variables_are_plain_and_different(names: list[str]) -> None:
    found = variables(names)
    assert set(found) == {*names, "input"}
    assert len({found[name] for name in names}) == len(names)
    if len(names) == 1:
        assert found["input"] == found[names[0]]
    for plain in found.values():
        assert plain.isascii() and plain.isidentifier() and plain not in RESERVED


@pytest.mark.parametrize("text", ["Label it.", "Has ``` fences ````\n", "\r\n", ""])
def test_markdown_has_the_messages_as_they_are(text: str) -> None:
    what = Exported(Prompt(text=text), ("a",), MODEL, {"project": "x\n# [y](z)"})
    shown = export(what, "markdown")

    assert f"\n{text}\n" in shown
    assert "\n# [y]" not in shown


@given(prompts(), st.sampled_from(list(FORMATS)))
@settings(deadline=None)
def test_a_file_is_read_back_as_what_it_is(given_: tuple[Exported, Example], form: Format) -> None:
    what, _ = given_
    text = export(replace(what, record={"run_id": "261125-3b78ec"}), form)
    if form == "text" and (what.prompt.demonstrations or format_of(text) != "text"):
        return
    if form == "anthropic" and '"system"' not in text:
        assert format_of(text) == "openai"
    else:
        assert format_of(text) == form
    assert holds(text, what)
    other = replace(what, prompt=what.prompt.model_copy(update={"text": what.prompt.text + "!"}))
    assert not holds(text, other)
    assert run_of(text) == ("" if form in ("messages", "text", "openai", "anthropic") else "261125-3b78ec")


@pytest.mark.parametrize("form", ["python", "langchain", "dspy"])
def test_a_module_that_was_changed_is_not_run(form: Format) -> None:
    what = Exported(Prompt(text="Label it."), ("a",), MODEL)
    text = export(what, form)
    assert holds(text + "\nraise SystemExit\n", what)
    assert not holds(text.replace("Label it", "Label it well"), what)
    assert not holds(text.replace("'Label it.'", "print(1)"), what)
    assert not holds(text.replace("'Label it.'", "'Label it."), what)
