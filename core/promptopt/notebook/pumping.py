"""Messages of widgets while a cell waits: a click must act although the cell that waits is not over.

A kernel carries out one cell after the other, and so would a click wait for the end of the cell. ipykernel 6
does that always; 7 lets clicks through while a cell awaits, not while it blocks, and then without the word
that lets text fields send what is typed next. So the cell that waits looks itself for messages of widgets and
hands them to those that they are for. All other messages (cells to be carried out next) keep their places in
the queue. Where the kernel is built otherwise, nothing is done: clicks act after the wait.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol

from promptopt.notebook.host import kernel

COMMS = ("comm_open", "comm_msg", "comm_close")

_pumped = threading.local()


class _Pump(Protocol):
    """One kernel's way of looking for messages."""

    def turn(self) -> None: ...

    def end(self) -> None: ...


@contextmanager
def pumping() -> Generator[Callable[[], None]]:
    """Gives a function that hands out the messages of widgets that have come, to be called while waiting.

    On the kernel's main thread, in a cell; elsewhere it does nothing.
    """
    if threading.current_thread() is not threading.main_thread() or getattr(_pumped, "now", False):
        yield _nothing
        return
    try:
        pump = _pump_for(kernel())
    except (AttributeError, KeyError, TypeError):  # a kernel of another build
        pump = None
    if pump is None:
        yield _nothing
        return
    _pumped.now = True
    try:
        yield pump.turn
    finally:
        _pumped.now = False
        pump.end()


def can_hear() -> bool:
    """Whether widgets are heard here while a cell waits."""
    if threading.current_thread() is not threading.main_thread():
        return False
    found = kernel()
    try:
        if found is None or getattr(found, "session", None) is None:
            return False
        return _has_queue(found) or _main_stream(found)[0] is not None
    except (AttributeError, KeyError, TypeError):
        return False


def _nothing() -> None:
    """There is no kernel to look after."""


def _pump_for(found: Any) -> _Pump | None:
    """The way of this kernel; None if it has none that is known."""
    if found is None or getattr(found, "session", None) is None:
        return None
    if _has_queue(found):
        return _Queue(found)
    stream, receive = _main_stream(found)
    return _Stream(found, stream, receive) if stream is not None else None


def _has_queue(found: Any) -> bool:
    return hasattr(found, "msg_queue") and getattr(found, "shell_stream", None) is not None


def _main_stream(found: Any) -> tuple[Any, Callable[[Any], Any]]:
    """In ipykernel 7 the stream of messages for the main thread, and what takes them there."""
    nothing = None, _nothing_received
    if not hasattr(found, "shell_main"):
        return nothing
    thread = getattr(found, "shell_channel_thread", None)
    pair = getattr(getattr(thread, "manager", None), "_shell_channel_to_main", None)
    stream = getattr(pair, "to_stream", None)
    receive = getattr(stream, "_recv_callback", None)
    return (stream, receive) if stream is not None and receive is not None else nothing


def _nothing_received(_message: Any) -> None:
    """Takes no message."""


class _Queue:
    """ipykernel 6: messages wait in a queue of the kernel until the cell is over."""

    def __init__(self, found: Any) -> None:
        self._kernel = found
        self._parent = _parent_of(found)

    def turn(self) -> None:
        """Take the messages of widgets out of the queue, and leave the others as they stand."""
        self._kernel.shell_stream.flush()
        queue, others, ours = self._kernel.msg_queue, deque[Any](), deque[Any]()
        while queue.qsize():
            item = queue.get_nowait()
            message = item[2][0] if len(item) == 3 and item[2] else None
            (ours if _kind(self._kernel, message) in COMMS else others).append(item)
        for item in others:
            queue.put_nowait(item)
        for item in ours:
            _hand_out(self._kernel, item[2][0], self._parent)

    def end(self) -> None:
        """What else has come is in the queue, in order."""


class _Stream:
    """ipykernel 7: a thread receives messages and passes them on to the main thread."""

    def __init__(self, found: Any, stream: Any, receive: Callable[[Any], Any]) -> None:
        self._kernel, self._stream, self._receive = found, stream, receive
        self._parent = _parent_of(found)
        self._held = deque[Any]()
        stream.on_recv(self._take, copy=False)

    def turn(self) -> None:
        """Receive what has come; in a cell that awaits, the loop does so by itself."""
        self._stream.flush()

    def _take(self, message: Any) -> None:
        if _kind(self._kernel, message) in COMMS:
            _hand_out(self._kernel, message, self._parent)
        else:
            self._held.append(message)

    def end(self) -> None:
        """Receive as before, first what was held back."""
        self._stream.on_recv(self._receive, copy=False)
        while self._held:  # they come before what the stream receives next
            self._kernel.io_loop.spawn_callback(self._receive, self._held.popleft())


def _kind(found: Any, message: Any) -> str:
    """The type of a message as it came, empty if it can't be read; it can still be handled after that."""
    try:
        _, frames = found.session.feed_identities(message, copy=False)
        return str(found.session.deserialize(frames, content=False, copy=False)["header"]["msg_type"])
    except Exception:  # the kernel says so itself when it comes to it
        return ""


def _parent_of(found: Any) -> tuple[Any, Any]:
    """What the cell that waits is told by: what it puts out goes there."""
    return found._parent_ident["shell"], found.get_parent("shell")


def _hand_out(found: Any, message: Any, parent: tuple[Any, Any]) -> None:
    """Have a message of a widget handled now, and the cell that waits put out to its own place after that."""
    try:
        idents, frames = found.session.feed_identities(message, copy=False)
        told = found.session.deserialize(frames, content=True, copy=False)
    except Exception:
        found.log.error("a message of a widget can't be read", exc_info=True)
        return
    found.set_parent(idents, told, channel="shell")
    try:
        found._publish_status("busy", "shell")
        found.shell_handlers[told["header"]["msg_type"]](found.shell_stream, idents, told)
    except Exception:
        found.log.error("a widget failed", exc_info=True)
    finally:
        found._publish_status("idle", "shell")  # text fields send what is typed next only after this
        found.set_parent(*parent, channel="shell")
        found._publish_status("busy", "shell")
