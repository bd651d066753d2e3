"""Many stacks as one tree of frames, of which the largest are kept: what every form of a flame graph is drawn from.

Stacks that are sorted stand together with all that share their first frames, so that a node is a range of them and
what is in it a difference of two running sums. The tree grows depth by depth, and what is too small is not followed
any deeper: a fleet's many small stacks cost little more than a few large ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from fleettrace.snapshot import StackChains

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ELIDED_FRAME", "MAX_NODES", "FrameTree", "build_tree"]

ALL = "all"
"""The root's name."""

ELIDED_FRAME = "(frames too small for this picture)"
"""Stands for all small frames beneath one parent, with their values."""

MAX_NODES = 120_000
SMALLEST_SHARE = 1e-6
"""Where not all frames can be kept, smaller siblings are put together from the start."""


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


class _Nodes(NamedTuple):
    """Nodes as ranges of chains, from ``first`` up to ``last``, that share ``depth`` frames."""

    first: "NDArray[Any]"
    last: "NDArray[Any]"
    depth: "NDArray[Any]"
    share: "NDArray[Any]"

    def chosen(self, which: "NDArray[Any]") -> "_Nodes":
        """Those at some places, or of a mask."""
        return _Nodes(self.first[which], self.last[which], self.depth[which], self.share[which])


def build_tree(
    chains: StackChains,
    used: "NDArray[Any]",
    weights: "Sequence[NDArray[Any]]",
    max_nodes: int = MAX_NODES,
) -> "tuple[FrameTree, NDArray[Any]]":
    """The tree of those chains that are ``used`` (their places, ascending), and the node in which each of them ends.

    ``weights`` are shares of each used chain, in one way or several; the largest one of a frame says how soon it is
    kept.
    """
    import numpy as np  # noqa: PLC0415  a tenth of a second, which every command would spend

    own = _Chains(chains, used)
    smallest = SMALLEST_SHARE if own.lengths.sum() > max_nodes else 0.0
    levels = [*own.levels([np.concatenate(([0.0], np.cumsum(each))) for each in weights], smallest)]
    nodes = _Nodes(*map(np.concatenate, zip(*levels, strict=True)))
    # A frame's share is never larger than its caller's, so that no frame is kept without its caller.
    nodes = nodes.chosen(np.lexsort((nodes.first, nodes.depth, -nodes.share))[:max_nodes])
    return _flattened(own, nodes.chosen(np.lexsort((nodes.depth, nodes.first))))


class _Chains:
    """The used chains by number: their frames, and how many first ones each shares with the one before it."""

    def __init__(self, chains: StackChains, used: "NDArray[Any]") -> None:
        import numpy as np  # noqa: PLC0415

        lengths = np.frombuffer(chains.lengths, np.uint32).astype(np.int64)
        self.names = chains.names
        self.places = np.frombuffer(chains.places, np.uint32)
        self.lengths = lengths[used]
        self.starts = (np.cumsum(lengths) - lengths)[used]
        self.shared = np.zeros(len(used), np.int64)
        alike, depth = np.arange(1, len(used)), 0
        while len(alike):
            alike = alike[np.minimum(self.lengths[alike], self.lengths[alike - 1]) > depth]
            alike = alike[self.places[self.starts[alike] + depth] == self.places[self.starts[alike - 1] + depth]]
            depth += 1
            self.shared[alike] = depth

    def levels(self, sums: "Sequence[NDArray[Any]]", smallest: float) -> "Iterator[_Nodes]":
        """The nodes of each depth that are not too small; ``sums`` are running ones."""
        import numpy as np  # noqa: PLC0415

        followed, depth = np.arange(len(self.lengths)), 0
        while len(followed):
            begins = np.flatnonzero(self.shared[followed] < depth) if depth else np.zeros(1, np.int64)
            sizes = np.diff(begins, append=len(followed))
            first, last = followed[begins], followed[begins + sizes - 1] + 1
            share = np.max([each[last] - each[first] for each in sums], axis=0)
            kept = share >= smallest
            yield _Nodes(first, last, np.full(len(first), depth), share).chosen(kept)
            followed = followed[np.repeat(kept, sizes)]
            followed = followed[self.lengths[followed] > depth]
            depth += 1


def _flattened(chains: _Chains, nodes: _Nodes) -> "tuple[FrameTree, NDArray[Any]]":
    """With a node for what is not kept beneath each of ``nodes``, behind its other children."""
    import numpy as np  # noqa: PLC0415

    inside = np.zeros(len(chains.lengths), np.int64)
    """The deepest node that holds a chain."""
    for node, (first, last) in enumerate(zip(nodes.first.tolist(), nodes.last.tolist(), strict=True)):
        inside[first:last] = node
    elided = nodes.depth[inside] < chains.lengths
    above = np.unique(inside[elided])
    count = len(nodes.first)
    order = np.lexsort(
        (
            np.concatenate((nodes.depth, -nodes.depth[above])),
            np.concatenate((np.ones(count, np.int64), np.zeros(len(above), np.int64))),
            np.concatenate((nodes.first, nodes.last[above])),
        )
    )
    place_of = np.empty_like(order)
    place_of[order] = np.arange(len(order))
    behind = np.zeros(count, np.int64)
    behind[above] = place_of[count:]
    depth = np.concatenate((nodes.depth, nodes.depth[above] + 1))[order].tolist()
    frames = np.concatenate(
        (
            chains.places[chains.starts[nodes.first] + np.maximum(nodes.depth, 1) - 1].astype(np.int64),
            np.full(len(above), len(chains.names)),
        )
    )[order][1:]
    names, frame_of = _numbered(frames, (*chains.names, ELIDED_FRAME))
    tree = FrameTree([ALL, *names], [0, *frame_of], depth, *_family(depth), int(elided.sum()))
    return tree, np.where(elided, behind[inside], place_of[inside])


def _numbered(frames: "NDArray[Any]", names: Sequence[str]) -> tuple[list[str], list[int]]:
    """The names of frames in the order in which they first come, and each frame's number among them, from 1."""
    import numpy as np  # noqa: PLC0415

    found, first, place = np.unique(frames, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty_like(order)
    number[order] = np.arange(1, len(order) + 1)
    return [names[each] for each in found[order].tolist()], number[place].tolist()


def _family(depth: Sequence[int]) -> tuple[list[int], list[int]]:
    """The parent of each node and the node after its last descendant, from the depths of a walk."""
    newest: dict[int, int] = {-1: -1}
    parent = []
    for node, level in enumerate(depth):
        newest[level] = node
        parent.append(newest[level - 1])
    end = list(range(1, len(depth) + 1))
    for node in range(len(depth) - 1, 0, -1):
        end[parent[node]] = max(end[parent[node]], end[node])
    return parent, end
