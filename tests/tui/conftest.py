"""A store with recorded runs, and the app on it with a clock that stands still."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from syrupy import SnapshotAssertion
from textual.pilot import Pilot

from promptopt.store.database import Database
from promptopt_tui.app import PromptoptApp
from promptopt_tui.client import Client

from .made import Made
from .proven import Proven
from .skins import SkinExtension, skins
from .story import START, Story

WAIT = 20.0


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    """Local times are the same everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        _read_time_zone()
        yield
    _read_time_zone()


def _read_time_zone() -> None:
    if hasattr(time, "tzset"):  # not on Windows
        time.tzset()


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROMPTOPT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("textual.constants.TEXTUAL_ANIMATIONS", "none", raising=False)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture
def story(database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Story]:
    """Makes recorded runs whose ids and times are always the same."""
    clock = [START]
    numbers = iter(range(1, 1000))
    monkeypatch.setattr("promptopt.store.runlog.time", _Clock(clock))
    monkeypatch.setattr("promptopt.store.runs.secrets.token_hex", lambda size: f"{next(numbers):06x}")
    monkeypatch.setattr("promptopt.store.runs.time", _Clock(clock))
    monkeypatch.setattr("promptopt.store.shelf.time", _Clock(clock))
    monkeypatch.setattr("promptopt.store.journal.time", _Clock(clock))

    def make(**settings: object) -> Story:
        clock[0] += 60.0
        return Story(database, clock=clock, **settings)  # type: ignore[arg-type]

    make.clock = clock  # type: ignore[attr-defined]
    return make


@pytest.fixture
def making(story: Callable[..., Story], database: Database) -> Callable[..., Made]:
    """Makes recorded runs that make cases up."""

    def make(**settings: object) -> Made:
        clock: list[float] = story.clock  # type: ignore[attr-defined]
        clock[0] += 60.0
        return Made(database, clock=clock, **settings)  # type: ignore[arg-type]

    return make


@pytest.fixture
def proving(
    making: Callable[..., Made],
    story: Callable[..., Story],
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Proven]:
    """Makes recorded proofs of concept; what the command line says of the last one is its record."""
    clock: list[float] = story.clock  # type: ignore[attr-defined]
    now = _Clock(clock)
    for room in ("pocs", "experiments"):
        monkeypatch.setattr(f"promptopt.store.{room}.time", now)
    made: list[Proven] = []
    monkeypatch.setattr("promptopt_tui.proofs.Proofs.record", lambda self, poc_id: made[-1].record())

    def make(**settings: Any) -> Proven:
        settings.setdefault("folder", tmp_path / f"poc-{len(made)}")
        made.append(Proven(database, making, clock=clock, **settings))
        return made[-1]

    return make


class _Clock:
    """Stands in for the module ``time`` in a module of the store."""

    def __init__(self, clock: list[float]) -> None:
        self._clock = clock

    def time(self) -> float:
        return self._clock[0]

    def strftime(self, form: str) -> str:
        return time.strftime(form, time.gmtime(self._clock[0]))


@pytest.fixture
def make_app(database: Database, story: Callable[..., Story]) -> Callable[..., PromptoptApp]:
    """Makes the app on the store; its clock stands where the last story ended."""

    def make(run_id: str | None = None, **options: object) -> PromptoptApp:
        now = story.clock[0] + 5.0  # type: ignore[attr-defined]
        client = Client(database, now=lambda: now)
        # Time for every dialog to be read before a key comes.
        seconds = itertools.count()
        options.setdefault("ticks", lambda: float(next(seconds)))
        return PromptoptApp(client, run_id, now=lambda: now, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def snap_compare(snap_compare: Callable[..., bool], snapshot: SnapshotAssertion) -> Callable[..., bool]:
    """Compares a screen with its picture, and in every theme with the colours that it has there."""

    def compare(app: PromptoptApp, *, terminal_size: tuple[int, int], run_before: Callable[..., Any]) -> bool:
        found: list[str] = []

        async def before(pilot: Pilot[int]) -> None:
            await run_before(pilot)
            await _settle(pilot)
            found.append(await skins(pilot))

        same = snap_compare(app, terminal_size=terminal_size, run_before=before)
        assert snapshot.use_extension(SkinExtension) == found[0]
        return same

    return compare


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the runs that a worker was asked for; none is started."""
    run_ids: list[str] = []
    monkeypatch.setattr("promptopt.runs.launch.start_worker", run_ids.append)
    return run_ids


@pytest.fixture
def press() -> Callable[..., object]:
    """Presses keys, each when what the one before has done is shown."""

    async def go(pilot: Pilot[int], *keys: str) -> None:
        for key in keys:
            await pilot.press(key)
            await _settle(pilot)

    return go


@pytest.fixture
def settle() -> Callable[[Pilot[int]], object]:
    """Waits until the run screen, or the home screen, shows all that there is to show."""
    return _settle


async def _settle(pilot: Pilot[int]) -> None:
    app = pilot.app
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        await app.workers.wait_for_complete()
        await pilot.pause()
        if _is_ready(app):
            for screen in app.screen_stack:
                if hasattr(screen, "draw"):
                    screen.draw()
            await app.workers.wait_for_complete()
            await pilot.pause()
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"the screen {app.screen!r} did not settle")


def _is_ready(app: object) -> bool:
    screens = app.screen_stack  # type: ignore[attr-defined]
    names = [type(screen).__name__ for screen in screens]
    if "OpeningScreen" in names or len(names) < 2:
        return False
    for screen in screens:
        follower = getattr(screen, "follower", None)
        if follower is not None:
            tail_read = follower._source.length() == follower._read
            if not (follower.caught_up.is_set() and tail_read and screen.size.width):
                return False
        if type(screen).__name__ == "HomeScreen" and screen is screens[-1] and screen.lists is None:
            return False
    return True
