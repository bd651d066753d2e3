"""What a clock's offset means for traces."""

from fleettrace.model.inspection import Check, ClockOffset, Grade

__all__ = ["MAX_OFFSET_US", "check_clock"]

MAX_OFFSET_US = 1_000_000
"""Beyond this events of two hosts cannot be put in order by eye, and orders are about to count as late."""


def check_clock(clock: ClockOffset) -> Check:
    """The host's clock against the controller's."""
    found = f"{_signed(clock.offset_us)} from the controller's, to within {_text(clock.uncertainty_us)}"
    if abs(clock.offset_us) - clock.uncertainty_us <= MAX_OFFSET_US:
        return Check("clock", Grade.OK, found)
    return Check(
        "clock",
        Grade.WARNING,
        f"{found}: times of events are off, and orders may count as late",
        "timedatectl set-ntp true, or chronyc makestep, on whichever of the two is wrong",
    )


def _signed(offset_us: int) -> str:
    return f"{'+' if offset_us >= 0 else '-'}{_text(abs(offset_us))}"


def _text(duration_us: int) -> str:
    if duration_us < 1_000:
        return f"{duration_us} us"
    if duration_us < 1_000_000:
        return f"{duration_us / 1e3:.1f} ms"
    return f"{duration_us / 1e6:,.1f} s"
