"""The tree of targets: each one's path leads to the root, and no other's does."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrace.orders.targets import MAX_TARGETS, paths, root_of, tree_root

leaves = st.lists(st.binary(max_size=8), min_size=1, max_size=40, unique=True)


@given(leaves)
def test_every_target_finds_itself(some: list[bytes]) -> None:
    root = tree_root(some)
    for index, (leaf, path) in enumerate(zip(some, paths(some), strict=True)):
        assert root_of(leaf, index, len(some), path) == root


@given(some=leaves, data=st.data())
def test_nobody_else_does(some: list[bytes], data: st.DataObject) -> None:
    # GIVEN any target's path WHEN anything of it is another's, or changed
    index = data.draw(st.integers(0, len(some) - 1))
    path = paths(some)[index]
    root = tree_root(some)
    stranger = data.draw(st.binary(max_size=8).filter(lambda leaf: leaf not in some))
    assert root_of(stranger, index, len(some), path) != root
    other = data.draw(st.integers(0, MAX_TARGETS).filter(lambda place: place != index))
    assert root_of(some[index], other, len(some), path) != root
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        assert root_of(some[index], index, len(some), path[:at] + path[at + 1 :]) != root
    assert root_of(some[index], index, len(some), [*path, bytes(32)]) != root


def test_a_node_is_no_leaf() -> None:
    # GIVEN two targets WHEN their node's bytes are given as a target THEN it leads to no root: leaves are marked
    left, right = (hashlib.sha256(b"\0" + leaf).digest() for leaf in (b"a", b"b"))
    assert root_of(left + right, 0, 1, []) != tree_root([b"a", b"b"])


@pytest.mark.parametrize(
    ("index", "count", "path"),
    [
        (0, 0, []),
        (-1, 1, []),
        (1, 1, []),
        (0, 1, [bytes(32)]),
        (0, 2, []),
        (0, 2, [b"short"]),
        (0, MAX_TARGETS + 1, []),
    ],
)
def test_what_cannot_be_a_path_leads_nowhere(index: int, count: int, path: list[bytes]) -> None:
    assert root_of(b"a", index, count, path) is None


def test_the_path_of_one_among_ten_thousand_is_short() -> None:
    many = [b"%d" % number for number in range(10_000)]
    assert max(map(len, paths(many))) == 14
