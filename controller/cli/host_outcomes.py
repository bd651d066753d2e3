"""What became of hosts that something was done to: for people, for scripts, and as an exit code."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from controller.cli.exit_codes import ExitCode
from controller.install.outcome import HostOutcome, summarise
from controller.report.text.columns import Column, FittingTable
from controller.report.text.lines import labelled
from fleettrace.inspection.document import doctor_document
from fleettrace.model.inspection import HostAnswer
from fleettrace.model.names import counted, duration_text

__all__ = ["exit_code_of_hosts", "hosts_done_document", "outcome_line", "render_outcomes"]


def exit_code_of_hosts(outcomes: Sequence[HostOutcome]) -> ExitCode:
    """All of them, some, or none."""
    good = summarise(outcomes).ok
    if good == len(outcomes):
        return ExitCode.OK
    return ExitCode.HOSTS_MISSING if good else ExitCode.FAILED


def outcome_line(outcome: HostOutcome) -> tuple[str, str]:
    """One host's end, as a label and a line."""
    if not outcome.ok:
        return "failed", f"{outcome.host}: {outcome.reason}"
    done = ", ".join(outcome.changes) if outcome.changes else "nothing had to be changed"
    return "done", f"{outcome.host}: {done} ({duration_text(outcome.elapsed_ms)})"


def render_outcomes(outcomes: Sequence[HostOutcome]) -> RenderableType:
    """A row for each host; beneath, why some failed, and what to know of the others."""
    table = FittingTable(
        [
            Column("host", [one.host for one in outcomes], words=True),
            Column("address", [one.address for one in outcomes], words=True),
            Column("state", [_state(one) for one in outcomes], words=True),
            Column("version", [one.version or "-" for one in outcomes], words=True),
            Column("took", [duration_text(one.elapsed_ms) for one in outcomes]),
        ],
        ["" if one.ok else "red" for one in outcomes],
    )
    notes = [("failed", f"{one.host}: {one.reason}") for one in outcomes if not one.ok]
    notes += [("note", f"{one.host}: {note}") for one in outcomes for note in one.notes]
    counts = summarise(outcomes)
    summary = Text(f"{counts.ok:,} of {counted(counts.hosts, 'host')} done; {counts.changed:,} changed", "bold")
    return Group(table, Text(), summary, *([labelled(notes)] if notes else []))


def hosts_done_document(done: str, outcomes: Sequence[HostOutcome]) -> dict[str, Any]:
    """``fleettrace.hosts-done/1``: what was done to each host. ``done``: ``install``, ``upgrade`` or ``uninstall``."""
    counts = summarise(outcomes)
    return {
        "schema": "fleettrace.hosts-done/1",
        "done": done,
        "summary": {"hosts": counts.hosts, "ok": counts.ok, "changed": counts.changed},
        "hosts": [
            {
                "host": one.host,
                "address": one.address,
                "ok": one.ok,
                "version": one.version,
                "changes": list(one.changes),
                "notes": list(one.notes),
                "fault": str(one.fault) if one.fault is not None else None,
                "reason": one.reason,
                "went_back": one.back,
                "took_s": one.elapsed_ms / 1000,
                "doctor": doctor_document(HostAnswer(one.host, one.doctor)) if one.doctor is not None else None,
            }
            for one in outcomes
        ],
    }


def _state(outcome: HostOutcome) -> str:
    if outcome.ok:
        return "changed" if outcome.changes else "unchanged"
    return f"{outcome.fault}, went back" if outcome.back else str(outcome.fault)
