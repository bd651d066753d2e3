"""Step 3: requests that were given the job that another one had made."""

from sqlite_utils import Database

__all__ = ["apply"]


def apply(db: Database, /) -> None:
    """Make the table of such requests."""
    db.create_table(
        "shared_requests",
        {"request_id": str, "job_id": str},
        pk="request_id",
        foreign_keys=[("job_id", "jobs", "job_id")],
        not_null={"job_id"},
        strict=True,
    )
