"""Frames: a small JSON head and a body of bytes, one after the other in a file or on a socket."""

import json
import struct
from collections.abc import Mapping
from typing import Any

Frame = tuple[dict[str, Any], bytes]

_SIZES = struct.Struct("!II")


def pack(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """One frame as bytes: the sizes of head and body (4 bytes each, big-endian), head, body."""
    text = json.dumps(head, ensure_ascii=True, separators=(",", ":")).encode()
    return b"".join((_SIZES.pack(len(text), len(body)), text, body))


def unpack(data: bytes | bytearray) -> tuple[list[Frame], int]:
    """The whole frames at the start of ``data``, and how many bytes they take; a torn end is left over."""
    frames: list[Frame] = []
    at = 0
    while at + _SIZES.size <= len(data):
        head_size, body_size = _SIZES.unpack_from(data, at)
        start = at + _SIZES.size
        end = start + head_size + body_size
        if end > len(data):
            break
        head = json.loads(bytes(data[start : start + head_size]))
        frames.append((head, bytes(data[start + head_size : end])))
        at = end
    return frames, at
