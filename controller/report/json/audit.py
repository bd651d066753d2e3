"""The audit log: entries, its head, and that it is whole."""

from collections.abc import Sequence

from controller.report.json.fields import Document, time_text
from fleettrace.model.audit import AuditEntry, AuditHead

__all__ = ["audit_document", "audit_head_document", "audit_verified_document"]


def audit_document(entries: Sequence[tuple[int, AuditEntry]], following: int) -> Document:
    """``fleettrace.audit/1``: entries with their numbers, newest first; ``following`` 0: there are no older ones."""
    return {
        "schema": "fleettrace.audit/1",
        "entries": [
            {
                "number": number,
                "at": time_text(entry.at_ms),
                "operator": entry.operator or None,
                "team": entry.team or None,
                "kind": entry.kind,
                "subject": entry.subject,
                "outcome": entry.outcome,
                "rule": entry.rule,
                "detail": dict(entry.detail),
                "hosts": list(entry.hosts),
            }
            for number, entry in entries
        ],
        "before": following or None,
    }


def audit_head_document(head: AuditHead) -> Document:
    """``fleettrace.audit-head/1``: the newest entry."""
    return {"schema": "fleettrace.audit-head/1", "head": _head(head)}


def audit_verified_document(head: AuditHead, database_id: str, expected: AuditHead | None) -> Document:
    """``fleettrace.audit-verified/1``: a log that is whole."""
    return {
        "schema": "fleettrace.audit-verified/1",
        "database": database_id,
        "head": _head(head),
        "expected": _head(expected) if expected is not None else None,
    }


def _head(head: AuditHead) -> Document:
    return {"number": head.number, "hash": head.hash, "text": str(head)}
