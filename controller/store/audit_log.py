"""The audit log in SQLite: a table that is only ever added to, in the transaction of what it records."""

from collections.abc import Sequence

from controller.audit.chain import ROOT, seal_all
from controller.store.rows import Row
from controller.store.tables import Tables
from fleettrace.model.audit import AuditEntry, AuditFilter, AuditHead, AuditRecord

__all__ = ["AuditLog", "cut_page"]

MAX_PAGE_BYTES = 8 << 20
"""Of the bodies of one page; its first entry is always in it."""

_WANTED = """\
    number > :after AND number <= :up_to
    AND (:kind = '' OR kind = :kind OR substr(kind, 1, length(:kind) + 1) = :kind || '.')
    AND at_ms >= :since_ms
    AND (:host = '' OR instr(hosts, json_quote(:host)))"""


class AuditLog:
    """Appends belong inside :meth:`Tables.writing`, reads inside :meth:`Tables.reading`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def append(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries at the end of the chain."""
        if entries:
            self._tables.insert("audit", [_row(record) for record in seal_all(self.head(), entries)])

    def head(self) -> AuditHead:
        """The newest entry's number and hash."""
        rows = self._tables.query("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
        return AuditHead(rows[0]["number"], rows[0]["hash"]) if rows else ROOT

    def records(
        self, wanted: AuditFilter, after: int, up_to: int, limit: int, *, oldest_first: bool
    ) -> list[AuditRecord]:
        """Those with ``after < number <= up_to`` that are wanted, in the order asked for, until the page is full."""
        teams = {f"team{index}": team for index, team in enumerate(wanted.teams)}
        of_teams = f"AND team IN ({','.join(f':{name}' for name in teams)})" if teams else ""
        rows = self._tables.query(
            # What is put together here are names of variables and a direction; all that was asked is bound.
            f"SELECT number, body, hash FROM audit WHERE {_WANTED} {of_teams}"  # noqa: S608
            f" ORDER BY number {'ASC' if oldest_first else 'DESC'} LIMIT :limit",
            {
                **teams,
                "after": after,
                "up_to": up_to,
                "kind": wanted.kind,
                "since_ms": wanted.since_ms,
                "host": wanted.host,
                "limit": max(limit, 0),
            },
        )
        return cut_page([AuditRecord(row["number"], row["body"], row["hash"]) for row in rows])


def cut_page(records: Sequence[AuditRecord]) -> list[AuditRecord]:
    """As many of the first records as one page may hold by its bytes, and at least one."""
    page: list[AuditRecord] = []
    size = 0
    for record in records:
        size += len(record.body)
        if page and size > MAX_PAGE_BYTES:
            break
        page.append(record)
    return page


def _row(record: AuditRecord) -> Row:
    return {"number": record.number, "body": record.body, "hash": record.hash}
