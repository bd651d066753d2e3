"""What this suite keeps between its runs, for all checkouts of a machine: made once, held while it is used."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["cache_directory", "hold", "locked", "remove_old"]

_HELD = "held"
"""A file that whoever uses the folder has a lock of."""
_holders: list[IO[str]] = []


def cache_directory() -> Path:
    """Where images and templates are kept; made if need be."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(base) / "fleettrace-vm"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hold(directory: Path) -> None:
    """Keep others from removing it as old, as long as this process lives."""
    holder = (directory / _HELD).open("w")
    fcntl.flock(holder, fcntl.LOCK_SH)
    _holders.append(holder)


def remove_old(*patterns: str) -> None:
    """Remove what other checkouts made and nobody uses, and what somebody who was killed had half made; under the lock
    of its maker.
    """
    for pattern in patterns:
        for path in cache_directory().glob(pattern):
            if not _is_held(path):
                shutil.rmtree(path)


def _is_held(directory: Path) -> bool:
    try:
        with (directory / _HELD).open() as holder:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
