"""What a policy may say at most, so that a slip of the pen is an error and no limit."""

from fleettrace.toml_tables import Table

__all__ = [
    "MAX_ABORTS",
    "MAX_ABORT_WINDOW_H",
    "MAX_APPROVAL_WAIT_S",
    "MAX_CHECK_S",
    "MAX_CPU_PCT",
    "MAX_DURATION_S",
    "MAX_EVENTS_PER_S",
    "MAX_FILL_PCT",
    "MAX_GRANTS",
    "MAX_HOSTS",
    "MAX_JOBS_PER_DAY",
    "MAX_LEAD_S",
    "MAX_MAP_MIB",
    "MAX_ONE_LINER_KEYS",
    "MAX_ONE_LINER_PROBES",
    "MAX_QUEUE_S",
    "MAX_SETTLE_S",
    "MAX_TESTS",
    "MAX_TEST_HOSTS",
    "MAX_WAIT_S",
    "MIN_CHILD_MIB",
    "MIN_CPU_PCT",
    "MIN_FRACTION",
    "MIN_ONE_LINER_STRING_BYTES",
    "milliseconds",
]

MAX_DURATION_S = 86_400
MIN_CPU_PCT = 0.001
MAX_CPU_PCT = 100_000
MAX_EVENTS_PER_S = 1_000_000_000
MAX_MAP_MIB = 65_536
MIN_CHILD_MIB = 32
MAX_FILL_PCT = 1_000_000
MAX_HOSTS = 1_000_000
MAX_JOBS_PER_DAY = 1_000_000
MAX_GRANTS = 1_000
MAX_TESTS = 1_000
MAX_TEST_HOSTS = 10_000
MAX_APPROVAL_WAIT_S = 86_400
MAX_SETTLE_S = 60
MAX_LEAD_S = 10
"""No agent waits for the others of its wave for longer (``node_agent/runner.py``)."""
MAX_CHECK_S = 60
MAX_WAIT_S = 600
MAX_QUEUE_S = 86_400
MAX_ABORTS = 1_000
MAX_ABORT_WINDOW_H = 8_784
MIN_FRACTION = 0.000_001
MAX_ONE_LINER_PROBES = 1_000
MAX_ONE_LINER_KEYS = 1_000_000
MIN_ONE_LINER_STRING_BYTES = 16


def milliseconds(table: Table, key: str, maximum_s: float, minimum_s: float = 0.001) -> int:
    """A time that is written in seconds.

    Raises:
        BadInput: no number within the bounds.
    """
    return round(table.number(key, minimum=minimum_s, maximum=maximum_s) * 1000)
