"""Approvals that this host asks for, by keys that no controller has. Imported when an order needs one."""

from fleettrace.model.run import StartRun
from fleettrace.model.tool import ToolDefinition
from fleettrace.orders.approvals import approving, check_approved
from node_agent.guard.policy import HostPolicy

__all__ = ["check_approvals"]


def check_approvals(policy: HostPolicy, order: StartRun, tool: ToolDefinition, now_ms: int, where: str) -> None:
    """Raise :class:`~fleettrace.errors.Refused` unless an approver of this host has approved what would be run."""
    keys = {approver.key.key_id: approver.key for approver in policy.approvals.approvers}
    good, reasons = approving(order.tool_approvals, keys, digest=tool.digest, now_ms=now_ms)
    defaults = {param.name: param.default for param in tool.params}
    check_approved(good, reasons, tool=tool.name, where=where, params=order.params, defaults=defaults)
