"""Exports: the prompt that was scored, byte for byte, in every form."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.settings import ModelSettings
from promptopt.store.export import Exported, Format, export, template

MODEL = ModelSettings(model="openai/gpt-4o-mini", temperature=0.0, max_tokens=64, params={"top_p": 0.5})
DEMO = Example(id="d", inputs={"text": "a {input} in a demonstration"}, expected="b")

PROMPTS = [
    Prompt(text="Label it."),
    Prompt(text="Label {text}: no {braces}.\r\n\ttail \n"),
    Prompt(text="Label {input} and {text}.", demonstrations=(DEMO,)),
    Prompt(text="Label it.", demonstrations=(DEMO,)),
    Prompt(text='"""\\ {text} \x1b[31m \u4e2d\u6587 \U0001f600'),
]


def exported(prompt: Prompt, form: Format, columns: tuple[str, ...] = ("text",), **record: Any) -> str:
    return export(Exported(prompt, columns, MODEL, record), form)


def run_module(source: str, case: Example) -> list[dict[str, str]]:
    names: dict[str, Any] = {}
    exec(source, names)
    return names["messages"](case.inputs)


def sent(prompt: Prompt, case: Example) -> list[dict[str, str]]:
    return [message.model_dump() for message in prompt.render(case)]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_text_is_the_instruction_and_nothing_else(prompt: Prompt) -> None:
    assert exported(prompt, "text") == prompt.text


@pytest.mark.parametrize("prompt", PROMPTS)
def test_messages_leave_the_case_open(prompt: Prompt) -> None:
    messages = json.loads(exported(prompt, "messages"))
    case = Example(id="x", inputs={"text": "the case"})
    rendered = sent(prompt, case)
    assert messages[:-1] == rendered[:-1]
    assert messages[-1]["role"] == "user"
    filled = messages[-1]["content"].replace("{input}", "the case").replace("{text}", "the case")
    assert filled == rendered[-1]["content"]


def test_the_mark_of_a_prompt_without_one_is_input() -> None:
    assert template(Prompt(text="Do it."), ["text"]) == [
        Message(role="system", content="Do it."),
        Message(role="user", content="{input}"),
    ]


def test_several_columns_are_sent_as_lines() -> None:
    assert template(Prompt(text="Do it."), ["q", "context"])[-1].content == "q: {q}\ncontext: {context}"


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("value", ["plain", "{text} {input} {braces}", "\\1 \\g<0>", ""])
def test_the_module_sends_what_was_scored(prompt: Prompt, value: str) -> None:
    case = Example(id="x", inputs={"text": value})
    assert run_module(exported(prompt, "python"), case) == sent(prompt, case)


@given(
    st.text(st.sampled_from("{}abinput \n\"'\\"), max_size=60),
    st.text(max_size=20),
    st.lists(st.sampled_from(["a", "b", "input", "in put"]), min_size=1, max_size=3, unique=True),
)
def test_the_module_sends_what_was_scored_whatever_the_prompt(
    text: str, value: str, columns: list[str]
) -> None:
    prompt = Prompt(text=text)
    case = Example(id="x", inputs={name: f"{value}{name}" for name in columns})
    source = exported(prompt, "python", tuple(columns))
    assert run_module(source, case) == sent(prompt, case)


def test_a_record_can_not_get_out_of_its_remark() -> None:
    source = exported(PROMPTS[0], "python", project="x\nraise SystemExit\n#")
    assert run_module(source, Example(id="x", inputs={"text": "a"}))[0]["content"] == "Label it."


def test_openai_and_anthropic_bodies() -> None:
    openai = json.loads(exported(PROMPTS[0], "openai"))
    assert openai == {
        "model": "gpt-4o-mini",
        "max_tokens": 64,
        "temperature": 0.0,
        "top_p": 0.5,
        "messages": [{"role": "system", "content": "Label it."}, {"role": "user", "content": "{input}"}],
    }
    anthropic = json.loads(exported(PROMPTS[0], "anthropic"))
    assert anthropic["system"] == "Label it."
    assert anthropic["messages"] == [{"role": "user", "content": "{input}"}]
    assert "system" not in json.loads(exported(PROMPTS[1], "anthropic"))


def test_json_has_the_record_and_the_origin() -> None:
    body = json.loads(exported(PROMPTS[2], "json", run_id="r1", simulated=True))
    assert body["run_id"] == "r1" and body["simulated"] is True
    assert body["prompt_id"] == PROMPTS[2].id
    assert body["demonstrations"] == [{"inputs": DEMO.inputs, "expected": "b"}]


def test_text_that_utf8_can_not_carry_is_escaped() -> None:
    text = exported(Prompt(text="lone \ud800"), "messages")
    assert text.isascii() and json.loads(text)[0]["content"] == "lone \ud800"
