"""Tables of an open database: rows in, rows out, and every failure in words."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from sqlite_utils import Database

from controller.store.rows import Row
from fleettrace.errors import Malformed, StoreFailed

__all__ = ["Arguments", "Tables"]

Arguments = Sequence[Any] | dict[str, Any]


class Tables:
    """A database by its tables. Writes belong inside :meth:`writing`, reads inside it or :meth:`reading`."""

    def __init__(self, path: Path, db: Database) -> None:
        self.path = path
        self._db = db
        self._closed = False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: all of it is durable at its end, or nothing has happened.

        Raises:
            StoreFailed: the database refused; what the body raises passes through, and undoes it too.
        """
        self._check_open()
        try:
            with self._db.atomic():
                yield
        except sqlite3.Error as error:
            raise StoreFailed(
                f"{self.path} cannot be written to: {error}; check the disk's space and health, then start again"
            ) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Raises :class:`StoreFailed` when the database cannot be read, or does not hold what was written."""
        self._check_open()
        try:
            yield
        except sqlite3.Error as error:
            raise StoreFailed(f"{self.path} cannot be read: {error}; check the disk, then start again") from error
        except (DecodeError, KeyError, Malformed) as error:
            raise StoreFailed(f"{self.path} is damaged ({error}): restore a copy of it") from error

    def rows(
        self, table: str, where: str | None = None, arguments: Arguments = (), *, order_by: str = "", limit: int = -1
    ) -> list[Row]:
        """The rows that fulfil ``where``; limit -1: all."""
        return list(self._db.table(table).rows_where(where, arguments, order_by=order_by or None, limit=limit))

    def query(self, sql: str, arguments: Arguments = ()) -> list[Row]:
        """The rows of a query of one's own."""
        return list(self._db.query(sql, arguments))

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows that are new."""
        self._db.table(table).insert_all(dict(row) for row in rows)

    def upsert(self, table: str, rows: Sequence[Row], *primary_key: str) -> None:
        """Insert rows, or update the given columns of those that are there."""
        self._db.table(table).upsert_all((dict(row) for row in rows), pk=primary_key)

    def update(self, table: str, values: Row, where: str, arguments: Sequence[Any]) -> int:
        """Set columns of the rows that fulfil ``where``; how many there are."""
        columns = ", ".join(f"{name} = ?" for name in values)
        # What is put together here are names of columns and a condition of the code's own; all values are bound.
        statement = f"UPDATE {table} SET {columns} WHERE {where}"  # noqa: S608
        return int(self._db.execute(statement, [*values.values(), *arguments]).rowcount)

    def delete(self, table: str, where: str, arguments: Arguments) -> None:
        """Delete the rows that fulfil ``where``."""
        self._db.table(table).delete_where(where, arguments)

    def in_batches(self, sql: str, arguments: Arguments, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query of one's own, so many at once, as tuples: for millions of them."""
        cursor = self._db.execute(sql, arguments)
        while some := cursor.fetchmany(rows):
            yield some

    def close(self) -> None:
        """Close the database; idempotent."""
        self._closed = True
        self._db.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreFailed(f"{self.path} is closed: open it again")
