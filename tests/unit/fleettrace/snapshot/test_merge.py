"""The algebra of results: any grouping and any order of the same parts give the same snapshot."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.errors import Malformed, SnapshotMismatch
from fleettrace.snapshot import (
    EMPTY,
    LOG2,
    MAX_ENTRIES,
    Count,
    Event,
    Histogram,
    Snapshot,
    Stack,
    key_text,
    merge,
)
from fleettrace.snapshot.key import check_key
from tests.unit.fleettrace import strategies

QUICK = settings(max_examples=100)
snapshots = strategies.snapshots


@QUICK
@given(snapshots, snapshots, snapshots)
def test_merging_is_associative(a: Snapshot, b: Snapshot, c: Snapshot) -> None:
    assert merge([merge([a, b]), c]) == merge([a, merge([b, c])]) == merge([a, b, c])


@QUICK
@given(st.lists(snapshots, max_size=4).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_merging_is_commutative(orders: tuple[list[Snapshot], list[Snapshot]]) -> None:
    assert merge(orders[0]) == merge(orders[1])


@QUICK
@given(snapshots)
def test_the_empty_snapshot_changes_nothing(snapshot: Snapshot) -> None:
    canonical = merge([snapshot])
    assert merge([canonical, EMPTY]) == merge([EMPTY, canonical]) == merge([canonical]) == canonical


@QUICK
@given(st.lists(snapshots, max_size=4))
def test_nothing_is_lost_or_made_up_and_the_result_is_valid(some: list[Snapshot]) -> None:
    merged = merge(some)
    merged.check_valid()
    assert merged.total == sum(snapshot.total for snapshot in some)


def test_nothing_merges_to_the_empty_snapshot() -> None:
    assert merge([]) == EMPTY
    assert EMPTY.total == 0


def test_equal_events_stay_two_and_come_in_order_of_time() -> None:
    late, early = Event(5, (("pid", "1"),)), Event(3, (("pid", "2"),))
    assert merge([Snapshot(events=(late,)), Snapshot(events=(late, early))]).events == (early, late, late)


def test_one_mismatch_refuses_the_whole_merge() -> None:
    fine = Snapshot(counts=(Count((), 1),), stacks=(Stack(("a",), 1, "samples"),))
    with pytest.raises(SnapshotMismatch):
        merge([fine, Snapshot(stacks=(Stack(("a",), 1, "us"),))])
    with pytest.raises(SnapshotMismatch):
        merge(Snapshot(histograms=(Histogram((), unit, LOG2, ()),)) for unit in ("us", "ms"))


@pytest.mark.parametrize(
    "snapshot",
    [
        Snapshot(counts=(Count((), 1),) * (MAX_ENTRIES + 1)),
        Snapshot(events=(Event(1, ()),) * (MAX_ENTRIES + 1)),
        Snapshot(counts=(Count((), 1), Count((), 0))),
        Snapshot(counts=(Count((("", "x"),), 1),)),
        Snapshot(events=(Event(1, (("a", "x"), ("a", "y"))),)),
        Snapshot(histograms=(Histogram((), "us", LOG2, ((64, 1),)),)),
        Snapshot(stacks=(Stack((), 1, "us"),)),
    ],
    ids=["counts", "events", "zero", "no name", "name twice", "bucket", "no frames"],
)
def test_one_bad_entry_or_too_many_make_a_snapshot_invalid(snapshot: Snapshot) -> None:
    with pytest.raises(Malformed):
        snapshot.check_valid()


@pytest.mark.parametrize("name", ["process", "p", "cpu_0", "x" * 63])
def test_names_of_labels(name: str) -> None:
    check_key(((name, "any text, \0 too"),))


@pytest.mark.parametrize("name", ["", "Process", "0cpu", "a-b", "a b", "a\n", "x" * 64, "é"])
def test_names_that_no_label_has(name: str) -> None:
    with pytest.raises(Malformed):
        check_key(((name, ""),))


def test_a_key_for_people() -> None:
    assert key_text((("process", "nginx"), ("syscall", "read"))) == "nginx read"
