"""What time it is at the controller, by the round trips of heartbeats, on this host's monotonic clock.

Steps of the host's own wall clock do not matter to it.
"""

from collections import deque

__all__ = ["ControllerClock"]

MAX_SAMPLES = 8
"""Round trips that are remembered, as many as the clock filter of NTP keeps (RFC 5905, section 10)."""


class ControllerClock:
    """Cristian's algorithm: of recent round trips the shortest says the most, and is wrong by half of it at most.

    Times of the monotonic clock are in s, those of the controller in Unix ms.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=MAX_SAMPLES)

    def heard(self, sent_s: float, answered_at_ms: int, now_s: float) -> None:
        """Take in a heartbeat of the controller that answers the one that was sent then."""
        trip_s = now_s - sent_s
        if trip_s >= 0:
            self._samples.append((trip_s * 1000, answered_at_ms - (sent_s + trip_s / 2) * 1000))

    def forget(self) -> None:
        """The connection is gone; the next controller's clock is another one."""
        self._samples.clear()

    @property
    def offset_ms(self) -> float | None:
        """Of the controller's clock from the monotonic one; None: not known yet."""
        return min(self._samples)[1] if self._samples else None

    @property
    def uncertainty_ms(self) -> float:
        """By how much the offset may be wrong, either way; 1 ms of it is the resolution of the heartbeats' times."""
        return min(self._samples)[0] / 2 + 1 if self._samples else 0.0
