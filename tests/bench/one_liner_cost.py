"""What one-liners cost the machine that they trace: CPU time per hit, trap and event, by what is done with it.

    python -m tests.bench.one_liner_cost [--repeats 5]

Needs root and bpftrace. Each workload is pinned to one CPU, its CPU time taken without a probe and with a program; the
least of the repeats counts. What bpftrace itself spends is told beside it, as printing costs most there. They belong in
``fleettrace/oneliner/cost.py``; a busy or virtual machine moves them, so that ratios say more.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from fleettrace.model.run import OneLinerBounds, RunKind
from fleettrace.oneliner import parse
from node_agent.backends.bpftrace.plan import OneLinerPlan
from node_agent.backends.bpftrace.tracer import BpftraceTracer
from tests.bench.probe_cost import least

LIBC = str(Path("/lib/x86_64-linux-gnu/libc.so.6").resolve())
BOUNDS = OneLinerBounds(max_probes=20, max_keys=16_384, max_printed_per_s=1e9)
READ = "tracepoint:syscalls:sys_enter_read"
CASES = (
    ("hit", f"{READ} /pid == 4194304/ {{ @ = count(); }}"),
    ("count", f"{READ} {{ @ = count(); }}"),
    ("count by comm", f"{READ} {{ @[comm] = count(); }}"),
    ("histogram", f"{READ} {{ @ = hist(args->count); }}"),
    ("start in a map", f"{READ} {{ @start[tid] = nsecs; }}"),
    ("text", f"{READ} {{ @[str(args->buf, 16)] = count(); }}"),
    ("kernel stack", f"{READ} {{ @[kstack] = count(); }}"),
    ("both stacks", f"{READ} {{ @[kstack, ustack] = count(); }}"),
)
CALLS = 200_000
LINES = 20_000


def read_bytes(number: int) -> Callable[[], None]:
    """So many reads, and as many writes that no probe sees."""
    command = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", f"count={number}", "status=none"]

    def work() -> None:
        subprocess.run(command, check=True)

    return work


def call_getenv() -> None:
    """Calls of a function of libc."""
    script = f"import ctypes\nf = ctypes.CDLL(None).getenv\nfor _ in range({LINES}): f(b'PATH')\n"
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True)


def spent_ns(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e9


def measure(program: str, work: Callable[[], None], without_ns: float, repeats: int) -> tuple[float, float, float]:
    """Added ns a hit in the traced process, ns a hit in bpftrace, and events of all hits."""
    tracer = BpftraceTracer(OneLinerPlan(parse(program), RunKind.TRACE, None, 600_000, 256 << 20, BOUNDS))
    try:
        tracer.attach()
        assert tracer._process is not None
        before_ns = spent_ns(tracer._process.pid)
        with_ns = least(work, repeats)
        stats, own_ns = tracer.stats(), spent_ns(tracer._process.pid) - before_ns
    finally:
        tracer.close()
    hits = max(stats.hits, 1)
    return (with_ns - without_ns) * repeats / hits, own_ns / hits, stats.events / hits


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what one-liners cost.")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    work = read_bytes(CALLS)
    without_ns = least(work, repeats)
    for name, program in CASES:
        added_ns, own_ns, share = measure(program, work, without_ns, repeats)
        print(f"{name:16} {added_ns:8,.0f} ns a hit  {own_ns:8,.0f} ns of bpftrace  {share:.2f} events a hit")
    lines = read_bytes(LINES)
    added_ns, own_ns, share = measure(f'{READ} {{ printf("%d\\n", pid); }}', lines, least(lines, repeats), repeats)
    print(f"{'a line':16} {added_ns:8,.0f} ns a hit  {own_ns:8,.0f} ns of bpftrace  {share:.2f} events a hit")
    quiet_ns = least(call_getenv, repeats)
    for name, kind in (("trap (uprobe)", "uprobe"), ("trap (uretprobe)", "uretprobe")):
        added_ns, own_ns, share = measure(f"{kind}:{LIBC}:getenv {{ @ = count(); }}", call_getenv, quiet_ns, repeats)
        print(f"{name:16} {added_ns:8,.0f} ns a hit  {own_ns:8,.0f} ns of bpftrace  {share:.2f} events a hit")


if __name__ == "__main__":
    main()
