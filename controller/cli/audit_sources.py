"""Where an audit log is read from: a controller, a database file, an export."""

from collections.abc import Iterator
from pathlib import Path

from controller.audit.chain import Verifier
from controller.audit.lines import MAX_LINE_BYTES, records_of_lines
from controller.cli.options import connect
from controller.cli.terminal import Terminal
from controller.client import Client
from controller.store.audit_file import stored_records
from fleettrace.errors import BadInput
from fleettrace.model.audit import AuditFilter, AuditHead, AuditRecord

__all__ = ["all_records", "verified"]

PAGE_ENTRIES = 1_000
TOLD_EVERY = 50_000


def all_records(client: Client, wanted: AuditFilter) -> Iterator[AuditRecord]:
    """What a controller has, oldest first; what comes in meanwhile is not waited for."""
    cursor, up_to = 0, 0
    while True:
        page = client.audit_page(wanted, cursor=cursor, limit=PAGE_ENTRIES, oldest_first=True)
        up_to = up_to or page.head.number
        yield from (record for record in page.records if record.number <= up_to)
        if not cursor < page.next < up_to:
            return
        cursor = page.next


def verified(
    terminal: Terminal, *, db: Path | None, export: Path | None, controller: str, expected: AuditHead | None
) -> tuple[AuditHead, str]:
    """Verify a whole log; its head and the database's name.

    Raises:
        AuditBroken: it is not whole; the first entry that is wrong is named.
        BadInput: two sources are named, or a file cannot be read.
    """
    if db is not None and export is not None:
        raise BadInput("a log is read from --db or from --export: leave one of them out")
    verifier = Verifier(expected)
    for record in _records(db, export, controller):
        verifier.take(record)
        if record.number % TOLD_EVERY == 0:
            terminal.note("verified", f"{record.number:,} entries so far")
    return verifier.end(), verifier.database_id


def _records(db: Path | None, export: Path | None, controller: str) -> Iterator[AuditRecord]:
    if db is not None:
        yield from stored_records(db)
    elif export is not None:
        yield from records_of_lines(_lines(export))
    else:
        with connect(controller) as client:
            yield from all_records(client, AuditFilter())


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                yield line
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
