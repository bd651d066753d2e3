"""Many stacks as one tree of frames, of which the largest are kept: what every form of a flame graph is drawn from.

Stacks that are sorted stand together with all that share their first frames, so that a node is a range of them and
what is in it a difference of two running sums. Only what is kept is ever looked at: a fleet's many small stacks cost
no more than a few large ones.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import accumulate

__all__ = ["ELIDED_FRAME", "MAX_NODES", "FrameTree", "build_tree"]

ALL = "all"
"""The root's name."""

ELIDED_FRAME = "(frames too small for this picture)"
"""Stands for all small frames beneath one parent, with their values."""

MAX_NODES = 120_000
SMALLEST_SHARE = 1e-6
"""Where not all frames can be kept, smaller siblings are put together from the start."""

Chain = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FrameTree:
    """Nodes in the order of a walk that visits parents first and siblings by name; node 0 is the root.

    ``frame_of`` gives the number of a node's frame in ``frames`` (0: the root's), ``depth`` how many frames it is below
    the root, ``end`` the node after its last descendant. ``elided`` is how many stacks end in a frame that is not kept.
    """

    frames: Sequence[str]
    frame_of: Sequence[int]
    depth: Sequence[int]
    parent: Sequence[int]
    end: Sequence[int]
    elided: int = 0

    def __len__(self) -> int:
        return len(self.frame_of)

    def inclusive(self, own: Sequence[float]) -> list[float]:
        """Each node's own value with those of all its descendants."""
        sums = list(own)
        for node in range(len(sums) - 1, 0, -1):
            sums[self.parent[node]] += sums[node]
        return sums


@dataclass(slots=True)
class _Node:
    """A range of chains that share ``depth`` frames. ``ends`` are the ranges whose values are the node's own."""

    frame: str
    depth: int
    first: int
    last: int
    children: list["_Node"] = field(default_factory=list)
    small: list[tuple[int, int]] = field(default_factory=list)
    """Ranges of children that are not kept."""
    ends: list[tuple[int, int]] = field(default_factory=list)


def build_tree(
    chains: Sequence[Chain], weights: Sequence[Sequence[float]], max_nodes: int = MAX_NODES
) -> tuple[FrameTree, list[int]]:
    """The tree of chains that are sorted and each there once, and the node in which each of them ends.

    ``weights`` are shares of each chain, in one way or several; the largest one of a frame says how soon it is kept.
    """
    builder = _Builder(chains, weights, max_nodes)
    return _flattened(builder.grow(), len(chains), builder.elided)


class _Builder:
    def __init__(self, chains: Sequence[Chain], weights: Sequence[Sequence[float]], max_nodes: int) -> None:
        self._chains = chains
        self._sums = [[0.0, *accumulate(each)] for each in weights]
        self._max_nodes = max_nodes
        self._smallest = SMALLEST_SHARE if sum(map(len, chains)) > max_nodes else 0.0
        self.elided = 0

    def grow(self) -> _Node:
        """The root, with the largest frames below it."""
        root = _Node(ALL, 0, 0, len(self._chains))
        found = [(-1.0, 0, root, root)]
        kept = pushed = 0
        while found:
            _, _, node, parent = heappop(found)
            if kept >= self._max_nodes:
                self._leave_out(parent, node.first, node.last)
                continue
            kept += 1
            if node is not root:
                parent.children.append(node)
            for share, child in self._split(node):
                pushed += 1
                heappush(found, (-share, pushed, child, node))
        return root

    def _split(self, node: _Node) -> Iterator[tuple[float, _Node]]:
        """What may become a child, with its share; a chain that ends here is the node's own."""
        at, depth = node.first, node.depth
        if depth and at < node.last and len(self._chains[at]) == depth:
            node.ends.append((at, at + 1))
            at += 1
        while at < node.last:
            frame = self._chains[at][depth]
            after = self._after(frame, depth, at, node.last)
            share = self._share(at, after)
            if share < self._smallest:
                self._leave_out(node, at, after)
            else:
                yield share, _Node(frame, depth + 1, at, after)
            at = after

    def _leave_out(self, parent: _Node, first: int, last: int) -> None:
        self.elided += last - first
        parent.small.append((first, last))

    def _after(self, frame: str, depth: int, first: int, last: int) -> int:
        """Where the chains with this frame end. Doubling steps: most frames have few chains."""
        step = 1
        while first + step < last and self._chains[first + step][depth] == frame:
            step *= 2
        low, high = first + step // 2, min(first + step, last)
        return bisect_right(self._chains, frame, low, high, key=lambda chain: chain[depth])

    def _share(self, first: int, last: int) -> float:
        return max([sums[last] - sums[first] for sums in self._sums])  # a list is faster than a generator here


def _flattened(root: _Node, chains: int, elided: int) -> tuple[FrameTree, list[int]]:
    numbers: dict[str, int] = {}
    frame_of: list[int] = []
    depth: list[int] = []
    parent: list[int] = []
    leaf_of = [0] * chains
    todo = [(root, -1)]
    while todo:
        node, above = todo.pop()
        place = len(frame_of)
        frame_of.append(numbers.setdefault(node.frame, len(numbers) + 1) if node.depth else 0)
        depth.append(node.depth)
        parent.append(above)
        for first, last in node.ends:
            leaf_of[first:last] = [place] * (last - first)
        children = sorted(node.children, key=lambda child: child.first)
        if node.small:
            children.append(_Node(ELIDED_FRAME, node.depth + 1, 0, 0, ends=node.small))
        todo += [(child, place) for child in reversed(children)]
    end = list(range(1, len(parent) + 1))
    for place in range(len(parent) - 1, 0, -1):
        end[parent[place]] = max(end[parent[place]], end[place])
    return FrameTree([ALL, *numbers], frame_of, depth, parent, end, elided), leaf_of
