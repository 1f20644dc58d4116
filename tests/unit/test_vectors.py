"""Embeddings as they are kept: what is read is what was written, and the cosine is one."""

import base64
import json
import math
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain.vectors import cosine, pack, unpack

numbers = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=60)
usual = st.floats(-1, 1, width=32)


@given(numbers)
def test_what_is_read_is_what_was_written(vector: list[float]) -> None:
    assert list(unpack(pack(vector))) == vector
    assert base64.b64decode(pack(vector)) == struct.pack(f"<{len(vector)}f", *vector)


def test_it_takes_a_quarter_of_json() -> None:
    vector = [math.sin(number) / 40 for number in range(1536)]
    assert len(pack(vector)) < 0.27 * len(json.dumps(vector))


@given(numbers, st.randoms(use_true_random=False))
def test_a_second_packing_changes_nothing(vector: list[float], rng: object) -> None:
    assert pack(unpack(pack(vector))) == pack(vector)


@pytest.mark.parametrize("bad", [[], [float("nan")], [1e39], [float("inf")], ["a"], [None], [[1.0]], 5])
def test_what_is_no_embedding_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="number"):
        pack(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["?", "AAA=", "AAAA"])
def test_what_is_no_base64_of_floats_is_refused(bad: str) -> None:
    with pytest.raises(ValueError):
        unpack(bad)


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(*[st.lists(usual, min_size=n, max_size=n)] * 2)))
def test_the_cosine_is_between_minus_one_and_one_and_has_no_direction(
    pair: tuple[list[float], list[float]],
) -> None:
    one, other = (array("f", [*vector, 1.0]) for vector in pair)
    assert -1 <= cosine(one, other) <= 1
    assert cosine(one, other) == pytest.approx(cosine(other, one))
    assert cosine(one, one) == pytest.approx(1)


def test_the_cosine_of_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="one has 1 dimensions, the other 2"):
        cosine(array("f", [1]), array("f", [1, 2]))
    with pytest.raises(ValueError, match="zero"):
        cosine(array("f", [0, 0]), array("f", [1, 2]))
    assert cosine(array("f", [1, 0]), array("f", [0, 1])) == 0
    assert cosine(array("f", [1, 0]), array("f", [-2, 0])) == -1
