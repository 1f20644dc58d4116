"""The terminal UI in a frame, where a kernel has no widgets: a server for one page of one user.

It listens on the loopback interface alone. A secret in the path is what opens it; host and origin are looked
at besides. All addresses in the page are relative, so that it works behind a proxy, and nothing is fetched
from elsewhere. It ends with the kernel, or when nobody has looked for a while.
"""

import asyncio
import atexit
import contextlib
import json
import secrets
import threading
from concurrent import futures
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from promptopt.domain.errors import RunError
from promptopt.notebook.embedded.guard import refusal
from promptopt.notebook.embedded.session import Session

if TYPE_CHECKING:
    from aiohttp import web

IDLE = 600.0
"""Seconds without a page after which it ends."""

BEAT = 25.0
HEARTBEAT = 20.0
TAKEN = 4000
"""Code with which a second page is sent away: it does not try again."""

LARGEST = 4 * 2**20
"""Bytes of a message of a page."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self' ws: wss:; "
    "font-src data:; img-src data:; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
STATIC = files("promptopt.notebook.embedded") / "static"
FILES = {
    "": ("page.html", "text/html"),
    "page.js": ("page.js", "text/javascript"),
    "terminal.js": ("terminal.js", "text/javascript"),
}


class FrameServer:
    """A terminal with promptopt in it, for one page at a time, in a thread of its own.

    Args:
        run_id: open on this run; default: on the list of runs.
        proxied: it is reached through Jupyter's server.
        idle: seconds without a page after which it ends.

    Attributes:
        port: that it listens on.
        path: of its page, with the secret.
    """

    def __init__(
        self,
        run_id: str | None = None,
        *,
        proxied: bool = False,
        idle: float = IDLE,
        command: list[str] | None = None,
    ) -> None:
        self.port = 0
        self.path = f"/s/{secrets.token_urlsafe(24)}/"
        self.session = Session(run_id, self._tell, command=command)
        self._proxied, self._idle = proxied, idle
        self._socket: web.WebSocketResponse | None = None
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._idled = 0.0
        self._failure: BaseException | None = None
        begun = threading.Event()
        self._thread = threading.Thread(
            target=self._carry_out, args=(begun,), name="promptopt-frame", daemon=True
        )
        self._thread.start()
        begun.wait()
        if self._failure is not None:
            raise RunError(
                f"the server of the frame can't begin: {self._failure}",
                fix="open a terminal there, and in it: promptopt attach latest",
            )
        atexit.register(self.close)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        """End the server and the terminal UI; runs go on."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        atexit.unregister(self.close)

    def _carry_out(self, begun: threading.Event) -> None:
        try:
            self._loop.run_until_complete(self._serve(begun))
        except Exception as error:
            self._failure = error
        finally:
            self._loop.close()
            self.session.close()
            begun.set()

    async def _serve(self, begun: threading.Event) -> None:
        from aiohttp import web

        @web.middleware
        async def guarded(request: web.Request, handler: Any) -> Any:
            socket = request.path.endswith("/ws")
            if refusal(request.headers, self.port, proxied=self._proxied, socket=socket):
                raise web.HTTPForbidden
            return await handler(request)

        app = web.Application(middlewares=[guarded])
        for name in FILES:
            app.router.add_get(f"{self.path}{name}", self._file)
        app.router.add_get(f"{self.path}ws", self._speak)
        # Its log of requests would have the secret.
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        begun.set()
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), min(BEAT, self._idle))
            self._beat(min(BEAT, self._idle))
        if self._socket is not None:
            await self._socket.close(code=TAKEN, message=b"It was closed. Runs go on.")
        await runner.cleanup()

    def _beat(self, seconds: float) -> None:
        if self._socket is not None:
            self._idled = 0.0
            return
        self._idled += seconds
        self.session.beat()
        if self._idled >= self._idle:
            self._over.set()

    async def _file(self, request: "web.Request") -> "web.Response":
        from aiohttp import web

        name, kind = FILES[request.path.removeprefix(self.path)]
        body = (STATIC / name).read_bytes()
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=HEADERS)

    async def _speak(self, request: "web.Request") -> "web.WebSocketResponse":
        from aiohttp import WSMsgType, web

        socket = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=LARGEST)
        taken = self._socket is not None
        if not taken:
            self._socket = socket
        try:
            await socket.prepare(request)
            if taken:
                await socket.close(code=TAKEN, message=b"It is shown in another page already.")
                return socket
            async for message in socket:
                if message.type == WSMsgType.TEXT and (said := _read(message.data)):
                    # The session may wait for its process, and for what this loop sends.
                    await asyncio.to_thread(self.session.heard, said)
        finally:
            if not taken:
                self._socket = None
                self._idled = 0.0
        return socket

    def _tell(self, message: dict[str, Any], data: bytes | None) -> None:
        """Send from a thread of the session; return when it is sent, so that a slow page holds it back."""
        sending = self._send(message, data)
        try:
            asyncio.run_coroutine_threadsafe(sending, self._loop).result(HEARTBEAT)
        except RuntimeError:  # the server has ended
            sending.close()
        except (ConnectionError, TimeoutError, futures.CancelledError):  # the page has gone, or nearly so
            pass

    async def _send(self, message: dict[str, Any], data: bytes | None) -> None:
        socket = self._socket
        if socket is None or socket.closed or not socket.prepared:
            return
        await socket.send_str(json.dumps(message))
        if data is not None:
            await socket.send_bytes(data)


def _read(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}
