"""Receipts: whatever moment a relay dies at, what it had written is read back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.store import receipts as receipts_module
from promptopt.store.frames import pack, unpack
from promptopt.store.receipts import Kept, Receipts, ReceiptWriter, Slip

HEADS = st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=9)), max_size=3)


@given(st.lists(st.tuples(HEADS, st.binary(max_size=50))), st.integers(min_value=0, max_value=400))
def test_frames_come_back_and_a_torn_end_is_left_over(frames: list[tuple[dict, bytes]], cut: int) -> None:
    whole = b"".join(pack(*frame) for frame in frames)
    assert unpack(whole) == (frames, len(whole))
    read, taken = unpack(bytearray(whole[:cut]))
    assert read == frames[: len(read)]
    again, _ = unpack(whole[taken:])
    assert read + again == frames


def kept(body: bytes = b"{}") -> Kept:
    return Kept("asked", 200, "application/json", body, 0.5)


def slip(number: int) -> Slip:
    return Slip(f"i{number}", (f"key{number}", "a/path", number))


def read(folder: Path) -> Receipts:
    receipts = Receipts(folder)
    receipts.read()
    return receipts


def test_an_answer_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    writer = ReceiptWriter(tmp_path / "run" / "a.receipts")
    for number in range(3):
        writer.sent(slip(number))
    receipts = read(tmp_path / "run")
    receipts.EVERY = 0.0
    assert receipts.places() == {f"i{n}": slip(n).place for n in range(3)}
    assert [receipts.under_way(f"i{n}") for n in range(3)] == [True] * 3
    writer.answered("i0", kept(b"zero"))
    writer.failed("i1")
    assert [receipts.under_way(f"i{n}") for n in range(3)] == [False, False, True]
    assert receipts.answers("i0") == {"asked": kept(b"zero")}
    assert receipts.answers("i1") == receipts.answers("i2") == {}
    assert set(read(tmp_path / "run").places()) == {"i0", "i2"}
    writer.close(remove=False)
    assert not receipts.under_way("i2")  # nobody is left who could receive it
    assert set(read(tmp_path / "run").places()) == {"i0"}


def test_settled_receipts_go_and_with_the_last_one_the_file(tmp_path: Path) -> None:
    writer = ReceiptWriter(tmp_path / "run" / "a.receipts")
    writer.sent(slip(0))
    writer.answered("i0", kept())
    writer.settled("i0")
    writer.settled("i0")
    writer.close(remove=True)
    assert not (tmp_path / "run").exists()


def test_a_file_does_not_grow_with_what_is_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts_module, "LARGEST_WASTE", 10_000)
    path = tmp_path / "a.receipts"
    writer = ReceiptWriter(path)
    writer.sent(slip(999))
    for number in range(200):
        writer.sent(slip(number))
        writer.answered(f"i{number}", kept(b"x" * 500))
        if number % 10:
            writer.settled(f"i{number}")
    assert path.stat().st_size < 40_000
    receipts = read(tmp_path)
    assert set(receipts.places()) >= {"i999", *(f"i{n}" for n in range(0, 200, 10))}
    assert len(receipts.places()) < 60
    assert receipts.under_way("i999")  # the lock went over to the new file
    assert receipts.answers("i10") == {"asked": kept(b"x" * 500)}
    writer.close(remove=False)


def test_a_torn_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.receipts"
    writer = ReceiptWriter(path)
    writer.sent(slip(0))
    writer.sent(slip(1))
    writer.answered("i0", kept(b"zero"))
    writer.answered("i1", kept(b"one"))
    writer.close(remove=False)
    path.write_bytes(path.read_bytes()[:-1])
    receipts = read(tmp_path)
    assert receipts.answers("i0") and not receipts.answers("i1")


def test_tidying_keeps_what_is_still_wanted(tmp_path: Path) -> None:
    for number in range(2):
        writer = ReceiptWriter(tmp_path / "run" / f"{number}.receipts")
        writer.sent(slip(number))
        writer.answered(f"i{number}", kept())
        writer.close(remove=False)
    receipts = read(tmp_path / "run")
    receipts.tidy({"i1"})
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["1.receipts"]
    receipts.tidy(set())
    assert not (tmp_path / "run").exists()


def test_receipts_are_their_owners_alone(tmp_path: Path) -> None:
    writer = ReceiptWriter(tmp_path / "run" / "a.receipts")
    assert (tmp_path / "run").stat().st_mode & 0o077 == 0
    assert (tmp_path / "run" / "a.receipts").stat().st_mode & 0o077 == 0
    writer.close(remove=False)


def test_reading_waits_for_a_relay_that_may_not_have_noted_all(tmp_path: Path) -> None:
    import threading

    writer = ReceiptWriter(tmp_path / "a.receipts")
    receipts = Receipts(tmp_path)

    def go_on() -> None:
        writer.sent(slip(7))
        writer.shut()

    timer = threading.Timer(0.05, go_on)
    timer.start()
    receipts.read(patience=30)
    timer.join()
    assert set(receipts.places()) == {"i7"}
    writer.close(remove=False)


def test_what_was_never_handed_to_a_relay_is_known_not_to_have_been_sent(tmp_path: Path) -> None:
    writer = ReceiptWriter(tmp_path / "a.receipts")
    writer.sent(slip(0))
    assert not read(tmp_path).never_sent("i1", "a")  # it may still be told to
    writer.shut()
    receipts = read(tmp_path)
    assert [receipts.never_sent(f"i{n}", "a") for n in range(2)] == [False, True]
    assert not receipts.never_sent("i1", "b")  # on another machine, maybe
    writer.close(remove=False)


def test_a_full_disk_leaves_the_file_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = ReceiptWriter(tmp_path / "a.receipts")
    writer.sent(slip(0))
    write = receipts_module.os.write

    def half(file: int, data: memoryview) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(file, data[: len(data) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(receipts_module.os, "write", half)
        with pytest.raises(OSError, match="No space"):
            writer.answered("i0", kept())
    writer.answered("i0", kept(b"after"))
    writer.close(remove=False)
    assert read(tmp_path).answers("i0") == {"asked": kept(b"after")}


def test_a_file_of_something_else_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.receipts").write_bytes(b"\0\0\0\1\0\0\0\0x" * 3)
    assert read(tmp_path).places() == {}
