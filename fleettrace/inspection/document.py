"""A host's report as JSON: one entry of ``fleettrace.doctor/1``, described in docs/json.md."""

from typing import Any

from fleettrace.model.inspection import DoctorReport, HostAnswer, Unanswered

__all__ = ["SCHEMA", "doctor_document"]

SCHEMA = "fleettrace.doctor/1"


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
