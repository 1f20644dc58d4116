"""What a trace must not show: keys, and the cases' inputs if that is asked for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from promptopt.domain.redaction import Redactor
from promptopt.domain.settings import ProjectSettings
from promptopt.store.trace import TracedCall

SHORTEST_INPUT = 8
"""A shorter input is not looked for in answers: it would be found in ordinary words."""


class Withholder:
    """Takes secrets out of traced calls.

    Args:
        settings: of the run, which name the keys.
        inputs: the cases' inputs by case id, to leave them out; None keeps them.
    """

    def __init__(self, settings: ProjectSettings, inputs: Mapping[str, Sequence[str]] | None = None) -> None:
        self._redact = Redactor(model for _, _, model in settings.every_model()).redact
        self._inputs = inputs

    def clean(self, call: TracedCall) -> TracedCall:
        """The call as it may be shown."""
        answer, request = call.answer, call.request
        if request:
            request = json.dumps(self._request(json.loads(request)), ensure_ascii=False)
        if answer is not None:
            answer = self._redact(self._without_input(answer, call.case_id))
        return replace(
            call,
            request=request,
            answer=answer,
            error=self._redact(self._without_input(call.error, call.case_id)),
            path=self._redact(call.path),
            case_id=self._redact(call.case_id),
        )

    def _request(self, request: dict[str, Any]) -> Any:
        if self._inputs is not None:
            for message in request.get("messages", ()):
                if message["role"] != "system":
                    message["content"] = _withheld(message["content"])
            if "text" in request:
                request["text"] = _withheld(request["text"])
        return self._strings(request)

    def _strings(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._redact(value)
        if isinstance(value, dict):
            return {key: self._strings(item) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self._strings(item) for item in cast("list[Any]", value)]
        return value

    def _without_input(self, text: str, case_id: str) -> str:
        for value in (self._inputs or {}).get(case_id, ()):
            if len(value) >= SHORTEST_INPUT:
                text = text.replace(value, "[withheld]")
        return text


def _withheld(text: str) -> str:
    return f"[withheld: {len(text):,} characters]"
