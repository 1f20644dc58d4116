"""What goes between the terminal UI's process and whoever shows it: the packets of Textual's web driver.

After a line that says that it begins, the process writes packets: a letter (``D`` data, ``M`` meta, ``P``
packed), four bytes with the length, big-endian, and so many bytes. What it reads are such packets, too.
"""

import json
from collections.abc import Iterator
from typing import Any

PREAMBLE = b"__GANGLION__\n"
HEAD = 5
LONGEST = 64 * 2**20
"""Bytes of a packet; a length beyond it is no packet."""


class NotPackets(ValueError):
    """What the process wrote is not what was agreed on."""


def data(text: str) -> bytes:
    """What was typed, as a packet; half a surrogate pair is left out."""
    return _packet(b"D", text.encode("utf-8", "ignore"))


def meta(kind: str, **values: Any) -> bytes:
    """Something that is said to the process: ``resize``, ``focus``, ``blur``, ``attach``, ``quit``."""
    return _packet(b"M", json.dumps({"type": kind, **values}).encode())


def _packet(letter: bytes, payload: bytes) -> bytes:
    return letter + len(payload).to_bytes(4, "big") + payload


class Packets:
    """Takes packets out of a stream of bytes, wherever that is cut."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._begun = False

    def feed(self, piece: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield what is complete, as letter and payload; what was written before the first is left out.

        Raises:
            NotPackets: it is neither of the known packets.
        """
        self._rest += piece
        if not self._begun and not self._begins():
            return
        while len(self._rest) >= HEAD:
            letter, size = chr(self._rest[0]), int.from_bytes(self._rest[1:HEAD], "big")
            if letter not in "DMP" or size > LONGEST:
                raise NotPackets(f"found {bytes(self._rest[:HEAD])!r}, expected a packet")
            if len(self._rest) < HEAD + size:
                return
            payload = bytes(self._rest[HEAD : HEAD + size])
            del self._rest[: HEAD + size]
            yield letter, payload

    def _begins(self) -> bool:
        at = self._rest.find(PREAMBLE)
        if at < 0:
            del self._rest[: -len(PREAMBLE)]
            return False
        del self._rest[: at + len(PREAMBLE)]
        self._begun = True
        return True
