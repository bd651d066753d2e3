"""The database's form, as numbered steps. Each is applied in one transaction together with its own record.

A step that was released is never changed: add one. A blob is a message of the wire contract (:mod:`.blobs`) and is
what is read back; the columns beside it are for people and for queries.
"""

import secrets
import time

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from controller.audit.chain import genesis
from controller.store.renumbering import number_kept_stacks

__all__ = ["APPLICATION_ID", "MIGRATIONS", "known_steps", "unknown_steps"]

APPLICATION_ID = int.from_bytes(b"FLTR", "big")
"""In the header of every database of ours (``PRAGMA application_id``)."""

MIGRATIONS = Migrations("fleettrace")


def known_steps() -> list[str]:
    """The names of all steps, oldest first."""
    empty = Database(memory=True, execute_plugins=False)
    try:
        return [step.name for step in MIGRATIONS.pending(empty)]
    finally:
        empty.close()


def unknown_steps(db: Database) -> list[str]:
    """Steps that a newer version has applied to this database."""
    known = set(known_steps())
    return [step.name for step in MIGRATIONS.applied(db) if step.name not in known]


@MIGRATIONS(name="0001_hosts_jobs_parts")
def _hosts_jobs_parts(db: Database, /) -> None:
    db.create_table(
        "hosts",
        {
            "name": str,
            "labels": str,
            "host_class": str,
            "connected": int,
            "missing_reason": str,
            "last_seen_ms": int,
            "host": bytes,
        },
        pk="name",
        not_null={"labels", "host_class", "connected", "missing_reason", "last_seen_ms", "host"},
        strict=True,
    )
    db.create_table(
        "jobs",
        {
            "job_id": str,
            "request_id": str,
            "tool": str,
            "team": str,
            "operator": str,
            "selector": str,
            "duration_ms": int,
            "state": str,
            "ended": int,
            "reason": str,
            "created_at_ms": int,
            "finished_at_ms": int,
            "job": bytes,
        },
        pk="job_id",
        not_null={
            *("tool", "team", "operator", "selector", "duration_ms", "state", "ended", "reason"),
            *("created_at_ms", "finished_at_ms", "job"),
        },
        strict=True,
    )
    db.table("jobs").create_index(["request_id"], unique=True)
    db.table("jobs").create_index(["created_at_ms"])
    db.table("jobs").create_index(["ended"])
    db.create_table(
        "decisions",
        {
            "job_id": str,
            "number": int,
            "at_ms": int,
            "kind": str,
            "verdict": str,
            "reason": str,
            "rule": str,
        },
        pk=("job_id", "number"),
        foreign_keys=[("job_id", "jobs", "job_id")],
        not_null={"at_ms", "kind", "verdict", "reason", "rule"},
        strict=True,
    )
    db.create_table(
        "runs",
        {
            "job_id": str,
            "host": str,
            "attempt": int,
            "kind": str,
            "state": str,
            "reason": str,
            "events": int,
            "lost_events": int,
            "run": bytes,
        },
        pk=("job_id", "host", "attempt"),
        foreign_keys=[("job_id", "jobs", "job_id")],
        not_null={"kind", "state", "reason", "events", "lost_events", "run"},
        strict=True,
    )
    db.create_table(
        "parts",
        {
            "job_id": str,
            "host": str,
            "attempt": int,
            "kind": str,
            "final": int,
            "outcome": str,
            "reason": str,
            "backend": str,
            "started_at_ms": int,
            "duration_ms": int,
            "events": int,
            "lost_events": int,
            "truncated_stacks": int,
            "part": bytes,
        },
        pk=("job_id", "host", "attempt"),
        foreign_keys=[("job_id", "jobs", "job_id")],
        not_null={
            *("kind", "final", "outcome", "reason", "backend", "started_at_ms", "duration_ms"),
            *("events", "lost_events", "truncated_stacks", "part"),
        },
        strict=True,
    )
    db.create_table("stacks", {"hash": bytes, "frames": bytes}, pk="hash", not_null={"frames"}, strict=True)
    db.create_table(
        "merged",
        {"job_id": str, "snapshot": bytes},
        pk="job_id",
        foreign_keys=[("job_id", "jobs", "job_id")],
        not_null={"snapshot"},
        strict=True,
    )


@MIGRATIONS(name="0002_audit")
def _audit(db: Database, /) -> None:
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


@MIGRATIONS(name="0003_shared_requests")
def _shared_requests(db: Database, /) -> None:
    """Requests that were given the job that another one had made."""
    db.create_table(
        "shared_requests",
        {"request_id": str, "job_id": str},
        pk="request_id",
        foreign_keys=[("job_id", "jobs", "job_id")],
        not_null={"job_id"},
        strict=True,
    )


@MIGRATIONS(name="0004_shares")
def _shares(db: Database, /) -> None:
    db.create_table(
        "shares",
        {"job_id": str, "team": str},
        pk=("job_id", "team"),
        foreign_keys=[("job_id", "jobs", "job_id")],
        strict=True,
    )
    db.table("jobs").create_index(["team", "created_at_ms"])


@MIGRATIONS(name="0005_identities")
def _identities(db: Database, /) -> None:
    db.create_table(
        "join_tokens",
        {
            "token_id": str,
            "secret_sha256": bytes,
            "host": str,
            "labels": str,
            "created_by": str,
            "created_at_ms": int,
            "expires_at_ms": int,
            "used_at_ms": int,
            "used_by": str,
            "revoked_at_ms": int,
        },
        pk="token_id",
        not_null={
            *("secret_sha256", "host", "labels", "created_by", "created_at_ms", "expires_at_ms"),
            *("used_at_ms", "used_by", "revoked_at_ms"),
        },
        strict=True,
    )
    db.create_table(
        "enrolments",
        {
            "host": str,
            "enrolment_id": str,
            "labels": str,
            "token_id": str,
            "enrolled_at_ms": int,
            "revoked_at_ms": int,
            "revoked_reason": str,
        },
        pk="host",
        not_null={"enrolment_id", "labels", "token_id", "enrolled_at_ms", "revoked_at_ms", "revoked_reason"},
        strict=True,
    )
    db.create_table(
        "operator_tokens",
        {
            "token_id": str,
            "secret_sha256": bytes,
            "operator": str,
            "teams": str,
            "scopes": str,
            "created_by": str,
            "created_at_ms": int,
            "expires_at_ms": int,
            "revoked_at_ms": int,
        },
        pk="token_id",
        not_null={
            *("secret_sha256", "operator", "teams", "scopes", "created_by", "created_at_ms", "expires_at_ms"),
            "revoked_at_ms",
        },
        strict=True,
    )


@MIGRATIONS(name="0006_epochs")
def _epochs(db: Database, /) -> None:
    """Each start of a controller."""
    db.create_table(
        "epochs",
        {"epoch": int, "controller_id": str, "started_at_ms": int},
        pk="epoch",
        not_null={"controller_id", "started_at_ms"},
        strict=True,
    )


@MIGRATIONS(name="0007_stacks_by_number")
def _stacks_by_number(db: Database, /) -> None:
    """Names of frames once, chains of them by number, and parts that refer to those numbers."""
    db.execute("ALTER TABLE stacks RENAME TO stacks_by_hash")
    db.create_table("frames", {"number": int, "name": str}, pk="number", not_null={"name"}, strict=True)
    db.table("frames").create_index(["name"], unique=True)
    db.create_table(
        "stacks",
        {"number": int, "hash": bytes, "frames": bytes},
        pk="number",
        not_null={"hash", "frames"},
        strict=True,
    )
    db.table("stacks").create_index(["hash"], unique=True)
    number_kept_stacks(db)
    db.table("stacks_by_hash").drop()
