"""Opening a database, or refusing it before anything in it or beside it has changed."""

import os
import sqlite3
from pathlib import Path

from sqlite_utils import Database

from controller.store.migrations import APPLICATION_ID, MIGRATIONS, unknown_steps
from controller.store.rows import UNSEEN_REASON
from fleettrace.errors import StoreFailed

__all__ = ["check_place", "connect", "holds_database"]

# The header of an SQLite file: https://www.sqlite.org/fileformat.html#the_database_header
_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_APPLICATION_ID = slice(68, 72)


def check_place(path: Path) -> None:
    """Raise :class:`StoreFailed` unless ``path`` is, or could become, a file that can be written to."""
    if path.is_dir():
        raise StoreFailed(f"{path} is a directory: name a file in it")
    if path.exists() and not path.is_file():
        raise StoreFailed(f"{path} is a device or a pipe: name a file, or a place for one")
    if not path.parent.is_dir():
        raise StoreFailed(f"{path.parent} is no directory: create it first, or name a file elsewhere")
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        raise StoreFailed(f"{path.parent} is read-only: name a file in a directory that the controller may write to")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        raise StoreFailed(f"{path} is read-only: make it writable for the controller, or name another file")


def holds_database(path: Path) -> bool:
    """Whether the file holds a database of ours; False: it is absent or empty, so one can be made there.

    Only the header is read, and not through SQLite, which would create or replay a write-ahead log beside it.

    Raises:
        StoreFailed: it holds something else.
    """
    if not path.exists():
        return False
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise StoreFailed(f"{path} cannot be read: {error.strerror}") from error
    if not header:
        return False
    if not header.startswith(_MAGIC):
        raise StoreFailed(f"{path} is not an SQLite database: name another file, it was left as it is")
    if int.from_bytes(header[_APPLICATION_ID], "big") != APPLICATION_ID:
        raise StoreFailed(f"{path} is an SQLite database but not fleettrace's: name another file, it was left as it is")
    return True


def connect(path: Path, *, fresh: bool) -> Database:
    """Open the database whole, durable and of the newest form; whoever calls holds its lock.

    Raises:
        StoreFailed: it is damaged, of a newer version, or SQLite cannot work there.
    """
    try:
        db = Database(sqlite3.connect(path), execute_plugins=False)
    except sqlite3.Error as error:
        raise StoreFailed(f"{path} cannot be opened: {error}") from error
    try:
        _prepare(db, path, fresh=fresh)
    except sqlite3.OperationalError as error:
        db.close()
        raise StoreFailed(f"{path} cannot be used: {error}; check the disk's space and the file's rights") from error
    except sqlite3.Error as error:
        db.close()
        raise _damaged(path, str(error)) from error
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: Database, path: Path, *, fresh: bool) -> None:
    if fresh:
        # Before the write-ahead log comes into being, so that the main file's header has it from its first byte on.
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    else:
        problems = [problem for (problem,) in db.execute("PRAGMA quick_check(1)") if problem != "ok"]
        if problems:
            raise _damaged(path, problems[0])
        newer = unknown_steps(db)
        if newer:
            raise StoreFailed(
                f"{path} was written by a newer fleettrace ({newer[-1]}): upgrade this one, or name another file"
            )
    db.enable_wal()
    if db.journal_mode != "wal":
        raise StoreFailed(f"{path} cannot have a write-ahead log where it is: name a file on a local disk")
    db.execute("PRAGMA synchronous = FULL")  # acknowledged means durable
    db.execute("PRAGMA foreign_keys = ON")
    MIGRATIONS.apply(db)
    db.execute("UPDATE hosts SET connected = 0, missing_reason = ? WHERE connected", [UNSEEN_REASON])


def _damaged(path: Path, problem: str) -> StoreFailed:
    return StoreFailed(
        f"{path} is damaged ({' '.join(problem.split())}): restore a copy of it, or move it away and start anew"
    )
