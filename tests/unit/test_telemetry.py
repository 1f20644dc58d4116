"""Spans: how they hang together, what they say, what they never say, and that nothing happens when off."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.errors import CallFailed
from promptopt.domain.prompt import Message
from promptopt.domain.redaction import Redactor
from promptopt.domain.settings import TelemetrySettings
from promptopt.domain.vectors import pack
from promptopt.models.telemetry import OFF, Exporting, open_telemetry
from promptopt.models.transport import Reply, TransportError
from tests.unit.test_gateway import OK, Bench

KEY = "sk-test-0123456789abcdefghij"
KNOWN = "a-key-like-no-other"

export = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")


class Spans:
    """Telemetry into memory."""

    def __init__(self, *, content: bool = False) -> None:
        self.exporter = memory.InMemorySpanExporter()
        redact = Redactor(environ={"OPENAI_API_KEY": KNOWN}).redact
        self.telemetry = Exporting(export.SimpleSpanProcessor(self.exporter), redact, content=content)

    def named(self, name: str) -> Any:
        (found,) = [span for span in self.exporter.get_finished_spans() if span.name == name]
        return found

    @property
    def text(self) -> str:
        return "".join(span.to_json() for span in self.exporter.get_finished_spans())


def ask(text: str) -> list[Message]:
    return [Message(role="user", content=text)]


async def test_embeddings_are_told_as_such(tmp_path: Path) -> None:
    vector = pack([0.5] * 8)
    bench, spans = Bench(tmp_path, lambda number: Reply("", 3, 0, vector=vector)), Spans(content=True)
    bench.gateway.endpoints["embedding"] = bench.gateway.endpoints["target"]  # type: ignore[index]
    bench.gateway.telemetry = spans.telemetry
    await bench.gateway.embed(f"hello {KNOWN}")
    told = spans.named("embeddings m").attributes
    assert told["gen_ai.operation.name"] == "embeddings" and told["promptopt.role"] == "embedding"
    assert told["gen_ai.usage.input_tokens"] == 3 and "gen_ai.request.max_tokens" not in told
    assert "hello [redacted]" in told["gen_ai.input.messages"] and vector not in spans.text


async def test_a_call_hangs_below_its_evaluation_and_that_below_the_run(tmp_path: Path) -> None:
    bench, spans = Bench(tmp_path, lambda number: OK), Spans()
    bench.gateway.telemetry = spans.telemetry
    with spans.telemetry.span("run", {"promptopt.run_id": "r"}):
        with spans.telemetry.span("evaluate", {"promptopt.split": "train"}) as note:
            await bench.gateway.call("target", ask("hello"), case_id="c1")
            note({"promptopt.score": 0.5})
        await bench.gateway.call("target", ask("hello"), case_id="c1")  # replayed: no call, no span
    run, evaluation, call = (spans.named(name) for name in ("run", "evaluate", "chat m"))
    assert call.parent.span_id == evaluation.context.span_id
    assert evaluation.parent.span_id == run.context.span_id and run.parent is None
    assert call.attributes["gen_ai.request.model"] == "m"
    assert call.attributes["gen_ai.request.max_tokens"] == 10
    assert call.attributes["gen_ai.response.model"] == "m-1"
    assert call.attributes["gen_ai.usage.input_tokens"] == 7
    assert call.attributes["gen_ai.usage.output_tokens"] == 3
    assert call.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert call.attributes["promptopt.case_id"] == "c1"
    assert call.attributes["promptopt.usd"] == pytest.approx(13e-6)
    assert call.kind.name == "CLIENT" and call.end_time >= call.start_time
    assert evaluation.attributes["promptopt.score"] == 0.5
    assert "hello" not in spans.text and "fine" not in spans.text


async def test_a_failed_call_says_so_without_keys(tmp_path: Path) -> None:
    bench, spans = Bench(tmp_path, lambda number: TransportError(f"bad key {KEY} or {KNOWN}")), Spans()
    bench.gateway.telemetry = spans.telemetry
    with pytest.raises(CallFailed), spans.telemetry.span("evaluate", {}):
        await bench.gateway.call("target", ask("hello"))
    call = spans.named("chat m")
    assert call.attributes["error.type"] == "CallFailed" and not call.status.is_ok
    assert "[redacted]" in call.status.description
    assert spans.named("evaluate").attributes["error.type"] == "CallFailed"
    assert KEY not in spans.text and KNOWN not in spans.text


async def test_content_is_told_only_if_asked_and_never_a_key(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda number: Reply(f"answer with {KEY}", 7, 3))
    spans = Spans(content=True)
    bench.gateway.telemetry = spans.telemetry
    await bench.gateway.call("target", ask(f'question\n"{KNOWN}"'))
    attributes = spans.named("chat m").attributes
    (asked,) = json.loads(attributes["gen_ai.input.messages"])
    (answered,) = json.loads(attributes["gen_ai.output.messages"])
    assert asked == {"role": "user", "parts": [{"type": "text", "content": 'question\n"[redacted]"'}]}
    assert answered["parts"][0]["content"] == "answer with [redacted]"
    assert KEY not in spans.text and KNOWN not in spans.text


def test_it_is_off_unless_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def opened(**settings: Any) -> bool:
        telemetry = open_telemetry(TelemetrySettings(**settings), told.append, str)
        telemetry.close()
        return telemetry is not OFF

    assert not opened() and not opened(otel=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert opened() and not opened(otel=False)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not opened(otel=True)
    monkeypatch.delenv("OTEL_SDK_DISABLED")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    assert not opened() and not told
    assert not opened(otel=True) and "promptopt[otel]" in told[0]


class Collector(ThreadingHTTPServer):
    """Takes whatever is sent to it."""

    def __init__(self) -> None:
        self.received: list[tuple[str, bytes]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.received.append((self.path, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


async def test_spans_arrive_at_a_collector_and_keys_do_not(
    tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
    monkeypatch.setenv("OPENAI_API_KEY", KNOWN)
    told: list[str] = []
    telemetry = open_telemetry(TelemetrySettings(content=True), told.append, Redactor().redact)
    bench = Bench(tmp_path, lambda number: Reply(f"said {KEY} and {KNOWN}", 7, 3))
    bench.gateway.telemetry = telemetry
    with telemetry.span("run", {"promptopt.project": f"named {KNOWN}"}):
        await bench.gateway.call("target", ask("hello collector"))
    telemetry.close()
    assert {path for path, _ in collector.received} == {"/v1/traces"} and not told
    sent = b"".join(body for _, body in collector.received)
    assert b"gen_ai.request.model" in sent and b"hello collector" in sent
    assert KEY.encode() not in sent and KNOWN.encode() not in sent


async def test_a_collector_that_is_not_there_costs_a_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://user:{KEY}@127.0.0.1:9")
    telemetry = open_telemetry(TelemetrySettings(), print, Redactor().redact)
    bench = Bench(tmp_path, lambda number: OK)
    bench.gateway.telemetry = telemetry
    assert (await bench.gateway.call("target", ask("hello"))).text == "fine"
    telemetry.close()
    assert KEY not in "".join(capfd.readouterr())
