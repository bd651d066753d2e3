"""Calls that are repeated while the controller is out of reach. Bounded: after the last wait, it is."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from fleettrace.errors import Unreachable

__all__ = ["FIRST_WAITS_S", "WAITS_S", "retrying"]

FIRST_WAITS_S: Sequence[float] = (0.3,)
"""Waits before a first call is repeated: an address where nobody answers should be known soon."""
WAITS_S: Sequence[float] = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Waits between attempts once a job runs: long enough for a controller to be restarted."""

Answer = TypeVar("Answer")


def retrying(call: Callable[[], Answer], waits_s: Sequence[float]) -> Answer:
    """``call()``, again after each wait while the controller is unreachable.

    Raises:
        Unreachable: still so after the last wait.
    """
    for wait_s in waits_s:
        try:
            return call()
        except Unreachable:
            time.sleep(wait_s)
    return call()
