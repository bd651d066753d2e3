"""The audit log of a database file, without a controller: the file is only read."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from controller.store.opening import holds_database
from fleettrace.errors import NotFound, StoreFailed
from fleettrace.model.audit import AuditRecord

__all__ = ["stored_records"]


def stored_records(path: Path) -> Iterator[AuditRecord]:
    """All entries, oldest first, as they are kept; a controller may use the database meanwhile.

    Raises:
        NotFound: there is no such file, or no audit log in it yet.
        StoreFailed: the file is something else, damaged, or cannot be read.
    """
    path = path.resolve()
    if not holds_database(path):
        raise NotFound(f"{path} holds no database: name the one that 'fleettrace serve --db' has")
    try:
        with closing(_connect(path)) as connection:
            # A hash that was changed may be no text any more, and is an entry that is wrong all the same.
            connection.text_factory = lambda data: data.decode(errors="replace")
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'audit'").fetchall():
                raise NotFound(f"{path} is of a version without an audit log: start its controller once, which adds it")
            for number, body, digest in connection.execute("SELECT number, body, hash FROM audit ORDER BY number"):
                yield AuditRecord(number, body, digest)
    except sqlite3.Error as error:
        raise StoreFailed(f"{path} cannot be read: {error}; restore a copy of it") from error


def _connect(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(path))}?mode=ro"
    connection = sqlite3.connect(address, uri=True)
    try:
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")
    except sqlite3.OperationalError:
        connection.close()
        if path.with_name(f"{path.name}-wal").exists():
            raise
        # A copy on a medium that takes no files: nothing is waiting in a log beside it, and nobody writes to it.
        connection = sqlite3.connect(f"{address}&immutable=1", uri=True)
    return connection
