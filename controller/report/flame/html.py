"""The interactive flame graph: one page, or a section of another."""

from typing import Any

from controller.report.flame.compare import NEUTRAL_RATIO, SIGNIFICANT_Z
from controller.report.flame.graph import FlameGraph
from controller.report.html.markup import Markup, tag
from controller.report.html.page import Assets, data_element, page

__all__ = ["FLAME_CSS", "FLAME_JS", "flame_section", "render_flame_page"]

_PACKAGE = "controller.report.flame"
_MODULES = (
    *("text", "tree", "compare", "search", "sandwich", "colours", "chart", "table", "details"),
    *("sides", "words", "keys", "app"),
)

FLAME_CSS = Assets(_PACKAGE, ("css/flame.css",))
FLAME_JS = Assets(_PACKAGE, tuple(f"js/{name}.js" for name in _MODULES))

ELIDE_BELOW = 0.0005
"""Frames of a smaller share are not drawn until they are asked for."""


def render_flame_page(graph: FlameGraph) -> str:
    """A document of its own."""
    head = tag(
        "header",
        tag("div", tag("h1", graph.title), tag("p", "; ".join(graph.notes), class_="soft notes")),
        tag("button", "Dark", data_theme_button="", type="button"),
        class_="flame-head",
    )
    body = tag("main", head, flame_section(graph), class_="flame-page")
    return page(f"Flame graph: {graph.title}", [body], [FLAME_CSS], [FLAME_JS])


def flame_section(graph: FlameGraph, identifier: str = "flame-data") -> Markup:
    """An element that the script fills, with its data."""
    return tag(
        "section",
        tag("noscript", "This flame graph needs JavaScript; 'fleettrace flame JOB --format svg' makes one without."),
        data_element(identifier, _document(graph)),
        class_="flame",
        data_source=identifier,
    )


def _document(graph: FlameGraph) -> dict[str, Any]:
    """Plain lists; a series' values are pairs of how many nodes to go on and the value."""
    return {
        "unit": graph.unit,
        "counted": graph.chance_is_known,
        "elideBelow": ELIDE_BELOW,
        "neutralRatio": NEUTRAL_RATIO,
        "significantZ": SIGNIFICANT_Z,
        "frames": list(graph.tree.frames),
        "frameOf": list(graph.tree.frame_of),
        "depth": list(graph.tree.depth),
        "show": graph.show,
        "against": graph.against,
        "series": [
            {
                "label": series.label,
                "kind": series.kind.value,
                "total": series.total,
                "samples": series.samples,
                "hosts": series.hosts,
                "job": series.job,
                "own": _pairs(dict(sorted(series.own.items()))),
            }
            for series in graph.series
        ],
    }


def _pairs(own: dict[int, int]) -> list[int]:
    pairs: list[int] = []
    previous = 0
    for node, value in own.items():
        pairs += (node - previous, value)
        previous = node
    return pairs
