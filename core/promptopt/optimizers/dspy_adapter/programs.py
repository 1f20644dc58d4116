# pyright: basic, reportMissingTypeStubs=false
"""Prompts as DSPy programs, cases as DSPy examples, and back. Nothing of a prompt is lost on the way."""

import inspect
import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dspy

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.task import TaskSpec
from promptopt.optimizers.dspy_adapter.program import Program


class Shape:
    """The task's signature: an input field for each column of the cases, one output field.

    Args:
        columns: the cases' columns.
        task: names the output, where its signature does.
    """

    def __init__(self, columns: Sequence[str], task: TaskSpec) -> None:
        taken: set[str] = set()
        self.fields = {column: _field_name(column, taken) for column in columns}
        self.output = _field_name(_output_of(task), taken)
        self._task = task
        self._whole: dict[str, str] = {}

    def program(self, prompt: Prompt) -> Program:
        """A program that sends what ``prompt`` renders to."""
        # A signature keeps its instructions as a docstring: indented text would come back another.
        self._whole[inspect.cleandoc(prompt.text)] = prompt.text
        inputs = {
            name: (str, dspy.InputField(desc=self._about(column))) for column, name in self.fields.items()
        }
        outputs = {self.output: (str, dspy.OutputField(desc=_describe(self._task.output_format)))}
        program = Program(dspy.make_signature({**inputs, **outputs}, prompt.text, "Task"))
        program.predict.demos = [self.example(demo) for demo in prompt.demonstrations]
        return program

    def prompt_of(self, program: Any) -> Prompt:
        """The prompt that a program came to."""
        predictor: Any = program.predictors()[0]
        return self.prompt(predictor.signature.instructions, predictor.demos)

    def prompt(self, instructions: str, demos: Iterable[Mapping[str, Any]]) -> Prompt:
        """The prompt that an instruction and DSPy's demonstrations make."""
        shown = [self._demonstration(demo) for demo in demos if demo.get(self.output) is not None]
        return Prompt(text=self._whole.get(instructions, instructions), demonstrations=tuple(shown))

    def example(self, case: Example) -> Any:
        """A case as DSPy takes it."""
        values = {name: case.inputs[column] for column, name in self.fields.items()}
        if case.expected is not None:
            values[self.output] = case.expected
        return dspy.Example(**values).with_inputs(*self.fields.values())

    def inputs(self, values: Mapping[str, Any]) -> dict[str, str]:
        """A case's columns, from a program's inputs or a DSPy example."""
        return {column: str(values[name]) for column, name in self.fields.items()}

    def describes(self, signature: Any) -> bool:
        """Whether a signature is the task's, and not one of an optimizer's own."""
        return list(signature.fields) == [*self.fields.values(), self.output]

    def _demonstration(self, demo: Mapping[str, Any]) -> Example:
        return Example(id="demonstration", inputs=self.inputs(demo), expected=str(demo[self.output]))

    def _about(self, column: str) -> str:
        given = self._task.input_format.get(column)
        return str(given) if given else ""


def _output_of(task: TaskSpec) -> str:
    _, arrow, outputs = task.signature.partition("->")
    names = [name.split(":")[0].strip() for name in outputs.split(",")] if arrow else []
    return names[0] if len(names) == 1 and names[0] else "output"


def _describe(format_: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {what}" for name, what in format_.items())


def _field_name(name: str, taken: set[str]) -> str:
    """A name that DSPy takes for a field, not taken yet."""
    plain = re.sub(r"\W", "_", name).strip("_").lower() or "field"
    if not plain[0].isalpha() or keyword.iskeyword(plain) or hasattr(dspy.Signature, plain):
        plain = f"field_{plain}"
    while plain in taken:
        plain += "_2"
    taken.add(plain)
    return plain
