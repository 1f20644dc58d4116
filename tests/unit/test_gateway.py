"""The gateway: order of things, retries, single flight, pause, stop, replay."""

import asyncio
import contextlib
import random
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.chat import ChatRequest, EmbedRequest, LLMResponse, Request
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import CallFailed
from promptopt.domain.events import Meter
from promptopt.domain.prompt import Message
from promptopt.domain.settings import ModelSettings, Price, ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.domain.vectors import pack, unpack
from promptopt.domain.words import ROLES, Role
from promptopt.models import sending
from promptopt.models.budget import WRAP_UP_SECONDS, Amount, Ledger, Stopwatch
from promptopt.models.endpoint import Endpoint
from promptopt.models.gateway import Gateway
from promptopt.models.limits import Limiter
from promptopt.models.sending import HOPELESS
from promptopt.models.shield import Shield
from promptopt.models.transport import Reply, TransportError
from promptopt.store.database import Database
from promptopt.store.journal import Journal
from promptopt.store.receipts import Kept, ReceiptWriter, Slip, receipts_dir
from promptopt.store.runs import Runs

SHIELD = Shield(ProjectSettings(name="p", prompt="p", models={"target": ModelSettings(model="m")}))


class Scripted:
    """A transport that does what a function says, and counts."""

    relay = "1"

    def __init__(self, answer: Callable[[int], Reply | BaseException]) -> None:
        self.answer = answer
        self.sent = 0
        self.last = ""
        self.arrived = asyncio.Event()
        self.hold = asyncio.Event()
        self.hold.set()

    async def prepare(self) -> None: ...

    async def complete(
        self,
        request: ChatRequest,
        *,
        sample: int,
        timeout: float,
        slip: Slip | None = None,
        kept: Mapping[str, Kept] | None = None,
    ) -> Reply:
        if kept is not None:
            return self.read(kept)
        self.sent += 1
        self.last = request.messages[-1].content if isinstance(request, ChatRequest) else ""
        number = self.sent
        self.arrived.set()
        await self.hold.wait()
        outcome = self.answer(number)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def read(self, kept: Mapping[str, Kept]) -> Reply:
        """Read what a relay kept, if it is whole."""
        if kept["asked"].body != b"raw":
            raise TransportError("can't be read")
        return Reply("read", 5, 2, seconds=0.25)

    async def close(self) -> None: ...


class Bench:
    """A gateway over a scripted transport, with a real journal."""

    def __init__(self, folder: Path, answer: Callable[[int], Reply | BaseException], **limits: float) -> None:
        self.database = Database.open(f"sqlite:///{folder / 'store.db'}")
        settings = ProjectSettings.model_validate(
            {"name": "x", "prompt": "p", "models": {"target": {"model": "m"}}}
        )
        case = Example(id="1", inputs={"text": "a"})
        self.run_id = Runs(self.database).create(settings, Dataset(train=(case,), validation=(case,)), folder)
        self.transport = Scripted(answer)
        self.notices: list[str] = []
        self.ledger = Ledger(limits, Stopwatch())
        self.gateway = self.open()

    def open(self) -> Gateway:
        """A gateway as a new worker makes it."""
        settings = ModelSettings(model="m", max_tokens=10, retries=2, max_concurrency=4)
        endpoint = Endpoint(settings, self.transport, Price(input=1.0, output=2.0))
        journal = Journal(self.database, self.run_id)
        self.ledger.restore(journal.take_over(0).spending)
        return Gateway(
            {"target": endpoint, "optimizer": endpoint},
            journal,
            self.ledger,
            self.notices.append,
            SHIELD,
        )


def ask(text: str = "hello") -> list[Message]:
    return [Message(role="user", content=text)]


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 — what is waited for has no event of its own
            await asyncio.sleep(0)


OK = Reply("fine", 7, 3, "stop", "m-1")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_backoff", lambda attempt, retry_after: 0.0)


async def test_an_answer_is_priced_journaled_and_booked(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    response = await bench.gateway.call("target", ask())
    assert response.text == "fine"
    assert response.usage == {"prompt_tokens": 7, "completion_tokens": 3}
    assert response.cost == pytest.approx(13e-6)
    assert bench.ledger.meters()["tokens"].spent == 10
    assert bench.ledger.in_flight == 0


async def test_what_was_answered_is_never_sent_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    await bench.gateway.call("target", ask())
    await bench.gateway.call("target", ask())
    again = bench.open()
    response = await again.call("target", ask())
    assert bench.transport.sent == 1
    assert response.metadata["replayed"] is True
    assert again.replayed == 1
    await again.call("target", ask(), sample=1)
    await again.call("target", ask(), path="elsewhere")
    assert bench.transport.sent == 3


async def test_equal_requests_at_once_are_sent_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    await asyncio.gather(*[bench.gateway.call("target", ask()) for _ in range(10)])
    assert bench.transport.sent == 1


async def test_a_text_is_embedded_once_whoever_wants_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: Reply("", 7, 0, vector=pack([n, 0.5])))

    def open_with_embeddings() -> Gateway:
        gateway = bench.open()
        gateway.endpoints["embedding"] = gateway.endpoints["target"]  # type: ignore[index]
        return gateway

    gateway = open_with_embeddings()
    await asyncio.gather(*[gateway.embed("hello", case_id=str(number)) for number in range(10)])
    other = await gateway.embed("hello ")
    assert bench.transport.sent == 2 and other.text == ""
    meters = bench.ledger.meters()
    assert meters["embedding_tokens"].spent == 14
    assert meters["embedding_usd"].spent == pytest.approx(14e-6)
    again = open_with_embeddings()
    replayed = await again.embed("hello")
    assert list(unpack(replayed.vector)) == [1, 0.5] and replayed.metadata["replayed"] is True
    assert bench.transport.sent == 2 and again.replayed == 1


async def test_draws_are_numbered_by_their_order_if_not_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: Reply(str(n), 1, 1))
    drawn = [(await bench.gateway.call("target", ask(), sample=None)).text for _ in range(3)]
    again = bench.open()
    assert (
        [(await again.call("target", ask(), sample=None)).text for _ in range(3)] == drawn == ["1", "2", "3"]
    )


async def test_a_passing_fault_is_retried_and_each_attempt_is_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK if n == 3 else TransportError("429", retryable=True))
    assert (await bench.gateway.call("target", ask())).text == "fine"
    assert bench.ledger.meters()["calls"].spent == 3
    assert bench.ledger.meters()["usd"].spent == pytest.approx(13e-6)


async def test_a_call_that_fails_for_good_is_an_error_that_is_replayed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: TransportError("the prompt is too long"))
    with pytest.raises(CallFailed, match="too long"):
        await bench.gateway.call("target", ask())
    with pytest.raises(CallFailed, match="too long"):
        await bench.open().call("target", ask())
    assert bench.transport.sent == 1
    assert bench.notices


async def test_a_timeout_is_booked_as_uncertain(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: TransportError("timed out", billed=True))
    with pytest.raises(CallFailed):
        await bench.gateway.call("target", ask())
    meter = bench.ledger.meters()["usd"]
    assert meter.spent == 0 and meter.uncertain > 0
    assert bench.open() and bench.ledger.meters()["usd"].uncertain == pytest.approx(2 * meter.uncertain)


def refused(_: int) -> TransportError:
    return TransportError("connection refused", retryable=True)


async def test_an_endpoint_that_answers_nobody_stops_the_run_and_no_case_is_lost(tmp_path: Path) -> None:
    bench = Bench(tmp_path, refused)
    calls = [bench.gateway.call("target", ask(str(number))) for number in range(8)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, StopRun) and outcome.reason == "error" for outcome in outcomes)
    assert "connection refused" in str(outcomes[0])
    await asyncio.wrap_future(bench.database.transact(lambda _: None))
    assert Journal(bench.database, bench.run_id).load().answered == 0


async def test_with_somebody_to_tell_it_waits_for_them_and_goes_on_when_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path, refused)
    told: list[str] = []

    def trouble(text: str) -> None:
        told.append(text)
        bench.gateway.gate.close()

    bench.gateway.on_trouble(trouble)
    calls = [asyncio.create_task(bench.gateway.call("target", ask(str(number)))) for number in range(8)]
    await until(lambda: told)
    assert len(told) == 1 and "connection refused" in told[0]
    await until(lambda: bench.ledger.in_flight == 0)
    sent = bench.transport.sent
    bench.transport.answer = lambda n: OK
    bench.gateway.gate.open()
    assert {response.text for response in await asyncio.gather(*calls)} == {"fine"}
    assert bench.transport.sent == sent + 8
    assert not bench.notices


async def test_a_model_that_never_answered_and_fails_every_call_stops_the_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: TransportError("400: no such parameter"))
    calls = [bench.gateway.call("target", ask(str(number))) for number in range(30)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(outcome, CallFailed) for outcome in outcomes) == HOPELESS - 1
    assert isinstance(outcomes[-1], StopRun) and "fails every call, as in: 400" in str(outcomes[-1])
    assert bench.transport.sent < 30
    await asyncio.wrap_future(bench.database.transact(lambda _: None))
    assert Journal(bench.database, bench.run_id).load().answered <= 4  # those that were in flight


async def test_once_it_has_answered_failures_are_their_calls_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK if n == 1 else TransportError("400: too long"))
    await bench.gateway.call("target", ask("first"))
    calls = [bench.gateway.call("target", ask(str(number))) for number in range(30)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, CallFailed) for outcome in outcomes)


async def test_what_could_not_be_sent_is_no_call(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: TransportError("no connection", retryable=True, unsent=True), calls=3)
    with pytest.raises(StopRun, match="no connection"):
        await asyncio.gather(*(bench.gateway.call("target", ask(str(number))) for number in range(3)))
    assert bench.transport.sent > 3
    assert bench.ledger.meters()["calls"].spent == 0


async def test_one_call_that_always_fails_is_its_own_fault(tmp_path: Path) -> None:
    """Others come through meanwhile, so the endpoint is well."""
    bench = Bench(tmp_path, lambda n: OK)
    complete = bench.transport.complete

    async def picky(request: ChatRequest, **how: Any) -> Reply:
        if request.messages[-1].content == "poison":
            raise refused(0)
        return await complete(request, **how)

    bench.transport.complete = picky  # type: ignore[method-assign]
    bench.gateway.on_trouble(pytest.fail)
    poisoned = asyncio.create_task(bench.gateway.call("target", ask("poison")))
    number = 0
    while not poisoned.done():
        number += 1
        await bench.gateway.call("target", ask(str(number)))
    with pytest.raises(CallFailed, match="connection refused"):
        await poisoned


async def test_a_role_that_calls_one_by_one_waits_at_its_first_failure_and_not_for_ever(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, refused)
    bench.gateway.endpoints["target"].limiter.most = 1
    told: list[str] = []
    bench.gateway.on_trouble(lambda text: (told.append(text), bench.gateway.gate.close())[1])
    call = asyncio.create_task(bench.gateway.call("target", ask()))
    await until(lambda: told)
    bench.gateway.gate.open()
    with pytest.raises(CallFailed):
        await call
    assert len(told) == 1


async def test_a_wrong_key_stops_the_run_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: TransportError("wrong key: set X", fatal=True))
    with pytest.raises(StopRun, match="set X"):
        await bench.gateway.call("target", ask())
    assert bench.transport.sent == 1


async def test_nothing_is_sent_while_paused_but_what_a_person_asks_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    bench.gateway.gate.close()
    waiting = asyncio.create_task(bench.gateway.call("target", ask()))
    await bench.gateway.call("target", ask("urgent"), urgent=True)
    assert bench.transport.sent == 1 and not waiting.done()
    bench.gateway.gate.open()
    assert (await waiting).text == "fine"


async def test_who_waits_at_the_gate_holds_no_slot_and_may_be_called_through(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: TransportError("busy", retryable=True) if n <= 4 else OK)
    bench.transport.hold.clear()
    retrying = [asyncio.create_task(bench.gateway.call("target", ask(str(n)))) for n in range(4)]
    await until(lambda: bench.transport.sent == 4)
    bench.gateway.gate.close()  # as many calls as there are slots are to be sent again
    bench.transport.hold.set()
    while bench.ledger.in_flight:
        await bench.gateway.call("target", ask("urgent"), urgent=True)
    sent = bench.transport.sent
    assert (await bench.gateway.call("target", ask("0"), urgent=True)).text == "fine"
    assert bench.transport.sent == sent + 1
    bench.gateway.gate.open()
    assert [response.text for response in await asyncio.gather(*retrying)] == ["fine"] * 4


async def test_a_caller_that_goes_away_loses_no_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    bench.transport.hold.clear()
    caller = asyncio.create_task(bench.gateway.call("target", ask()))
    await bench.transport.arrived.wait()
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    bench.transport.hold.set()
    await bench.gateway.drain()
    assert Journal(bench.database, bench.run_id).load().answered == 1


class Minutes:
    """A bench with a twentieth of a second left of a cap, by a clock that goes on when it is told to."""

    def __init__(self, folder: Path, cap: str, answer: Callable[[int], Reply | BaseException]) -> None:
        self.now = 0.0
        self.bench = Bench(folder, answer)
        watch = Stopwatch(clock=lambda: self.now)
        watch.go_on()
        self.bench.ledger = Ledger({cap: (WRAP_UP_SECONDS + 0.05) / 60}, watch)
        self.gateway = self.bench.open()

    def over(self) -> None:
        self.now = 1.0


@pytest.mark.parametrize("cap", ["minutes", "target_minutes"])
async def test_no_wait_between_attempts_outlasts_the_budgets_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cap: str
) -> None:
    told = Minutes(tmp_path, cap, lambda n: TransportError("429", retryable=True))
    await told.bench.ledger.reserve("target", Amount(1))  # a role's time goes by while a call is under way
    monkeypatch.setattr(sending, "_backoff", lambda attempt, retry_after: (told.over(), 3600.0)[1])
    async with asyncio.timeout(30):
        with pytest.raises(StopRun, match="minutes"):
            await told.gateway.call("target", ask())
    assert told.bench.transport.sent == 1


async def test_who_waits_for_a_turn_ends_with_the_budgets_time(tmp_path: Path) -> None:
    told = Minutes(tmp_path, "minutes", lambda n: OK)
    told.gateway.endpoints["target"].limiter = Limiter(4, requests_per_minute=1)
    assert (await told.gateway.call("target", ask("first"))).text == "fine"
    waiting = asyncio.create_task(told.gateway.call("target", ask("second")))
    asyncio.get_running_loop().call_later(0.3, told.over)
    async with asyncio.timeout(30):
        with pytest.raises(StopRun, match="minutes"):
            await waiting
    assert told.bench.transport.sent == 1


async def test_giving_up_books_what_may_have_been_billed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    bench.transport.hold.clear()
    caller = asyncio.create_task(bench.gateway.call("target", ask()))
    await bench.transport.arrived.wait()
    await bench.gateway.drain(patience=0.01)
    await asyncio.gather(caller, return_exceptions=True)
    assert bench.ledger.in_flight == 0
    assert bench.ledger.meters()["usd"].uncertain > 0


async def test_a_stop_lets_nothing_more_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    bench.gateway.stop(StopRun("user"))
    with pytest.raises(StopRun):
        await bench.gateway.call("target", ask())
    bench.gateway.go_on()
    assert (await bench.gateway.call("target", ask())).text == "fine"
    assert bench.transport.sent == 1


async def test_missing_usage_is_counted_by_its_upper_bound(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: Reply("four", None, None))
    response = await bench.gateway.call("target", ask())
    assert response.usage["completion_tokens"] == 4
    assert response.usage["prompt_tokens"] >= len("hello")
    assert response.metadata["usage_estimated"] is True


async def test_a_cap_on_calls_is_kept_by_many_callers(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK, calls=10)
    ends = await asyncio.gather(
        *[bench.gateway.call("target", ask(str(n))) for n in range(40)], return_exceptions=True
    )
    assert bench.transport.sent == 10
    assert sum(isinstance(end, StopRun) for end in ends) == 30


async def test_a_call_that_takes_too_long_names_the_setting(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: TimeoutError())
    with pytest.raises(CallFailed, match=r"answer of m in time; models\.target\.timeout is 60 s"):
        await bench.open().call("target", ask())
    bench.database.close()


async def waiting_for_room(
    folder: Path,
) -> tuple[Bench, asyncio.Task[LLMResponse], asyncio.Task[LLMResponse]]:
    """One call in flight under a cap that lets a second one out when the first has settled, and that one."""
    bound = ChatRequest(model="m", messages=tuple(ask("1")), max_tokens=10).token_bound() + 10
    bench = Bench(folder, lambda n: OK, tokens=2 * bound - 1)
    bench.transport.hold.clear()
    first = asyncio.create_task(bench.gateway.call("target", ask("1")))
    await bench.transport.arrived.wait()
    second = asyncio.create_task(bench.gateway.call("target", ask("2")))
    await until(lambda: bench.gateway.endpoints["target"].limiter.in_use == 2)
    return bench, first, second


async def test_a_pause_holds_what_waits_for_room_in_the_budget(tmp_path: Path) -> None:
    bench, first, second = await waiting_for_room(tmp_path)
    bench.gateway.gate.close()
    bench.transport.hold.set()
    await first
    await until(lambda: bench.gateway.endpoints["target"].limiter.in_use == 0)
    assert bench.transport.sent == 1 and bench.ledger.in_flight == 0
    bench.gateway.gate.open()
    await second
    assert bench.transport.sent == 2


async def test_a_stop_ends_what_waits_for_room_in_the_budget(tmp_path: Path) -> None:
    bench, first, second = await waiting_for_room(tmp_path)
    bench.gateway.stop(StopRun("user"))
    bench.transport.hold.set()
    await first
    with pytest.raises(StopRun):
        await second
    assert bench.transport.sent == 1 and bench.ledger.in_flight == 0


async def test_what_nobody_waits_for_any_more_is_not_sent(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    bench.transport.hold.clear()
    callers = [asyncio.create_task(bench.gateway.call("target", ask(str(n)))) for n in range(6)]
    await until(lambda: bench.transport.sent == 4)
    for caller in callers[1:]:
        caller.cancel()
    await asyncio.gather(*callers[1:], return_exceptions=True)
    again = asyncio.create_task(bench.gateway.call("target", ask("5")))
    bench.transport.hold.set()
    await asyncio.gather(callers[0], again)
    await bench.gateway.drain()
    assert bench.transport.sent == 5  # four in flight were answered and kept, one was asked for anew
    assert Journal(bench.database, bench.run_id).load().answered == 5


async def test_giving_up_while_the_store_is_busy_keeps_the_books(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    free = threading.Event()
    bench.database.transact(lambda _: free.wait(10) and None)
    caller = asyncio.create_task(bench.gateway.call("target", ask()))
    await until(lambda: bench.ledger.in_flight)
    (flight,) = bench.gateway._under_way.values()
    giving_up = asyncio.create_task(bench.gateway.drain(patience=0))
    await until(flight.task.cancelling)
    free.set()
    await giving_up
    await asyncio.gather(caller, return_exceptions=True)
    assert bench.ledger.in_flight == 0 and bench.transport.sent == 0
    bench.gateway = bench.open()
    assert (await bench.gateway.call("target", ask())).text == "fine"


async def test_an_error_that_no_encoding_can_carry_stays_with_its_call(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: TransportError("bad \ud800 \0 body"))
    with pytest.raises(CallFailed, match="bad \ufffd \ufffd body"):
        await bench.gateway.call("target", ask())
    with pytest.raises(CallFailed, match="bad \ufffd"):
        await bench.open().call("target", ask())


async def test_replaying_leaves_others_their_turn(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    await bench.gateway.call("target", ask())
    again = bench.open()
    turns: list[str] = []

    async def replay() -> None:
        await again.call("target", ask())
        turns.append("replayed")

    async def other() -> None:
        turns.append("other")

    await asyncio.gather(replay(), other())
    assert turns == ["other", "replayed"]


@pytest.fixture
def relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReceiptWriter]:
    """The receipts of a relay whose worker was killed; it lives until :func:`gone`."""
    monkeypatch.setenv("PROMPTOPT_HOME", str(tmp_path))
    writer = ReceiptWriter(receipts_dir("run") / "1.receipts")
    yield writer
    gone(writer)


def gone(relay: ReceiptWriter) -> None:
    """End a relay; its lock goes with it."""
    with contextlib.suppress(OSError):
        relay.close(remove=False)


def bench_after_a_kill(folder: Path, relay: ReceiptWriter, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose first worker was killed after it had handed a request to its relay."""
    monkeypatch.setattr("promptopt.store.journal.receipts_dir", lambda run_id: receipts_dir("run"))
    bench = Bench(folder, lambda n: OK)
    Journal(bench.database, bench.run_id).intend("i1", "target", 0.5, 100, "1").result()
    relay.sent(
        Slip("i1", (ChatRequest(model="m", messages=tuple(ask()), max_tokens=10).content_key(), "", 0))
    )
    relay.shut()
    return bench


def kept(body: bytes) -> Kept:
    return Kept("asked", 200, "application/json", body, 0.25)


async def test_an_answer_that_was_received_and_not_read_is_read_by_the_next_worker(
    tmp_path: Path, relay: ReceiptWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_after_a_kill(tmp_path, relay, monkeypatch)
    relay.answered("i1", kept(b"raw"))
    gone(relay)
    second = bench.open()
    assert bench.ledger.meters()["tokens"].uncertain == 100
    response = await second.call("target", ask())
    assert (response.text, response.latency) == ("read", 0.25)
    assert bench.transport.sent == 0
    meters = bench.ledger.meters()
    assert (meters["calls"].spent, meters["calls"].uncertain) == (1, 0)
    assert (meters["tokens"].spent, meters["tokens"].uncertain) == (7, 0)
    assert (await bench.open().call("target", ask())).text == "read"
    assert bench.transport.sent == 0


async def test_an_answer_that_is_still_under_way_is_waited_for(
    tmp_path: Path, relay: ReceiptWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_after_a_kill(tmp_path, relay, monkeypatch)
    call = asyncio.create_task(bench.open().call("target", ask()))
    done, _ = await asyncio.wait([call], timeout=0.2)
    assert not done and bench.transport.sent == 0
    relay.answered("i1", kept(b"raw"))
    assert (await call).text == "read"
    assert bench.transport.sent == 0


@pytest.mark.parametrize("how", ["failed", "gone"])
async def test_a_request_of_which_nothing_comes_any_more_is_sent_again(
    tmp_path: Path, relay: ReceiptWriter, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    bench = bench_after_a_kill(tmp_path, relay, monkeypatch)
    call = asyncio.create_task(bench.open().call("target", ask()))
    await asyncio.wait([call], timeout=0.1)
    if how == "failed":
        relay.failed("i1")
    else:
        gone(relay)
    assert (await call).text == "fine"
    assert bench.transport.sent == 1
    assert bench.ledger.meters()["tokens"].uncertain == 100


async def test_a_received_answer_that_cannot_be_read_is_asked_for_again(
    tmp_path: Path, relay: ReceiptWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_after_a_kill(tmp_path, relay, monkeypatch)
    relay.answered("i1", kept(b"ra"))
    gone(relay)
    assert (await bench.open().call("target", ask())).text == "fine"
    assert bench.transport.sent == 1
    assert bench.ledger.meters()["tokens"].uncertain == 100


async def test_a_receipt_of_a_settled_attempt_is_not_read(
    tmp_path: Path, relay: ReceiptWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_after_a_kill(tmp_path, relay, monkeypatch)
    relay.answered("i1", kept(b"raw"))
    gone(relay)
    journal = Journal(bench.database, bench.run_id)
    await asyncio.wrap_future(journal.settle("i1", "target", "unknown", 0.5, 100, "timed out"))
    found = journal.load()
    assert (found.answered, found.lost) == (0, 0)
    assert (await bench.open().call("target", ask())).text == "fine"


async def test_receipts_go_when_their_calls_are_recorded(
    tmp_path: Path, relay: ReceiptWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_after_a_kill(tmp_path, relay, monkeypatch)
    relay.answered("i1", kept(b"raw"))
    gone(relay)
    journal = Journal(bench.database, bench.run_id)
    journal.load()
    journal.tidy()
    assert receipts_dir("run").exists()
    assert journal.received(
        (ChatRequest(model="m", messages=tuple(ask()), max_tokens=10).content_key(), "", 0)
    )
    journal.tidy()
    assert not receipts_dir("run").exists()


async def test_a_call_given_up_after_it_was_sent_stays_open_for_its_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    bench.transport.hold.clear()
    call = asyncio.create_task(bench.gateway.call("target", ask()))
    await bench.transport.arrived.wait()
    await bench.gateway.drain(0)
    with pytest.raises(asyncio.CancelledError):
        await call
    meters = bench.ledger.meters()
    assert (meters["calls"].spent, meters["calls"].uncertain, meters["calls"].reserved) == (0, 1, 0)
    found = Journal(bench.database, bench.run_id).load()
    assert (found.answered, found.lost) == (0, 1)


async def test_what_is_settled_is_told_when_it_is_durable(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK if n == 1 else TransportError("no"))
    told: list[str] = []
    journal = Journal(bench.database, bench.run_id, told.append)
    settings = ModelSettings(model="m", max_tokens=10)
    gateway = Gateway(
        {"target": Endpoint(settings, bench.transport, None)}, journal, bench.ledger, print, SHIELD
    )
    await gateway.call("target", ask("one"))
    with pytest.raises(CallFailed):
        await gateway.call("target", ask("two"))
    await asyncio.wrap_future(bench.database.transact(lambda _: None))
    assert len(told) == 3  # the answer, the failed attempt, and the error that the run went on from


async def test_what_a_killed_worker_did_not_get_to_send_costs_nothing(
    tmp_path: Path, relay: ReceiptWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_after_a_kill(tmp_path, relay, monkeypatch)
    journal = Journal(bench.database, bench.run_id)
    journal.intend("i2", "target", 0.5, 100, "1")
    journal.intend("i3", "target", 0.5, 100, "elsewhere").result()
    found = journal.take_over(0)
    assert found.lost == 1  # i1 is under way
    assert found.spending["target"].uncertain_calls == 2
    relay.failed("i1")
    gone(relay)
    assert journal.take_over(0).lost == 1  # i3 was told as lost before
    assert journal.take_over(0).lost == 0
    assert journal.load().spending["target"].uncertain_calls == 2


_BOUNDS = {
    "usd": st.floats(1e-6, 0.002),
    "calls": st.integers(1, 60).map(float),
    "tokens": st.integers(20, 3000).map(float),
}
_CAPS = {
    f"{role}_{measure}" if role else measure: values
    for role in ("", *ROLES)
    for measure, values in _BOUNDS.items()
}


class Billing:
    """A provider that keeps its own books: what it was sent, and what it may bill for, answered or not."""

    relay = ""

    def __init__(self, rng: random.Random, trouble: float) -> None:
        self.rng = rng
        self.trouble = trouble
        self.price = Price(input=rng.uniform(0.01, 5), output=rng.uniform(0.01, 20))
        self.owed = Amount()

    async def prepare(self) -> None: ...

    async def close(self) -> None: ...

    async def complete(self, request: Request, **_: Any) -> Reply:
        rng = self.rng
        prompt, answer = rng.randint(1, request.token_bound()), rng.randint(0, request.max_tokens)
        usd = (prompt * self.price.input + answer * self.price.output) / 1e6
        bill = Amount(1, prompt + answer, usd)
        for _ in range(rng.randint(0, 4)):
            await asyncio.sleep(0)
        if rng.random() >= self.trouble:
            self.owed += bill
            if isinstance(request, EmbedRequest):
                return Reply("", prompt if rng.random() < 0.8 else None, None, vector=pack([1.0]))
            return Reply("text", prompt, answer) if rng.random() < 0.8 else Reply("x" * answer, None, None)
        billed, unsent = rng.random() < 0.5, rng.random() < 0.2
        if not unsent:
            self.owed += bill if billed else Amount(calls=1)
        retryable = rng.random() < 0.8
        raise TransportError("no", billed=billed, unsent=unsent, retryable=retryable, crowded=billed)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    limits=st.lists(st.sampled_from(sorted(_CAPS)), min_size=1, max_size=6, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: _CAPS[name] for name in names})
    ),
    at_once=st.integers(1, 64),
    trouble=st.floats(0, 1),
)
def test_whatever_happens_no_provider_is_ever_owed_more_than_the_caps(
    seed: int, limits: dict[str, float], at_once: int, trouble: float
) -> None:
    """For every role and for the run, by the providers' own books."""
    rng = random.Random(seed)
    providers: dict[Role, Billing] = {role: Billing(rng, trouble) for role in ROLES}

    async def run(folder: Path) -> None:
        bench = Bench(folder, lambda n: OK, **limits)
        model = ModelSettings(model="m", max_tokens=10, retries=2, max_concurrency=at_once)
        bench.gateway.endpoints.clear()  # type: ignore[attr-defined]
        for role, provider in providers.items():
            bench.gateway.endpoints[role] = Endpoint(model, provider, provider.price)  # type: ignore[index]
        wanted = [(rng.choice(ROLES), f"number {number}") for number in range(80)]
        asks = [
            bench.gateway.embed(text) if role == "embedding" else bench.gateway.call(role, ask(text))
            for role, text in wanted
        ]
        ends = await asyncio.gather(*asks, return_exceptions=True)
        assert all(isinstance(end, LLMResponse | CallFailed | StopRun) for end in ends)
        meters = bench.ledger.meters()
        bench.database.close()
        owed: dict[str, Amount] = {role: provider.owed for role, provider in providers.items()}
        owed[""] = sum((provider.owed for provider in providers.values()), Amount())
        for role, amount in owed.items():
            for measure in _BOUNDS:
                meter = meters.get(f"{role}_{measure}" if role else measure, Meter())
                assert meter.reserved == pytest.approx(0, abs=1e-9)
                assert getattr(amount, measure) <= meter.spent + meter.uncertain + 1e-6
                if meter.limit is not None:
                    assert meter.spent + meter.uncertain <= meter.limit + 1e-6

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def test_what_people_add_is_added_to_what_was_never_answered_and_to_nothing_else(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, lambda n: Reply(f"{n}", 7, 3))
    said: list[str] = []
    complete = bench.transport.complete

    async def noting(request: ChatRequest, **more: Any) -> Reply:
        if more.get("kept") is None:
            said.append(request.messages[-1].content)
        return await complete(request, **more)

    bench.transport.complete = noting  # type: ignore[method-assign]
    gateway = bench.gateway
    assert (await gateway.call("optimizer", ask("a"), path="1")).text == "1"
    for addenda in (["", "one"], ["", "one", "two"]):
        gateway.guide(addenda)
        assert (await gateway.call("optimizer", ask("a"), path="1")).text == "1"
        new = addenda[-1]
        await gateway.call("optimizer", ask(new), path="2")
        await gateway.call("target", ask(new))
    assert said == ["a", "one\n\none", "one", "two\n\ntwo", "two"]
    again = bench.open()
    again.guide(["", "one", "two", ""])
    replayed = [(await again.call("optimizer", ask(text), path="2")).text for text in ("one", "two")]
    assert replayed == ["2", "4"] and len(said) == 5
    assert again.answered("target", ask("one")) and not again.answered("target", ask("three"))
    bench.database.close()


async def test_what_is_asked_during_a_pause_holds_for_calls_that_wait_for_its_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    bench.gateway.gate.close()
    waiting = [asyncio.create_task(bench.gateway.call("optimizer", ask("a"), path="1")) for _ in range(2)]
    await asyncio.sleep(0)
    bench.gateway.guide(["", "one"])
    bench.gateway.gate.open()
    await asyncio.gather(*waiting)
    assert bench.transport.sent == 1 and bench.transport.last == "a\n\none"
    again = bench.open()
    again.guide(["", "one", "two"])
    await again.call("optimizer", ask("a"), path="1")
    assert bench.transport.sent == 1
    bench.database.close()


async def test_a_call_under_way_is_not_made_again_with_what_is_added_meanwhile(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: OK)
    bench.transport.hold.clear()
    first = asyncio.create_task(bench.gateway.call("optimizer", ask("a"), path="1"))
    await bench.transport.arrived.wait()
    bench.gateway.guide(["", "one"])
    second = asyncio.create_task(bench.gateway.call("optimizer", ask("a"), path="1"))
    await asyncio.sleep(0)
    bench.transport.hold.set()
    assert (await first) == (await second) and bench.transport.sent == 1
    bench.database.close()


async def test_another_model_answers_what_was_never_answered_and_nothing_else(tmp_path: Path) -> None:
    bench = Bench(tmp_path, lambda n: Reply(f"old {n}", 7, 3))
    newer = Scripted(lambda n: Reply(f"new {n}", 7, 3))
    settings = ModelSettings(model="m2", max_tokens=10)

    def other() -> Endpoint:
        return Endpoint(settings, newer, Price(input=1.0, output=2.0))

    assert (await bench.gateway.call("optimizer", ask("a"), path="1")).text == "old 1"
    bench.gateway.reseat("optimizer", other())
    bench.gateway.guide(["", "one"])
    assert (await bench.gateway.call("optimizer", ask("a"), path="1")).text == "old 1"
    assert (await bench.gateway.call("optimizer", ask("b"), path="2")).text == "new 1"
    assert newer.last == "b\n\none" and (await bench.gateway.call("target", ask("c"))).text == "old 2"
    again = bench.open()
    again.reseat("optimizer", other())
    again.guide(["", "one", "two"])
    replayed = [(await again.call("optimizer", ask(text), path=path)).text for text, path in ("a1", "b2")]
    assert replayed == ["old 1", "new 1"] and (bench.transport.sent, newer.sent) == (2, 1)
    bench.database.close()
