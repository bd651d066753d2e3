"""The one-liners of every handbook, as they stand, against workloads of a known number of events."""

import ctypes
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fleettrace.errors import AttachFailed
from fleettrace.model.run import RunKind
from node_agent.backends.bpftrace.tracer import BpftraceTracer
from tests.kernel.bpftrace.support import LIBC, PYTHON, busy, plan, traced
from tests.kernel.processes import workload

pytestmark = pytest.mark.kernel

ME = os.getpid()
libc = ctypes.CDLL(LIBC)


def open_files(number: int, path: Path) -> None:
    for _ in range(number):
        os.close(os.open(path, os.O_RDONLY))


def test_file_opens_with_their_name(tmp_path: Path) -> None:
    path = tmp_path / "with, comma é"
    path.touch()
    outcome = traced(
        f'tracepoint:syscalls:sys_enter_openat /pid == {ME}/ {{ printf("%s %s\\n", comm, str(args->filename, 200)); }}',
        lambda: open_files(31, path),
    )

    lines = [event.fields[0][1] for event in outcome.snapshot.events]
    assert sum(line.endswith(str(path)) for line in lines) == 31
    assert outcome.stats.lost_events == 0


def test_execve_with_its_arguments() -> None:
    def work() -> None:
        for _ in range(7):
            subprocess.run(["/bin/true", "first, argument", "x"], check=True)

    outcome = traced(
        "tracepoint:syscalls:sys_enter_execve { @[str(args->argv[0]), str(args->argv[1])] = count(); }", work
    )

    assert outcome.counts()["/bin/true", "first, argument"] == 7


def test_system_calls_by_process_in_both_spellings() -> None:
    outcome = traced(
        "tracepoint:raw_syscalls:sys_enter /args->id == 110 && args.id > 0/ { @[pid] = count(); }",
        lambda: [os.getppid() for _ in range(1009)],
    )

    assert outcome.counts()[(str(ME),)] == 1009
    assert outcome.stats.events == sum(outcome.counts().values())
    assert outcome.stats.hits > outcome.stats.events


def test_read_latency_by_start_and_exit() -> None:
    ours, theirs = os.pipe()

    def work() -> None:
        for _ in range(13):
            timer = threading.Timer(
                0.03,  # far beyond 4 ms, so that a read which starts late still waits as long
                lambda: os.write(theirs, b"x"),
            )
            timer.start()
            os.read(ours, 1)
            timer.join()

    outcome = traced(
        f"tracepoint:syscalls:sys_enter_read /pid == {ME}/ {{ @start[tid] = nsecs; }} "
        f"tracepoint:syscalls:sys_exit_read /@start[tid] && tid == {ME}/ "
        "{ @us = hist((nsecs - @start[tid]) / 1000); delete(@start[tid]); }",
        work,
    )

    (histogram,) = outcome.snapshot.histograms
    assert histogram.unit == "us"
    assert sum(count for bucket, count in histogram.counts if bucket >= 12) == 13, "4 ms and more"
    assert outcome.snapshot.counts == (), "@start only helps along"


def test_where_there_are_no_kprobes_it_says_so() -> None:
    tracer = BpftraceTracer(plan("kprobe:tcp_connect { @[comm] = count(); }"))
    if any(Path(f"/sys/kernel/{where}/kprobe_events").exists() for where in ("tracing", "debug/tracing")):
        tracer.attach()
        tracer.close()
        return

    with pytest.raises(AttachFailed, match="kprobe:tcp_connect: this kernel has no kprobes"):
        tracer.attach()


def write_blocks(path: Path, number: int) -> None:
    block = mmap.mmap(-1, 4096)
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_DIRECT)
    for _ in range(number):
        os.write(fd, block)
    os.close(fd)


def test_block_sizes_and_bytes_and_two_keys(tmp_path: Path) -> None:
    comm = Path("/proc/self/comm").read_text().strip()
    outcome = traced(
        f'tracepoint:block:block_rq_issue /comm == "{comm}" && args->bytes == 4096/ {{ @sizes = hist(args->bytes); '
        "@bytes[comm] = sum(args->bytes); @[comm, args->rwbs] = count(); }",
        lambda: write_blocks(tmp_path / "blocks", 101),
    )
    if not outcome.snapshot.histograms:
        pytest.skip("the temporary directory is on no block device")

    (histogram,) = outcome.snapshot.histograms
    (total,) = [count for count in outcome.snapshot.counts if count.sums]
    kinds = {key[2]: count for key, count in outcome.counts().items() if key[0] == "@"}
    assert (histogram.unit, [bucket for bucket, _ in histogram.counts]) == ("bytes", [12])
    assert total.count == histogram.total == sum(kinds.values()) == outcome.stats.events >= 101
    assert total.sums == (("bytes", 4096 * total.count),)
    assert any("W" in kind for kind in kinds)


def test_kernel_stacks_at_99_hz_are_conserved() -> None:
    outcome = traced("profile:hz:99 { @[kstack] = count(); }", lambda: busy(0.5))

    assert sum(stack.value for stack in outcome.snapshot.stacks) == outcome.stats.events > 30
    frames = {frame for stack in outcome.snapshot.stacks for frame in stack.frames}
    assert any(frame.endswith("_[k]") and "+" not in frame and "0x" not in frame for frame in frames)


def test_user_stacks_of_one_program() -> None:
    comm = Path("/proc/self/comm").read_text().strip()
    outcome = traced(
        f'profile:hz:99 /comm == "{comm}" && pid == {ME}/ {{ @[ustack, kstack, comm] = count(); }}', lambda: busy(0.5)
    )

    assert sum(stack.value for stack in outcome.snapshot.stacks) == outcome.stats.events > 20
    assert {stack.frames[0] for stack in outcome.snapshot.stacks} == {comm}
    user = {frame for stack in outcome.snapshot.stacks for frame in stack.frames[1:] if not frame.endswith("_[k]")}
    assert user - {"[unknown]", "[no stack]"}, "some frame has a name"
    assert not any("0x" in frame or "+" in frame for frame in user), "no address, which differs from host to host"


def test_page_faults_by_process() -> None:
    # A process of its own: what this one has shared with those it has started, it faults in when it writes there.
    with workload("touches", 1013) as work:
        outcome = traced(f"software:page-faults:1 /pid == {work.pid}/ {{ @[comm] = count(); }}", work.run)

    (faults,) = outcome.counts().values()
    assert 1013 <= faults < 1013 + 500
    assert faults == outcome.stats.events


def send_to_myself(number: int) -> None:
    for _ in range(number):
        os.kill(ME, signal.SIGCONT)


def test_signals_by_sender_and_target() -> None:
    outcome = traced(
        f"tracepoint:syscalls:sys_enter_kill /pid == {ME}/ {{ @[comm, args->pid, args->sig] = count(); }}",
        lambda: send_to_myself(17),
    )

    comm = Path("/proc/self/comm").read_text().strip()
    assert outcome.counts()[comm, str(ME), str(int(signal.SIGCONT))] == 17
    assert len(outcome.counts()) <= 2, "the other one is the tracer, ending its bpftrace"


def test_a_count_that_is_printed_and_cleared_loses_nothing() -> None:
    def work() -> None:
        for _ in range(7):
            for _ in range(1009):
                os.getppid()
            time.sleep(0.05)  # so that several intervals see some of it

    outcome = traced(
        f"tracepoint:syscalls:sys_enter_getppid /pid == {ME}/ {{ @[comm] = count(); }} "
        "interval:ms:100 { print(@); clear(@); }",
        work,
    )

    assert list(outcome.counts().values()) == [7 * 1009]
    printed = [int(event.fields[-1][1]) for event in outcome.snapshot.events]
    assert len(printed) >= 2
    assert sum(printed) <= 7 * 1009


def test_opened_against_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()

    def work() -> None:
        open_files(19, path)
        leaked = [os.open(path, os.O_RDONLY) for _ in range(5)]
        work.leaked = leaked  # type: ignore[attr-defined]

    outcome = traced(
        f"tracepoint:syscalls:sys_exit_openat /tid == {ME} && args->ret >= 0/ {{ @opened[pid] = count(); }} "
        f"tracepoint:syscalls:sys_enter_close /tid == {ME}/ {{ @closed[pid] = count(); }}",
        work,
    )

    counts = outcome.counts()
    assert counts["@opened", str(ME)] - counts["@closed", str(ME)] == 5
    for fd in work.leaked:  # type: ignore[attr-defined]
        os.close(fd)


def test_futex_waits_in_milliseconds() -> None:
    def work() -> None:
        event = threading.Event()
        for _ in range(11):
            event.wait(0.009)

    outcome = traced(
        f"tracepoint:syscalls:sys_enter_futex /tid == {ME}/ {{ @start[tid] = nsecs; }} "
        "tracepoint:syscalls:sys_exit_futex /@start[tid]/ "
        "{ @ms = hist((nsecs - @start[tid]) / 1000000); delete(@start[tid]); }",
        work,
    )

    (histogram,) = outcome.snapshot.histograms
    assert histogram.unit == "ms"
    assert sum(count for bucket, count in histogram.counts if bucket >= 3) == 11


def test_a_function_s_latency_by_uprobe_and_uretprobe() -> None:
    outcome = traced(
        f"uprobe:{LIBC}:getenv /tid == {ME}/ {{ @start[tid] = nsecs; }} "
        f"uretprobe:{LIBC}:getenv /@start[tid]/ {{ @ns = hist(nsecs - @start[tid]); delete(@start[tid]); }}",
        lambda: [libc.getenv(b"PATH") for _ in range(211)],
    )

    (histogram,) = outcome.snapshot.histograms
    assert histogram.total == outcome.events_per_probe[0] == outcome.events_per_probe[1] == 211


def test_a_usdt_probe_with_its_text() -> None:
    script = "for n in ('fleettrace_a', 'fleettrace_b'):\n try: __import__(n)\n except ImportError: pass\n"

    outcome = traced(
        f"usdt:{PYTHON}:python:import__find__load__start {{ @[str(arg0)] = count(); }}",
        lambda: [subprocess.run([sys.executable, "-c", script], check=True) for _ in range(3)],
    )

    counts = outcome.counts()
    assert (counts[("fleettrace_a",)], counts[("fleettrace_b",)]) == (3, 3)


def test_a_frequency_check_counts_the_same_events_and_records_nothing() -> None:
    text = f"tracepoint:syscalls:sys_enter_getppid /pid == {ME}/ {{ @[str(args->filename)] = count(); }}".replace(
        "str(args->filename)", "comm"
    )
    outcome = traced(text, lambda: [os.getppid() for _ in range(499)], RunKind.FREQUENCY_CHECK)

    assert outcome.events_per_probe == {0: 499}
    assert outcome.stats.hits >= outcome.stats.events == 499
    assert outcome.snapshot.total == 0
