"""The audit log: who sent what where. It holds hashes, numbers and names of places, never a text or a key.

Each run has a file ``audit/RUN.jsonl`` in the data directory that is only ever added to. An entry holds the
hash of the one before it, so that a change, a removal or a swap shows. What each worker of a run began and
ended with stands in ``audit/chain.jsonl``, a chain of its own, so that a file that is missing or was cut
shows too. Who can write to the folder can forge all of it at once: note the head that ``promptopt audit
--verify`` prints somewhere else now and then. What a killed worker wrote last is chained by the next one.
"""

import contextlib
import getpass
import hashlib
import json
import os
import socket
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from promptopt.store.home import home, place

START = "0" * 64
"""What the first entry of a chain follows on."""

CHAIN = "chain"


class Audit(Protocol):
    """Takes down what is sent."""

    def sent(self, intent: str, **about: Any) -> None:
        """A request is about to go out."""
        ...

    def ended(self, intent: str, result: str, **about: Any) -> None:
        """What came of it."""
        ...

    def close(self, status: str) -> None: ...


class NoAudit:
    """Nobody asked for one."""

    def sent(self, intent: str, **about: Any) -> None: ...

    def ended(self, intent: str, result: str, **about: Any) -> None: ...

    def close(self, status: str) -> None: ...


class AuditLog:
    """The log of one run; its worker, and nobody else, adds to it.

    Args:
        about: of the run, for its opening entry.

    Raises:
        OSError: the file can't be made or written: a run that must be audited is not made.
    """

    def __init__(self, run_id: str, **about: Any) -> None:
        self._run_id = run_id
        folder = _folder()
        self._file = _File(folder / f"{run_id}.jsonl")
        with _locked(folder / f"{CHAIN}.jsonl") as chain:
            chain.add(what="opened", run=run_id, entries=self._file.n, head=self._file.head)
        self._file.add(
            what="opened", run=run_id, user=user(), host=socket.gethostname(), pid=os.getpid(), **about
        )

    def sent(self, intent: str, **about: Any) -> None:
        self._file.add(what="sent", id=intent, **about)

    def ended(self, intent: str, result: str, **about: Any) -> None:
        self._file.add(what="ended", id=intent, result=result, **about)

    def close(self, status: str) -> None:
        """The worker leaves in order."""
        self._file.add(what="closed", status=status)
        with _locked(_folder() / f"{CHAIN}.jsonl") as chain:
            chain.add(what="closed", run=self._run_id, entries=self._file.n, head=self._file.head)
        self._file.close()


def note(what: str, **about: Any) -> None:
    """Take down what was done to the data directory, apart from any run: texts were removed, say."""
    with _locked(_folder() / f"{CHAIN}.jsonl") as chain:
        chain.add(what=what, user=user(), host=socket.gethostname(), **about)


def user() -> str:
    """Who is at work, as the system says."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


class _File:
    """One chain. What was added is in the file when ``add`` returns (not synced to the disk)."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self.n, self.head = 0, START
        with contextlib.suppress(ValueError, KeyError, TypeError):
            last = _last_line(self._fd)
            if last:
                entry = json.loads(last)
                self.n, self.head = int(entry["n"]), str(entry["hash"])
        if os.fstat(self._fd).st_size and not _ends_in_newline(self._fd):
            os.write(self._fd, b"\n")  # half an entry of a killed worker stays, and is told as such

    def add(self, **entry: Any) -> None:
        self.n += 1
        body = _body({"n": self.n, "at": round(time.time(), 3), **entry})
        self.head = _hash(self.head, body)
        os.write(self._fd, f'{body[:-1]},"hash":"{self.head}"}}\n'.encode())

    def close(self) -> None:
        os.close(self._fd)


@dataclass(frozen=True)
class Fault:
    """A place where a log is not what was written."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.text}"


@dataclass(frozen=True)
class Checked:
    """What came of checking all logs. ``head``: of the chain, to be noted elsewhere."""

    files: int
    entries: int
    head: str
    faults: tuple[Fault, ...]


def entries(run_id: str = "") -> Iterator[Mapping[str, Any]]:
    """The entries of a run's log, or of all, in order; lines that can't be read are left out."""
    for path in _files():
        if path.stem != CHAIN and run_id in ("", path.stem):
            for line in path.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    yield {"run": path.stem, **json.loads(line)}


def verify() -> Checked:
    """Check every chain, and each run's against what the chain of all says of it."""
    faults: list[Fault] = []
    hashes: dict[str, list[str]] = {}
    total, head = 0, START
    claims: list[Mapping[str, Any]] = []
    for path in _files():
        found = _checked(path, faults)
        hashes[path.stem] = [START, *(str(entry.get("hash", "")) for entry in found)]
        total += len(found)
        if path.stem == CHAIN:
            claims, head = found, hashes[CHAIN][-1]
    for claim in claims:
        run, n = str(claim.get("run", "")), claim.get("entries")
        if claim.get("what") not in ("opened", "closed") or not isinstance(n, int):
            continue
        known = hashes.get(run)
        if known is None:
            if n:
                faults.append(Fault(f"{run}.jsonl", 0, f"it is gone; it had {n:,} entries"))
        elif len(known) <= n:
            faults.append(Fault(f"{run}.jsonl", len(known), f"it was cut: it had {n:,} entries"))
        elif known[n] != claim.get("head"):
            faults.append(Fault(f"{run}.jsonl", n, "it was written anew: another entry stood here"))
    return Checked(len(hashes), total, head, tuple(dict.fromkeys(faults)))


def _checked(path: Path, faults: list[Fault]) -> list[Mapping[str, Any]]:
    """The entries of a file; what does not follow on is told, once, and the rest is taken from there."""
    found: list[Mapping[str, Any]] = []
    head, n = START, 0
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entry: dict[str, Any] = json.loads(text)
            told = str(entry.pop("hash"))
        except (ValueError, KeyError, AttributeError):
            faults.append(Fault(path.name, line, "half an entry, or none"))
            continue
        if entry.get("n") != n + 1 or _hash(head, _body(entry)) != told:
            faults.append(
                Fault(path.name, line, "it does not follow on the entry before: changed or removed")
            )
        head, n = told, int(entry.get("n") or 0)
        found.append({**entry, "hash": told})
    return found


@contextlib.contextmanager
def _locked(path: Path) -> Generator[_File]:
    """The chain of all, while no other process adds to it."""
    with (path.parent / f"{path.stem}.lock").open("a") as lock:
        with contextlib.suppress(ImportError):  # without locks on this system, collisions show as faults
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        file = _File(path)
        try:
            yield file
        finally:
            file.close()


def _folder() -> Path:
    folder = home() / "audit"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _files() -> list[Path]:
    return sorted((place() / "audit").glob("*.jsonl"))


def _body(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def _hash(before: str, body: str) -> str:
    return hashlib.sha256(f"{before}\n{body}".encode("utf-8", "surrogatepass")).hexdigest()


def _last_line(fd: int) -> bytes:
    size = os.fstat(fd).st_size
    tail = os.pread(fd, min(size, 65536), max(0, size - 65536)) if hasattr(os, "pread") else _all(fd)
    whole = tail.rpartition(b"\n")[0]
    return whole.rpartition(b"\n")[2]


def _all(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, os.fstat(fd).st_size)


def _ends_in_newline(fd: int) -> bool:
    os.lseek(fd, -1, os.SEEK_END)
    return os.read(fd, 1) == b"\n"
