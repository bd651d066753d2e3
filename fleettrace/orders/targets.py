"""The targets of an order as a tree of hashes: one signature is for all of them, and each can see that it is one.

A leaf is ``SHA-256(0x00 + target)``, a node ``SHA-256(0x01 + left + right)``, as in RFC 6962; a node without a sibling
goes up as it is.
"""

import hashlib
from collections.abc import Sequence

__all__ = ["HASH_BYTES", "MAX_TARGETS", "paths", "root_of", "tree_root"]

HASH_BYTES = 32
MAX_TARGETS = 1 << 20


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The root over one or more leaves."""
    return _levels(leaves)[-1][0]


def paths(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """For each leaf its siblings, from the leaf up."""
    levels = _levels(leaves)
    return [
        [level[place ^ 1] for depth, level in enumerate(levels[:-1]) if (place := index >> depth) ^ 1 < len(level)]
        for index in range(len(leaves))
    ]


def root_of(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf at a place among ``count`` has with these siblings; None: there can be no such path."""
    if not 0 <= index < count <= MAX_TARGETS or any(len(sibling) != HASH_BYTES for sibling in path):
        return None
    node = _leaf(leaf)
    rest = list(path)
    while count > 1:
        if index ^ 1 < count:
            if not rest:
                return None
            sibling = rest.pop(0)
            node = _node(sibling, node) if index & 1 else _node(node, sibling)
        index, count = index >> 1, (count + 1) >> 1
    return None if rest else node


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    levels = [[_leaf(leaf) for leaf in leaves]]
    while len(level := levels[-1]) > 1:
        above = [_node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        levels.append(above + level[len(above) * 2 :])
    return levels


def _leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()
