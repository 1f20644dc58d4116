# pyright: basic, reportMissingTypeStubs=false
"""DSPy's side of the bridge: language models, and the format in which the task's requests are written.

The task is asked in plain messages, exactly as :meth:`Prompt.render` writes them, so that what DSPy scores is
what is exported. DSPy's own requests for proposals keep DSPy's format. The models are ``dspy.LM`` with an
engine (DSPy 3.4's contract, and 3.5's), without DSPy's cache and retries: the run has its own.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import dspy
from dspy import lm15

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Message, Prompt
from promptopt.optimizers.dspy_adapter.bridge import Bridge
from promptopt.optimizers.dspy_adapter.programs import Shape


@dataclass
class _Asking:
    """What a thread is asking for."""

    rollout: int = 0
    answers: int = 0
    prompt: Prompt | None = None
    inputs: dict[str, str] | None = None


_asking: ContextVar[_Asking] = ContextVar("asking")


@contextmanager
def _asks(asking: _Asking) -> Generator[None]:
    before = _asking.set(asking)
    try:
        yield
    finally:
        _asking.reset(before)


class Engine:
    """Answers DSPy's requests through the bridge."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def __deepcopy__(self, memo: dict[int, Any]) -> "Engine":
        return self  # programs are copied with their models; the run is one

    def complete(self, request: lm15.Request) -> lm15.Response:
        asking = _asking.get()
        asking.answers += 1
        rollout, temperature = asking.rollout, request.config.temperature
        if asking.prompt is not None and asking.inputs is not None:
            response = self._bridge.answer(
                asking.prompt, asking.inputs, rollout=rollout, temperature=temperature
            )
        else:
            response = self._bridge.propose(
                _messages(request), again=asking.answers, rollout=rollout, temperature=temperature
            )
        return _response(request.model, response)

    def close(self) -> None:
        """Nothing is open here."""


class RunLM(dspy.LM):
    """A role's model, as DSPy sees it."""

    def __init__(self, role: str, bridge: Bridge) -> None:
        super().__init__(f"promptopt/{role}", cache=False, num_retries=0, engine=Engine(bridge))

    def __call__(self, prompt: Any = None, *, messages: Any = None, **kwargs: Any) -> Any:
        rollout = {**self.kwargs, **kwargs}.get("rollout_id") or 0
        if isinstance(prompt, lm15.Request):
            with _asks(replace(_asking.get(), rollout=rollout)):
                return super().__call__(prompt)
        with _asks(_Asking(rollout=rollout)):
            return super().__call__(prompt, messages=messages, **kwargs)

    @property
    def supports_response_schema(self) -> bool:
        return False

    @property
    def supported_params(self) -> set[str]:
        return {"temperature"}


class PlainAdapter(dspy.ChatAdapter):
    """Writes the task's requests as plain messages, and takes the whole reply as the answer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._shape = shape

    def __call__(
        self, lm: Any, lm_kwargs: Any, signature: Any, demos: Any, inputs: Any
    ) -> list[dict[str, Any]]:
        if not self._shape.describes(signature):
            return super().__call__(lm, lm_kwargs, signature, demos, inputs)
        settings = {**lm.kwargs, **lm_kwargs}
        prompt, values = self._shape.prompt(signature.instructions, demos), self._shape.inputs(inputs)
        request = _request(lm.model, prompt, values, settings.get("temperature"))
        with _asks(_Asking(prompt=prompt, inputs=values)):
            response = lm(request, rollout_id=settings.get("rollout_id"))
        return [{self._shape.output: response.message.text or ""}]


def _request(model: str, prompt: Prompt, inputs: dict[str, str], temperature: float | None) -> lm15.Request:
    """What a prompt sends for a case, in DSPy's words."""
    messages = prompt.render(Example(id="", inputs=inputs))
    system = "".join(message.content for message in messages if message.role == "system")
    turns = {"user": lm15.Message.user, "assistant": lm15.Message.assistant}
    return lm15.Request(
        model=model,
        messages=tuple(turns[m.role](m.content) for m in messages if m.role != "system"),
        system=system or None,
        config=lm15.Config(temperature=temperature),
    )


def _messages(request: lm15.Request) -> list[Message]:
    system = request.system
    if system is not None and not isinstance(system, str):
        system = "".join(getattr(part, "text", "") for part in system)
    said = [Message(role="system", content=system)] if system else []
    for message in request.messages:
        role = "assistant" if message.role == "assistant" else "user"
        said.append(Message(role=role, content=message.text or ""))
    return said


def _response(model: str, response: LLMResponse) -> lm15.Response:
    reason = response.finish_reason
    sent, came = (response.usage.get(name, 0) for name in ("prompt_tokens", "completion_tokens"))
    return lm15.Response(
        id=None,
        model=model,
        message=lm15.Message.assistant(response.text),
        finish_reason=reason if reason in ("stop", "length", "content_filter") else "stop",
        usage=lm15.Usage(input_tokens=sent, output_tokens=came, total_tokens=sent + came),
    )
