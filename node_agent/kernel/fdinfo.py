"""/proc/self/fdinfo: what the kernel says of one of our own file descriptors."""

import os

__all__ = ["FdInfo", "read_fdinfo"]

_MAX_BYTES = 4096


class FdInfo:
    """The ``name: value`` lines of a descriptor, kept open: reading them again and again is cheap.

    Of a map: ``memlock`` (bytes); of a program: ``run_cnt``, ``run_time_ns`` (both zero unless run-time
    statistics are on) and ``recursion_misses``.

    Raises:
        OSError: there is no such descriptor.
    """

    def __init__(self, fd: int) -> None:
        self._fd = os.open(f"/proc/self/fdinfo/{fd}", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> dict[str, str]:
        """All of them as they now are."""
        pairs = (line.partition(":") for line in os.pread(self._fd, _MAX_BYTES, 0).decode().splitlines())
        return {name: value.strip() for name, separator, value in pairs if separator}

    def numbers(self, *names: bytes) -> list[int]:
        """Some of them, in order; 0 for what is not there."""
        text = b"\n" + os.pread(self._fd, _MAX_BYTES, 0)
        found = []
        for name in names:
            _, _, rest = text.partition(b"\n" + name + b":")
            found.append(int(rest.split(None, 1)[0]) if rest else 0)
        return found

    def close(self) -> None:
        """Give it up; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_fdinfo(fd: int) -> dict[str, str]:
    """The lines of a descriptor, once; see :class:`FdInfo`."""
    info = FdInfo(fd)
    try:
        return info.read()
    finally:
        info.close()
