"""One controller per database: a lock file beside it, held as long as the database is open.

The kernel drops the lock when its holder dies, so a file that a killed controller left behind locks nothing.
"""

import fcntl
import os
from pathlib import Path

from fleettrace.errors import StoreFailed

__all__ = ["DatabaseLock"]


class DatabaseLock:
    """Holds ``<database>.lock``. The file says who: the controller's id and its process id."""

    def __init__(self, database: Path, holder: str) -> None:
        """Take the lock.

        Raises:
            StoreFailed: another controller holds it, or the directory cannot be written to.
        """
        self._path = database.with_name(database.name + ".lock")
        try:
            self._fd = self._take(database)
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"controller {holder}, process {os.getpid()}\n".encode(errors="replace"), 0)
        except OSError as error:
            raise StoreFailed(
                f"{database} cannot be opened: {self._path} cannot be written to ({error.strerror});"
                " name a file in a directory that the controller may write to"
            ) from error

    def _take(self, database: Path) -> int:
        while True:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Its last holder may have removed the file between our open and our lock; then it locks nothing.
                if self._is_current(fd):
                    return fd
            except BlockingIOError:
                holder = os.pread(fd, 200, 0).decode(errors="replace").strip() or "another controller"
                os.close(fd)
                raise StoreFailed(
                    f"{database} is in use by {holder}: stop that one first, or name another file with --db"
                ) from None
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)

    def _is_current(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Remove the file and let go of it; idempotent."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        self._path.unlink(missing_ok=True)
        os.close(fd)
