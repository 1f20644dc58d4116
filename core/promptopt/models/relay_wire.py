"""The worker's end of its relay."""

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any, Protocol

from promptopt.domain.errors import ModelError
from promptopt.models.relay import FrameProtocol
from promptopt.models.wire import HttpAnswer, HttpRequest, HttpWire, Wire, WireError
from promptopt.store.frames import pack
from promptopt.store.receipts import Slip, receipts_file

START_SECONDS = 30.0
"""How long a relay may take to start."""


class RunWire(Wire, Protocol):
    """The wire of a run's worker."""

    def settled(self, intent_id: str) -> None:
        """The outcome of a request is in the journal; called from any thread."""
        ...


def wire_for(receipts: Path) -> RunWire:
    """The wire of a run's worker, with receipts in the folder ``receipts``.

    Where no socket can be handed to another process (Windows), requests go out from the worker itself: then
    answers that are on their way when it is killed are asked for again.
    """
    return _NoReceipts() if sys.platform == "win32" else RelayWire(receipts)


class _NoReceipts(HttpWire):
    def settled(self, intent_id: str) -> None:
        """Nothing is filed, so nothing is taken away."""


class RelayWire:
    """Sends through a relay, which is started when it is first needed, and again if it was lost.

    Args:
        receipts: folder of the run's receipts.
    """

    def __init__(self, receipts: Path) -> None:
        self.relay = ""
        """Name of the relay's file in the folder; empty until it is started."""
        self._folder = receipts
        self._starting = asyncio.Lock()
        self._transport: asyncio.Transport | None = None
        self._link = object()
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[HttpAnswer]] = {}
        self._settled: list[str] = []
        self._ready = asyncio.Event()
        self._complaint = ""
        self._process: subprocess.Popen[bytes] | None = None

    async def prepare(self) -> None:
        """Start the relay.

        Raises:
            ModelError: it does not start.
        """
        async with self._starting:
            if self._transport is None:
                await self._start()

    async def send(self, request: HttpRequest, slip: Slip | None = None) -> HttpAnswer:
        """Send ``request``. If this is cancelled, the relay goes on, and files what comes."""
        if self._transport is None:
            try:
                await self.prepare()
            except ModelError as error:
                raise WireError("unreachable", str(error)) from None
        number = next(self._numbers)
        head: dict[str, Any] = {
            "n": number,
            "url": request.url,
            "method": request.method,
            "headers": dict(request.headers),
            "timeout": request.timeout,
        }
        if slip:
            head |= {"id": slip.intent_id, "place": slip.place}
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._say(head, request.body)
        try:
            return await answer
        finally:
            self._waiting.pop(number, None)

    def settled(self, intent_id: str) -> None:
        """The outcome of a request is in the journal; called from any thread."""
        self._settled.append(intent_id)

    async def close(self) -> None:
        """Let the relay go: when all that is under way has come, it ends by itself."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.write(pack({"settled": self._take_settled(), "bye": True}))
            transport.close()

    def _say(self, head: dict[str, Any], body: bytes) -> None:
        assert self._transport is not None
        if self._settled:
            head["settled"] = self._take_settled()
        self._transport.write(pack(head, body))

    def _take_settled(self) -> list[str]:
        # One at a time: another thread may be adding.
        return [self._settled.pop() for _ in range(len(self._settled))]

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        # Names grow with time, so that the files are read in the order in which they were made.
        name = f"{time.time_ns():x}-{uuid.uuid4().hex[:8]}"
        with theirs:
            self._process = process = _spawn(receipts_file(self._folder, name), theirs.fileno())
        self._ready.clear()
        ours.setblocking(False)
        link = self._link = object()
        protocol = FrameProtocol(self._got, lambda: self._lost(link))
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, sock=ours)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            transport.abort()
            process.kill()
        if process.poll() is not None or transport.is_closing():
            why = self._complaint or "it does not start; see the worker's log"
            raise ModelError(f"the process that makes the requests: {why}")
        self._transport, self.relay = transport, name

    def _got(self, head: dict[str, Any], body: bytes) -> None:
        if "n" not in head:
            self._complaint = head.get("failed", "")
            if not self._complaint:
                self._ready.set()
            return
        answer = self._waiting.get(head["n"])
        if answer is None or answer.done():
            return
        if "fault" in head:
            answer.set_exception(WireError(head["fault"], head["message"]))
        else:
            answer.set_result(HttpAnswer(head["status"], head["headers"], body, head["seconds"]))

    def _lost(self, link: object) -> None:
        """A relay is gone, by itself or at our wish."""
        if link is not self._link:
            return
        self._transport = None
        self._ready.set()
        if self._process is not None:
            self._process.poll()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(WireError("broken", "the process that makes the requests was lost"))


def _spawn(receipts: Path, fd: int) -> "subprocess.Popen[bytes]":
    """Start a relay with its end of the socket; what it has to complain of goes where the worker's does."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "promptopt.models.relay", str(receipts), str(fd)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(fd,),
        start_new_session=True,  # what kills the worker's group does not kill the relay
        # A copy: libraries that are imported meanwhile set variables, and the C environment moves beneath.
        env=dict(os.environ),
    )
