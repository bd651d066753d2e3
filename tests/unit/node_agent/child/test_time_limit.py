"""What takes too long is given up."""

import signal

import pytest

from node_agent.child.time_limit import OutOfTime, within


def test_what_never_ends_is_interrupted() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(OutOfTime), within(0.01):
        _never_end()
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def _never_end() -> None:
    while True:
        pass


def test_what_ends_in_time_is_left_alone() -> None:
    with within(60):
        result = sum(range(10))
    assert result == 45
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
