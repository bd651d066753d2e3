"""What takes too long is given up."""

import signal

import pytest

from node_agent.child.time_limit import OutOfTime, within


def test_what_never_ends_is_interrupted() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(OutOfTime), within(0.01, 60, _nothing):
        _never_end()
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_is_more_urgent_interrupts_too() -> None:
    # GIVEN something that becomes urgent when it is looked at for the third time
    looks = iter(["", "", "the breach"])

    # THEN it interrupts long before the limit, and says what it was
    with pytest.raises(OutOfTime, match="the breach"), within(60, 0.001, lambda: next(looks)):
        _never_end()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def _nothing() -> str:
    return ""


def _never_end() -> None:
    while True:
        pass


def test_what_ends_in_time_is_left_alone() -> None:
    with within(60, 60, _nothing):
        result = sum(range(10))
    assert result == 45
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
