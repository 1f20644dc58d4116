"""The relay over real HTTP: it outlives its worker, and nothing that came is lost."""

import asyncio
import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from promptopt.models.relay_wire import RelayWire
from promptopt.models.wire import HttpRequest, HttpWire, WireError
from promptopt.store.receipts import Receipts, Slip
from tests.loopback import LoopbackServer

KEY = "sk-relay-0123456789"
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Ticket 1: about login"}]}).encode()


def request(server: LoopbackServer, timeout: float = 30.0, number: int = 0) -> HttpRequest:
    body = BODY.replace(b"Ticket 1", f"Ticket {number}".encode())
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    return HttpRequest(f"{server.openai_url}/chat/completions", headers, body, timeout)


def slip(number: int = 0) -> Slip:
    return Slip(f"i{number}", (f"key{number}", "", 0))


@pytest.fixture(params=["relay", "here"])
async def wire(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RelayWire | HttpWire]:
    wire = RelayWire(tmp_path / "receipts") if request.param == "relay" else HttpWire()
    yield wire
    await wire.close()


@pytest.fixture
async def relayed(tmp_path: Path) -> AsyncIterator[RelayWire]:
    wire = RelayWire(tmp_path / "receipts")
    yield wire
    await wire.close()


@contextlib.asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """A server that gives these answers, at whatever path; its address, without a slash at the end."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def read(folder: Path) -> Receipts:
    receipts = Receipts(folder / "receipts")
    receipts.EVERY = 0.0
    receipts.read()
    return receipts


async def test_an_answer_comes_back_whole(wire: RelayWire | HttpWire, loopback: LoopbackServer) -> None:
    answer = await wire.send(request(loopback), slip())
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["choices"]
    assert answer.seconds > 0


async def test_many_at_once(wire: RelayWire | HttpWire, loopback: LoopbackServer) -> None:
    answers = await asyncio.gather(*(wire.send(request(loopback, number=n), slip(n)) for n in range(200)))
    assert {answer.status for answer in answers} == {200}
    assert loopback.count(answered=True) == 200


async def test_ways_to_fail(wire: RelayWire | HttpWire, loopback: LoopbackServer) -> None:
    nobody = HttpRequest("http://127.0.0.1:9/v1", {}, b"", 30)
    for wrong, fault in ((nobody, "unreachable"), (HttpRequest("http://", {}, b"", 30), "unreachable")):
        with pytest.raises(WireError) as caught:
            await wire.send(wrong, slip())
        assert caught.value.fault == fault
    with loopback.holding():
        with pytest.raises(WireError, match=r"within 0\.2 s") as caught:
            await wire.send(request(loopback, timeout=0.2), slip())
        assert caught.value.fault == "late"


async def test_what_a_server_may_send(wire: RelayWire | HttpWire, tmp_path: Path) -> None:
    """Compressed bodies are read, redirects are not followed, and a key sent back is taken out."""

    async def odd(asked: web.Request) -> web.Response:
        if asked.path == "/gzip":
            return web.Response(body=gzip.compress(b"text"), headers={"Content-Encoding": "gzip"})
        if asked.path == "/moved":
            return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/"})
        return web.Response(text=f"you said {asked.headers['Authorization']}")

    headers = {"authorization": f"Bearer {KEY}"}
    async with serving(odd) as url:
        zipped = await wire.send(HttpRequest(f"{url}/gzip", headers, b"{}", 30), slip(1))
        moved = await wire.send(HttpRequest(f"{url}/moved", headers, b"{}", 30), slip(2))
        said = await wire.send(HttpRequest(f"{url}/", headers, b"{}", 30), slip(3))
    assert (zipped.body, zipped.headers.get("content-encoding")) == (b"text", None)
    assert moved.status == 307
    assert said.body == b"you said Bearer [redacted]"
    assert KEY.encode() not in filed(tmp_path)


@pytest.mark.parametrize("depth", range(4))
async def test_a_key_sent_back_with_escapes_is_taken_out(wire: RelayWire | HttpWire, depth: int) -> None:
    """As JSON may write it, and JSON inside JSON: ``\\/`` for ``/``, a number for any character."""
    key = "sk/relay+0123456789-_="
    said = key
    for _ in range(depth):
        said = json.dumps(said)[1:-1].replace("/", "\\/").replace("r", "\\u0072", 1)

    async def echo(_: web.Request) -> web.Response:
        return web.Response(text=f'{{"said": "{said}", "other": "a\\nb"}}')

    async with serving(echo) as url:
        answer = await wire.send(HttpRequest(url, {"x-api-key": key}, b"{}", 30), slip(1))
    assert b"0123456789" not in answer.body
    assert json.loads(answer.body)["other"] == "a\nb"


def filed(folder: Path) -> bytes:
    """All that is in the receipts."""
    return b"".join(path.read_bytes() for path in folder.rglob("*.receipts"))


async def all_in(receipts: Receipts, number: int) -> None:
    """Wait until nothing is under way, and see that all was answered."""
    async with asyncio.timeout(30):
        while any(receipts.under_way(f"i{n}") for n in range(number)):  # noqa: ASYNC110 — another process
            await asyncio.sleep(0.01)
    assert all(receipts.answers(f"i{n}") for n in range(number))


async def test_what_is_paid_for_is_filed_and_what_is_not_is_not(
    relayed: RelayWire, loopback: LoopbackServer, tmp_path: Path
) -> None:
    answer = await relayed.send(request(loopback), slip(1))
    refused = HttpRequest(f"{loopback.url}/nowhere", {}, b"{}", 30)
    assert (await relayed.send(refused, slip(2))).status == 404
    receipts = read(tmp_path)
    (kept,) = receipts.answers("i1").values()
    assert (kept.body, kept.asked) == (answer.body, request(loopback).asked)
    assert set(receipts.places()) == {"i1"}
    assert b"choices" in filed(tmp_path) and KEY.encode() not in filed(tmp_path)


async def test_a_token_that_somebody_signed_in_for_is_never_filed(relayed: RelayWire, tmp_path: Path) -> None:
    async def token(_: web.Request) -> web.Response:
        return web.json_response({"access_token": "secret-0123456789"})

    async with serving(token) as url:
        assert (await relayed.send(HttpRequest(url, {}, b"{}", 30), slip(1))).status == 200
    assert read(tmp_path).places() == {}


async def test_answers_come_in_though_nobody_waits_any_more(loopback: LoopbackServer, tmp_path: Path) -> None:
    wire = RelayWire(tmp_path / "receipts")
    with loopback.holding():
        sending = [asyncio.ensure_future(wire.send(request(loopback, number=n), slip(n))) for n in range(5)]
        await asyncio.to_thread(loopback.wait_for, 5)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        await wire.close()
        receipts = await asyncio.to_thread(read_when_shut, tmp_path)
        assert all(receipts.under_way(f"i{n}") for n in range(5))
    await all_in(receipts, 5)
    assert loopback.count(answered=True) == 5


def read_when_shut(folder: Path) -> Receipts:
    receipts = Receipts(folder / "receipts")
    receipts.EVERY = 0.0
    receipts.read(patience=30)
    return receipts


async def test_a_lost_relay_fails_its_requests_and_is_started_again(
    relayed: RelayWire, loopback: LoopbackServer
) -> None:
    with loopback.holding():
        sending = asyncio.ensure_future(relayed.send(request(loopback), slip(1)))
        await asyncio.to_thread(loopback.wait_for, 1)
        assert relayed._process is not None
        os.kill(relayed._process.pid, signal.SIGKILL)
        with pytest.raises(WireError) as caught:
            await sending
        assert caught.value.fault == "broken"
    assert (await relayed.send(request(loopback, number=2), slip(2))).status == 200


async def test_a_relay_that_cannot_write_says_so(
    loopback: LoopbackServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    wire = RelayWire(tmp_path / "file" / "receipts")
    with pytest.raises(WireError, match=r"receipts can't be written: .*file/receipts") as caught:
        await wire.send(request(loopback), slip())
    assert caught.value.fault == "unreachable"
    assert capfd.readouterr().err == ""
    assert loopback.count() == 0


WORKER = """
import asyncio, sys
from pathlib import Path
from promptopt.models.relay_wire import RelayWire
from promptopt.models.wire import HttpRequest
from promptopt.store.receipts import Slip

async def main(folder, url):
    wire = RelayWire(Path(folder))
    sends = [
        wire.send(
            HttpRequest(url, {}, b'{"model": "m", "messages": [{"role": "user", "content": "n%d"}]}' % n, 60),
            Slip(f"i{n}", (f"key{n}", "", 0)),
        )
        for n in range(10)
    ]
    await asyncio.gather(*sends)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("group", [False, True], ids=["the worker", "its whole process group"])
async def test_killing_the_worker_loses_nothing(
    loopback: LoopbackServer, tmp_path: Path, group: bool
) -> None:
    command = [
        sys.executable,
        "-c",
        WORKER,
        str(tmp_path / "receipts"),
        f"{loopback.openai_url}/chat/completions",
    ]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with loopback.holding():
        worker = await asyncio.to_thread(subprocess.Popen, command, env=environ, start_new_session=True)
        await asyncio.to_thread(loopback.wait_for, 10)
        (os.killpg if group else os.kill)(worker.pid, signal.SIGKILL)
        worker.wait(30)
        receipts = await asyncio.to_thread(read_when_shut, tmp_path)
        assert all(receipts.under_way(f"i{n}") for n in range(10))
    await all_in(receipts, 10)


async def test_the_proxy_of_the_environment_is_used(
    loopback: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", loopback.url)
    wire = HttpWire()
    with contextlib.suppress(WireError):
        await wire.send(HttpRequest("http://model.invalid/v1/chat/completions", {}, BODY, 10))
    await wire.close()
    assert loopback.count() == 1
