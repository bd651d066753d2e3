"""Host against host in one job, and one job against another."""

from controller.analysis.changes import Change
from controller.analysis.findings import category_text, shape_change
from controller.report.before_after import BeforeAfter
from controller.report.json.fields import Document, job_fields
from controller.report.json.findings import histogram_reading_fields, shape_fields, span_fields, suspect_fields
from fleettrace.model.job import JobResult

__all__ = ["changes_document", "comparison_document"]


def comparison_document(result: JobResult) -> Document:
    """``fleettrace.comparison/1``: the hosts of one job, compared."""
    return {
        "schema": "fleettrace.comparison/1",
        "job": job_fields(result.job),
        "statement": result.statement,
        "suspects": [suspect_fields(suspect) for suspect in result.suspects],
        "histogram_readings": [histogram_reading_fields(reading) for reading in result.histogram_readings],
    }


def changes_document(pair: BeforeAfter) -> Document:
    """``fleettrace.changes/1``: what has changed from one job to the other."""
    return {
        "schema": "fleettrace.changes/1",
        "before": job_fields(pair.before.job),
        "after": job_fields(pair.after.job),
        "statement": pair.statement,
        "changes": [_change(change) for change in pair.changes],
        "hosts": [
            {
                "host": shift.host,
                "unit": pair.unit,
                "octaves": shift.octaves,
                "p50_before": span_fields(shift.before[0]),
                "p50_after": span_fields(shift.after[0]),
                "p99_before": span_fields(shift.before[1]),
                "p99_after": span_fields(shift.after[1]),
            }
            for shift in pair.shifts
        ],
    }


def _change(change: Change) -> Document:
    return {
        "class": change.host_class,
        "kind": change.kind.value,
        "changed": change.changed,
        "z": change.z,
        "evidence": change.evidence,
        "category": category_text(change.trait, change.category),
        "share_before": change.share_before,
        "share_after": change.share_after,
        "rate_factor": change.rate_factor,
        "hosts": list(change.hosts),
        "left_out": list(change.left_out),
        "shape": None if change.shape is None else shape_fields(shape_change(change.trait, change.shape)),
    }
