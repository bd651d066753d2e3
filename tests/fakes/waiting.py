"""Waiting for other processes: bounded, and the only place where tests poll."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_for(what: str, look: Callable[[], Value | None], limit_s: float = 20.0) -> Value:
    """Look until there is something (not None, not False); an AssertionError says what never came."""
    end_s = time.monotonic() + limit_s
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < end_s, f"{what} did not come within {limit_s:g} s"
        time.sleep(0.02)
