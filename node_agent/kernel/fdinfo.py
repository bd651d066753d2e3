"""/proc/self/fdinfo: what the kernel says of one of our own file descriptors."""

from pathlib import Path

__all__ = ["read_fdinfo"]


def read_fdinfo(fd: int) -> dict[str, str]:
    """The ``name: value`` lines of a descriptor.

    Of a map: ``memlock`` (bytes); of a program: ``run_cnt``, ``run_time_ns`` (both zero unless run-time
    statistics are on) and ``recursion_misses``.

    Raises:
        OSError: there is no such descriptor.
    """
    pairs = (line.partition(":") for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines())
    return {name: value.strip() for name, separator, value in pairs if separator}
