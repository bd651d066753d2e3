"""A row for each host, those that stand out first."""

from collections.abc import Mapping

from controller.report.contents import events_of
from controller.report.families import hosts_by_score
from controller.report.html.markup import Markup, tag
from controller.report.text.hosts import labels_text
from controller.report.text.numbers import bytes_text, percentile_text
from fleettrace.model.job import HostPart, JobResult, Suspect
from fleettrace.model.names import duration_text
from fleettrace.model.run import IMPORT_BACKEND, RunOutcome

__all__ = ["hosts_table"]


def hosts_table(result: JobResult) -> Markup:
    """What each host recorded, lost and paid, and the reason of each that is missing."""
    suspects = {suspect.host: suspect for suspect in result.suspects}
    parts: dict[str, list[HostPart]] = {}
    for part in result.hosts:
        parts.setdefault(part.part.run.host, []).append(part)
    units = {histogram.unit for histogram in result.merged.histograms}
    columns = _columns(units)
    rows = [
        _row(part, suspects, bool(units)) for host in hosts_by_score(result) if host in parts for part in parts[host]
    ]
    span = str(len(columns))
    rows += [
        tag("tr", tag("td", tag("b", host), f": {reason}", colspan=span), class_="missing")
        for host, reason in result.coverage.missing
    ]
    head = tag("tr", *(tag("th", name, class_="num" if number else None, scope="col") for name, number in columns))
    table = tag("table", tag("thead", head), tag("tbody", *rows))
    return tag("section", tag("h2", "Hosts"), tag("div", table, class_="wide"), id="hosts")


def _columns(units: set[str]) -> list[tuple[str, bool]]:
    """Names, and whether numbers stand below."""
    unit = f" {next(iter(units))}" if len(units) == 1 else ""
    percentiles = [(f"p50{unit}", True), (f"p99{unit}", True)] if units else []
    return [
        ("host", False),
        ("labels", False),
        ("score", True),
        ("recorded", True),
        *percentiles,
        ("lost", True),
        ("window", True),
        ("CPU", True),
        ("memory", True),
        ("ended", False),
    ]


def _row(host: HostPart, suspects: Mapping[str, Suspect], percentiles: bool) -> Markup:
    part, cost = host.part, host.part.cost
    suspect = suspects.get(part.run.host)
    is_suspect = suspect is not None and suspect.verdict.named
    ended = part.outcome.value + (f": {part.reason}" if part.reason else "")
    ended += ", a recording" if part.backend == "replay" else ", imported" if part.backend == IMPORT_BACKEND else ""
    numbers = [
        f"{suspect.score:.1f}" if suspect is not None else "",
        f"{events_of(part):,}",
        *([percentile_text(part.snapshot.histograms, percent) for percent in (50, 99)] if percentiles else []),
        f"{cost.lost_events:,}",
        duration_text(part.duration_ms),
        duration_text(cost.child_cpu_us / 1000),
        bytes_text(cost.child_peak_rss_bytes + cost.map_bytes),
    ]
    return tag(
        "tr",
        tag("td", tag("b", part.run.host), " !" if is_suspect else ""),
        tag("td", labels_text(host.labels), class_="soft"),
        *(tag("td", number, class_="num") for number in numbers),
        tag("td", ended, class_=None if part.outcome is RunOutcome.COMPLETE else "warn"),
        class_="suspect" if is_suspect else None,
    )
