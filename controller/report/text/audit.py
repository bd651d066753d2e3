"""Entries of the audit log for people."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from controller.report.text.columns import Column, FittingTable
from controller.report.text.numbers import time_text
from fleettrace.model.audit import AuditEntry

__all__ = ["render_audit"]

MAX_NAMED_HOSTS = 2
_BAD = frozenset({"denied", "abort", "aborted", "refused", "failed", "interrupted"})


def render_audit(entries: Sequence[tuple[int, AuditEntry]], following: int) -> RenderableType:
    """A row for each (number, entry), newest first; beneath, how to see older ones. ``following`` 0: there are none."""
    if not entries and not following:
        return Text("nothing was decided that is looked for")
    rows = [entry for _, entry in entries]
    table = FittingTable(
        [
            Column("entry", [str(number) for number, _ in entries]),
            Column("time (UTC)", [time_text(entry.at_ms).removesuffix(" UTC") for entry in rows]),
            Column("by", [entry.operator or "-" for entry in rows], words=True),
            Column("team", [entry.team or "-" for entry in rows], words=True),
            Column("what", [entry.kind for entry in rows], words=True),
            Column("about", [entry.subject for entry in rows], words=True),
            Column("decided", [entry.outcome for entry in rows], words=True),
            Column("hosts", [_hosts(entry.hosts) for entry in rows], words=True),
            Column("why", [_why(entry) for entry in rows], words=True),
        ],
        ["yellow" if entry.outcome in _BAD else "" for entry in rows],
    )
    if not following:
        return table
    return Group(table, Text(), Text(f"older entries: fleettrace audit list --before {following}", "dim"))


def _hosts(hosts: Sequence[str]) -> str:
    named = ", ".join(hosts[:MAX_NAMED_HOSTS])
    more = len(hosts) - MAX_NAMED_HOSTS
    return f"{named} and {more:,} more" if more > 0 else named or "-"


def _why(entry: AuditEntry) -> str:
    reason = entry.detail.get("reason", "")
    return (
        f"{reason} ({entry.rule})"
        if reason and entry.rule and entry.rule not in reason
        else reason or entry.rule or "-"
    )
