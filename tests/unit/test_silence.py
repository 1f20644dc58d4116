"""When an endpoint is taken to be gone, and when a call is."""

import pytest

from promptopt.models.endpoint import ENOUGH, OUTAGE, QUIET, Silence

A, B = ("a", "", 0), ("b", "", 0)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def silence(clock: Clock) -> Silence:
    return Silence(clock)


def gone(silence: Silence, **more: object) -> bool:
    asked = {"since": 990.0, "alone": False, "often": False, "last": False, **more}
    return silence.means_nobody(**asked)  # type: ignore[arg-type]


def test_one_call_that_fails_while_no_other_does_is_its_own_fault(clock: Clock, silence: Silence) -> None:
    for _ in range(9):
        silence.failed(A, 0.0)
        clock.now += OUTAGE
    assert not gone(silence, often=True, last=True)


def test_calls_begun_before_the_last_answer_tell_of_an_outage_too(clock: Clock, silence: Silence) -> None:
    silence.end()
    silence.failed(A, 0.0)
    silence.failed(B, 0.0)
    assert not gone(silence, often=True, last=True)  # two at once can be an accident
    clock.now += QUIET
    assert gone(silence, often=True) and gone(silence, last=True) and not gone(silence)


def test_without_an_answer_since_they_began_no_time_need_pass(silence: Silence) -> None:
    silence.failed(A, 0.0)
    silence.failed(B, 0.0)
    assert gone(silence, last=True) and gone(silence, often=True)


def test_a_server_that_never_answers_is_noticed_by_few_failures_in_a_long_time(
    clock: Clock, silence: Silence
) -> None:
    for place in (A, B) * (ENOUGH // 2):
        assert not gone(silence)
        silence.failed(place, 0.0)
        clock.now += OUTAGE
    assert gone(silence)


def test_where_calls_come_one_by_one_only_a_long_silence_tells(clock: Clock, silence: Silence) -> None:
    silence.failed(A, 0.0)
    assert not gone(silence, alone=True, often=True)
    clock.now += OUTAGE
    assert gone(silence, alone=True, often=True)


def test_an_answer_and_somebody_who_mends_it_begin_anew(clock: Clock, silence: Silence) -> None:
    silence.failed(A, 0.0)
    silence.failed(B, 0.0)
    silence.end()
    assert not gone(silence, since=2000.0, often=True, last=True)
    silence.failed(A, 0.0)
    clock.now += OUTAGE
    silence.failed(B, clock.now - 1)
    assert not gone(silence, often=True, last=True)
