"""The summary of a job's hosts: a row each, those that stand out first."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from controller.report.contents import events_of
from controller.report.text.columns import Column, FittingTable
from controller.report.text.numbers import bytes_text, count_text, percentile_text
from fleettrace.model.job import HostPart, Suspect
from fleettrace.model.names import counted, duration_text, natural_order
from fleettrace.model.run import RunKey, RunOutcome

__all__ = ["MAX_ROWS", "labels_text", "render_hosts"]

MAX_ROWS = 20


def render_hosts(hosts: Sequence[HostPart], suspects: Sequence[Suspect]) -> RenderableType:
    """Events, percentiles (histograms only), losses and costs of each host; labels that all share are said once."""
    ranks = {suspect.host: rank for rank, suspect in enumerate(suspects)}
    marked = {suspect.host for suspect in suspects if suspect.verdict.named}
    ordered = sorted(hosts, key=lambda host: (ranks.get(host.part.run.host, len(ranks)), *_order(host.part.run)))
    shown = ordered[:MAX_ROWS]
    common = _common_labels(hosts)
    styles = ["bold red" if host.part.run.host in marked else "" for host in shown]
    table = FittingTable(_columns(shown, common, marked), styles)
    parts: list[RenderableType] = [Text("Hosts", "bold"), Padding.indent(table, 2)]
    if len(ordered) > MAX_ROWS:
        parts.append(
            Text(f"  +{counted(len(ordered) - MAX_ROWS, 'more host')} (--json or --host NAME shows them)", "dim")
        )
    notes = [f"all have {labels_text(common)}"] if common else []
    notes += ["! stands out"] if marked & {host.part.run.host for host in shown} else []
    notes += ["~ ended early or failed"] if any(_short(host) for host in shown) else []
    if notes:
        parts.append(Padding.indent(Text("; ".join(notes), "dim", overflow="fold"), 2))
    return Group(*parts)


def labels_text(labels: Mapping[str, str]) -> str:
    """``role=api zone=a``."""
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _columns(hosts: Sequence[HostPart], common: Mapping[str, str], marked: set[str]) -> list[Column]:
    names = [host.part.run.host for host in hosts]
    own = [labels_text({name: host.labels[name] for name in host.labels if name not in common}) for host in hosts]
    columns = [Column("host", [f"{name} !" if name in marked else name for name in names], words=True)]
    if any(own):
        columns.append(Column("labels", own, words=True))
    columns.append(Column("events", [count_text(events_of(host.part)) for host in hosts]))
    units = {histogram.unit for host in hosts for histogram in host.part.snapshot.histograms}
    if units:
        unit = f" {units.pop()}" if len(units) == 1 else ""
        for percent in (50, 99):
            cells = [percentile_text(host.part.snapshot.histograms, percent) for host in hosts]
            columns.append(Column(f"p{percent}{unit}", cells))
    costs = [host.part.cost for host in hosts]
    windows = [f"{'~' if _short(host) else ''}{duration_text(host.part.duration_ms)}" for host in hosts]
    return [
        *columns,
        Column("lost", [count_text(cost.lost_events) for cost in costs]),
        Column("window", windows),
        Column("cpu", [duration_text(cost.child_cpu_us / 1000) for cost in costs], second=True),
        Column("maps", [bytes_text(cost.map_bytes) for cost in costs], second=True),
    ]


def _common_labels(hosts: Sequence[HostPart]) -> dict[str, str]:
    """The labels that every one of several hosts carries."""
    if len(hosts) < 2:
        return {}
    return dict(set.intersection(*(set(host.labels.items()) for host in hosts)))


def _order(run: RunKey) -> tuple[list[tuple[int, str]], int]:
    return natural_order(run.host), run.attempt


def _short(host: HostPart) -> bool:
    return host.part.outcome is not RunOutcome.COMPLETE
