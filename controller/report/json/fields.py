"""Fields that several documents share."""

from collections.abc import Iterable
from typing import Any

from controller.report.times import utc
from fleettrace.model.job import Job
from fleettrace.model.redaction import Rule

__all__ = ["Document", "job_fields", "redact_fields", "time_text"]

Document = dict[str, Any]
"""Plain dicts, lists and scalars, ready for :func:`json.dumps`."""


def time_text(at_ms: int) -> str | None:
    """ISO 8601 with milliseconds; None when it has not happened."""
    at = utc(at_ms)
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def job_fields(job: Job) -> Document:
    """A job without its evidence and results."""
    spec = job.spec
    return {
        "id": spec.job_id,
        "tool": spec.tool,
        "digest": spec.digest,
        "program": spec.program,
        "state": job.state.value,
        "reason": job.reason,
        "requested_s": spec.duration_ms / 1000,
        "selector": spec.selector,
        "targets": list(spec.targets),
        "params": dict(spec.params),
        "promote": spec.promote,
        "despite_aborts": spec.despite_aborts,
        "dry_run": spec.dry_run,
        "priority": spec.priority.value,
        "queue_position": job.queue_position or None,
        "waits_for": job.waits_for,
        "approve_by": time_text(spec.approve_by_ms),
        "approved_by": job.approved_by,
        "break_glass": spec.break_glass,
        "redact": redact_fields(spec.redact),
        "class_labels": list(spec.class_labels),
        "team": spec.team,
        "operator": spec.operator,
        "created_at": time_text(spec.created_at_ms),
        "finished_at": time_text(job.finished_at_ms),
    }


def redact_fields(rules: Iterable[Rule]) -> list[Document]:
    """What is hidden, and how."""
    return [{"field": field.value, "way": way.value} for field, way in rules]
