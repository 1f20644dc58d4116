"""The prompt as text and as JSON: messages, and the bodies of requests."""

from typing import Any

from promptopt.store.export.asset import Exported, as_json, messages_of


def messages(what: Exported) -> str:
    """The messages, the case left open."""
    return as_json(messages_of(what))


def text(what: Exported) -> str:
    """The instruction, as it is."""
    return what.prompt.text


def whole(what: Exported) -> str:
    """Everything: the prompt, its messages, scores and origin."""
    demonstrations = [
        {"inputs": demo.inputs, "expected": demo.expected} for demo in what.prompt.demonstrations
    ]
    return as_json(
        {
            **what.record,
            "prompt_id": what.prompt.id,
            "text": what.prompt.text,
            "demonstrations": demonstrations,
            "columns": list(what.columns),
            "messages": messages_of(what),
            "model": what.model.model_dump(
                mode="json", include={"model", "temperature", "max_tokens", "params"}
            ),
        }
    )


def openai(what: Exported) -> str:
    """Body of a chat completions request."""
    return as_json({**_request(what, "openai"), "messages": messages_of(what)})


def anthropic(what: Exported) -> str:
    """Body of a messages request: the system message is a key of its own."""
    said = messages_of(what)
    body = _request(what, "anthropic")
    if said[0]["role"] == "system":
        body["system"] = said.pop(0)["content"]
    return as_json({**body, "messages": said})


def _request(what: Exported, provider: str) -> dict[str, Any]:
    model = what.model
    body: dict[str, Any] = {"model": model.model.removeprefix(f"{provider}/"), "max_tokens": model.max_tokens}
    if model.temperature is not None:
        body["temperature"] = model.temperature
    return {**body, **model.params}
