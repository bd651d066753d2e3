"""profile against known work: which function, user or kernel, and how many samples."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from fleettrace.snapshot import Stack
from node_agent.backends.bcc.tracer import BccTracer
from node_agent.kernel.cpus import online_cpus
from tests.kernel.processes import workload
from tests.kernel.support import attached, plan, temporary_cgroup
from tests.kernel.workload import BUSY_FUNCTION

pytestmark = pytest.mark.kernel

HZ = 99
CPU_MS = 1000


def samples_with(stacks: Sequence[Stack], frame: str) -> int:
    return sum(stack.value for stack in stacks if frame in stack.frames)


def test_a_busy_function_is_found_with_its_share(state: Path) -> None:
    with workload("checksum", CPU_MS) as work, attached(BccTracer(plan("profile", state, pid=work.pid))) as tracer:
        work.run()
        tracer.detach()
        snapshot, stats = tracer.snapshot(), tracer.stats()
    assert snapshot.total == pytest.approx(work.cpu_s * HZ, rel=0.2)
    assert stats.events == snapshot.total + stats.lost_events
    assert samples_with(snapshot.stacks, BUSY_FUNCTION) >= 0.8 * snapshot.total
    assert all(stack.frames[0].startswith("python") for stack in snapshot.stacks)


def test_kernel_frames_are_marked_and_under_the_users(state: Path) -> None:
    with workload("read_zeros", CPU_MS) as work, attached(BccTracer(plan("profile", state, pid=work.pid))) as tracer:
        work.run()
        tracer.detach()
        snapshot = tracer.snapshot()
    assert samples_with(snapshot.stacks, "vfs_read_[k]") >= 0.7 * snapshot.total
    for stack in snapshot.stacks:
        marks = [frame.endswith("_[k]") for frame in stack.frames]
        assert marks == sorted(marks), "once in the kernel, it stays there"


def test_samples_come_at_the_rate_that_was_asked_for(state: Path) -> None:
    with attached(BccTracer(plan("profile", state, frequency_hz=499))) as tracer:
        started_s = time.monotonic()
        with workload("checksum", 300) as work:
            work.run()
        tracer.detach()
        elapsed_s = time.monotonic() - started_s
        stats = tracer.stats()
    # An idle CPU takes no samples, so that the busy one sets the least, and all of them the most.
    assert 0.7 * work.cpu_s * 499 <= stats.hits <= 1.1 * elapsed_s * 499 * len(online_cpus())
    assert stats.events <= stats.hits


def test_a_process_that_ended_has_names_and_only_the_scope_is_sampled(state: Path) -> None:
    with (
        temporary_cgroup(f"fleettrace-test-{os.getpid()}") as scope,
        attached(BccTracer(plan("profile", state, scope=scope))) as tracer,
    ):
        with workload("checksum", 300, cgroup=scope.path) as inside, workload("checksum", 300) as outside:
            inside.run()
            outside.run()
            tracer.stats()  # as a run does five times a second: looks at new processes
        tracer.detach()
        snapshot = tracer.snapshot()
    assert snapshot.total == pytest.approx(inside.cpu_s * HZ, rel=0.5)
    assert samples_with(snapshot.stacks, BUSY_FUNCTION) >= 0.7 * snapshot.total


@pytest.mark.parametrize("sizes", [{"samples": 1}, {"stacks": 1, "stacks_overflow": 1}], ids=["samples", "stacks"])
def test_samples_that_do_not_fit_are_counted_as_lost(state: Path, sizes: dict[str, int]) -> None:
    with (
        workload("read_zeros", 300) as work,
        attached(BccTracer(plan("profile", state, pid=work.pid, frequency_hz=499), max_entries=sizes)) as tracer,
    ):
        work.run()
        tracer.detach()
        stats, recorded = tracer.stats(), tracer.snapshot().total
    assert stats.lost_events > 0
    assert stats.events == recorded + stats.lost_events
