"""runqlat against Debian's runqlat, over the same work."""

import os
from pathlib import Path

import pytest

from fleettrace.model.run import RunKind
from fleettrace.snapshot import LOG2, Snapshot
from fleettrace.snapshot.histogram import fold
from node_agent.backends.bcc.tracer import BccTracer
from tests.kernel.processes import workload
from tests.kernel.reference import histogram_of, reference
from tests.kernel.support import attached, plan, temporary_cgroup
from tests.kernel.workload import WAITS_US

pytestmark = pytest.mark.kernel

WITHIN = 0.05
WAIT_BUCKETS = {wait_us.bit_length() - 1 for wait_us in WAITS_US}


def buckets(snapshot: Snapshot) -> dict[int, int]:
    return dict(snapshot.histograms[0].counts) if snapshot.histograms else {}


def test_a_process_waits_as_debians_runqlat_says(state: Path) -> None:
    with (
        workload("waits", 400) as work,
        reference("runqlat", "-p", str(work.pid)) as theirs,
        attached(BccTracer(plan("runqlat", state, pid=work.pid))) as tracer,
    ):
        work.run()
        tracer.detach()
        ours, expected = buckets(tracer.snapshot()), histogram_of(theirs.stop())
        stats = tracer.stats()
    total = sum(expected.values())
    assert total >= 400 * len(WAITS_US), "each round is a wait"
    assert sum(ours.values()) == pytest.approx(total, rel=WITHIN)
    large = {bucket for bucket, count in expected.items() if count >= total / 100}
    assert large >= WAIT_BUCKETS
    assert {b: ours.get(b, 0) for b in large} == pytest.approx({b: expected[b] for b in large}, rel=WITHIN)
    assert stats.events == sum(ours.values()) + stats.lost_events


def test_the_whole_machine_waits_as_often_as_debians_runqlat_says(state: Path) -> None:
    with (
        workload("ping_pong", 60_000) as work,
        reference("runqlat") as theirs,
        attached(BccTracer(plan("runqlat", state))) as tracer,
    ):
        work.run()
        tracer.detach()
        expected = histogram_of(theirs.stop())
        ours = buckets(tracer.snapshot())
    assert sum(expected.values()) >= 100_000, "nearly every round wakes two processes"
    assert sum(ours.values()) == pytest.approx(sum(expected.values()), rel=WITHIN)


def test_a_scope_is_a_cgroup_with_its_children_and_nothing_else(state: Path) -> None:
    rounds = 150
    name = f"fleettrace-test-{os.getpid()}"
    with (
        temporary_cgroup(name) as scope,
        temporary_cgroup(f"{name}/child") as child,
        workload("waits", rounds, cgroup=scope.path) as inside,
        workload("waits", rounds, cgroup=child.path) as below,
        workload("ping_pong", 20_000) as outside,
        attached(BccTracer(plan("runqlat", state, scope=scope))) as tracer,
        attached(BccTracer(plan("runqlat", state, scope=scope, kind=RunKind.FREQUENCY_CHECK))) as check,
    ):
        for work in (inside, below, outside):
            work.run()
        tracer.detach()
        check.detach()
        waited = sum(buckets(tracer.snapshot()).values())
        switches = check.stats().events
    # Of each pair both processes wait, once in a round; a few more waits come from starting, and from being preempted.
    least = 2 * 2 * rounds * len(WAITS_US)
    assert least <= waited <= least * 1.25
    assert switches == pytest.approx(waited, rel=WITHIN), "a frequency check foresees what a trace records"


def test_waits_that_do_not_fit_are_counted_as_lost(state: Path) -> None:
    with (
        workload("ping_pong", 2_000) as work,
        attached(BccTracer(plan("runqlat", state), max_entries={"waiting_since": 1})) as tracer,
    ):
        work.run()
        tracer.detach()
        stats, recorded = tracer.stats(), tracer.snapshot().total
    assert stats.lost_events > 0
    assert stats.events == recorded + stats.lost_events


def test_finer_buckets_fold_into_those_of_a_coarse_run(state: Path) -> None:
    # GIVEN three runs over the same waits: as fine as can be, finer, and by octave
    with (
        workload("waits", 400) as work,
        attached(BccTracer(plan("runqlat", state, pid=work.pid, fine=4))) as finest,
        attached(BccTracer(plan("runqlat", state, pid=work.pid, fine=2))) as finer,
        attached(BccTracer(plan("runqlat", state, pid=work.pid))) as coarse,
        attached(BccTracer(plan("runqlat", state, pid=work.pid, fine=4, kind=RunKind.FREQUENCY_CHECK))) as check,
    ):
        work.run()
        for tracer in (finest, finer, coarse, check):
            tracer.detach()
        recorded = [tracer.snapshot().histograms[0] for tracer in (finest, finer, coarse)]
        stats = [tracer.stats() for tracer in (finest, finer, coarse, check)]
    # THEN each is in its scheme, with more buckets than by octave, and folds into the coarse one
    assert [histogram.scheme for histogram in recorded] == ["log2.4", "log2.2", "log2"]
    # Few waits are long: which of two fine schemes has more buckets with any is chance.
    assert min(len(recorded[0].counts), len(recorded[1].counts)) > len(recorded[2].counts)
    expected = dict(recorded[2].counts)
    large = {bucket for bucket, count in expected.items() if count >= recorded[2].total / 100}
    for histogram in recorded[:2]:
        folded = dict(fold(histogram, LOG2).counts)
        assert {b: folded.get(b, 0) for b in large} == pytest.approx({b: expected[b] for b in large}, rel=WITHIN)
    # AND nothing is lost by being finer, nor counted otherwise by a frequency check
    for histogram, one in zip(recorded, stats, strict=False):
        assert (one.events, one.lost_events) == (histogram.total, 0)
    assert stats[3].events == pytest.approx(stats[2].events, rel=WITHIN)
