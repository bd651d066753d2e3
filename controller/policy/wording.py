"""Numbers and names as decisions say them."""

from collections.abc import Sequence

__all__ = ["named_hosts", "seconds_text"]

MAX_NAMED_HOSTS = 5


def named_hosts(hosts: Sequence[str]) -> str:
    """The first few by name, and how many more there are."""
    if len(hosts) <= MAX_NAMED_HOSTS:
        return ", ".join(hosts)
    return f"{', '.join(hosts[:MAX_NAMED_HOSTS])} and {len(hosts) - MAX_NAMED_HOSTS} more hosts"


def seconds_text(duration_ms: int) -> str:
    """To the millisecond, so that what is asked for never reads the same as the lower number that is allowed."""
    return f"{duration_ms / 1000:.9g} s"
