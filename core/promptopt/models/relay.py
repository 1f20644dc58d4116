"""The relay: a small process that holds a run's connections and outlives its worker.

An answer that a server has sent is paid for, whether or not anybody is there to read it. So the worker does
not hold the connections: it hands each request to its relay, which sends it, files the answer as a receipt
and only then passes it on. When the worker is killed, the relay waits for what is still under way, files
that too, and goes; the run's next worker takes it from there (``store/receipts.py``). The relay imports
neither litellm nor the database, so an answer waits for microseconds, not for what a worker is busy with.

``python -m promptopt.models.relay FILE FD``: the receipts file, and the socket to the worker.
"""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from promptopt.models.wire import HttpAnswer, HttpRequest, HttpWire, WireError
from promptopt.store.frames import pack, unpack
from promptopt.store.receipts import Kept, ReceiptWriter, Slip

_TOKEN = b'"access_token"'
"""In an answer, not quoted inside a text: somebody signed in, and what came is a secret."""


class FrameProtocol(asyncio.Protocol):
    """Reads frames off a socket, as many at a time as are there.

    Args:
        got: called with head and body of each.
        lost: called once, when the other side is gone.
    """

    def __init__(self, got: Callable[[dict[str, Any], bytes], None], lost: Callable[[], None]) -> None:
        self._got = got
        self._lost = lost
        self._pending = bytearray()

    def data_received(self, data: bytes) -> None:
        self._pending += data
        frames, taken = unpack(self._pending)
        del self._pending[:taken]
        for head, body in frames:
            self._got(head, body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost()


class Relay:
    """Serves one worker, from its first request to the last answer."""

    def __init__(self, receipts: ReceiptWriter) -> None:
        self.dismissed = False
        """The worker left in order."""
        self._receipts = receipts
        self._wire = HttpWire()
        self._under_way: set[asyncio.Task[None]] = set()
        self._gone = asyncio.Event()
        self._say: Callable[[bytes], object] = len  # nobody listens yet

    async def serve(self, sock: socket.socket) -> None:
        """Serve until the worker is gone and nothing is under way."""
        await self._wire.prepare()
        sock.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: FrameProtocol(self._got, self._gone.set), sock=sock
        )
        self._say = transport.write
        self._say(pack({"ready": True}))
        await self._gone.wait()
        self._say = len
        with contextlib.suppress(OSError):
            self._receipts.shut()
        while self._under_way:
            await asyncio.wait(self._under_way)
        await self._wire.close()

    def _got(self, head: dict[str, Any], body: bytes) -> None:
        self.dismissed = self.dismissed or "bye" in head
        for intent_id in head.get("settled", ()):
            self._receipts.settled(intent_id)
        if "n" not in head:
            return
        task = asyncio.get_running_loop().create_task(self._carry(head, body))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _carry(self, head: dict[str, Any], body: bytes) -> None:
        request = HttpRequest(head["url"], head["headers"], body, head["timeout"], head["method"])
        slip = Slip(head["id"], tuple(head["place"])) if "id" in head else None
        try:
            answer = await self._exchange(request, slip)
        except WireError as error:
            self._say(pack({"n": head["n"], "fault": error.fault, "message": str(error)}))
        else:
            said = {"n": head["n"], "status": answer.status, "headers": answer.headers}
            self._say(pack({**said, "seconds": answer.seconds}, answer.body))

    async def _exchange(self, request: HttpRequest, slip: Slip | None) -> HttpAnswer:
        """Send a request and file what becomes of it."""
        if slip is None:
            return await self._wire.send(request)
        try:
            self._receipts.sent(slip)
        except OSError as error:
            reason = error.strerror or str(error)
            raise WireError(
                "unreachable", f"nothing is sent while receipts can't be written: {reason}"
            ) from None
        try:
            answer = await self._wire.send(request)
        except WireError:
            with contextlib.suppress(OSError):
                self._receipts.failed(slip.intent_id)
            raise
        with contextlib.suppress(OSError):  # it can't be filed, but it is here
            self._file(slip, request, answer)
        return answer

    def _file(self, slip: Slip, request: HttpRequest, answer: HttpAnswer) -> None:
        """File what was paid for: a refusal costs nothing, and may be another one the next time."""
        if answer.status == 200 and _TOKEN not in answer.body:
            kind = answer.headers.get("content-type", "")
            kept = Kept(request.asked, answer.status, kind, answer.body, answer.seconds)
            self._receipts.answered(slip.intent_id, kept)
        else:
            self._receipts.failed(slip.intent_id)


def main(path: str, fd: str) -> int:
    """Serve the worker at the other end of the socket ``fd``."""
    sock = socket.socket(fileno=int(fd))
    try:
        receipts = ReceiptWriter(Path(path))
    except OSError as error:
        sock.sendall(pack({"failed": f"receipts can't be written: {error.strerror or error} ({path})"}))
        return 1
    relay = Relay(receipts)
    try:
        asyncio.run(relay.serve(sock))
    except WireError as error:
        sock.sendall(pack({"failed": str(error)}))
        return 1
    finally:
        receipts.close(remove=relay.dismissed)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
