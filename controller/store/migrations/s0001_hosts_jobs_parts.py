"""Step 1: hosts, jobs with their runs and decisions, parts with their stacks, and what was merged."""

from sqlite_utils import Database

__all__ = ["apply"]


def apply(db: Database, /) -> None:
    """Make the first tables."""
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
