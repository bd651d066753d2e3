"""A report in rows: what is at fault first, each with the line that mends it, and what is fine in one row."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fleettrace.model.inspection import Check, DoctorReport, Grade, ToolTrial, TrialOutcome
from fleettrace.model.names import counted

__all__ = ["LABEL_CELLS", "Row", "check_rows", "headline", "report_rows", "report_text"]

LABEL_CELLS = 8
_MEND = "  mend"
_LABELS = {Grade.FAULT: "FAULT", Grade.WARNING: "warning", Grade.NOTE: "note"}
_LEAST_CELLS = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A word, what it says, and how grave that is."""

    label: str
    text: str
    grade: Grade


def headline(report: DoctorReport) -> str:
    """The whole report in a few words."""
    tried = [trial for trial in report.tools if trial.outcome is not TrialOutcome.UNTRIED]
    working = sum(trial.outcome is TrialOutcome.WORKS for trial in tried)
    tools = f"{working} of {len(tried)} tools work" if tried else "no tool was tried"
    if not report.can_trace:
        return f"CANNOT TRACE: {tools}"
    warnings = sum(check.grade is Grade.WARNING for check in report.checks)
    if report.all_fine and not warnings:
        return f"fine: {tools}"
    if report.all_fine:
        return f"works, with {counted(warnings, 'warning')}: {tools}"
    return f"works in part: {tools}"


def report_rows(report: DoctorReport) -> list[Row]:
    """The rows, the gravest first."""
    rows = [*_checks(report.checks, Grade.FAULT), *_failing(report.tools)]
    rows += [*_checks(report.checks, Grade.WARNING), *_checks(report.checks, Grade.NOTE)]
    rows += _untried(report.tools)
    working = [trial for trial in report.tools if trial.outcome is TrialOutcome.WORKS]
    if working:
        rows.append(Row("works", ", ".join(map(_named, working)), Grade.OK))
    fine = [f"{check.name}: {check.found}" for check in report.checks if check.grade is Grade.OK]
    if fine:
        rows.append(Row("ok", "; ".join(fine), Grade.OK))
    return rows


def report_text(host: str, report: DoctorReport, width: int) -> list[str]:
    """Lines of at most ``width`` cells, where words are not longer."""
    lines = [f"{host}: {headline(report)}", ""]
    previous = ""
    for row in report_rows(report):
        label = "" if row.label == previous else row.label
        wrapped = textwrap.wrap(
            row.text,
            max(width - LABEL_CELLS - 1, _LEAST_CELLS),
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += [f"{label if index == 0 else '':<{LABEL_CELLS}} {line}".rstrip() for index, line in enumerate(wrapped)]
        previous = row.label
    return [_printable(line) for line in lines]


def check_rows(check: Check) -> Iterator[Row]:
    """One check that is not fine, with the line that mends it."""
    yield Row(_LABELS[check.grade], f"{check.name}: {check.found}", check.grade)
    if check.mend:
        yield Row(_MEND, check.mend, check.grade)


def _checks(checks: Iterable[Check], grade: Grade) -> Iterator[Row]:
    for check in checks:
        if check.grade is grade:
            yield from check_rows(check)


def _failing(trials: Sequence[ToolTrial]) -> Iterator[Row]:
    """Tools that fail for one reason are named together."""
    for (reason, mend), names in _by_reason(trials, TrialOutcome.FAILS).items():
        yield Row("FAILS", f"{names}: {reason}", Grade.FAULT)
        if mend:
            yield Row(_MEND, mend, Grade.FAULT)


def _untried(trials: Sequence[ToolTrial]) -> Iterator[Row]:
    for (reason, _), names in _by_reason(trials, TrialOutcome.UNTRIED).items():
        yield Row("untried", f"{names}: {reason}", Grade.NOTE)


def _by_reason(trials: Sequence[ToolTrial], outcome: TrialOutcome) -> dict[tuple[str, str], str]:
    tools: dict[tuple[str, str], list[str]] = {}
    for trial in trials:
        if trial.outcome is outcome:
            # A reason names its own tool, which would keep tools that fail alike apart.
            reason = trial.reason.removeprefix(f"{trial.tool} ")
            tools.setdefault((reason, trial.mend), []).append(trial.tool)
    return {
        key: f"all {len(names)} tools" if len(names) == len(trials) > 1 else ", ".join(names)
        for key, names in tools.items()
    }


def _named(trial: ToolTrial) -> str:
    return f"{trial.tool} (as {trial.alternative})" if trial.alternative else trial.tool


def _printable(line: str) -> str:
    """Names and reasons come from a host: they must not move a terminal's cursor."""
    return "".join(sign if sign.isprintable() else "?" for sign in line)
