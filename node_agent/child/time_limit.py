"""Giving up what takes too long, in a process that has one thread."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["OutOfTime", "within"]


class OutOfTime(Exception):
    """It took longer than it might, or something else was found to be more urgent, which is then its text."""


@contextmanager
def within(limit_s: float, every_s: float, look: Callable[[], str]) -> Iterator[None]:
    """Interrupt the body after a time, between two steps of Python; for work that may be left half done, like reading.

    Args:
        limit_s: more than 0.
        every_s: how often to look whether something is more urgent.
        look: what is, or an empty string.

    Raises:
        OutOfTime: the time was over first, or something was more urgent.
    """
    deadline_s = time.monotonic() + limit_s

    def interrupt(number: int, frame: FrameType | None) -> None:
        if (urgent := look()) or time.monotonic() >= deadline_s:
            raise OutOfTime(urgent)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, min(limit_s, every_s), min(limit_s, every_s))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
