"""An approval for people."""

from rich.console import RenderableType
from rich.text import Text

from controller.report.text.lines import labelled
from controller.report.text.numbers import time_text
from fleettrace.orders.approvals import Approval

__all__ = ["render_approval"]


def render_approval(approval: Approval, key_id: str, now_ms: int) -> RenderableType:
    """What it lets run, and until when."""
    over = approval.until_ms <= now_ms
    lines = [
        ("approves", Text(f"{approval.tool} {approval.digest}", overflow="fold")),
        *(("with", Text(f"{name}={' or '.join(values)}")) for name, values in sorted(approval.params.items())),
        ("from", Text(time_text(approval.from_ms))),
        ("until", Text(time_text(approval.until_ms) + (": it is over" if over else ""), "yellow" if over else "")),
        ("key", Text(key_id)),
    ]
    return labelled([*lines, ("note", Text(approval.note))] if approval.note else lines)
