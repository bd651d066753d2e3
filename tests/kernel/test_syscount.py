"""syscount against Debian's syscount, and against known numbers."""

import os
from pathlib import Path

import pytest

from fleettrace.model.run import RunKind
from fleettrace.snapshot import Snapshot
from node_agent.backends.bcc.tracer import BccTracer
from tests.kernel.reference import counts_of, reference
from tests.kernel.support import attached, plan, temporary_cgroup
from tests.kernel.workload import RARE_SYSCALL, workload

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
        attached(BccTracer(plan("syscount", state, pid=work.pid), max_entries={"calls": 2})) as tracer,
    ):
        work.run()
        tracer.detach()
        stats, recorded = tracer.stats(), tracer.snapshot().total
    assert stats.lost_events >= 4_000, "of six calls, two kinds at most have a place"
    assert stats.events == recorded + stats.lost_events
