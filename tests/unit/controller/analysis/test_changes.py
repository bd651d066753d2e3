from dataclasses import replace
from random import Random

import pytest

from controller.analysis.changes import compare_jobs
from controller.analysis.samples import SampleKind
from fleettrace.model.job import HostPart
from fleettrace.snapshot import Histogram, Snapshot
from tests.unit.controller.analysis.fleets import calls, draw, healthy_shares, part, slowed, stacks, waits


def jobs(random: Random, hosts: int, part_of_events: float, octaves: int) -> tuple[list[HostPart], list[HostPart]]:
    """Hosts unlike each other, the second time slower."""
    shares = healthy_shares(random, hosts, 0.4)
    before = [waits(f"h-{place}", draw(random, own, 3000)) for place, own in enumerate(shares)]
    after = [
        waits(f"h-{place}", draw(random, slowed(own, part_of_events, octaves), 3000))
        for place, own in enumerate(shares)
    ]
    return before, after


@pytest.mark.parametrize("hosts", [1, 3, 8, 20])
def test_hosts_that_are_drawn_alike_twice_have_not_changed(hosts: int) -> None:
    random = Random(hosts)
    for _ in range(20):
        (change,) = compare_jobs(*jobs(random, hosts, 0, 0))
        assert not change.changed
        assert "no more than chance explains" in change.evidence


@pytest.mark.parametrize("hosts", [8, 20])
def test_a_change_is_seen_though_hosts_differ_more_from_each_other(hosts: int) -> None:
    random = Random(hosts)
    found = [compare_jobs(*jobs(random, hosts, 0.2, 1))[0] for _ in range(20)]
    assert sum(change.changed for change in found) >= 18
    assert all(change.shape is not None and change.shape.gap.shift > 0 for change in found)


def test_a_change_says_what_it_is() -> None:
    before = [waits(f"h-{number}", {4: 900, 5: 100}) for number in range(9)]
    after = [waits(f"h-{number}", {4: 450, 5: 50, 9: 500}) for number in range(9)]
    (change,) = compare_jobs(before, after)
    assert change.changed
    assert change.hosts == tuple(f"h-{number}" for number in range(9))
    assert change.evidence.startswith("2.5 octaves longer than before: p99 in [512, 1023] us against [32, 63]; ")
    assert change.evidence.endswith(" on 9 hosts")
    assert change.z > 5
    assert change.rate_factor == 1


def test_of_few_hosts_only_a_large_change_is_told() -> None:
    before = [waits("a", {4: 9000, 5: 1000})]
    (small,) = compare_jobs(before, [waits("a", {4: 8000, 5: 2000})])
    (large,) = compare_jobs(before, [waits("a", {4: 1000, 9: 9000})])
    assert not small.changed
    assert "with fewer than 8 hosts" in small.evidence
    assert large.changed


def test_keys_and_frames_are_compared_too() -> None:
    (keys,) = compare_jobs(
        [calls(f"h-{number}", {"read": 500, "write": 500}) for number in range(8)],
        [calls(f"h-{number}", {"read": 500, "write": 300, "fsync": 200}) for number in range(8)],
    )
    assert (keys.kind, keys.changed) == (SampleKind.COUNTS, True)
    assert keys.evidence == "fsync: 20.0% of its counts against 0% before on 8 hosts"
    (frames,) = compare_jobs(
        [stacks(f"h-{number}", {"svc;main;work": 900, "svc;main;gc": 100}) for number in range(8)],
        [stacks(f"h-{number}", {"svc;main;work": 600, "svc;main;gc": 400}) for number in range(8)],
    )
    assert (frames.category, frames.changed) == ("gc", True)
    assert frames.share_before == pytest.approx(0.1)
    assert frames.share_after == pytest.approx(0.4)


def test_hosts_of_one_job_only_or_with_few_events_are_left_out_and_named() -> None:
    before = [waits(name, {4: 900}) for name in ("a", "b", "quiet")]
    after = [waits("b", {4: 900}), waits("c", {4: 900}), waits("quiet", {4: 149})]
    (change,) = compare_jobs(before, after)
    assert (change.hosts, change.left_out) == (("b",), ("a", "c", "quiet"))
    (none,) = compare_jobs(before[:1], after[1:2])
    assert (none.hosts, none.changed) == ((), False)
    assert none.evidence.startswith("no host has the 150 events")


def test_jobs_with_nothing_in_common_and_empty_ones_are_not_compared() -> None:
    assert compare_jobs([waits("a", {4: 900})], [calls("a", {"read": 900})]) == ()
    assert compare_jobs([waits("a", {4: 900})], [waits("a", {4: 900}, unit="ms")]) == ()
    assert compare_jobs([], []) == ()


def test_finer_buckets_are_folded_to_those_of_the_other_job() -> None:
    fine = Snapshot(histograms=(Histogram((), "us", "log2.2", ((12, 500), (14, 400))),))
    (change,) = compare_jobs([waits("a", {4: 900})], [part("a", fine)])
    assert not change.changed
    assert change.shape is not None
    assert change.shape.gap.size == 0


def test_rates_are_compared_over_the_time_traced() -> None:
    before = [waits("a", {4: 900})]
    after = [replace(own, part=replace(own.part, duration_ms=2000)) for own in [waits("a", {4: 900})]]
    assert compare_jobs(before, after)[0].rate_factor == 0.5
