"""CPUs as the kernel lists them under /sys/devices/system/cpu."""

from functools import cache
from pathlib import Path

__all__ = ["online_cpus", "parse_cpu_list", "possible_cpu_count"]

_CPU_DIRECTORY = Path("/sys/devices/system/cpu")


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """The CPUs of a list such as ``0-3,8``.

    Raises:
        ValueError: the text is not of that form.
    """
    cpus: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cpus.extend(range(int(first), int(last or first) + 1))
    return tuple(cpus)


def online_cpus() -> tuple[int, ...]:
    """The CPUs that run now; it changes with hot-plug."""
    return parse_cpu_list((_CPU_DIRECTORY / "online").read_text())


@cache
def possible_cpu_count() -> int:
    """How many values a per-CPU map has for each key: one per CPU that could ever come online."""
    return len(parse_cpu_list((_CPU_DIRECTORY / "possible").read_text()))
