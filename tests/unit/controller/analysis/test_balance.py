"""What was opened against what was closed: leaks, load, pools, and how each must be told from the others."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.analysis.balance import MAX_POINTS, Balance, balances
from controller.analysis.reading import read_snapshot
from fleettrace.snapshot import Count, Snapshot, merge


def series(name: str, changes: Sequence[tuple[int, int]], slot_s: int = 1) -> tuple[Count, ...]:
    """Counts of (opened, closed) in slots from 0 on; slots in which nothing happened are not there."""
    return tuple(
        Count(
            (("process", name), ("second", str(slot * slot_s))),
            opened + closed,
            (("closed", closed), ("opened", opened)),
        )
        for slot, (opened, closed) in enumerate(changes)
        if opened + closed
    )


def only(counts: Sequence[Count]) -> Balance:
    (found,) = balances(counts)
    return found


def test_a_leak_has_a_slope_in_connections_a_second() -> None:
    leak = only(series("leaky", [(7, 0)] * 10))
    assert (leak.opened, leak.closed, leak.points, leak.grows) == (70, 0, tuple(range(7, 71, 7)), True)
    assert leak.per_s == 7
    assert only(series("leaky", [(7, 0)] * 10, slot_s=5)).per_s == pytest.approx(7 / 5)


def test_a_leak_is_found_below_a_load_a_hundred_times_as_large() -> None:
    random = Random(7)
    open_now, changes = 0, []
    for _ in range(30):
        will_stay_open = random.randrange(20)
        changes.append((500 + 5, 500 + open_now - will_stay_open))
        open_now = will_stay_open
    found = only(series("busy", changes))
    assert found.grows
    assert found.per_s == pytest.approx(5, rel=0.2)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param([(500, 500)] * 10, id="load"),
        pytest.param([(500 + at % 3 * 9, 500 + (at + 1) % 3 * 9) for at in range(12)], id="load that moves"),
        pytest.param([(20, 0)] + [(3, 3)] * 9, id="a pool that is opened at once"),
        pytest.param([(5, 0)] * 3 + [(0, 0)] * 8 + [(1, 1)], id="a pool that fills"),
        pytest.param([(0, 4)] * 10, id="what was opened before is closed"),
        pytest.param([(9, 0)] * 3, id="too short to tell"),
        pytest.param([(1, 0), (0, 0), (1, 0), (0, 0), (1, 0), (0, 1)], id="a few"),
    ],
)
def test_what_does_not_go_on_growing_is_no_leak(changes: list[tuple[int, int]]) -> None:
    assert not only(series("sound", changes)).grows


def test_a_slot_in_which_nothing_happened_keeps_the_balance() -> None:
    slow, other = series("slow", [(2, 0), (0, 0), (0, 0), (3, 1)]), series("other", [(0, 0), (1, 1)])
    points = {dict(one.key)["process"]: one.points for one in balances((*slow, *other))}
    assert points == {"slow": (2, 2, 2, 4), "other": (0, 0, 0, 0)}


def test_leaks_come_first_and_then_who_keeps_most() -> None:
    counts = merge(
        [
            Snapshot(counts=series(name, changes))
            for name, changes in (("load", [(9, 9)] * 9), ("leak", [(1, 0)] * 9), ("pool", [(99, 0)]))
        ]
    ).counts
    assert [dict(one.key)["process"] for one in balances(counts)] == ["leak", "pool", "load"]


def test_counts_without_time_are_no_series() -> None:
    assert balances(()) == ()
    assert balances((Count((("process", "a"),), 3, (("closed", 1), ("opened", 2))),)) == ()
    assert balances((Count((("process", "a"), ("second", "1")), 3, (("us", 1),)),)) == ()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=3 * MAX_POINTS))
def test_the_last_point_is_what_is_left(changes: list[tuple[int, int]]) -> None:
    for found in balances(series("any", changes)):
        assert found.points[-1] == found.opened - found.closed == sum(a - b for a, b in changes)
        assert found.per_s == 0 or min(found.points) < max(found.points)


def test_a_reading_names_what_grows() -> None:
    grown = read_snapshot(Snapshot(counts=series("leaky", [(7, 0)] * 10)))
    assert grown == ("leaky opens 7.0 more than it closes each second, without an end: 70 opened, 0 closed",)
    sound = read_snapshot(Snapshot(counts=series("busy", [(9, 9)] * 10)))
    assert sound == ("no key goes on opening more than it closes: 90 opened, 90 closed",)
