"""The pictures of a result: histograms, heat maps, cumulative shares, flame graphs."""

from controller.report.families import families
from controller.report.flame.graph import flame_graph
from controller.report.flame.html import flame_section
from controller.report.html.ecdf import ecdf
from controller.report.html.heatmap import heatmap
from controller.report.html.histogram import histogram_table
from controller.report.html.markup import Markup, tag
from fleettrace.model.job import JobResult
from fleettrace.model.names import counted

__all__ = ["histogram_pictures", "stack_pictures"]

MAX_COLUMNS = 140
"""Of a heat map: more are drawn as whole octaves."""


def histogram_pictures(result: JobResult) -> list[Markup]:
    """Of each of the largest keys: all hosts, host by host, and the cumulative shares."""
    found, more = families(result)
    suspects = [suspect.host for suspect in result.suspects if suspect.verdict.named]
    # Of hosts that are all alike none has a line of its own.
    nearest = [suspect.host for suspect in result.suspects[:1] if suspect.score and not suspects]
    sections = []
    for family in found:
        about = f": {family.name}" if family.name else ""
        values = counted(family.merged.total, "value")
        parts = [
            tag("h2", f"All hosts{about}"),
            tag("p", f"{values} of {counted(len(family.hosts), 'host')}, in {family.merged.unit}", class_="soft"),
            histogram_table(family),
        ]
        if len(family.hosts) > 1:
            parts += [tag("h2", f"Host by host{about}"), heatmap(family.coarse(MAX_COLUMNS), frozenset(suspects))]
            parts += [tag("h2", f"How much lies below{about}"), ecdf(family, suspects, nearest)]
        sections.append(tag("section", *parts))
    if more:
        sections.append(
            tag("p", f"+{counted(more, 'more histogram')}: 'fleettrace export' has all of them", class_="soft")
        )
    return sections


def stack_pictures(result: JobResult) -> list[Markup]:
    """A flame graph, of the first suspect against the rest where there is one."""
    graph_hosts = {part.part.run.host for part in result.hosts if part.part.snapshot.stacks}
    suspect = next((each.host for each in result.suspects if each.verdict.named and each.host in graph_hosts), "")
    graph = flame_graph(result, host=suspect)
    return [tag("section", tag("h2", "Flame graph"), tag("div", flame_section(graph), class_="flame-frame"))]
