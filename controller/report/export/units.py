"""Units of stacks' values in the words of other formats."""

__all__ = ["TIME_UNITS", "is_time"]

TIME_UNITS = {"ns": "nanoseconds", "us": "microseconds", "ms": "milliseconds", "s": "seconds"}
"""As pprof and speedscope spell them."""


def is_time(unit: str) -> bool:
    """Whether values are amounts of time, as of off-CPU stacks, and not numbers of samples."""
    return unit in TIME_UNITS or unit in TIME_UNITS.values()
