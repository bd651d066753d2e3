"""A host's report as JSON: one entry of ``fleettrace.doctor/1``, described in docs/json.md."""

from collections.abc import Mapping
from typing import Any

from fleettrace.errors import Malformed
from fleettrace.model.inspection import (
    Check,
    DoctorReport,
    Grade,
    HostAnswer,
    ToolTrial,
    TrialOutcome,
    Unanswered,
)

__all__ = ["SCHEMA", "doctor_document", "report_of_document"]

SCHEMA = "fleettrace.doctor/1"
MAX_ENTRIES = 200
"""Checks, and tools, of one report; an agent has some thirty of each."""
MAX_TEXT_CHARS = 2_000


def doctor_document(answer: HostAnswer) -> dict[str, Any]:
    """One host; of one that did not answer the reason alone."""
    finding, clock = answer.finding, answer.clock
    report = finding if isinstance(finding, DoctorReport) else None
    return {
        "host": answer.host,
        "answered": report is not None,
        "reason": finding.reason if isinstance(finding, Unanswered) else "",
        "can_trace": report.can_trace if report is not None else None,
        "all_fine": report.all_fine if report is not None else None,
        "clock": None
        if clock is None
        else {"offset_s": clock.offset_us / 1e6, "uncertainty_s": clock.uncertainty_us / 1e6},
        "checks": []
        if report is None
        else [
            {"check": check.name, "grade": check.grade.value, "found": check.found, "mend": check.mend}
            for check in report.checks
        ],
        "tools": []
        if report is None
        else [
            {
                "tool": trial.tool,
                "outcome": trial.outcome.value,
                "alternative": trial.alternative,
                "reason": trial.reason,
                "mend": trial.mend,
            }
            for trial in report.tools
        ],
    }


def report_of_document(document: Mapping[str, Any]) -> DoctorReport:
    """The report of one host, of what :func:`doctor_document` made of it; a host has sent it.

    Raises:
        Malformed: it is none.
    """
    try:
        checks, tools = document["checks"], document["tools"]
        if len(checks) > MAX_ENTRIES or len(tools) > MAX_ENTRIES:
            raise Malformed(f"a doctor's report has at most {MAX_ENTRIES} checks and {MAX_ENTRIES} tools")
        return DoctorReport(
            tuple(
                Check(_text(one["check"]), Grade(one["grade"]), _text(one["found"]), _text(one["mend"]))
                for one in checks
            ),
            tuple(
                ToolTrial(
                    _text(one["tool"]),
                    TrialOutcome(one["outcome"]),
                    _text(one["alternative"]),
                    _text(one["reason"]),
                    _text(one["mend"]),
                )
                for one in tools
            ),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise Malformed("this is no report of a doctor's: it is of another version") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value[:MAX_TEXT_CHARS]
