"""The controller's clock: Unix milliseconds that never run backwards while it lives."""

import time

__all__ = ["SteadyClock"]


class SteadyClock:
    """Wall time at the start plus monotonic time since, so that a stepped system clock moves no deadline."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()

    def __call__(self) -> int:
        """Now, in Unix milliseconds."""
        return int((self._offset_s + time.monotonic()) * 1000)
