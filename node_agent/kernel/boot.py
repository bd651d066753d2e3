"""Which start of the kernel this is."""

from pathlib import Path

__all__ = ["boot_id"]


def boot_id() -> str:
    """A random id that the kernel takes each time it starts."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
