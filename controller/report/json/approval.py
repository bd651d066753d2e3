"""An approval."""

from controller.report.json.fields import Document, time_text
from fleettrace.orders.approvals import Approval

__all__ = ["approval_document"]


def approval_document(approval: Approval, key_id: str) -> Document:
    """``fleettrace.approval/1``: what it lets run."""
    return {
        "schema": "fleettrace.approval/1",
        "tool": approval.tool,
        "digest": approval.digest,
        "params": {name: list(values) for name, values in approval.params.items()},
        "from": time_text(approval.from_ms),
        "until": time_text(approval.until_ms),
        "note": approval.note,
        "key_id": key_id,
    }
