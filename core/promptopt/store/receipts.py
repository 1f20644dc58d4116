"""Receipts: what came over the wire for a run, durable before anybody has read it.

Each relay of a run (``models/relay.py``) appends to one file of its own in ``receipts/RUN`` of the data
directory: which request it was told to send, and its whole answer, or that there is none. It holds a lock on
the file for as long as it lives. A run's next worker reads the files of the relays before it: an answer that
nobody recorded is taken from there, and one that is still under way is waited for.

The files stay on the machine that made the calls; a run taken up on another one counts those calls as lost.
"""

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from promptopt.store.frames import pack, unpack
from promptopt.store.home import place

Place = tuple[str, str, int]
"""What names a call in a run: content key, path, number of the draw."""

LARGEST_WASTE = 4_000_000
"""Bytes of settled answers that a file may hold before it is written anew without them."""

_SUFFIX = ".receipts"


@dataclass(frozen=True)
class Slip:
    """What a request is to be filed under: its intent, and the call that it is made for."""

    intent_id: str
    place: Place


@dataclass(frozen=True)
class Kept:
    """One whole answer.

    Attributes:
        asked: hash of the method and address that it answers (an address may hold a key).
        status, content_type, body: what came.
        seconds: from sending to the whole answer.
    """

    asked: str
    status: int
    content_type: str
    body: bytes
    seconds: float


def receipts_dir(run_id: str) -> Path:
    """The folder of a run's receipts; it need not be there."""
    return place() / "receipts" / run_id


def receipts_file(folder: Path, relay: str) -> Path:
    """The file of one relay."""
    return folder / f"{relay}{_SUFFIX}"


class ReceiptWriter:
    """One relay's file. What is noted is written by the time a method returns (not synced to the disk).

    Every method may raise OSError: the file can't be made or written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._live: dict[str, bytes] = {}
        self._shut = b""
        self._written = self._living = 0
        self._file = _create(path)

    def sent(self, slip: Slip) -> None:
        """A request is about to go out."""
        self._add(slip.intent_id, pack({"id": slip.intent_id, "place": slip.place}))

    def answered(self, intent_id: str, kept: Kept) -> None:
        """Its answer is here, whole."""
        head = {
            "id": intent_id,
            "asked": kept.asked,
            "status": kept.status,
            "type": kept.content_type,
            "seconds": kept.seconds,
        }
        self._add(intent_id, pack(head, kept.body))

    def failed(self, intent_id: str) -> None:
        """There is no answer to it that anybody would need again."""
        self._add(intent_id, pack({"id": intent_id, "failed": True}))

    def settled(self, intent_id: str) -> None:
        """Its outcome is in the journal: the file need not keep it any longer."""
        gone = self._live.pop(intent_id, None)
        if gone is None:
            return
        self._living -= len(gone)
        if self._written - self._living > LARGEST_WASTE and self._written > 2 * self._living:
            self._write_anew()

    def shut(self) -> None:
        """No request will come that has not been noted: who wrote them is gone."""
        self._shut = pack({"shut": True})
        self._write(self._shut)

    def close(self, *, remove: bool) -> None:
        """Let go of the file.

        Args:
            remove: the worker left in order: the file goes if all that it holds is settled. Else it stays,
                to tell what was sent and, by that, what was not.
        """
        if remove and not self._live:
            self._path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self._path.parent.rmdir()  # stays if another relay's file is in it
        os.close(self._file)

    def _add(self, intent_id: str, frame: bytes) -> None:
        self._write(frame)
        self._live[intent_id] = self._live.get(intent_id, b"") + frame
        self._living += len(frame)

    def _write(self, frame: bytes) -> None:
        try:
            self._written += _write_all(self._file, frame)
        except OSError:
            os.ftruncate(self._file, self._written)  # half a frame would make what follows unreadable
            raise

    def _write_anew(self) -> None:
        """Replace the file by one that holds only what is not settled; it is locked before it is seen."""
        fresh = self._path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        file = _create(fresh)
        self._written = _write_all(file, b"".join([*self._live.values(), self._shut]))
        fresh.replace(self._path)
        os.close(self._file)
        self._file = file


@dataclass
class _Old:
    """The file of an earlier relay, as far as it has been read."""

    path: Path
    offset: int = 0
    places: dict[str, Place] = field(default_factory=dict[str, Place])
    answers: dict[str, dict[str, Kept]] = field(default_factory=dict[str, dict[str, Kept]])
    failed: set[str] = field(default_factory=set[str])
    shut: bool = False
    over: bool = False
    """Its relay is gone: nothing will be added."""

    def read_on(self) -> None:
        """Take in what was added since the last look."""
        if self.over:
            return
        # Looked at first: what a relay wrote before it went is read below.
        over = not _is_locked(self.path)
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                frames, taken = unpack(file.read())
        except (FileNotFoundError, ValueError):
            self.over = True  # gone, or no receipts that we wrote
            return
        self.offset += taken
        for head, body in frames:
            self._note(head, body)
        self.over = over

    def _note(self, head: Mapping[str, Any], body: bytes) -> None:
        if head.get("shut"):
            self.shut = True
        elif "place" in head:
            key, path, occurrence = head["place"]
            self.places[head["id"]] = (key, path, occurrence)
        elif head.get("failed"):
            self.failed.add(head["id"])
        else:
            kept = Kept(head["asked"], head["status"], head["type"], body, head["seconds"])
            self.answers.setdefault(head["id"], {})[kept.asked] = kept

    def under_way(self) -> set[str]:
        """Requests whose outcome this relay has yet to write."""
        return set() if self.over else self.places.keys() - self.answers.keys() - self.failed


class Receipts:
    """What the relays of a run's earlier workers have kept, and may still receive."""

    EVERY = 0.02
    """Seconds between looks at files that may grow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._old: list[_Old] = []
        self._looked = 0.0

    def read(self, patience: float = 0.0) -> None:
        """Read the files.

        Args:
            patience: seconds to wait for relays that have not yet noted all that they were told to send.
        """
        if not self._folder.is_dir():
            return
        self._old = [_Old(path) for path in sorted(self._folder.glob(f"*{_SUFFIX}"))]
        end = time.monotonic() + patience
        while True:
            self._read_on()
            noted = all(old.shut or old.over for old in self._old)
            if noted or time.monotonic() > end:
                return
            time.sleep(0.01)

    def places(self) -> dict[str, Place]:
        """Call by intent, of all requests that are answered or under way."""
        found: dict[str, Place] = {}
        for old in self._old:
            wanted = old.answers.keys() | old.under_way()
            found.update((at, old.places[at]) for at in wanted if at in old.places)
        return found

    def never_sent(self, intent_id: str, relay: str) -> bool:
        """A relay was to be given the request, and is known never to have been.

        Args:
            relay: name of the relay's file.
        """
        for old in self._old:
            if old.path.stem == relay:
                return (old.shut or old.over) and intent_id not in old.places
        return False

    def under_way(self, intent_id: str) -> bool:
        """The request was sent by a relay that lives, and has no outcome yet."""
        now = time.monotonic()
        if now - self._looked > self.EVERY:
            self._looked = now
            self._read_on()
        return any(intent_id in old.under_way() for old in self._old)

    def answers(self, intent_id: str) -> Mapping[str, Kept]:
        """What came for a request, by what was asked; empty if nothing whole did."""
        for old in self._old:
            if intent_id in old.answers:
                return old.answers[intent_id]
        return {}

    def tidy(self, wanted: set[str]) -> None:
        """Remove the files of relays that are gone and that hold no answer to an intent in ``wanted``."""
        for path in self._folder.glob(f"*{_SUFFIX}"):
            if not (_is_locked(path) or any(old.path == path for old in self._old)):
                self._old.append(_Old(path))  # of a relay that this worker had, and lost
        self._read_on()
        for old in self._old:
            if old.over and not wanted & old.answers.keys():
                with contextlib.suppress(OSError):
                    old.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._folder.rmdir()  # stays if anything is in it

    def _read_on(self) -> None:
        for old in self._old:
            old.read_on()


def _create(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    _lock(file)
    return file


def _write_all(file: int, data: bytes) -> int:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
    return len(data)


def _lock(file: int, *, shared: bool = False) -> bool:
    """Take the file's lock, if it is free. Without locks on this system nothing is ever taken for locked."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _lock(file, shared=True)
    finally:
        os.close(file)
