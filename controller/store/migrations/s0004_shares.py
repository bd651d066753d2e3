"""Step 4: the teams that a job is shared with."""

from sqlite_utils import Database

__all__ = ["apply"]


def apply(db: Database, /) -> None:
    """Make the table of them, and find a team's jobs by time."""
    db.create_table(
        "shares",
        {"job_id": str, "team": str},
        pk=("job_id", "team"),
        foreign_keys=[("job_id", "jobs", "job_id")],
        strict=True,
    )
    db.table("jobs").create_index(["team", "created_at_ms"])
