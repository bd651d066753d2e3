"""What goes wrong is told, what is full is counted, and nothing is left behind."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from fleettrace.errors import AttachFailed, Refused, Unfit
from fleettrace.model.run import RunKind
from fleettrace.oneliner import parse
from node_agent.backends.bpftrace.plan import OneLinerPlan
from node_agent.backends.bpftrace.process import BpftraceProcess, find_bpftrace
from node_agent.backends.bpftrace.tracer import BpftraceTracer
from tests.kernel.bpftrace.support import BOUNDS, LIBC, attached, plan, traced
from tests.kernel.support import REPOSITORY, loaded, programs_of, temporary_cgroup, wait_until

pytestmark = pytest.mark.kernel

ME = os.getpid()
COUNT = "tracepoint:syscalls:sys_enter_getppid { @[comm] = count(); }"


def process_of(tracer: BpftraceTracer) -> BpftraceProcess:
    assert tracer._process is not None
    return tracer._process


def test_nothing_is_left_after_detaching() -> None:
    with attached(COUNT) as tracer:
        pid = process_of(tracer).pid
        programs = programs_of(pid)
        assert programs
        tracer.detach()
        wait_until(lambda: not loaded(programs), "its programs to go")
        tracer.stats()
        assert not Path(f"/proc/{pid}").exists(), "what it still had to say is read"


def test_nothing_is_left_when_the_tracer_s_own_process_is_killed() -> None:
    script = (
        "import sys, time\n"
        "from tests.kernel.bpftrace.support import BOUNDS, plan\n"
        "from node_agent.backends.bpftrace.tracer import BpftraceTracer\n"
        f"tracer = BpftraceTracer(plan({COUNT!r})); tracer.attach(); print(tracer._process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    programs = programs_of(pid)
    process.send_signal(signal.SIGSTOP)
    process.kill()
    process.communicate()

    assert programs
    wait_until(lambda: not loaded(programs), "its programs to go")


def test_a_program_ends_of_itself_when_nobody_ends_it() -> None:
    tracer = BpftraceTracer(OneLinerPlan(parse(COUNT), RunKind.TRACE, None, 200, 64 << 20, BOUNDS))
    try:
        tracer.attach()
        wait_until(lambda: process_of(tracer).has_exited, "bpftrace to end of itself")
        tracer.detach()
        assert "the program ended before its time" in tracer.notes()
    finally:
        tracer.close()


def test_signals_that_the_child_blocks_still_end_it() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        with attached(COUNT) as tracer:
            started_s = time.monotonic()
            tracer.detach()
            assert time.monotonic() - started_s < 5
            assert tracer.notes() == ()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.fixture
def deaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bpftrace that never hears that it is to end."""
    wrapper = tmp_path / "bpftrace"
    wrapper.write_text(
        f"#!{sys.executable}\n"
        "import os, signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})\n"
        f"os.execv({find_bpftrace()!r}, ['bpftrace', *sys.argv[1:]])\n"
    )
    wrapper.chmod(0o755)
    monkeypatch.setattr("node_agent.backends.bpftrace.tracer.find_bpftrace", lambda: str(wrapper))


@pytest.mark.usefixtures("deaf")
def test_one_that_ignores_being_told_to_end_is_off_by_its_deadline_all_the_same() -> None:
    tracer = BpftraceTracer(OneLinerPlan(parse(COUNT), RunKind.TRACE, None, 1_500, 64 << 20, BOUNDS))
    try:
        tracer.attach()
        attached_s, programs = time.monotonic(), programs_of(process_of(tracer).pid)
        tracer.detach()
        wait_until(lambda: not loaded(programs), "its programs to go")
        assert programs
        assert 1.0 < time.monotonic() - attached_s < 1.5 + 2.0, "not before its time, and no later than 2 s after it"
    finally:
        tracer.close()


@pytest.mark.usefixtures("deaf")
def test_one_that_ignores_being_told_to_end_is_killed_where_a_ceiling_was_breached() -> None:
    with attached(COUNT) as tracer:
        programs = programs_of(process_of(tracer).pid)
        started_s = time.monotonic()
        tracer.detach(hurry=True)
        wait_until(lambda: not loaded(programs), "its programs to go")
        assert programs
        assert time.monotonic() - started_s < 0.5
        assert "bpftrace was killed to be off at once" in tracer.notes()[0]


def test_a_full_map_counts_what_it_loses() -> None:
    tracer = BpftraceTracer(
        plan(
            f"tracepoint:syscalls:sys_enter_fchmod /pid == {ME}/ {{ @[args->mode] = count(); }}", max_map_bytes=8 << 20
        )
    )
    try:
        tracer.attach()
        assert tracer._run is not None
        keys = tracer._run.max_keys
        for mode in range(keys + 1009):
            with suppress(OSError):
                os.fchmod(-1, mode)
            if mode % 100 == 0:
                tracer.stats()
        # bpftrace drops what it has not handed over when it is told to end; here nothing happens any more.
        wait_until(lambda: tracer.stats().lost_events >= 1009, "bpftrace to hand over what failed", 20)
        tracer.detach()
        snapshot, stats, notes = tracer.snapshot(), tracer.stats(), tracer.notes()
    finally:
        tracer.close()

    assert stats.events == keys + 1009
    assert len(snapshot.counts) == keys
    assert stats.lost_events == 1009
    assert notes == ("map_update_elem failed 1,009 times: its map was full",)


def test_what_a_full_map_lost_in_the_last_moments_is_declared() -> None:
    script = (
        "import os\nprint(flush=True)\nmode = 0\nwhile True:\n try: os.fchmod(-1, mode)\n except OSError: mode += 1"
    )
    with subprocess.Popen([sys.executable, "-I", "-c", script], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            text = (
                f"tracepoint:syscalls:sys_enter_fchmod /pid == {process.pid}/ {{ @[args->mode & 0xffff] = count(); }}"
            )
            tracer = BpftraceTracer(plan(text, max_map_bytes=8 << 20))
            try:
                tracer.attach()
                wait_until(lambda: tracer.stats().lost_events > 0, "a full map", 30)
                tracer.detach()
                snapshot, stats = tracer.snapshot(), tracer.stats()
            finally:
                tracer.close()
        finally:
            process.kill()

    assert stats.lost_events > 0
    assert stats.events == sum(count.count for count in snapshot.counts) + stats.lost_events


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        ("tracepoint:syscalls:sys_enter_nosuch { @++; }", AttachFailed, "no tracepoint syscalls:sys_enter_nosuch"),
        (
            f"uprobe:{LIBC}:no_such_symbol, uprobe:{LIBC}:getenv {{ @++; }}",
            AttachFailed,
            "no_such_symbol matches nothing",
        ),
        (f"usdt:{LIBC}:no:such {{ @++; }}", AttachFailed, "matches nothing"),
        ("uprobe:/no/such/file:f { @++; }", AttachFailed, "there is no file"),
        (
            "tracepoint:syscalls:no_such_* { @++; }",
            AttachFailed,
            "matches nothing on this host: this kernel has no such",
        ),
        ("tracepoint:syscalls:sys_enter_read { @ = sum(args->nosuch); }", AttachFailed, "has no field nosuch"),
    ],
)
def test_what_cannot_run_here_is_told_in_one_sentence(text: str, error: type[Unfit], reason: str) -> None:
    tracer = BpftraceTracer(plan(text))

    with pytest.raises(error, match=reason) as told:
        tracer.attach()

    assert "\n" not in str(told.value)
    tracer.close()


def test_wildcards_are_counted_by_what_they_match_here() -> None:
    within, beyond = "tracepoint:syscalls:sys_enter_mkdir*", "tracepoint:syscalls:sys_*"
    tracer = BpftraceTracer(plan(f"{within} {{ @[probe] = count(); }}"))
    tracer.attach()
    assert tracer.detach_reserve_s == 0.0
    tracer.close()

    with pytest.raises(Refused, match=rf"{re.escape(beyond)} matches \d+ probes, which makes \d+, and 20 are allowed"):
        BpftraceTracer(plan(f"{beyond} {{ @[probe] = count(); }}")).attach()


def test_maps_beyond_the_memory_allowed_are_refused() -> None:
    tracer = BpftraceTracer(plan("profile:hz:9 { @[kstack] = count(); }", max_map_bytes=1 << 20))

    with pytest.raises(Refused, match="MiB of kernel memory and 1 MiB are allowed"):
        tracer.attach()


def test_a_scope_is_its_cgroup_with_what_is_below() -> None:
    with temporary_cgroup("fleettrace-oneliner") as scope:
        below = scope.path / "below"
        below.mkdir()
        tracer = BpftraceTracer(plan("tracepoint:syscalls:sys_enter_getppid { @ = count(); }", scope=scope))
        script = "import os, sys; sys.stdin.readline(); [os.getppid() for _ in range(13)]"
        with subprocess.Popen([sys.executable, "-I", "-c", script], stdin=subprocess.PIPE) as process:
            try:
                (below / "cgroup.procs").write_text(str(process.pid))
                tracer.attach()
                for _ in range(100):
                    os.getppid()
                process.communicate(b"go\n")
                tracer.detach()
                assert sum(count.count for count in tracer.snapshot().counts) == 13
                assert tracer.stats().hits >= 113
            finally:
                tracer.close()
                process.kill()
        wait_until(lambda: not (below / "cgroup.procs").read_text(), "the group below to be empty")
        below.rmdir()


def call_and_wait() -> None:
    os.getppid()
    time.sleep(0.5)  # so that bpftrace is gone before anybody ends it


def test_a_program_may_end_itself() -> None:
    outcome = traced(
        f"tracepoint:syscalls:sys_enter_getppid /pid == {ME}/ {{ @ = count(); exit(); }}",
        call_and_wait,
    )

    assert outcome.counts() == {(): 1}
    assert "the program ended before its time" in outcome.notes


def test_the_window_of_a_program_that_ends_itself_ends_there() -> None:
    with attached("interval:ms:200 { exit(); } tracepoint:syscalls:sys_enter_getppid { @ = count(); }") as tracer:
        wait_until(lambda: tracer.stats() is None or process_of(tracer).has_exited, "bpftrace to end of itself")
        tracer.stats()
        seen_s = time.monotonic()
        wait_until(lambda: time.monotonic() > seen_s + 0.5, "somebody to ask")
        assert tracer.detach() <= seen_s


def test_lines_that_were_on_their_way_at_the_end_are_declared_lost() -> None:
    script = "import os\nprint(flush=True)\nwhile True: os.getppid()"
    with subprocess.Popen([sys.executable, "-I", "-c", script], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            text = f'tracepoint:syscalls:sys_enter_getppid /pid == {process.pid}/ {{ printf("x"); }}'
            with attached(text) as tracer:
                tracer.detach()
                stats, kept = tracer.stats(), len(tracer.snapshot().events)
        finally:
            process.kill()

    assert kept > 0
    assert stats.events == kept + stats.lost_events


def test_what_maps_hold_is_there_while_the_program_runs() -> None:
    text = f"tracepoint:syscalls:sys_enter_getppid /pid == {ME}/ {{ @[cpu] = count(); @h = hist(2); }}"
    with attached(text) as tracer:

        def counted() -> tuple[int, int]:
            snapshot = tracer.snapshot()
            snapshot.check_valid()
            buckets = [number for one in snapshot.histograms for _, number in one.counts]
            return sum(count.count for count in snapshot.counts), sum(buckets)

        def shows(total: int) -> bool:
            tracer.stats()
            return tracer.reads_live and counted() == (total, total)

        for calls, total in ((101, 101), (53, 154)):
            for _ in range(calls):
                os.getppid()
            assert not tracer.reads_live, "what was shown is not new"
            # One that was asked for before may come first.
            wait_until(partial(shows, total), "the maps")
            assert tracer.stats().events == total
        tracer.detach()
        assert counted() == (154, 154)
        assert not tracer.snapshot().events, "the program prints nothing"
