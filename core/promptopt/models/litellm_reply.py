"""Reading answers in litellm's formats."""

import importlib
from collections.abc import Iterable, Sequence
from typing import Any, cast

from promptopt.models.keys import provider_of
from promptopt.models.transport import Reply, TransportError
from promptopt.models.wire import HttpAnswer


class Reader:
    """Reads the answers of one model by the configuration object that litellm has for its provider.

    Args:
        arguments: of ``litellm.acompletion``, but for the messages.

    Raises:
        Exception: whatever litellm raises for a model that it does not know, or whose provider has no such
            object.
    """

    def __init__(self, litellm: Any, arguments: dict[str, Any]) -> None:
        utils: Any = importlib.import_module("litellm.utils")
        self._httpx: Any = importlib.import_module("httpx")
        self._litellm = litellm
        self._named = arguments["model"]
        where = {name: arguments[name] for name in ("api_base", "api_key")}
        self._model, provider, _, _ = litellm.get_llm_provider(model=self._named, **where)
        manager: Any = utils.ProviderConfigManager
        self._config: Any = manager.get_provider_chat_config(self._model, litellm.LlmProviders(provider))
        if self._config is None:
            raise TransportError(f"litellm has no configuration object for {provider}")

    def read(self, answer: HttpAnswer, messages: Sequence[Any]) -> Reply:
        """Read a whole answer with status 200.

        Raises:
            Exception: it is not what it should be; litellm as a whole can tell better what it is.
        """
        response = self._config.transform_response(
            model=self._model,
            raw_response=self._httpx.Response(200, headers=answer.headers, content=answer.body),
            model_response=self._litellm.ModelResponse(),
            logging_obj=_Unlogged(),
            request_data={},
            messages=messages,
            optional_params={},
            litellm_params={},
            encoding=None,
            api_key="",
            json_mode=False,
        )
        return read_reply(response, self._named, answer.seconds)


class _Unlogged:
    """Takes the place of litellm's logging object."""

    def __init__(self) -> None:
        self.optional_params: dict[str, Any] = {}
        self.model_call_details: dict[str, Any] = {}

    def post_call(self, *_: Any, **__: Any) -> None:
        """Nothing is logged."""


def read_reply(response: Any, model: str, seconds: float | None = None) -> Reply:
    """A reply from litellm's ``ModelResponse``.

    Raises:
        TransportError: it has no choices.
    """
    choices: list[Any] = list(getattr(response, "choices", None) or ())
    if not choices:
        raise TransportError(f"the answer of {model} has no choices", retryable=True, billed=True)
    prompt_tokens, completion_tokens = _usage(getattr(response, "usage", None))
    return Reply(
        text=_text(choices[0].message.content),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        finish_reason=str(choices[0].finish_reason or "stop"),
        model=str(response.model or model).removeprefix(f"{provider_of(model)}/"),  # at times litellm adds it
        seconds=seconds,
    )


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, Iterable):
        return str(content)
    parts = cast("Iterable[Any]", content)
    return "".join(part if isinstance(part, str) else str(part.get("text") or "") for part in parts)


def _usage(usage: Any) -> tuple[int | None, int | None]:
    """Prompt and completion tokens. litellm fills in zeros for a provider that gives none."""
    prompt = getattr(usage, "prompt_tokens", None)
    completion = getattr(usage, "completion_tokens", None)
    if not isinstance(prompt, int) or not isinstance(completion, int) or not prompt:
        return None, None
    return prompt, completion
