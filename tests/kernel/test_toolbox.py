"""Each tool against work whose number of events is known: a prime, so that nothing else adds up to it."""

import os
from pathlib import Path

import pytest

from fleettrace.model.run import RunKind
from fleettrace.snapshot import Count
from node_agent.backends.bcc.tracer import FIRST_EVENTS, BccTracer
from tests.kernel.processes import workload
from tests.kernel.support import attached, plan, temporary_cgroup, traced
from tests.kernel.workload import BLOCK_BYTES, NO_SUCH_FILE, OPENED_FILE

pytestmark = pytest.mark.kernel

PRIME = 211
HALF = PRIME // 2


def matching(counts: tuple[Count, ...], **labels: str) -> list[Count]:
    return [count for count in counts if labels.items() <= dict(count.key).items()]


def number(counts: tuple[Count, ...], **labels: str) -> int:
    return sum(count.count for count in matching(counts, **labels))


def sums(counts: tuple[Count, ...], unit: str, **labels: str) -> int:
    return sum(dict(count.sums)[unit] for count in matching(counts, **labels))


def test_execsnoop_counts_every_program_and_keeps_its_arguments(state: Path) -> None:
    with workload("execs", PRIME) as work:
        snapshot, _ = traced("execsnoop", state, work, failed=1)
        ppid = str(work.pid)
    events = [dict(event.fields) for event in snapshot.events]
    own = [event for event in events if event["ppid"] == ppid and event["result"] == "ok"]
    # In any order: those of one millisecond are told in that of their fields.
    assert sorted(event["arguments"] for event in own) == sorted(f"/bin/true an argument {n}" for n in range(PRIME))
    assert {event["program"] for event in own} == {"/bin/true"}
    assert number(snapshot.counts, program=NO_SUCH_FILE, result="ENOENT") == HALF


def test_execsnoop_looks_at_failures_only_when_asked_to(state: Path) -> None:
    with workload("execs", 7) as work:
        snapshot, stats = traced("execsnoop", state, work)
    assert number(snapshot.counts, program=NO_SUCH_FILE) == 0
    assert stats.hits < 1000, "no system call is looked at"


def test_opensnoop_counts_every_open_by_its_result(state: Path) -> None:
    with workload("opens", PRIME) as work:
        snapshot, _ = traced("opensnoop", state, work, pid=work.pid)
    assert number(snapshot.counts, path=OPENED_FILE, result="ok") == PRIME
    assert number(snapshot.counts, path=NO_SUCH_FILE, result="ENOENT") == HALF
    assert sum(dict(event.fields)["path"] == OPENED_FILE for event in snapshot.events) == PRIME


def test_opensnoop_can_be_asked_for_failures_alone(state: Path) -> None:
    with workload("opens", 7) as work:
        snapshot, _ = traced("opensnoop", state, work, pid=work.pid, failed=1)
    assert {dict(count.key)["result"] for count in snapshot.counts} == {"ENOENT"}


def test_events_beyond_the_room_for_them_are_counted_all_the_same(state: Path) -> None:
    with (
        workload("opens", PRIME) as work,
        attached(BccTracer(plan("opensnoop", state, pid=work.pid), max_entries={"kept": 16})) as tracer,
    ):
        work.run()
        tracer.detach()
        snapshot, notes = tracer.snapshot(), tracer.notes()
        filling = {fill.name for fill in tracer.map_fills()}
    assert number(snapshot.counts, path=OPENED_FILE) == PRIME
    assert len(snapshot.events) == 16
    assert notes == (FIRST_EVENTS,)
    assert filling == {"opens"}, "that there is no more room for whole events is no reason to hold a job"


def test_room_for_events_counts_where_they_are_the_result(state: Path) -> None:
    with attached(BccTracer(plan("biosnoop", state))) as tracer:
        assert "kept" in {fill.name for fill in tracer.map_fills()}


def test_a_map_that_forgets_the_oldest_is_never_full(state: Path) -> None:
    with attached(BccTracer(plan("cachestat", state))) as tracer:
        assert {fill.name for fill in tracer.map_fills()} == {"totals", "fresh"}


def test_where_all_events_are_kept_nothing_is_said(state: Path) -> None:
    with workload("opens", 7) as work, attached(BccTracer(plan("opensnoop", state, pid=work.pid))) as tracer:
        work.run()
        tracer.detach()
        assert tracer.snapshot().events
        assert tracer.notes() == ()


def test_a_path_that_is_longer_than_what_is_kept_of_it_says_so(state: Path, tmp_path: Path) -> None:
    path = tmp_path / ("x" * 200)
    with attached(BccTracer(plan("opensnoop", state, pid=os.getpid()))) as tracer:
        path.touch()
        tracer.detach()
        paths = {dict(count.key)["path"] for count in tracer.snapshot().counts}
    assert str(path)[:127] + "…" in paths


def test_killsnoop_counts_every_signal_with_sender_and_target(state: Path) -> None:
    with workload("signals", PRIME) as work:
        snapshot, _ = traced("killsnoop", state, work, pid=work.pid)
        sender = str(work.pid)
    assert number(snapshot.counts, signal="SIGCONT") == PRIME
    assert number(snapshot.counts, signal="SIGKILL") == 1
    kept = [dict(event.fields) for event in snapshot.events]
    assert sum(event["signal"] == "SIGCONT" and event["pid"] == sender for event in kept) == PRIME


def test_killsnoop_can_be_asked_for_one_signal(state: Path) -> None:
    with workload("signals", 7) as work:
        snapshot, _ = traced("killsnoop", state, work, pid=work.pid, signal=9)
    assert {dict(count.key)["signal"] for count in snapshot.counts} == {"SIGKILL"}


def test_tcpconnect_counts_attempts_by_their_end(state: Path) -> None:
    with workload("sessions", PRIME) as work:
        snapshot, _ = traced("tcpconnect", state, work, pid=work.pid)
    assert number(snapshot.counts, peer="127.0.0.1", result="ok") == PRIME
    assert number(snapshot.counts, peer="127.0.0.1", result="ECONNREFUSED") == HALF
    assert sum(histogram.total for histogram in snapshot.histograms) == PRIME


def test_tcpretrans_counts_what_is_sent_again(state: Path) -> None:
    with temporary_cgroup(f"fleettrace-test-{os.getpid()}") as scope, workload("unanswered", 17) as work:
        (scope.path / "cgroup.procs").write_text(str(work.pid))
        snapshot, _ = traced("tcpretrans", state, work, cgroup=scope.path.name)
    assert number(snapshot.counts, peer="127.0.0.1", state="syn_sent") == 17


def test_pagefaults_counts_each_touch_of_a_new_page(state: Path) -> None:
    touched = 10_007
    with workload("touches", touched) as work:
        _, stats = traced("pagefaults", state, work, pid=work.pid)
    assert touched <= stats.events <= touched * 1.05, "and the few of the interpreter"


def test_futexwait_measures_each_wait(state: Path) -> None:
    with workload("lock_waits", PRIME) as work:
        snapshot, _ = traced("futexwait", state, work, pid=work.pid)
    (histogram,) = snapshot.histograms
    assert histogram.total == PRIME
    assert min(bucket for bucket, _ in histogram.counts) >= 12, "5 ms at least"


def test_futexwait_says_where_threads_wait_when_asked_to(state: Path) -> None:
    with workload("lock_waits", 101) as work:
        snapshot, _ = traced("futexwait", state, work, pid=work.pid, stacks=1)
    (histogram,) = snapshot.histograms
    assert histogram.total == 101 == sum(stack.events for stack in snapshot.stacks)
    assert sum(stack.value for stack in snapshot.stacks) >= 101 * 5_000
    frames = {frame for stack in snapshot.stacks for frame in stack.frames}
    assert any("syscall" in frame for frame in frames)
    assert not any(frame.endswith("_[k]") for frame in frames), "the way into the call is nobody's wait"


def test_futexwait_takes_no_memory_for_stacks_that_nobody_asked_for(state: Path) -> None:
    with workload("lock_waits", 7) as work:
        snapshot, stats = traced("futexwait", state, work, pid=work.pid)
    assert snapshot.stacks == ()
    assert stats.map_bytes < 4 << 20


def test_offcputime_adds_up_what_was_slept(state: Path) -> None:
    with workload("sleeps", 101) as work:
        snapshot, stats = traced("offcputime", state, work, pid=work.pid)
    sleeping = [stack for stack in snapshot.stacks if any("nanosleep" in frame for frame in stack.frames)]
    assert sum(stack.events for stack in sleeping) == pytest.approx(101, rel=0.05), "a late timer finds nobody asleep"
    assert sum(stack.value for stack in sleeping) == pytest.approx(1_010_000, rel=0.25)
    assert all(stack.unit == "us" for stack in snapshot.stacks)
    assert stats.lost_events == 0


@pytest.mark.parametrize("queued", [0, 1])
def test_biolatency_measures_each_write(state: Path, queued: int) -> None:
    with workload("synced_writes", PRIME) as work:
        snapshot, _ = traced("biolatency", state, work, pid=work.pid, queued=queued)
    writes = [histogram for histogram in snapshot.histograms if dict(histogram.key)["operation"] == "write"]
    total = sum(histogram.total for histogram in writes)
    # A filesystem may write of its own accord in the name of the process; how often, its journal knows.
    assert 0.9 * PRIME <= total <= 4 * PRIME


def test_biosnoop_keeps_each_write_whole_and_none_below_its_threshold(state: Path) -> None:
    with workload("synced_writes", PRIME) as work:
        snapshot, _ = traced("biosnoop", state, work, pid=work.pid, min_us=0)
    events = [dict(event.fields) for event in snapshot.events]
    writes = [event for event in events if (event["operation"], event["bytes"]) == ("write", str(BLOCK_BYTES))]
    assert len(writes) == pytest.approx(PRIME, rel=0.1)
    with workload("synced_writes", 7) as work:
        snapshot, _ = traced("biosnoop", state, work, pid=work.pid, min_us=60_000_000)
    assert snapshot.events == ()


def test_biotop_adds_up_what_a_process_writes(state: Path) -> None:
    with workload("synced_writes", PRIME) as work:
        snapshot, _ = traced("biotop", state, work, pid=work.pid)
    assert sums(snapshot.counts, "bytes", operation="write") == pytest.approx(PRIME * BLOCK_BYTES, rel=0.1)
    assert sums(snapshot.counts, "us", operation="write") > 0


def test_runqlen_sees_tasks_that_wait(state: Path) -> None:
    with (
        workload("checksum", 300) as one,
        workload("checksum", 300) as two,
        workload("checksum", 300) as three,
        attached(BccTracer(plan("runqlen", state, frequency_hz=499))) as tracer,
    ):
        for work in (one, two, three):
            work.begin()
        for work in (one, two, three):
            work.finish()
        tracer.detach()
        snapshot = tracer.snapshot()
    assert number(snapshot.counts, waiting="0") < sum(count.count for count in snapshot.counts)


def test_a_name_and_a_cgroup_narrow_every_tool_alike(state: Path) -> None:
    with (
        temporary_cgroup(f"fleettrace-test-{os.getpid()}") as scope,
        workload("rare_syscalls", PRIME, cgroup=scope.path) as inside,
        workload("rare_syscalls", PRIME) as outside,
        attached(BccTracer(plan("syscount", state, cgroup=scope.path.name))) as by_cgroup,
        attached(
            BccTracer(plan("syscount", state, comm=Path(f"/proc/{inside.pid}/comm").read_text().strip()))
        ) as by_name,
        attached(BccTracer(plan("syscount", state, comm="no-such-name"))) as nobody,
        attached(BccTracer(plan("syscount", state, kind=RunKind.FREQUENCY_CHECK, cgroup=scope.path.name))) as check,
    ):
        inside.run()
        outside.run()
        for tracer in (by_cgroup, by_name, nobody, check):
            tracer.detach()
        assert number(by_cgroup.snapshot().counts, syscall="ioprio_get") == PRIME
        assert number(by_name.snapshot().counts, syscall="ioprio_get") == 2 * PRIME
        assert nobody.stats().events == 0
        assert check.stats().events == by_cgroup.stats().events


@pytest.mark.parametrize("tool", ["runqlat", "offcputime", "profile"])
def test_a_cgroup_narrows_tools_that_look_at_other_tasks(state: Path, tool: str) -> None:
    with (
        temporary_cgroup(f"fleettrace-test-{os.getpid()}") as scope,
        workload("sleeps", 30) as outside,
        attached(BccTracer(plan(tool, state, cgroup=scope.path.name))) as tracer,
    ):
        outside.run()
        tracer.detach()
        assert tracer.stats().events == 0
