"""What the gate predicts beside what tracing costs, over the catalogue and two loads.

    python -m tests.bench.cost_model [--repeats 7] [--state DIRECTORY] [TOOL ...]

The truth is CPU time that a known workload loses: it runs without the tool and with it, in turns, on one CPU, in a
cgroup that the tool is narrowed to. The prediction is made as the gate makes it: from the rates of a frequency check,
and from a trial with the kernel's statistics on. Each workload runs alone, and beside a process that keeps the CPU's
caches busy, as neighbours do. What others of this machine do meanwhile hits the probes too: it is counted in runs
without the workload, and taken off. Needs root.

Beside it stand what the manifest alone would predict, and what the kernel's run time alone would. Where the truth
drowned in noise (its own interquartile range is more than half of it) a row counts for nothing.
"""

import argparse
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fleettrace.catalog import find_tool
from fleettrace.model.calibration import Calibration
from fleettrace.model.cost import CostModel, cost_model, program_scale
from fleettrace.model.run import RunCost, RunKind
from node_agent.backends import TracePlan
from node_agent.backends.bcc.prepare import prepare
from node_agent.backends.bcc.tracer import BccTracer
from node_agent.backends.port import ProbeStats
from node_agent.kernel.bpf import enable_run_time_stats
from tests.bench.probe_cost import CPU, MAX_MAP_BYTES, SUBJECTS, Subject, compiled_calls, highest_rates
from tests.kernel.support import temporary_cgroup

GOAL_PCT = 25.0
CGROUP = "fleettrace-cost-model"
HOG = "d = bytearray(32 << 20)\nwhile True:\n    for i in range(0, len(d), 64): d[i] = 1\n"


@dataclass(frozen=True)
class Row:
    """One tool under one load: CPU time in ms that its workload lost, and what was predicted in three ways."""

    name: str
    load: str
    truth_ms: float
    spread_ms: float
    predicted_ms: float
    manifest_ms: float
    run_time_ms: float

    @property
    def counts(self) -> bool:
        """Whether the truth can be told from noise."""
        return self.truth_ms > 0 and self.spread_ms < self.truth_ms / 2


@contextmanager
def attached(subject: Subject, state: str, kind: RunKind) -> Iterator[list[BccTracer]]:
    tool = find_tool(subject.tool)
    params = {**highest_rates(tool), **subject.params, "cgroup": CGROUP}
    if "binary" in subject.params:
        del params["cgroup"]  # nobody else runs that program, and a filter by cgroup would cost more than its trap
    plan = TracePlan(tool, kind, tool.resolve_params(params), None, MAX_MAP_BYTES, state)
    with ExitStack() as stack:
        tracers = [BccTracer(plan) for _ in range(subject.tracers)]
        for tracer in tracers:
            stack.callback(tracer.close)
            tracer.attach()
        yield tracers


def work_ms(subject: Subject, cgroup: Path) -> tuple[float, float]:
    """CPU time in ms of the workload with all its children, pinned and in the cgroup; and how long it took, in s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_s = time.monotonic()
    pid = os.fork()
    if pid == 0:
        (cgroup / "cgroup.procs").write_text(str(os.getpid()))
        os.sched_setaffinity(0, {CPU})
        subject.work()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu_s * 1000, time.monotonic() - began_s


def counted(tracers: list[BccTracer]) -> RunCost:
    stats: list[ProbeStats] = [tracer.stats() for tracer in tracers]
    return RunCost(
        hits=sum(one.hits for one in stats),
        events=sum(one.events for one in stats),
        bpf_run_time_ns=sum(one.bpf_run_time_ns for one in stats),
        bpf_run_count=sum(one.bpf_run_count for one in stats),
        hits_by_kind=stats[0].hits_by_kind,
    )


def own(subject: Subject, state: str, kind: RunKind, cgroup: Path) -> tuple[RunCost, RunCost]:
    """What one run of the workload makes a run count: all of it, and without what others of the machine do."""
    with attached(subject, state, kind) as tracers:
        began_s = time.monotonic()
        time.sleep(0.3)
        idle, idle_s = counted(tracers), time.monotonic() - began_s
        _, took_s = work_ms(subject, cgroup)
        total = counted(tracers)
    others = (idle.hits / idle_s) * took_s
    hits = max(total.hits - idle.hits - others, total.events - idle.events)
    return total, RunCost(hits=int(hits), events=total.events - idle.events, hits_by_kind=total.hits_by_kind)


def trial(subject: Subject, state: str, cgroup: Path) -> RunCost:
    """The real program with the kernel's statistics on."""
    statistics_fd = enable_run_time_stats()
    try:
        return own(subject, state, RunKind.TRIAL, cgroup)[0]
    finally:
        os.close(statistics_fd)


def measure(subject: Subject, load: str, state: str, calibration: Calibration, cgroup: Path, repeats: int) -> Row:
    tool = find_tool(subject.tool)
    lost = []
    for _ in range(repeats):
        without_ms, _ = work_ms(subject, cgroup)
        with attached(subject, state, RunKind.TRACE):
            lost.append(work_ms(subject, cgroup)[0] - without_ms)
    low, truth_ms, high = statistics.quantiles(lost, n=4)
    _, check = own(subject, state, RunKind.FREQUENCY_CHECK, cgroup)
    tried = trial(subject, state, cgroup)
    scale = program_scale(tool.cost, calibration, tried)
    model = cost_model(tool.cost, calibration, tried.hits_by_kind, scale)
    run_time_ms = check.hits * tried.bpf_run_time_ns / max(tried.bpf_run_count, 1) / 1e6
    given = "".join(f" {name}={value}" for name, value in subject.params.items() if name not in {"binary", "provider"})
    return Row(
        f"{subject.tool}{given}",
        load,
        truth_ms,
        high - low,
        _ms(model, check),
        _ms(CostModel(tool.cost), check),
        run_time_ms,
    )


def _ms(model: CostModel, cost: RunCost) -> float:
    return (cost.hits * model.cost.hit_ns + cost.events * model.cost.event_ns) / 1e6


@contextmanager
def neighbour(load: str) -> Iterator[None]:
    """A process on the same CPU that leaves the caches cold, where the load is such."""
    if load == "alone":
        yield
        return
    hog = subprocess.Popen([sys.executable, "-I", "-S", "-c", HOG], preexec_fn=_pinned)  # noqa: PLW1509
    try:
        yield
    finally:
        hog.send_signal(signal.SIGKILL)
        hog.wait()


def _pinned() -> None:
    os.sched_setaffinity(0, {CPU})


def _error_pct(predicted: float, truth: float) -> float:
    return abs(predicted - truth) / truth * 100


def main() -> int:
    """Measure and print; 1 when the median error is over the goal."""
    parser = argparse.ArgumentParser(description="What is predicted beside what tracing costs.")
    parser.add_argument("tools", nargs="*", help="which tools; all when none is named")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--state", type=Path, default=None, help="where compiled programs and the calibration are kept")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as made, temporary_cgroup(CGROUP) as scope, compiled_calls():
        state = options.state or Path(made)
        calibration = prepare(state).calibration
        assert calibration is not None, "this host could not be calibrated"
        for subject in SUBJECTS:
            for load in ("alone", "cold caches"):
                if options.tools and subject.tool not in options.tools:
                    continue
                with neighbour(load):
                    rows.append(measure(subject, load, str(state), calibration, scope.path, options.repeats))
                print(rows[-1], file=sys.stderr, flush=True)
    return _print(rows, calibration)


def _print(rows: list[Row], calibration: Calibration) -> int:
    table = Table(title=f"CPU time in ms that a workload loses, load {os.getloadavg()[0]:.1f}")
    ways = ("predicted", "error", "manifest alone", "error", "run time alone", "error")
    for column in ("tool", "load", "measured", "+-", *ways):
        table.add_column(column)
    for row in rows:
        cells = []
        for value in (row.predicted_ms, row.manifest_ms, row.run_time_ms):
            cells += [f"{value:.1f}", f"{_error_pct(value, row.truth_ms):.0f}%" if row.counts else "noise"]
        table.add_row(row.name, row.load, f"{row.truth_ms:.1f}", f"{row.spread_ms / 2:.1f}", *cells)
    counting = [row for row in rows if row.counts]
    medians = [
        statistics.median(_error_pct(predicted, row.truth_ms) for row, predicted in zip(counting, column, strict=True))
        for column in (
            [row.predicted_ms for row in counting],
            [row.manifest_ms for row in counting],
            [row.run_time_ms for row in counting],
        )
    ]
    table.caption = (
        f"median error of {len(counting)} rows: {medians[0]:.0f}% (goal {GOAL_PCT:g}%); the manifest alone "
        f"{medians[1]:.0f}% (x{medians[1] / medians[0]:.1f}), run time alone {medians[2]:.0f}% "
        f"(x{medians[2] / medians[0]:.1f})"
    )
    Console(width=150).print(table, f"calibration: {calibration}")
    return int(medians[0] > GOAL_PCT)


if __name__ == "__main__":
    sys.exit(main())
