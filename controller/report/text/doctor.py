"""Doctor's reports of a fleet: hosts that have the same to mend stand together, the gravest first."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from controller.report.text.coverage import reason_lines
from controller.report.text.lines import labelled
from fleettrace.inspection.clock import check_clock
from fleettrace.inspection.text import Row, check_rows, headline, report_rows
from fleettrace.model.inspection import Check, DoctorReport, Grade, HostAnswer, Unanswered
from fleettrace.model.names import counted

__all__ = ["render_doctor"]

MAX_NAMED_HOSTS = 12
_STYLES = {Grade.FAULT: "bold red", Grade.WARNING: "yellow", Grade.NOTE: "", Grade.OK: "dim"}

_Host = tuple[str, DoctorReport]


def render_doctor(answers: Sequence[HostAnswer]) -> RenderableType:
    """A block for each group of hosts, what holds for all of them once, and one line that sums up."""
    ordered = sorted(answers, key=lambda answer: answer.host)
    hosts = [
        (answer.host, _with_clock(answer, answer.finding))
        for answer in ordered
        if isinstance(answer.finding, DoctorReport)
    ]
    silent = [(answer.host, answer.finding.reason) for answer in ordered if isinstance(answer.finding, Unanswered)]
    common = _common(hosts) if len(hosts) > 1 else ()
    blocks: list[RenderableType] = []
    for group in _groups(hosts, common):
        blocks += [*_group(group, alone=len(hosts) == 1), Text()]
    if common:
        rows = [row for check in common for row in check_rows(check)]
        blocks += [Text(f"all {counted(len(hosts), 'host')}", "bold"), _rows(rows), Text()]
    if silent:
        blocks += [labelled(("no answer", text) for text in reason_lines(silent)), Text()]
    return Group(*blocks, _summary(answers))


def _with_clock(answer: HostAnswer, report: DoctorReport) -> DoctorReport:
    if answer.clock is None:
        return report
    return replace(report, checks=(*report.checks, check_clock(answer.clock)))


def _common(hosts: Sequence[_Host]) -> tuple[Check, ...]:
    """What every host says in the same words, and is worth saying."""
    every = set.intersection(*(set(report.checks) for _, report in hosts))
    return tuple(check for check in hosts[0][1].checks if check in every and check.grade is not Grade.OK)


def _groups(hosts: Sequence[_Host], common: Iterable[Check]) -> list[list[_Host]]:
    """Hosts alike in all that is at fault and in all that works; notes and figures are each host's own."""
    said = frozenset(common)
    groups: dict[tuple[object, ...], list[_Host]] = {}
    for host, report in hosts:
        rest = replace(report, checks=tuple(check for check in report.checks if check not in said))
        graver = tuple(check for check in rest.checks if check.grade in {Grade.FAULT, Grade.WARNING})
        groups.setdefault((headline(report), graver, rest.tools), []).append((host, rest))
    return sorted(groups.values(), key=lambda group: (_gravity(group[0][1]), group[0][0]))


def _gravity(report: DoctorReport) -> int:
    """0 is the gravest."""
    if not report.can_trace:
        return 0
    if not report.all_fine:
        return 1
    return 2 if any(check.grade is Grade.WARNING for check in report.checks) else 3


def _group(group: Sequence[_Host], *, alone: bool) -> Sequence[RenderableType]:
    names, report = [name for name, _ in group], _shared([report for _, report in group])
    more = f", +{len(names) - MAX_NAMED_HOSTS} more" if len(names) > MAX_NAMED_HOSTS else ""
    title = Text(", ".join(names[:MAX_NAMED_HOSTS]) + more, "bold", overflow="fold")
    style = ("bold red", "bold yellow", "yellow", "green")[_gravity(report)]
    title.append(f": {headline(report)}", style)
    rows = report_rows(report)
    if not alone:
        # The figures of each are in --json, and shown when one host alone is asked.
        fine = ", ".join(check.name for check in report.checks if check.grade is Grade.OK)
        rows = [replace(row, text=fine) if row.label == "ok" else row for row in rows]
    return title, _rows(rows)


def _shared(reports: Sequence[DoctorReport]) -> DoctorReport:
    """One report for all: notes that differ are said to, and not told one by one."""
    checks = []
    for check in reports[0].checks:
        if check.grade is Grade.NOTE and not all(check in report.checks for report in reports):
            differing = "differs between these hosts: ask one of them alone, or see --json"
            checks.append(Check(check.name, Grade.NOTE, differing))
        else:
            checks.append(check)
    return replace(reports[0], checks=tuple(checks))


def _rows(rows: Iterable[Row]) -> RenderableType:
    lines = [(row.label, Text(row.text, _STYLES[row.grade], overflow="fold")) for row in rows]
    return Padding.indent(labelled(lines), 2)


def _summary(answers: Sequence[HostAnswer]) -> Text:
    reports = [answer.finding for answer in answers if isinstance(answer.finding, DoctorReport)]
    fine = sum(report.all_fine for report in reports)
    none = sum(not report.can_trace for report in reports)
    pieces = [f"{fine:,} of {counted(len(answers), 'host')} can run every tool"]
    if partly := len(reports) - fine - none:
        pieces.append(f"{partly:,} some of them")
    if none:
        pieces.append(f"{none:,} cannot trace")
    if silent := len(answers) - len(reports):
        pieces.append(f"{silent:,} did not answer")
    return Text("; ".join(pieces), "bold")
