"""syscount against Debian's syscount, and against known numbers."""

import os
import re
from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from fleettrace.model.run import RunKind
from fleettrace.snapshot import Snapshot
from node_agent.backends.bcc.tracer import BccTracer
from tests.kernel.processes import workload
from tests.kernel.reference import counts_of, reference
from tests.kernel.support import attached, plan, temporary_cgroup, traced
from tests.kernel.workload import RARE_SYSCALL

pytestmark = pytest.mark.kernel

WITHIN = 0.05
PRIMES = (7919, 1009, 3571)


def by_syscall(snapshot: Snapshot) -> dict[str, int]:
    sums: dict[str, int] = {}
    for count in snapshot.counts:
        name = dict(count.key)["syscall"]
        sums[name] = sums.get(name, 0) + count.count
    return sums


def test_every_call_is_counted_once(state: Path) -> None:
    with workload("rare_syscalls", PRIMES[0]) as work, attached(BccTracer(plan("syscount", state))) as tracer:
        work.run()
        tracer.detach()
        assert by_syscall(tracer.snapshot())[RARE_SYSCALL] == PRIMES[0]


ROUNDS = 80_000


def test_a_process_calls_as_debians_syscount_says(state: Path) -> None:
    with (
        workload("mixed_syscalls", ROUNDS) as work,
        reference("syscount", "-T", "1000", "-p", str(work.pid)) as theirs,
        attached(BccTracer(plan("syscount", state, pid=work.pid))) as tracer,
    ):
        work.run()
        tracer.detach()
        expected, ours = counts_of(theirs.stop()), by_syscall(tracer.snapshot())
        stats = tracer.stats()
    total = sum(expected.values())
    assert total >= 4 * ROUNDS
    assert sum(ours.values()) == pytest.approx(total, rel=WITHIN)
    large = {name for name, count in expected.items() if count >= total / 100}
    assert large >= {"read", "write", "getppid"}
    assert {n: ours.get(n, 0) for n in large} == pytest.approx({n: expected[n] for n in large}, rel=WITHIN)
    assert stats.events == sum(ours.values()) + stats.lost_events


def test_the_whole_machine_calls_as_debians_syscount_says(state: Path) -> None:
    with (
        workload("mixed_syscalls", ROUNDS) as work,
        reference("syscount", "-T", "1000") as theirs,
        attached(BccTracer(plan("syscount", state))) as tracer,
    ):
        work.run()
        tracer.detach()
        expected, ours = counts_of(theirs.stop()), by_syscall(tracer.snapshot())
    # Others work meanwhile, and the two windows are not the same: what is compared is mostly the known work.
    total = sum(expected.values())
    assert sum(ours.values()) == pytest.approx(total, rel=WITHIN)
    large = {name for name, count in expected.items() if count >= total / 10}
    assert large == {"read", "write", "getppid"}
    assert {n: ours[n] for n in large} == pytest.approx({n: expected[n] for n in large}, rel=WITHIN)


def test_a_scope_is_a_cgroup_with_its_children_and_nothing_else(state: Path) -> None:
    name = f"fleettrace-test-{os.getpid()}"
    with (
        temporary_cgroup(name) as scope,
        temporary_cgroup(f"{name}/child") as child,
        temporary_cgroup(f"{name}-other") as other,
        workload("rare_syscalls", PRIMES[0], cgroup=scope.path) as inside,
        workload("rare_syscalls", PRIMES[1], cgroup=child.path) as below,
        workload("rare_syscalls", PRIMES[2], cgroup=other.path) as outside,
        attached(BccTracer(plan("syscount", state, scope=scope))) as tracer,
        attached(BccTracer(plan("syscount", state, scope=scope, kind=RunKind.FREQUENCY_CHECK))) as check,
        attached(BccTracer(plan("syscount", state, scope=scope, pid=below.pid))) as one,
    ):
        for work in (inside, below, outside):
            work.run()
        for each in (tracer, check, one):
            each.detach()
        assert by_syscall(tracer.snapshot())[RARE_SYSCALL] == PRIMES[0] + PRIMES[1]
        assert by_syscall(one.snapshot())[RARE_SYSCALL] == PRIMES[1]
        assert check.stats().events == pytest.approx(tracer.stats().events, rel=WITHIN)
        assert check.stats().hits > check.stats().events


def test_calls_that_do_not_fit_are_counted_as_lost(state: Path) -> None:
    with (
        workload("many_syscalls", 1_000) as work,
        attached(BccTracer(plan("syscount", state, pid=work.pid), max_entries={"totals": 2})) as tracer,
    ):
        work.run()
        tracer.detach()
        stats, recorded = tracer.stats(), tracer.snapshot().total
    assert stats.lost_events >= 4_000, "of six calls, two kinds at most have a place"
    assert stats.events == recorded + stats.lost_events


def test_time_in_calls_is_added_up_when_asked_for(state: Path) -> None:
    with (
        workload("sleeps", 101) as work,
        attached(BccTracer(plan("syscount", state, pid=work.pid, latency=1))) as tracer,
    ):
        work.run()
        tracer.detach()
        snapshot, stats = tracer.snapshot(), tracer.stats()
    (sleeps,) = [count for count in snapshot.counts if dict(count.key)["syscall"] == "clock_nanosleep"]
    assert sleeps.count == 101
    assert dict(sleeps.sums)["us"] >= 101 * 10_000
    assert snapshot.histograms == ()
    assert stats.events == snapshot.total + stats.lost_events


def test_one_call_has_a_histogram(state: Path) -> None:
    with workload("sleeps", 101) as work:
        snapshot, stats = traced("syscount", state, work, pid=work.pid, syscall="clock_nanosleep")
    (histogram,) = snapshot.histograms
    assert histogram.total == stats.events == 101
    assert min(bucket for bucket, _ in histogram.counts) >= 13, "8,192 us at least"
    assert {dict(count.key)["syscall"] for count in snapshot.counts} == {"clock_nanosleep"}


def test_a_call_that_there_is_not_is_refused(state: Path) -> None:
    with pytest.raises(BadInput, match="no system call open_sesame"):
        BccTracer(plan("syscount", state, syscall="open_sesame")).attach()


def test_time_in_calls_is_what_debians_syscount_says(state: Path) -> None:
    with (
        workload("sleeps", 211) as work,
        reference("syscount", "-L", "-T", "1000", "-p", str(work.pid)) as theirs,
        attached(BccTracer(plan("syscount", state, pid=work.pid, latency=1))) as tracer,
    ):
        work.run()
        tracer.detach()
        output = theirs.stop()
        ours = {dict(c.key)["syscall"]: (c.count, dict(c.sums)["us"]) for c in tracer.snapshot().counts}
    rows = re.findall(r"^(\w+)\s+(\d+)\s+([\d.]+)\s*$", output, re.MULTILINE)
    expected = {name: (int(count), float(us)) for name, count, us in rows}
    assert expected["clock_nanosleep"][0] == ours["clock_nanosleep"][0] == 211
    total_us = sum(us for _, us in expected.values())
    large = {name for name, (_, us) in expected.items() if us >= total_us / 100}
    assert {n: ours[n][1] for n in large} == pytest.approx({n: expected[n][1] for n in large}, rel=WITHIN)
