"""The server of a frame: what it shows to whom, and whom it sends away."""

import sys
from collections.abc import AsyncGenerator, Generator

import aiohttp
import pytest

from promptopt.notebook.embedded.frame import Frame
from promptopt.notebook.embedded.guard import refusal
from promptopt.notebook.embedded.places import Place
from promptopt.notebook.embedded.server import TAKEN, FrameServer
from tests.notebook.test_embedded import ECHO

ATTACH = {"kind": "attach", "view": "a", "cols": 80, "rows": 24}


@pytest.fixture
def server() -> Generator[FrameServer]:
    server = FrameServer(command=[sys.executable, "-c", ECHO])
    yield server
    server.close()


@pytest.fixture
async def client(server: FrameServer) -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        yield client


def origin(server: FrameServer) -> str:
    return f"http://127.0.0.1:{server.port}"


async def test_its_page_fetches_nothing_from_elsewhere(
    server: FrameServer, client: aiohttp.ClientSession
) -> None:
    async with client.get(server.path) as answer:
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
        assert answer.status == 200 and answer.headers["Referrer-Policy"] == "no-referrer"
    assert "http" not in page and 'src="/' not in page and "default-src 'none'" in policy
    for name in ("page.js", "terminal.js"):
        async with client.get(f"{server.path}{name}") as answer:
            assert answer.status == 200 and answer.content_type == "text/javascript"


@pytest.mark.parametrize(
    "path",
    ["/", "/s/", "/s/guess/", "/s/guess/ws", "/static/", "{path}..", "{path}nosuch", "{path}LICENSES.txt"],
)
async def test_without_the_secret_there_is_nothing(
    server: FrameServer, client: aiohttp.ClientSession, path: str
) -> None:
    async with client.get(path.format(path=server.path), headers={"Origin": origin(server)}) as answer:
        assert answer.status == 404


async def test_pages_of_others_are_refused(server: FrameServer, client: aiohttp.ClientSession) -> None:
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{server.port + 1}"},
        {"Origin": f"http://evil.example:{server.port}", "Host": f"evil.example:{server.port}"},
        {},
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await client.ws_connect(f"{server.path}ws", headers=headers)
    async with client.get(server.path, headers={"Host": "evil.example"}) as answer:
        assert answer.status == 403
    assert server.session.process is None


async def test_it_is_one_session(server: FrameServer, client: aiohttp.ClientSession) -> None:
    async with client.ws_connect(f"{server.path}ws", headers={"Origin": origin(server)}) as first:
        await first.send_json(ATTACH)
        assert (await first.receive_json())["kind"] == "begun"
        assert (await first.receive_json())["kind"] == "out"
        assert await first.receive_bytes() == b"[80x24]"
        second = await client.ws_connect(f"{server.path}ws", headers={"Origin": origin(server)})
        said = await second.receive()
        assert (said.type, said.data) == (aiohttp.WSMsgType.CLOSE, TAKEN)
        assert server.session.process is not None
        pid = server.session.process.pid
        for odd in ("{", "[]", "7", '"keys"'):
            await first.send_str(odd)
        await first.send_json({"kind": "keys", "view": "a", "text": "hi"})
        assert (await first.receive_json())["kind"] == "out"
        assert await first.receive_bytes() == b"<hi>"
    # The page is loaded again: what it showed goes on.
    async with client.ws_connect(f"{server.path}ws", headers={"Origin": origin(server)}) as again:
        await again.send_json({**ATTACH, "view": "b"})
        while (await again.receive_json())["view"] != "b":
            pass
        assert server.session.process.pid == pid


async def test_it_ends_when_nobody_looks() -> None:
    server = FrameServer(command=[sys.executable, "-c", ECHO], idle=0.1)
    server._thread.join(20)
    assert not server.alive
    server.close()


def test_it_is_closed_with_its_process(server: FrameServer) -> None:
    server.session.heard(ATTACH)
    process = server.session.process
    assert process is not None and process.alive
    server.close()
    assert not process.alive and not server.alive


@pytest.mark.parametrize(
    ("headers", "proxied", "refused"),
    [
        ({"Host": "127.0.0.1:5", "Origin": "http://127.0.0.1:5"}, False, False),
        ({"Host": "localhost:5", "Origin": "http://localhost:5"}, False, False),
        ({"Host": "localhost:5", "Origin": "http://127.0.0.1:5"}, False, True),
        ({"Host": "hub.example", "Origin": "https://hub.example"}, True, False),
        ({"Host": "hub.example", "Origin": "https://evil.example"}, True, True),
        ({"Host": "hub.example", "Origin": "https://hub.example"}, False, True),
        ({"Origin": "https://hub.example"}, True, True),
        ({"Host": "127.0.0.1:5", "Origin": "http://[::1"}, False, True),
    ],
)
def test_host_and_origin(headers: dict[str, str], proxied: bool, refused: bool) -> None:
    assert bool(refusal(headers, 5, proxied=proxied, socket=True)) is refused


def test_the_frame_is_one_of_the_page_it_stands_in() -> None:
    frame = Frame(None, Place(proxy=True, base_url='/user/"><script>/'), height=400)
    try:
        shown = frame._repr_html_()
        assert "<script>" not in shown and f"/proxy/{frame.server.port}/s/" in shown
        assert frame.server.path not in repr(frame)
    finally:
        frame.close()
