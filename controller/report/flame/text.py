"""A flame graph in the terminal: the tree from the top, the largest frames first."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from controller.analysis.wording import share_text
from controller.report.flame.compare import Difference, View, difference, opening_views, ratio_text
from controller.report.flame.graph import FlameGraph
from controller.report.html.markup import visible
from fleettrace.model.names import counted
from fleettrace.snapshot import KERNEL_SUFFIX

__all__ = ["MAX_LINES", "SMALLEST_SHARE", "render_flame_tree"]

SMALLEST_SHARE = 0.01
MAX_LINES = 60
MAX_INDENT = 24
"""In cells; deeper lines stand no further to the right, and say their depth."""

_STYLES = {Difference.MORE: "bold dark_orange", Difference.LESS: "bold blue", Difference.CHANCE: "dim"}


@dataclass(frozen=True, slots=True)
class _Line:
    """A frame with those beneath it that hold all of it, as far as the numbers that are shown can tell."""

    nodes: tuple[int, ...]
    level: int


def render_flame_tree(graph: FlameGraph) -> RenderableType:
    """Shares with callees and in itself; compared, those of the other side and their ratio."""
    mine, other = opening_views(graph)
    lines = list(_lines(graph, mine, other))
    shown = lines[:MAX_LINES]
    drawn = sum(len(line.nodes) for line in shown)
    present = sum(share > 0 for share in mine.shares[1:])
    head = Text(overflow="fold").append(graph.title, "bold").append(f": {mine.label}")
    if other is not None:
        head.append(f" against {other.label}")
    if mine.total:
        head.append(f", {mine.total:,} {graph.unit}")
    columns = "   share  itself" + ("  compared    change" if other is not None else "")
    notes = list(graph.notes)
    if present > drawn:
        notes.append(
            f"+{counted(present - drawn, 'smaller frame')}, below {100 * SMALLEST_SHARE:g}% or beyond {MAX_LINES} lines"
        )
    if other is not None and not graph.chance_is_known:
        notes.append("how many events are behind the values is not known, so that chance is not judged")
    return Group(
        head,
        Text(columns, "dim"),
        *(_Row(graph, mine, other, line) for line in shown),
        *(Text(note, "dim", overflow="fold") for note in notes),
    )


def _lines(graph: FlameGraph, mine: View, other: View | None) -> Iterator[_Line]:
    """Depth first, larger siblings first."""
    todo = [(node, 0) for node in reversed(_children(graph, mine, other, 0))]
    while todo:
        node, level = todo.pop()
        chain = [node]
        children = _children(graph, mine, other, node)
        while len(children) == 1 and _same(mine, other, chain[-1], children[0]):
            chain.append(children[0])
            children = _children(graph, mine, other, children[0])
        yield _Line(tuple(chain), level)
        todo += [(child, level + 1) for child in reversed(children)]


def _children(graph: FlameGraph, mine: View, other: View | None, node: int) -> list[int]:
    tree = graph.tree
    found = []
    child = node + 1
    while child < tree.end[node]:
        # On either side: what only the others do is a difference too.
        if max(mine.shares[child], other.shares[child] if other is not None else 0.0) >= SMALLEST_SHARE:
            found.append(child)
        child = tree.end[child]
    return sorted(found, key=lambda each: -mine.shares[each])


def _same(mine: View, other: View | None, upper: int, lower: int) -> bool:
    """Whether two frames, one alone beneath the other, would be told with the same numbers."""
    return all(
        share_text(view.shares[upper]) == share_text(view.shares[lower]) and view.own[upper] < 0.0005
        for view in (mine, other)
        if view is not None
    )


@dataclass(frozen=True, slots=True)
class _Row:
    graph: FlameGraph
    mine: View
    other: View | None
    line: _Line

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        first, last = self.line.nodes[0], self.line.nodes[-1]
        share = self.mine.shares[first]
        own = self.mine.own[last]
        text = Text(f"{share_text(share):>8}  {share_text(own) if own > 0 else '':>6}  ")
        style = ""
        if self.other is not None:
            theirs = self.other.shares[first]
            kind = difference(share, self.mine.samples, theirs, self.other.samples)
            style = _STYLES.get(kind, "")
            text.append(f"{share_text(theirs):>8}  ", "dim")
            text.append(f"{'' if kind is Difference.ALIKE else ratio_text(share, theirs):>8}  ", style)
        indent = min(2 * self.line.level, MAX_INDENT)
        text.append(" " * indent)
        if 2 * self.line.level > MAX_INDENT:
            text.append(f"{self.line.level}: ", "dim")
        left = text.cell_len
        names = Text.assemble((" > ", "dim")).join(
            [Text(visible(self._frame(node)), style or _style(self._frame(node))) for node in self._shown()]
        )
        for number, piece in enumerate(names.wrap(console, max(options.max_width - left, 20), overflow="fold")):
            yield (text if number == 0 else Text(" " * left)) + piece

    def _shown(self) -> tuple[int, ...]:
        """Of a long chain the ends; its middle says little."""
        nodes = self.line.nodes
        return nodes if len(nodes) <= 12 else (*nodes[:6], *nodes[-6:])

    def _frame(self, node: int) -> str:
        name = self.graph.tree.frames[self.graph.tree.frame_of[node]]
        nodes = self.line.nodes
        return f"{name} (+{len(nodes) - 12} frames)" if len(nodes) > 12 and node == nodes[5] else name


def _style(frame: str) -> str:
    return "yellow" if frame.endswith(KERNEL_SUFFIX) else ""
