"""Entries of the audit log for people."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from controller.report.text.numbers import time_text
from fleettrace.model.audit import AuditEntry

__all__ = ["render_audit"]

MAX_NAMED_HOSTS = 2
_ENTRY = "entry"
_HEADINGS = ("time (UTC)", "what", "about", "decided")
_BAD = frozenset({"denied", "abort", "aborted", "refused", "failed", "interrupted"})


def render_audit(entries: Sequence[tuple[int, AuditEntry]], following: int) -> RenderableType:
    """Two lines for each (number, entry), newest first; beneath, how to see older ones. ``following`` 0: none."""
    if not entries and not following:
        return Text("nothing was decided that is looked for")
    numbers = max(len(_ENTRY), *(len(str(number)) for number, _ in entries), 0)
    rows = [(str(number), _first_line(entry), _second_line(entry), entry.outcome in _BAD) for number, entry in entries]
    widths = [max(map(cell_len, column)) for column in zip(_HEADINGS, *(first for _, first, _, _ in rows), strict=True)]
    lines: list[RenderableType] = [Text(f"{_ENTRY:>{numbers}}  {_cells(_HEADINGS, widths)}", "dim")]
    for number, first, second, bad in rows:
        style = "yellow" if bad else ""
        lines.append(Text(f"{number:>{numbers}}  {_cells(first, widths)}", style, overflow="fold"))
        lines.append(Padding(Text(second, "dim", overflow="fold"), (0, 0, 0, numbers + 2)))
    table = Group(*lines)
    if not following:
        return table
    return Group(table, Text(), Text(f"older entries: fleettrace audit list --before {following}", "dim"))


def _first_line(entry: AuditEntry) -> tuple[str, ...]:
    return time_text(entry.at_ms).removesuffix(" UTC"), entry.kind, entry.subject or "-", entry.outcome


def _second_line(entry: AuditEntry) -> str:
    """Who, for whom, where and why."""
    by = f"by {entry.operator}" if entry.operator else "by the controller"
    team = f" of team {entry.team}" if entry.team and entry.operator else f", team {entry.team}" if entry.team else ""
    hosts = f", on {_hosts(entry.hosts)}" if entry.hosts else ""
    why = _why(entry)
    return f"{by}{team}{hosts}" + (f": {why}" if why else "")


def _cells(texts: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(text + " " * (width - cell_len(text)) for text, width in zip(texts, widths, strict=True)).rstrip()


def _hosts(hosts: Sequence[str]) -> str:
    named = ", ".join(hosts[:MAX_NAMED_HOSTS])
    more = len(hosts) - MAX_NAMED_HOSTS
    return f"{named} and {more:,} more" if more > 0 else named


def _why(entry: AuditEntry) -> str:
    reason = entry.detail.get("reason", "")
    return f"{reason} ({entry.rule})" if reason and entry.rule and entry.rule not in reason else reason or entry.rule
