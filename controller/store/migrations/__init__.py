"""The database's form, as numbered steps, a module each. A step and its own record are one transaction.

A step that was released is never changed, nor what it is called: add one. A blob is a message of the wire contract
(:mod:`controller.store.blobs`) and is what is read back; the columns beside it are for people and for queries.
"""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from controller.store.migrations import (
    s0001_hosts_jobs_parts,
    s0002_audit,
    s0003_shared_requests,
    s0004_shares,
    s0005_identities,
    s0006_epochs,
    s0007_stacks_by_number,
)

__all__ = ["APPLICATION_ID", "MIGRATIONS", "STEPS", "unknown_steps"]

APPLICATION_ID = int.from_bytes(b"FLTR", "big")
"""In the header of every database of ours (``PRAGMA application_id``)."""

STEPS = {
    "0001_hosts_jobs_parts": s0001_hosts_jobs_parts.apply,
    "0002_audit": s0002_audit.apply,
    "0003_shared_requests": s0003_shared_requests.apply,
    "0004_shares": s0004_shares.apply,
    "0005_identities": s0005_identities.apply,
    "0006_epochs": s0006_epochs.apply,
    "0007_stacks_by_number": s0007_stacks_by_number.apply,
}
"""By the names under which they are recorded, oldest first."""

MIGRATIONS = Migrations("fleettrace")
for _name, _apply in STEPS.items():
    MIGRATIONS(name=_name)(_apply)


def unknown_steps(db: Database) -> list[str]:
    """Steps that a newer version has applied to this database."""
    return [step.name for step in MIGRATIONS.applied(db) if step.name not in STEPS]
