"""A flame graph that stands still, for tickets: SVG without scripts, where each frame has a title."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from controller.analysis.wording import share_text
from controller.report.flame.compare import Difference, View, difference, opening_views, ratio_text
from controller.report.flame.graph import FlameGraph
from controller.report.html.markup import Markup, joined, tag, visible
from fleettrace.model.names import counted
from fleettrace.snapshot import KERNEL_SUFFIX

__all__ = ["ELIDE_BELOW", "MAX_ROWS", "NOTE_CHARS", "render_flame_svg"]

WIDTH_PX = 1200
ROW_PX = 17
CHAR_PX = 6.7
"""Of the font at 11 px; names are cut to fit, and whole in the titles."""
NOTE_CHARS, NOTE_PX = 180, 15
"""Of a line of notes, in the same size of a font that is not of one width: 1200 px of wide letters."""
ELIDE_BELOW = 0.0005
MAX_ROWS = 200
_HEAD_PX = 58
_MARGIN_PX = 10

_USER = ("#9cc3f0", "#8fcbe8", "#aec9f2", "#a3d2ea")
_KERNEL = ("#fbb46a", "#fcc98a", "#f9a458", "#fbd79a")
_DIFFERENCES = {
    Difference.ALIKE: "#d0d5dd",
    Difference.CHANCE: "#f1f2f5",
    Difference.MORE: "#fb8a4a",
    Difference.LESS: "#6aaef0",
}


@dataclass(frozen=True, slots=True)
class _Box:
    node: int
    depth: int
    x: float
    width: float


def render_flame_svg(graph: FlameGraph) -> str:
    """A document of what the graph opens on. Small and very deep frames are left out and told of."""
    mine, other = opening_views(graph)
    boxes, small, deep = _layout(graph, mine)
    rows = max(box.depth for box in boxes) + 1
    said = [*graph.notes]
    if small:
        said.append(f"{counted(small, 'frame')} below {100 * ELIDE_BELOW:g}% not drawn")
    if deep:
        said.append(f"{counted(deep, 'frame')} deeper than {MAX_ROWS} not drawn")
    notes = wrap("; ".join(said), NOTE_CHARS)
    foot = _HEAD_PX + rows * ROW_PX + 18
    height = foot + NOTE_PX * len(notes)
    what = f"width: {mine.label}" + (
        f"; orange more, blue less than {other.label}, grey alike, pale grey may be chance" if other else ""
    )
    document = tag(
        "svg",
        tag("title", graph.title),
        tag("rect", width="100%", height="100%", fill="#ffffff"),
        _text(graph.title, _MARGIN_PX, 20, 15, "#10141b", font_weight="600"),
        _text(what, _MARGIN_PX, 38, 11.5, "#39414f"),
        tag("g", *_frames(graph, mine, other, boxes), font_size="11", font_family="monospace"),
        *(_text(line, _MARGIN_PX, foot + NOTE_PX * number, 11, "#59616f") for number, line in enumerate(notes)),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH_PX + 2 * _MARGIN_PX} {height}",
        width=str(WIDTH_PX + 2 * _MARGIN_PX),
        height=str(height),
        font_family="sans-serif",
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}\n'


def _layout(graph: FlameGraph, view: View) -> tuple[list[_Box], int, int]:
    """Boxes, and how many frames are too small and how many too deep to be among them."""
    tree = graph.tree
    filled = [0.0] * len(tree)
    left = [0.0] * len(tree)
    boxes: list[_Box] = []
    small = deep = 0
    for node in range(len(tree)):
        above, share = tree.parent[node], view.shares[node]
        if node:
            left[node] = left[above] + filled[above]
            filled[above] += share
        if share <= 0:
            continue
        if share < ELIDE_BELOW:
            small += 1
        elif tree.depth[node] >= MAX_ROWS:
            deep += 1
        else:
            boxes.append(_Box(node, tree.depth[node], _MARGIN_PX + left[node] * WIDTH_PX, share * WIDTH_PX))
    return boxes, small, deep


def _frames(graph: FlameGraph, mine: View, other: View | None, boxes: Sequence[_Box]) -> Iterator[Markup]:
    for box in boxes:
        name = visible(graph.tree.frames[graph.tree.frame_of[box.node]])
        share = mine.shares[box.node]
        title = f"{name}: {share_text(share)} of {mine.label}"
        if other is None:
            colour = _colour(name, box.depth)
        else:
            theirs = other.shares[box.node]
            title += f"; {share_text(theirs)} of {other.label}, {ratio_text(share, theirs)}"
            colour = _DIFFERENCES[difference(share, mine.samples, theirs, other.samples)]
        y = _HEAD_PX + box.depth * ROW_PX - 10
        rectangle = tag(
            "rect",
            x=f"{box.x:.2f}",
            y=str(y),
            width=f"{max(box.width - 0.6, 0.3):.2f}",
            height=str(ROW_PX - 1),
            fill=colour,
        )
        room = int((box.width - 6) / CHAR_PX)
        label = [_text(_cut(name, room), box.x + 3, y + 12, None, "#10141b")] if room >= 3 else []
        yield tag("g", tag("title", title), rectangle, *label)


def _colour(name: str, depth: int) -> str:
    if depth == 0:
        return "#d9dde4"
    shades = _KERNEL if name.endswith(KERNEL_SUFFIX) else _USER
    return shades[sum(name.encode(errors="replace")) % len(shades)]


def _cut(name: str, room: int) -> str:
    # A character beyond ASCII may be twice as wide.
    room = room if name.isascii() else room // 2
    return name if len(name) <= room else f"{name[: max(room - 1, 1)]}…"


def _text(text: str, x: float, y: float, size: float | None, fill: str, **attributes: str) -> Markup:
    return tag("text", joined(text), x=f"{x:.2f}", y=f"{y:g}", font_size=size, fill=fill, **attributes)
