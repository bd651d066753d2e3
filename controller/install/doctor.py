"""What the doctor found on a host, in sentences for whoever installs. Pure."""

from collections.abc import Iterator

from fleettrace.inspection.text import headline, report_rows
from fleettrace.model.inspection import DoctorReport, Grade

__all__ = ["fatal", "shown"]

MAX_SHOWN = 12
"""Findings of one host; ``fleettrace doctor`` and ``--json`` have all of them."""
_SHOWN = frozenset({Grade.FAULT, Grade.WARNING})


def fatal(report: DoctorReport) -> str:
    """Why a host that cannot trace is not made a member of the fleet, in one sentence with the way out."""
    found = list(_findings(report))
    why = "; ".join(found[:3]) or "no tool can be attached"
    return f"nothing can be traced on it, and no agent was started: {why}"


def shown(report: DoctorReport) -> tuple[str, ...]:
    """Notes: the whole in a few words, and each finding with the line that mends it."""
    found = list(_findings(report))
    more = [f"doctor: {len(found) - MAX_SHOWN} more findings: fleettrace doctor"] if len(found) > MAX_SHOWN else []
    return (f"doctor: {headline(report)}", *(f"doctor: {one}" for one in found[:MAX_SHOWN]), *more)


def _findings(report: DoctorReport) -> Iterator[str]:
    """Each finding that is not fine; its row is followed by the one that mends it, where something does."""
    finding = ""
    for row in report_rows(report):
        if row.grade not in _SHOWN:
            continue
        if row.label.strip() == "mend":
            finding = f"{finding} (mend: {row.text})"
            continue
        if finding:
            yield finding
        finding = row.text
    if finding:
        yield finding
