"""Giving up what takes too long, in a process that has one thread."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

__all__ = ["OutOfTime", "within"]


class OutOfTime(Exception):
    """It took longer than it might."""


@contextmanager
def within(limit_s: float) -> Iterator[None]:
    """Interrupt the body after a time, between two steps of Python; for work that may be left half done, like reading.

    Args:
        limit_s: more than 0.

    Raises:
        OutOfTime: the time was over first.
    """

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
