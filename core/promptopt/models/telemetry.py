"""Spans of a run for an OpenTelemetry collector: run → evaluation or proposal → model call.

Nothing of OpenTelemetry is imported unless spans are wanted; then a provider of the run's own is made, and
the process's global one is left alone. The attributes of calls are those of OpenTelemetry's conventions for
generative AI (``gen_ai.*``), the rest are named ``promptopt.*``. Keys are taken out of every text.
"""

import importlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from promptopt.domain.chat import EmbedRequest, LLMResponse, Request
from promptopt.domain.events import Role
from promptopt.domain.settings import TelemetrySettings
from promptopt.models.keys import provider_of
from promptopt.store.receipts import Place

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

SEND_SECONDS = 3.0
"""Time that a collector has to take a batch of spans."""

CLOSE_SECONDS = 5.0
"""Time that the last spans have at the end of a run."""

Attributes = Mapping[str, str | int | float | bool | None]
Note = Callable[[Attributes], None]
"""Adds attributes to a span that is under way."""


class Telemetry:
    """Takes spans, and drops them. :class:`Exporting` sends them on."""

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[Note]:
        """A span around what is done in the ``with`` block; spans made in it are its children."""
        return nullcontext(_ignore)

    def called(
        self, role: Role, request: Request, place: Place, case_id: str, outcome: LLMResponse | str
    ) -> None:
        """A model call has ended, in a response or in an error."""

    def close(self) -> None:
        """Send what has not been sent; waits for a few seconds at most."""


OFF = Telemetry()


class Exporting(Telemetry):
    """Hands spans to a span processor of OpenTelemetry's SDK.

    Args:
        processor: takes the spans; it is shut down by :meth:`close`.
        redact: takes secrets out of texts.
        content: tell also what was sent and answered.
    """

    def __init__(self, processor: Any, redact: Callable[[str], str], *, content: bool = False) -> None:
        sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
        resources: Any = importlib.import_module("opentelemetry.sdk.resources")
        self._api: Any = importlib.import_module("opentelemetry.trace")
        named = os.environ.get("OTEL_SERVICE_NAME") or "promptopt"
        resource = resources.Resource.create({"service.name": named})
        self._provider = sdk.TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("promptopt")
        self._redact = redact
        self._content = content

    @contextmanager
    def span(self, name: str, attributes: Attributes) -> Generator[Note]:
        with self._tracer.start_as_current_span(
            name,
            attributes=self._clean(attributes),
            # An exception's text and traceback quote cases and answers.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield lambda more: span.set_attributes(self._clean(more))
            except Exception as error:
                self._mark(span, type(error).__name__)
                raise

    def called(
        self, role: Role, request: Request, place: Place, case_id: str, outcome: LLMResponse | str
    ) -> None:
        response = outcome if isinstance(outcome, LLMResponse) else None
        end = time.time_ns()
        # As long as the request took: waiting for a turn is no part of the call.
        began = end - int((response.latency if response else 0.0) * 1e9)
        attributes = _asked(role, request, place, case_id)
        if response:
            attributes |= _answered(response)
        span = self._tracer.start_span(
            f"{_operation(request)} {request.model}",
            kind=self._api.SpanKind.CLIENT,
            start_time=began,
            attributes=self._clean(attributes),
        )
        if response and response.finish_reason:
            span.set_attribute("gen_ai.response.finish_reasons", [response.finish_reason])
        if self._content:
            span.set_attributes(_content(request, response, self._redact))
        if isinstance(outcome, str):
            self._mark(span, "CallFailed", outcome)
        span.end(end)

    def close(self) -> None:
        # In a thread that may be left behind: a collector that hangs must not hold up the run's end.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)

    def _mark(self, span: Any, kind: str, said: str = "") -> None:
        span.set_attribute("error.type", kind)
        span.set_status(self._api.Status(self._api.StatusCode.ERROR, self._redact(said)))

    def _clean(self, attributes: Attributes) -> dict[str, Any]:
        return {
            name: self._redact(value) if isinstance(value, str) else value
            for name, value in attributes.items()
            if value is not None
        }


def open_telemetry(
    settings: TelemetrySettings, notice: Callable[[str], None], redact: Callable[[str], str]
) -> Telemetry:
    """Telemetry as the project and the environment want it.

    Args:
        notice: told why there is none, if the project asks for it.
    """
    named = any(os.environ.get(name) for name in ENDPOINTS)
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if settings.otel is False or disabled or not (named or settings.otel):
        return OFF
    try:
        exporter: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
    except ImportError:
        if settings.otel:
            notice("telemetry.otel = true needs OpenTelemetry: pip install 'promptopt[otel]'")
        return OFF
    try:
        _log_cleanly(redact)
        processor = export.BatchSpanProcessor(exporter.OTLPSpanExporter(timeout=SEND_SECONDS))
        return Exporting(processor, redact, content=settings.content)
    except Exception as error:  # a variable that OpenTelemetry can't use must not keep a run from starting
        notice(f"no spans are sent: {type(error).__name__}: {redact(str(error))}")
        return OFF


def _log_cleanly(redact: Callable[[str], str]) -> None:
    """Let OpenTelemetry's complaints go to standard error without secrets: an address may have one in it."""

    class Clean(logging.StreamHandler[Any]):
        def format(self, record: logging.LogRecord) -> str:
            return redact(super().format(record))

    logger = logging.getLogger("opentelemetry")
    logger.handlers[:] = [Clean(sys.stderr)]
    logger.propagate = False


def _operation(request: Request) -> str:
    """What OpenTelemetry's conventions call such a request."""
    return "embeddings" if isinstance(request, EmbedRequest) else "chat"


def _asked(role: Role, request: Request, place: Place, case_id: str) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": _operation(request),
        "gen_ai.provider.name": provider_of(request.model) or "unknown",
        "gen_ai.request.model": request.model,
        "gen_ai.request.max_tokens": request.max_tokens or None,
        "gen_ai.request.temperature": None if isinstance(request, EmbedRequest) else request.temperature,
        "promptopt.role": role,
        "promptopt.key": place[0],
        "promptopt.path": place[1] or None,
        "promptopt.draw": place[2],
        "promptopt.case_id": case_id or None,
    }


def _answered(response: LLMResponse) -> dict[str, Any]:
    return {
        "gen_ai.response.model": response.metadata.get("model"),
        "gen_ai.usage.input_tokens": response.usage.get("prompt_tokens"),
        "gen_ai.usage.output_tokens": response.usage.get("completion_tokens"),
        "promptopt.usd": response.cost,
        "promptopt.simulated": bool(response.metadata.get("simulated")),
        "promptopt.reused_from": response.metadata.get("reused_from"),
    }


def _content(request: Request, response: LLMResponse | None, redact: Callable[[str], str]) -> dict[str, str]:
    def message(role: str, text: str) -> dict[str, Any]:
        # Before it is JSON: escapes could hide a key.
        return {"role": role, "parts": [{"type": "text", "content": redact(text)}]}

    if isinstance(request, EmbedRequest):
        asked = [message("user", request.text)]
    else:
        asked = [message(m.role, m.content) for m in request.messages]
    told = {"gen_ai.input.messages": json.dumps(asked, ensure_ascii=False)}
    if response and not response.vector:
        answer = {**message("assistant", response.text), "finish_reason": response.finish_reason}
        told["gen_ai.output.messages"] = json.dumps([answer], ensure_ascii=False)
    return told


def _ignore(attributes: Attributes) -> None:
    """Nobody wants to know."""
