"""Embeddings: lists of numbers, kept as the base64 of 32-bit floats, a quarter of what JSON takes."""

import base64
import binascii
import math
import sys
from array import array
from collections.abc import Iterable
from operator import mul
from typing import TypeAlias

Vector: TypeAlias = "array[float]"
"""An embedding, as 32-bit floats."""


def pack(numbers: Iterable[float]) -> str:
    """An embedding as it is kept. Raises ValueError: it has no numbers, or one that is not finite."""
    try:
        vector = array("f", numbers)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"not a list of numbers: {error}") from None
    if not vector or not all(map(math.isfinite, vector)):
        raise ValueError("no numbers" if not vector else "a number that is not finite")
    return base64.b64encode(_little(vector).tobytes()).decode("ascii")


def unpack(packed: str) -> Vector:
    """The embedding of what :func:`pack` gave, or an API that was asked for base64. Raises ValueError."""
    vector = array("f")
    try:
        vector.frombytes(base64.b64decode(packed, validate=True))
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    return _little(vector)


def cosine(one: Vector, other: Vector) -> float:
    """Cosine of the angle between two embeddings, in [-1, 1].

    Raises:
        ValueError: they have different dimensions, or one of them is zero.
    """
    if len(one) != len(other):
        raise ValueError(f"one has {len(one)} dimensions, the other {len(other)}")
    size = math.sqrt(sum(map(mul, one, one))) * math.sqrt(sum(map(mul, other, other)))
    if not size:
        raise ValueError("all numbers of one are zero")
    return min(1.0, max(-1.0, sum(map(mul, one, other)) / size))


def _little(vector: Vector) -> Vector:
    """Turn a vector from the machine's order of bytes into little-endian, or back."""
    if sys.byteorder == "big":
        vector.byteswap()
    return vector
