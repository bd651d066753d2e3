"""A controller's start, as an entry of the audit log."""

from fleettrace.model.audit import AuditEntry
from fleettrace.model.order import Authority

__all__ = ["epoch_entry"]


def epoch_entry(authority: Authority, at_ms: int) -> AuditEntry:
    """A controller begins an epoch."""
    detail = {"epoch": str(authority.epoch)}
    return AuditEntry(at_ms, "", "", "controller.start", authority.controller_id, "begun", detail=detail)
