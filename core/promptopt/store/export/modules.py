"""The prompt as a Python module: by itself, for LangChain, for DSPy.

What a prompt, a case or a person says stands in a module only as a literal (``repr``) or as JSON in a remark,
so that no text can become code.
"""

from promptopt.store.export.asset import (
    Exported,
    messages_of,
    parts,
    plain_name,
    remarks,
    template,
    used,
    variables,
)

DSPY_NAMES = frozenset({
    "append", "append_instructions", "config", "construct", "copy", "delete", "demos", "dict",
    "dump_state", "equals", "from_orm", "insert", "instructions", "json", "lm", "load_state",
    "model_computed_fields", "model_config", "model_construct", "model_copy", "model_dump",
    "model_dump_json", "model_extra", "model_fields", "model_fields_set", "model_json_schema",
    "model_parametrized_name", "model_post_init", "model_rebuild", "model_validate",
    "model_validate_json", "model_validate_strings", "parse_file", "parse_obj", "parse_raw",
    "prediction", "prepend", "schema", "schema_json", "signature", "update_forward_refs", "validate",
    "with_instructions", "with_updated_fields",
})  # fmt: skip
"""Names that a field of a DSPy signature can't have: its own, and what a call takes beside fields."""


def python(what: Exported) -> str:
    """A module without dependencies whose ``messages(case)`` gives what was scored."""
    listed = "".join(f"    {message!r},\n" for message in messages_of(what))
    return _PYTHON.format(
        id=what.prompt.id, remarks=remarks(what), columns=list(what.columns), listed=listed, values=_VALUES
    )


def langchain(what: Exported) -> str:
    """A module with a ``ChatPromptTemplate`` in LangChain's default format, f-strings.

    Braces that are text are doubled, as that format wants it; columns whose names it can't take get others.
    """
    *before, last = template(what.prompt, what.columns)
    roles = {"system": "system", "user": "human", "assistant": "ai"}
    said = [(roles[message.role], _doubled(message.content)) for message in before]
    plain = variables(what.columns)
    said.append(
        (
            "human",
            "".join(
                f"{{{plain[part]}}}" if is_mark else _doubled(part)
                for is_mark, part in parts(last.content, what.columns)
            ),
        )
    )
    return _LANGCHAIN.format(
        id=what.prompt.id,
        remarks=remarks(what),
        columns=list(what.columns),
        variables=used(what),
        listed="".join(f"    {message!r},\n" for message in said),
        values=_VALUES,
    )


def dspy(what: Exported) -> str:
    """A module with a DSPy program that sends what was scored, without DSPy's own frame around it.

    DSPy can go on optimizing it: other instructions and demonstrations are sent in the same way.
    """
    taken: set[str] = set()
    fields = {name: plain_name(name, taken, DSPY_NAMES) for name in what.columns}
    output = plain_name(what.output, taken, DSPY_NAMES)
    shown = [(demo.inputs, demo.expected or "") for demo in what.prompt.demonstrations]
    return _DSPY.format(
        id=what.prompt.id,
        remarks=remarks(what),
        fields=fields,
        output=output,
        text=what.prompt.text,
        shown="".join(f"    {demo!r},\n" for demo in shown),
    )


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


_VALUES = '''\
def values(case: dict[str, str]) -> dict[str, str]:
    """What stands for each mark."""
    whole = "\\n".join(f"{name}: {text}" for name, text in case.items())
    return {"input": next(iter(case.values())) if len(case) == 1 else whole, **case}
'''

_PYTHON = '''\
"""Prompt {id}: messages(case) gives exactly the messages that were scored."""

import re

{remarks}
COLUMNS = {columns!r}

TEMPLATE = [
{listed}]


{values}

def messages(case: dict[str, str]) -> list[dict[str, str]]:
    """The messages to send for a case, a text for each of COLUMNS."""
    filled = values(case)
    names = sorted(filled, key=len, reverse=True)
    marks = re.compile(r"\\{{(" + "|".join(re.escape(name) for name in names) + r")\\}}")
    *before, last = TEMPLATE
    return [*before, {{**last, "content": marks.sub(lambda mark: filled[mark.group(1)], last["content"])}}]
'''

_LANGCHAIN = '''\
"""Prompt {id} for LangChain: messages(case) gives exactly the messages that were scored."""

from langchain_core.messages import BaseMessage
from langchain_core.prompts import ChatPromptTemplate

{remarks}
COLUMNS = {columns!r}

# What stands in the braces below, by the name that its mark has in the prompt.
VARIABLES = {variables!r}

TEMPLATE = [
{listed}]

PROMPT = ChatPromptTemplate.from_messages(TEMPLATE)


{values}

def messages(case: dict[str, str]) -> list[BaseMessage]:
    """The messages to send for a case, a text for each of COLUMNS."""
    filled = values(case)
    return PROMPT.format_messages(**{{name: filled[mark] for mark, name in VARIABLES.items()}})
'''

_DSPY = '''\
"""Prompt {id} as a DSPy program, which sends exactly the messages that were scored.

    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))
    program(**case)          # an argument for each of FIELDS
"""

import re

import dspy

{remarks}
# The fields of the signature, by the columns of the cases.
FIELDS = {fields!r}
OUTPUT = {output!r}

TEXT = {text!r}

DEMONSTRATIONS = [
{shown}]

Task = dspy.make_signature(
    {{
        **{{field: (str, dspy.InputField()) for field in FIELDS.values()}},
        OUTPUT: (str, dspy.OutputField()),
    }},
    TEXT,
    "Task",
)


def whole(inputs):
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    return "\\n".join(f"{{name}}: {{value}}" for name, value in inputs.items())


def messages(text, demonstrations, case):
    """The messages that a text and demonstrations (inputs, output) send for a case."""
    names = sorted({{"input", *case}}, key=len, reverse=True)
    marks = re.compile(r"\\{{(" + "|".join(re.escape(name) for name in names) + r")\\}}")
    has_marks = marks.search(text) is not None

    def asked(inputs):
        filled = {{"input": whole(inputs), **inputs}}
        return marks.sub(lambda mark: filled[mark.group(1)], text) if has_marks else whole(inputs)

    sent = [{{"role": "system", "content": text}}] if text and not has_marks else []
    for inputs, output in demonstrations:
        sent += [{{"role": "user", "content": asked(inputs)}}, {{"role": "assistant", "content": output}}]
    return [*sent, {{"role": "user", "content": asked(case)}}]


class AsScored(dspy.Adapter):
    """Writes the task's requests as plain messages, and takes the whole reply as the answer."""

    def format(self, signature, demos, inputs):
        # A signature keeps its instructions as a docstring: indented text would come back another.
        text = TEXT if signature.instructions == Task.instructions else signature.instructions

        def columns(values):
            return {{column: str(values[field]) for column, field in FIELDS.items()}}

        shown = [(columns(demo), str(demo[OUTPUT])) for demo in demos]
        return messages(text, shown, columns(inputs))

    def parse(self, signature, completion):
        return {{OUTPUT: completion}}


class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.predict = dspy.Predict(Task)
        self.predict.demos = [
            dspy.Example(**{{FIELDS[name]: value for name, value in inputs.items()}}, **{{OUTPUT: output}})
            for inputs, output in DEMONSTRATIONS
        ]

    def forward(self, **case):
        with dspy.context(adapter=AsScored()):
            return self.predict(**case)


program = Program()
'''
