"""Forms of reply that other optimizers ask for: DSPy's marked fields, and a text in a fence."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

_MARK = re.compile(r"^\[\[ ## (\w+) ## \]\][ \t]*\n?", re.MULTILINE)
_ASKED = re.compile(r"Respond with (?:the corresponding output fields|a JSON object in the).*\Z", re.DOTALL)
_ASKED_FIELD = re.compile(r"`(?:\[\[ ## )?(\w+)(?: ## \]\])?`")
_FENCE = re.compile(r"```[a-z]*\n(.*?)\n```", re.DOTALL)
_FENCE_ASKED = re.compile(r"\bwithin ``` blocks")
_BEST_ATTEMPT = re.compile(r"Instruction #\d+: (.*?)(?=\s*(?:\[\d+\] )?«?Prefix #|\Z)", re.DOTALL)
_QUOTED = re.compile(r"[\"']([\w.]+)[\"']")
_DONE = "completed"


@dataclass(frozen=True)
class Fields:
    """Values that are asked for by name.

    Attributes:
        names: of the fields that the reply has.
        prompt: the instruction that is to be improved, empty if none is shown.
        modules: names of the parts that advice is asked for.
        as_json: as one JSON object, and not after marks.
    """

    names: tuple[str, ...]
    prompt: str
    modules: tuple[str, ...] = ()
    as_json: bool = False

    def write(self, prompt: str, because: Sequence[str], rules: Sequence[str]) -> str:
        """The reply."""
        values = {name: self._value(name, prompt, " ".join(because), rules) for name in self.names}
        if self.as_json:
            return json.dumps(values, ensure_ascii=False)
        parts = [
            f"[[ ## {name} ## ]]\n{value if isinstance(value, str) else json.dumps(value)}"
            for name, value in values.items()
        ]
        return "\n\n".join([*parts, f"[[ ## {_DONE} ## ]]"])

    def _value(self, name: str, prompt: str, reason: str, rules: Sequence[str]) -> str | dict[str, str]:
        if "instruction" in name:
            return prompt
        if "advice" in name:
            return dict.fromkeys(self.modules, " ".join(rules))
        return "Answer:" if "prefix" in name else reason


@dataclass(frozen=True)
class Fenced:
    """A new text, in a fence."""

    prompt: str

    def write(self, prompt: str, because: Sequence[str], rules: Sequence[str]) -> str:
        """The reply."""
        return f"{' '.join(because)}\n\n```\n{prompt}\n```"


def form_of(text: str) -> Fields | Fenced | None:
    """The form that a request asks for, if it is one of these."""
    asked = _ASKED.search(text)
    if asked:
        names = [name for name in _ASKED_FIELD.findall(asked.group()) if name != _DONE]
        shown = _shown(text[: asked.start()])
        modules = _QUOTED.findall(shown.get("module_names", ""))
        return Fields(tuple(names), _base(shown), tuple(modules), "JSON" in asked.group())
    fences: list[str] = _FENCE.findall(text)
    return Fenced(fences[0]) if fences and _FENCE_ASKED.search(text) else None


def _shown(text: str) -> dict[str, str]:
    """The marked values of a request; the last of each name, since the first one explains the form."""
    marks = list(_MARK.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return {mark.group(1): text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)}


def _base(shown: dict[str, str]) -> str:
    attempts: list[str] = _BEST_ATTEMPT.findall(shown.get("attempted_instructions", ""))
    return (
        shown.get("basic_instruction")
        or shown.get("current_instruction")
        or (attempts[-1].strip() if attempts else "")
    )
