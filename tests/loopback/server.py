"""The server itself."""

import asyncio
import contextlib
import hashlib
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from aiohttp import web

from tests.loopback.faults import ANSWERS, Fault, FaultPlan
from tests.loopback.persona import LabelTask
from tests.loopback.wire import Call, Style, answer, embeddings_answer, read_call, refusal, words_in

Behaviour = Callable[[Call], str]

_SECRET_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Record:
    """One request that came in.

    Attributes:
        path, model, body_hash: what was asked for; the hash is of the body's bytes.
        body: the request as it was sent.
        headers: lower-case names; values that carry keys only as hashes (see ``key_hash``). Query parameters
            are here too, as ``?name``, hashed.
        attempt: how often the same body had come before.
        fault: the fault it met, if any.
        answered: a whole answer was written to the connection.
        connection: the client's port: equal ports, one connection.
        at: when it was answered or given up (while it is open: when it came), seconds since the epoch.
    """

    path: str
    model: str
    body_hash: str
    body: dict[str, Any]
    headers: Mapping[str, str]
    attempt: int
    fault: Fault | None
    answered: bool = False
    connection: int = 0
    at: float = field(default_factory=time.time)


def key_hash(value: str) -> str:
    """What a record keeps of a key."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def _twice(hashes: Iterable[str]) -> dict[str, int]:
    return {body_hash: count for body_hash, count in Counter(hashes).items() if count > 1}


def answered_twice_in(path: Path) -> dict[str, int]:
    """Bodies answered more than once, with the count, from a record file of any number of servers."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return _twice(record["body_hash"] for record in map(json.loads, lines))


class LoopbackServer:
    """A model server on 127.0.0.1.

    Args:
        behaviour: makes the reply of a request; called on the server's loop, so it must not block.
        latency: seconds until an answer.
        faults: which requests fail; may be replaced while the server runs.
        keys: the keys that are accepted; None accepts anything.
        record_file: file to which each answered request is appended, one JSON object a line, at once.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        latency: float = 0.0,
        faults: FaultPlan | None = None,
        keys: Iterable[str] | None = None,
        record_file: Path | None = None,
        port: int = 0,
    ) -> None:
        self.behaviour: Behaviour = behaviour or LabelTask()
        self.embed: Callable[[str], Sequence[float]] = words_in
        """Makes the embedding of a text."""
        self.latency = latency
        self.faults = faults or FaultPlan()
        self.port = port
        self.peak = 0
        """Most requests that were open at once."""
        self._keys = None if keys is None else frozenset(keys)
        self._records: list[Record] = []
        self._seen: Counter[str] = Counter()
        self._arrival = threading.Condition()
        self._open = 0
        self._writing = 0
        self._hold_from: int | None = None
        self._file: TextIO | None = record_file.open("a", encoding="utf-8") if record_file else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event
        self._gate: asyncio.Event
        self._idle: asyncio.Event

    @property
    def url(self) -> str:
        """Address without path: the base URL for Anthropic's format."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """The base URL for OpenAI's format."""
        return f"{self.url}/v1"

    # -- running ------------------------------------------------------------------------------------------

    def start(self) -> "LoopbackServer":
        """Serve from a thread; returns when the port is open."""
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self.serve(ready.set)), name="loopback", daemon=True
        )
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the loopback server did not start")
        return self

    def stop(self) -> None:
        """End a server that runs in a thread; hanging requests are dropped."""
        if self._thread and self._loop:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
            self._thread = None

    def __enter__(self) -> "LoopbackServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def serve(self, ready: Callable[[], object]) -> None:
        """Serve on the running loop until :meth:`stop` or cancellation; ``ready()`` once the port is open."""
        self._loop = asyncio.get_running_loop()
        self._stop, self._gate, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._gate.set()
        self._idle.set()
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._openai)
        app.router.add_post("/v1/messages", self._anthropic)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_get("/v1/models", self._models)
        app.router.add_route("*", "/{path:.*}", self._other)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        self.port = runner.addresses[0][1]
        ready()
        try:
            await self._stop.wait()
        finally:
            await runner.cleanup()
            if self._file:
                self._file.close()

    @contextlib.contextmanager
    def holding(self, after: int = 0) -> Iterator[None]:
        """Keep answers back while the block runs, so that calls pile up without any timing.

        Args:
            after: the first so many requests, of all that came, are answered; then the gate is shut.
        """
        self._call(lambda: self._hold(after))
        try:
            yield
        finally:
            self._call(self._release)

    def _hold(self, after: int) -> None:
        self._hold_from = after
        if len(self._records) >= after:
            self._gate.clear()

    def _release(self) -> None:
        self._hold_from = None
        self._gate.set()

    # -- what it saw --------------------------------------------------------------------------------------

    def records(self) -> list[Record]:
        """Copies of all records, in the order of arrival.

        An answer that is being written when this is called is waited for: what a client has received is
        always recorded as answered.
        """
        if self._loop is None or self._thread is None:
            return [replace(record) for record in self._records]
        return asyncio.run_coroutine_threadsafe(self._settled(), self._loop).result(10)

    def count(self, *, answered: bool | None = None, model: str = "") -> int:
        """How many requests came in: all, only those (not) answered, only for models named like ``model``."""
        return sum(
            model in record.model and (answered is None or record.answered is answered)
            for record in self.records()
        )

    def wait_for(self, requests: int, timeout: float = 20.0) -> None:
        """Block until so many requests have come in (in async code: ``await asyncio.to_thread(…)``)."""
        with self._arrival:
            if not self._arrival.wait_for(lambda: len(self._records) >= requests, timeout):
                raise TimeoutError(f"{len(self._records)} of {requests} requests came in {timeout:g} s")

    def answered_twice(self) -> dict[str, int]:
        """Hashes of the request bodies that were answered more than once, with how often."""
        return _twice(record.body_hash for record in self.records() if record.answered)

    def clear(self) -> None:
        """Forget all requests, and how often each came."""
        self.records()
        self._call(lambda: (self._records.clear(), self._seen.clear()))

    async def _settled(self) -> list[Record]:
        await self._idle.wait()
        return [replace(record) for record in self._records]

    def _call(self, action: Callable[[], object]) -> None:
        async def run() -> None:
            action()

        if self._loop is None:
            raise RuntimeError("the loopback server is not running")
        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    # -- requests -----------------------------------------------------------------------------------------

    async def _models(self, _: web.Request) -> web.Response:
        names = ("gpt-4o-mini", "claude-opus-4-5")
        return web.json_response({"object": "list", "data": [{"id": n, "object": "model"} for n in names]})

    async def _openai(self, request: web.Request) -> web.StreamResponse:
        return await self._handle("openai", request)

    async def _anthropic(self, request: web.Request) -> web.StreamResponse:
        return await self._handle("anthropic", request)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        return await self._handle("embeddings", request)

    async def _other(self, request: web.Request) -> web.Response:
        """Any other path: recorded, and not found."""
        raw = await request.read()
        body_hash = hashlib.sha256(raw).hexdigest()
        said = {"raw": raw.decode(errors="replace")}
        self._add(Record(request.path, "", body_hash, said, _headers(request), 0, None))
        return web.json_response({"error": {"message": f"no such path: {request.path}"}}, status=404)

    async def _handle(self, style: Style, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        call = read_call(style, json.loads(raw))
        body_hash = hashlib.sha256(raw).hexdigest()
        attempt, key = self._seen[body_hash], _key(request)
        self._seen[body_hash] += 1
        fault = self._fault(call, key, body_hash, attempt)
        record = Record(request.path, call.model, body_hash, call.body, _headers(request), attempt, fault)
        record.connection = request.transport.get_extra_info("peername")[1] if request.transport else 0
        self._add(record)
        if self._hold_from is not None and len(self._records) > self._hold_from:
            self._gate.clear()
        self._open += 1
        self.peak = max(self.peak, self._open)
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            # After the latency: once it is shut, not one more answer goes out.
            await self._gate.wait()
            response = await self._respond(request, call, fault, key)
            record.answered = fault is None or fault in ANSWERS
            return response
        finally:
            self._open -= 1
            record.at = time.time()
            self._keep(record)

    def _fault(self, call: Call, key: str, body_hash: str, attempt: int) -> Fault | None:
        if self._keys is not None and key not in self._keys:
            return Fault.WRONG_KEY
        return self.faults.pick(call.model, body_hash, attempt)

    async def _respond(
        self, request: web.Request, call: Call, fault: Fault | None, key: str
    ) -> web.StreamResponse:
        if fault is None or fault in ANSWERS:
            body = json.dumps(self._answer(call, fault)).encode()
            return await self._write(request, 200, body)
        refused = refusal(call, fault, key)
        if refused:
            status, said = refused
            again = self.faults.retry_after if status in (429, 529) else ""
            return await self._write(request, status, json.dumps(said).encode(), again)
        return await self._break(request, call, fault)

    def _answer(self, call: Call, fault: Fault | None) -> dict[str, Any]:
        if call.style == "embeddings":
            return embeddings_answer(call, self.embed, fault)
        return answer(call, self.behaviour(call), fault)

    async def _write(
        self, request: web.Request, status: int, body: bytes, retry_after: str = ""
    ) -> web.StreamResponse:
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if retry_after:
            headers["Retry-After"] = retry_after
        response = web.StreamResponse(status=status, headers=headers)
        self._writing += 1
        self._idle.clear()
        try:
            await response.prepare(request)
            await response.write(body)
            await response.write_eof()
        finally:
            # After the rest of _handle, which does not wait any more: then the record is complete.
            asyncio.get_running_loop().call_soon(self._written)
        return response

    def _written(self) -> None:
        self._writing -= 1
        if not self._writing:
            self._idle.set()

    async def _break(self, request: web.Request, call: Call, fault: Fault) -> web.StreamResponse:
        """Faults below HTTP."""
        whole = json.dumps(self._answer(call, None)).encode()
        if fault is Fault.MALFORMED:
            return await self._write(request, 200, b"<html>upstream proxy says hello</html>")
        if fault is Fault.NOT_CHAT:
            return await self._write(request, 200, b'{"hello": "world"}')
        if fault is Fault.HANG:
            await self._stop.wait()
            _drop(request)
            return web.Response()
        if fault is Fault.RESET:
            _drop(request)
            return web.Response()
        promised = len(whole) + (2**20 if fault is Fault.TRICKLE else 0)
        headers = {"Content-Type": "application/json", "Content-Length": str(promised)}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        if fault is Fault.TRUNCATED:
            await response.write(whole[: len(whole) // 2])
        else:
            await self._trickle(response)
        _drop(request, reset=False)
        return response

    async def _trickle(self, response: web.StreamResponse) -> None:
        while not self._stop.is_set():
            try:
                await response.write(b" ")
            except OSError:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 0.02)

    def _add(self, record: Record) -> None:
        with self._arrival:
            self._records.append(record)
            self._arrival.notify_all()

    def _keep(self, record: Record) -> None:
        if self._file and record.answered:
            self._file.write(json.dumps(asdict(record)) + "\n")
            self._file.flush()


def _drop(request: web.Request, reset: bool = True) -> None:
    """Close the connection under the answer; with ``reset`` the client sees a TCP reset."""
    transport = request.transport
    if transport is None:
        return
    if reset:
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    transport.close()


def _key(request: web.Request) -> str:
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bearer or request.headers.get("x-api-key", "")


def _headers(request: web.Request) -> dict[str, str]:
    kept = {f"?{name}": key_hash(value) for name, value in request.query.items()}
    for name, value in request.headers.items():
        secret = name.lower() in _SECRET_HEADERS
        kept[name.lower()] = key_hash(value.removeprefix("Bearer ")) if secret else value
    return kept
