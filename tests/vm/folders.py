"""Folders below /tmp that are gone with their owner, or with the next one's start if it was killed."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.vm.cache import cache_directory, locked

__all__ = ["short_folder"]

_PREFIX = "ft-vm-"
_OWNER = "owner"
"""A file that its owner holds a lock of, which the kernel takes from whoever ends."""


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder for sockets, whose paths must be short; those that nobody owns any more are removed first."""
    lock = cache_directory() / "folders.lock"
    with locked(lock):
        _remove_ownerless()
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        owner = (folder / _OWNER).open("w")
        fcntl.flock(owner, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        with locked(lock), owner:
            shutil.rmtree(folder)


def _remove_ownerless() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(BlockingIOError), (folder / _OWNER).open("w") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
