"""Step 2: the audit log, which is only ever added to, and who has decided."""

import secrets
import time

from sqlite_utils import Database

from controller.audit.chain import genesis

__all__ = ["apply"]


def apply(db: Database, /) -> None:
    """Make the log, with its first entry, and the triggers that keep it."""
    db.execute("ALTER TABLE decisions ADD COLUMN operator TEXT NOT NULL DEFAULT ''")
    # The columns for queries follow from the body, and cannot say anything else. They stand before it, so that looking
    # through many entries does not read the long ones.
    db.execute(
        """
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY,
            at_ms INTEGER NOT NULL GENERATED ALWAYS AS (json_extract(CAST(body AS TEXT), '$.at_ms')) STORED,
            operator TEXT NOT NULL GENERATED ALWAYS AS (json_extract(CAST(body AS TEXT), '$.operator')) STORED,
            team TEXT NOT NULL GENERATED ALWAYS AS (json_extract(CAST(body AS TEXT), '$.team')) STORED,
            kind TEXT NOT NULL GENERATED ALWAYS AS (json_extract(CAST(body AS TEXT), '$.kind')) STORED,
            subject TEXT NOT NULL GENERATED ALWAYS AS (json_extract(CAST(body AS TEXT), '$.subject')) STORED,
            outcome TEXT NOT NULL GENERATED ALWAYS AS (json_extract(CAST(body AS TEXT), '$.outcome')) STORED,
            rule TEXT NOT NULL GENERATED ALWAYS AS (json_extract(CAST(body AS TEXT), '$.rule')) STORED,
            hash TEXT NOT NULL,
            hosts TEXT NOT NULL GENERATED ALWAYS AS (json_extract(CAST(body AS TEXT), '$.hosts')) STORED,
            body BLOB NOT NULL
        ) STRICT
        """
    )
    for event in ("UPDATE", "DELETE"):
        db.execute(
            f"CREATE TRIGGER audit_no_{event.lower()} BEFORE {event} ON audit"
            " BEGIN SELECT raise(ABORT, 'the audit log is only ever added to'); END"
        )
    # This one also keeps REPLACE from putting an entry in another's place.
    db.execute(
        "CREATE TRIGGER audit_in_order BEFORE INSERT ON audit"
        " WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM audit)"
        " BEGIN SELECT raise(ABORT, 'the audit log is only ever added to at its end'); END"
    )
    first = genesis(secrets.token_hex(16), time.time_ns() // 1_000_000)
    db.table("audit").insert({"number": first.number, "body": first.body, "hash": first.hash})
