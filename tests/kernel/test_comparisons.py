"""Each tool beside another one that measures the same, of Debian's libbpf-tools or of bpftrace, over the same work.

Both are attached before the work begins and detached after it has ended, and look at that process alone: what else runs
on the machine is nobody's. runqlat and syscount are compared where they are tested.
"""

import os
import re
from collections import Counter
from contextlib import ExitStack
from operator import mul
from pathlib import Path
from typing import Any

import pytest

from fleettrace.snapshot import Count
from node_agent.backends.bcc.tracer import BccTracer
from tests.kernel import file_workload as files
from tests.kernel.blind_spot import completions_of
from tests.kernel.processes import workload
from tests.kernel.reference import agree, agree_but_for_borders, bpftrace, buckets_of, histogram_of, maps_of, reference
from tests.kernel.support import attached, loop_device, plan, temporary_cgroup

pytestmark = pytest.mark.kernel


def by(label: str, counts: tuple[Count, ...], unit: str = "") -> Counter[str]:
    """Counts, or sums of a unit, by one label."""
    found = Counter[str]()
    for count in counts:
        found[dict(count.key)[label]] += dict(count.sums)[unit] if unit else count.count
    return found


def test_execsnoop_sees_the_programs_that_debians_does(state: Path) -> None:
    with (
        workload("execs", 211) as work,
        reference("execsnoop", ready="PCOMM") as theirs,
        attached(BccTracer(plan("execsnoop", state))) as tracer,
    ):
        work.run()
        tracer.detach()
        rows = theirs.rows(rf"^\S+\s+\d+\s+{work.pid}\s+(-?\d+) (.*)$", 211)
        events = [dict(event.fields) for event in tracer.snapshot().events]
        ours = Counter(event["arguments"] for event in events if event["ppid"] == str(work.pid))
    assert ours.total() == 211
    agree(ours, Counter(arguments.strip() for result, arguments in rows if result == "0"))


def test_opensnoop_sees_the_files_that_debians_does(state: Path) -> None:
    with (
        workload("opens", 211) as work,
        reference("opensnoop", "-p", str(work.pid), ready="PATH") as theirs,
        attached(BccTracer(plan("opensnoop", state, pid=work.pid))) as tracer,
    ):
        work.run()
        tracer.detach()
        counts = tracer.snapshot().counts
        opens = sum(count.count for count in counts)
        rows = theirs.rows(r"^\d+\s+\S+\s+(-?\d+)\s+(\d+)\s+(\S+)\s*$", opens)
    theirs_by_path = Counter((path, int(error) == 0) for _, error, path in rows)
    ours = Counter[tuple[str, bool]]()
    for count in counts:
        key = dict(count.key)
        ours[key["path"], key["result"] == "ok"] += count.count
    agree(ours, theirs_by_path)


def test_killsnoop_sees_the_signals_that_debians_sigsnoop_does(state: Path) -> None:
    with (
        workload("signals", 503) as work,
        reference("sigsnoop", "-p", str(work.pid), "-n", ready="PID") as theirs,
        attached(BccTracer(plan("killsnoop", state, pid=work.pid))) as tracer,
    ):
        work.run()
        tracer.detach()
        rows = theirs.rows(rf"^\S+\s+{work.pid}\s+\S+\s+(SIG\w+|\d+)\s", 503)
        counts = tracer.snapshot().counts
    # What its child sends to it when it ends is a signal of the child's.
    sent = tuple(count for count in counts if dict(count.key)["signal"] != "SIGCHLD")
    agree(by("signal", sent), Counter(rows))


BLOCK = """
tracepoint:block:block_rq_issue /pid == {pid}/ {{ @requests = count(); @bytes = sum(args->bytes); }}
"""


@pytest.mark.parametrize(("tool", "params"), [("biotop", {}), ("biosnoop", {"min_us": 0})])
def test_requests_and_their_bytes_are_those_that_bpftrace_counts(
    state: Path, tool: str, params: dict[str, Any]
) -> None:
    with (
        workload("synced_writes", 1009) as work,
        bpftrace(BLOCK.format(pid=work.pid)) as theirs,
        attached(BccTracer(plan(tool, state, pid=work.pid, **params))) as tracer,
    ):
        work.run()
        tracer.detach()
        expected, snapshot = maps_of(theirs.stop()), tracer.snapshot()
    if tool == "biotop":
        requests, transferred = (
            sum(by("disk", snapshot.counts).values()),
            sum(by("disk", snapshot.counts, "bytes").values()),
        )
    else:
        events = [dict(event.fields) for event in snapshot.events]
        requests, transferred = len(events), sum(int(event["bytes"]) for event in events)
    agree({"requests": requests}, {"requests": expected["@requests"]})
    agree({"bytes": transferred}, {"bytes": expected["@bytes"]})


@pytest.mark.parametrize("scheduler", ["none", "mq-deadline"])
@pytest.mark.parametrize("queued", [0, 1])
def test_biolatency_is_what_debians_biolatency_measures(
    state: Path, tmp_path: Path, scheduler: str, queued: int
) -> None:
    with (
        loop_device(tmp_path / "disk", scheduler=scheduler) as disk,
        workload("disk_writes", 2003, str(disk), module=files.__name__) as work,
        reference("biolatency", "-d", disk.name, *["-Q"] * queued) as theirs,
        attached(BccTracer(plan("biolatency", state, queued=queued, fine=3))) as tracer,
        completions_of(disk) as completions,
    ):
        work.run()
        tracer.detach()
        completed, unseen = completions.counted()
        expected, snapshot, stats = histogram_of(theirs.stop()), tracer.snapshot(), tracer.stats()
    (ours,) = [histogram for histogram in snapshot.histograms if dict(histogram.key)["disk"] == disk.name]
    assert completed == 2003
    # The kernel skips a program that an interrupt finds running on its CPU, and says so: that is counted as lost.
    assert 2003 - unseen - stats.lost_events <= ours.total <= 2003
    agree_but_for_borders(ours, expected)


def test_offcputime_waits_as_long_as_debians_offcputime_says(state: Path) -> None:
    with (
        workload("sleeps", 211) as work,
        reference("offcputime", "-p", str(work.pid), "1000", ready="") as theirs,
        attached(BccTracer(plan("offcputime", state, pid=work.pid))) as tracer,
    ):
        work.run()
        tracer.detach()
        totals = re.findall(r"^ +(\d+)$", theirs.stop(), re.MULTILINE)
        stacks = tracer.snapshot().stacks
    agree({"us": sum(stack.value for stack in stacks)}, {"us": sum(map(int, totals))})


def test_pagefaults_are_those_that_bpftrace_counts(state: Path) -> None:
    program = "software:page-faults:1 /pid == {pid}/ {{ @faults = count(); }}"
    with (
        workload("touches", 10_007) as work,
        bpftrace(program.format(pid=work.pid)) as theirs,
        attached(BccTracer(plan("pagefaults", state, pid=work.pid))) as tracer,
    ):
        work.run()
        tracer.detach()
        ours, expected = tracer.stats().events, maps_of(theirs.stop())["@faults"]
    agree({"faults": ours}, {"faults": expected})


FUTEX = """
tracepoint:syscalls:sys_enter_futex /pid == {pid}/ {{ @since[tid] = nsecs; }}
tracepoint:syscalls:sys_exit_futex /@since[tid]/ {{ @us = hist((nsecs - @since[tid]) / 1000); delete(@since[tid]); }}
"""


def test_futexwait_measures_what_bpftrace_does(state: Path) -> None:
    with (
        workload("lock_waits", 503) as work,
        bpftrace(FUTEX.format(pid=work.pid)) as theirs,
        attached(BccTracer(plan("futexwait", state, pid=work.pid))) as tracer,
    ):
        work.run()
        tracer.detach()
        expected, (histogram,) = buckets_of(maps_of(theirs.stop())["@us"]), tracer.snapshot().histograms
    agree(dict(histogram.counts), expected, edge=0.01)


def test_profile_samples_as_often_as_bpftrace(state: Path) -> None:
    with (
        workload("checksum", 3000) as work,
        bpftrace(f"profile:hz:997 /pid == {work.pid}/ {{ @samples = count(); }}") as theirs,
        attached(BccTracer(plan("profile", state, pid=work.pid, frequency_hz=997))) as tracer,
    ):
        work.run()
        tracer.detach()
        ours, expected = tracer.stats(), maps_of(theirs.stop())["@samples"]
    agree({"samples": ours.events}, {"samples": expected})
    assert ours.lost_events == 0


RUNQLEN = """
profile:hz:997 /cgroup == cgroupid("{}")/ {{ @waiting[curtask->se.cfs_rq->rq->nr_running - 1] = count(); }}
"""


def test_runqlen_sees_as_many_waiting_as_bpftrace(state: Path) -> None:
    cpu = str(max(os.sched_getaffinity(0)))
    with (
        temporary_cgroup(f"fleettrace-test-{os.getpid()}") as scope,
        ExitStack() as others,
        bpftrace(RUNQLEN.format(scope.path)) as theirs,
        attached(BccTracer(plan("runqlen", state, cgroup=scope.path.name, frequency_hz=997))) as tracer,
    ):
        hogs = [others.enter_context(workload("checksum_on", 1200, cpu, cgroup=scope.path)) for _ in range(3)]
        for hog in hogs:
            hog.begin()
        for hog in hogs:
            hog.finish()
        tracer.detach()
        expected = {int(waiting): count for waiting, count in maps_of(theirs.stop())["@waiting"].items()}
        ours = {int(waiting): count for waiting, count in by("waiting", tracer.snapshot().counts).items()}
    agree({"samples": sum(ours.values())}, {"samples": sum(expected.values())})
    # Two timers look at moments of their own: what they share is how many waited at a time, all in all.
    agree({"waited": sum(map(mul, ours, ours.values()))}, {"waited": sum(map(mul, expected, expected.values()))})
