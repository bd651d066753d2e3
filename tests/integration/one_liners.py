"""The one-liners of every handbook, each with a known amount of work and what its merged result must say of it.

Both hosts of the fleet are this machine: each sees all of the work, so that the merged result has it twice.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOSTS = 2
COMM = "ftwork"
PYTHON = str(Path(sys.executable).resolve())
LIBC = str(Path("/lib/x86_64-linux-gnu/libc.so.6").resolve())

Document = dict[str, Any]

PREAMBLE = f"""
import ctypes, mmap, os, signal, subprocess, sys, tempfile, threading, time, zlib
libc = ctypes.CDLL(None)
open("/proc/self/comm", "w").write("{COMM}")
print("ready", flush=True)
sys.stdin.readline()
"""


@dataclass(frozen=True)
class Case:
    """``work`` is Python; ``check`` raises where the merged result is not what that work makes of it."""

    name: str
    program: str
    work: str
    check: Callable[[Document], None]


def _counts(data: Document, **key: str) -> list[Document]:
    return [count for count in data["merged"]["counts"] if count["key"].items() >= key.items()]


def _total(data: Document, **key: str) -> int:
    return sum(count["count"] for count in _counts(data, **key))


def _from(data: Document, low: int) -> int:
    (histogram,) = data["merged"]["histograms"]
    return sum(bucket["count"] for bucket in histogram["buckets"] if bucket["low"] >= low)


def _unit(data: Document) -> str:
    return str(data["merged"]["histograms"][0]["unit"])


def _opens(data: Document) -> None:
    lines = [event["fields"]["output"] for event in data["merged"]["events"]]
    assert lines.count(f"{COMM} /etc/hostname") == 31 * HOSTS


def _execs(data: Document) -> None:
    (found,) = [count for count in data["merged"]["counts"] if "first, argument" in count["key"].values()]
    assert list(found["key"].values()) == ["/bin/true", "first, argument"]
    assert found["count"] == 7 * HOSTS


def _calls(data: Document) -> None:
    assert _total(data, comm=COMM) >= 10_007 * HOSTS
    assert data["merged"]["counts"][0]["key"].keys() == {"comm"}


def _reads(data: Document) -> None:
    assert _unit(data) == "us"
    assert _from(data, 16_384) >= 13 * HOSTS
    assert data["merged"]["counts"] == [], "@start only helps along"


def _sizes(data: Document) -> None:
    assert _unit(data) == "bytes"
    assert _from(data, 65_536) >= 11 * HOSTS


def _bytes(data: Document) -> None:
    (found,) = _counts(data, comm=COMM)
    assert found["sums"]["bytes"] >= 11 * 65_536 * HOSTS
    assert found["count"] >= 11 * HOSTS


def _kinds(data: Document) -> None:
    assert sum(count["count"] for count in _counts(data, comm=COMM) if "W" in count["key"]["rwbs"]) >= 11 * HOSTS


def _kernel_stacks(data: Document) -> None:
    stacks = data["merged"]["stacks"]
    assert sum(stack["value"] for stack in stacks) == sum(host["cost"]["events"] for host in data["hosts"]) > 0
    assert any(stack["frames"][-1].endswith("_[k]") for stack in stacks)


def _user_stacks(data: Document) -> None:
    stacks = data["merged"]["stacks"]
    assert sum(stack["value"] for stack in stacks) > 10 * HOSTS
    assert any(frame not in {"[unknown]", "[no stack]"} for stack in stacks for frame in stack["frames"])


def _faults(data: Document) -> None:
    assert 1_013 * HOSTS <= _total(data, comm=COMM) < 3_000 * HOSTS


def _kills(data: Document) -> None:
    assert _total(data, comm=COMM, sig="18") == 17 * HOSTS


def _second_by_second(data: Document) -> None:
    printed = [int(event["fields"]["count"]) for event in data["merged"]["events"]]
    assert len(printed) >= 2 * HOSTS
    assert sum(printed) <= _total(data) == sum(host["cost"]["events"] for host in data["hosts"])
    assert data["coverage"]["lost_events"] == 0


def _balance(data: Document) -> None:
    opened, closed = (_total(data, map=name, comm=COMM) for name in ("@opened", "@closed"))
    assert opened - closed == 5 * HOSTS
    assert opened >= 24 * HOSTS


def _futex(data: Document) -> None:
    assert _unit(data) == "ms"
    assert _from(data, 16) >= 11 * HOSTS


def _function(data: Document) -> None:
    assert _unit(data) == "ns"
    assert data["merged"]["histograms"][0]["buckets"]
    assert _from(data, 0) >= 211 * HOSTS
    assert all(host["cost"]["traps"] == host["cost"]["hits"] for host in data["hosts"])


def _usdt(data: Document) -> None:
    assert [_total(data, arg0=name) for name in ("fleettrace_a", "fleettrace_b")] == [3 * HOSTS, 3 * HOSTS]


OPENS = "for _ in range({}): os.close(os.open('/etc/hostname', os.O_RDONLY))\n"
WRITES = """
file = tempfile.NamedTemporaryFile(dir="/var/tmp")
descriptor = os.open(file.name, os.O_WRONLY | os.O_DIRECT | os.O_DSYNC)
block = mmap.mmap(-1, 65536)
block[:] = os.urandom(65536)
for _ in range(11): os.pwrite(descriptor, block, 0)
"""
BURN = "end = time.process_time() + 0.5\nwhile time.process_time() < end: zlib.crc32(bytes(1 << 16)); os.getppid()\n"

GROUPS: dict[str, tuple[Case, ...]] = {
    "calls": (
        Case(
            "file opens with name",
            f'tracepoint:syscalls:sys_enter_openat /comm == "{COMM}"/ '
            '{ printf("%s %s\\n", comm, str(args.filename)); }',
            OPENS.format(31),
            _opens,
        ),
        Case(
            "execve with arguments",
            "tracepoint:syscalls:sys_enter_execve { @[str(args->argv[0]), str(args->argv[1])] = count(); }",
            "for _ in range(7): subprocess.run(['/bin/true', 'first, argument'], check=True)\n",
            _execs,
        ),
        Case(
            "system calls by process",
            "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }",
            "for _ in range(10_007): os.getppid()\n",
            _calls,
        ),
    ),
    "latencies": (
        Case(
            "read latency",
            "tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; } "
            "tracepoint:syscalls:sys_exit_read /@start[tid]/ "
            "{ @us = hist((nsecs - @start[tid]) / 1000); delete(@start[tid]); }",
            "ours, theirs = os.pipe()\n"
            "for _ in range(13):\n"
            "    timer = threading.Timer(0.05, lambda: os.write(theirs, b'x')); timer.start()\n"
            "    os.read(ours, 1); timer.join()\n",
            _reads,
        ),
        Case(
            "futex wait",
            "tracepoint:syscalls:sys_enter_futex { @start[tid] = nsecs; } "
            "tracepoint:syscalls:sys_exit_futex /@start[tid]/ "
            "{ @ms = hist((nsecs - @start[tid]) / 1000000); delete(@start[tid]); }",
            "word, timeout = ctypes.c_int(7), (ctypes.c_long * 2)(0, 40_000_000)\n"
            f"for _ in range(11): libc.syscall({202 if os.uname().machine == 'x86_64' else 98}, "
            "ctypes.byref(word), 128, 7, timeout, None, 0)\n",
            _futex,
        ),
        Case(
            "a function's latency",
            f"uprobe:{LIBC}:getenv {{ @start[tid] = nsecs; }} "
            f"uretprobe:{LIBC}:getenv /@start[tid]/ {{ @ns = hist(nsecs - @start[tid]); delete(@start[tid]); }}",
            "for _ in range(211): libc.getenv(b'PATH')\n",
            _function,
        ),
    ),
    "disk": (
        Case("block I/O sizes", "tracepoint:block:block_rq_issue { @ = hist(args->bytes); }", WRITES, _sizes),
        Case("disk bytes by process", "tracepoint:block:block_rq_issue { @[comm] = sum(args->bytes); }", "", _bytes),
        Case("two keys", "tracepoint:block:block_rq_issue { @[comm, args->rwbs] = count(); }", "", _kinds),
    ),
    "stacks": (
        Case("kernel stacks", "profile:hz:99 { @[kstack] = count(); }", BURN, _kernel_stacks),
        Case("user stacks", f'profile:hz:99 /comm == "{COMM}"/ {{ @[ustack] = count(); }}', "", _user_stacks),
        Case(
            "page faults",
            "software:page-faults:1 { @[comm] = count(); }",
            "pages = mmap.mmap(-1, 1013 * 4096); pages.madvise(mmap.MADV_NOHUGEPAGE)\n"
            "for at in range(1013): pages[at * 4096] = 1\n",
            _faults,
        ),
    ),
    "processes": (
        Case(
            "kill by sender and target",
            "tracepoint:syscalls:sys_enter_kill { @[comm, args->pid, args->sig] = count(); }",
            "for _ in range(17): os.kill(os.getpid(), signal.SIGCONT)\n",
            _kills,
        ),
        Case(
            "second by second",
            "tracepoint:syscalls:sys_enter_kill { @ = count(); } interval:s:1 { print(@); clear(@); }",
            "for _ in range(4): time.sleep(0.6); os.kill(os.getpid(), signal.SIGWINCH)\n",
            _second_by_second,
        ),
        Case(
            "open and close",
            "tracepoint:syscalls:sys_exit_openat /args->ret >= 0/ { @opened[comm] = count(); } "
            "tracepoint:syscalls:sys_enter_close { @closed[comm] = count(); }",
            OPENS.format(19) + "kept = [os.open('/etc/hostname', os.O_RDONLY) for _ in range(5)]\n",
            _balance,
        ),
    ),
    "modules": (
        Case(
            "USDT",
            f"usdt:{PYTHON}:python:import__find__load__start {{ @[str(arg0)] = count(); }}",
            'script = \'for n in ("fleettrace_a", "fleettrace_b"):\\n try: __import__(n)\\n \'\n'
            "script += 'except ImportError: pass'\n"
            "for _ in range(3): subprocess.run([sys.executable, '-I', '-c', script], check=True)\n",
            _usdt,
        ),
    ),
}
"""Those that run at the same time, over the same work."""
