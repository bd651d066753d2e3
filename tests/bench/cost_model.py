"""What the gate predicts beside what tracing costs, over the whole catalogue and three loads.

    python -m tests.bench.cost_model [--repeats 7] [--state DIRECTORY] [--rows FILE] [TOOL ...]

The truth is CPU time that a known workload loses: it runs without the tool and with it, in turns, on one CPU, in a
cgroup that the tool is narrowed to. The prediction is made as the gate makes it: from the rates of a frequency check,
and from a trial with the kernel's statistics on. Each workload runs alone, beside a process that keeps its CPU's caches
busy, as neighbours do, and with such a one on every CPU. What others of this machine do meanwhile hits the probes too:
it is counted in runs without the workload, and taken off. Needs root.

Every tool of the catalogue has its workload, or this ends with an error. It takes a quarter of an hour: ``--rows``
keeps what was measured, so that it can be measured tool by tool, and the table shows all of it.

Beside it stand what the manifest alone would predict, and what the kernel's run time alone would. Where the truth
drowned in noise (its own interquartile range is more than half of it) a row counts for nothing.
"""

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
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
from tests.bench.probe_cost import CPU, MAX_MAP_BYTES, Subject, compiled_calls, highest_rates, subjects
from tests.kernel.support import temporary_cgroup

GOAL_PCT = 25.0
CGROUP = f"fleettrace-cost-model-{os.getpid()}"
LOADS = {"alone": (), "cold caches": (CPU,), "every CPU busy": tuple(sorted(os.sched_getaffinity(0)))}
"""By what they are called, the CPUs on which neighbours compute."""
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
    return Row(
        _name(subject),
        load,
        truth_ms,
        high - low,
        _ms(model, check),
        _ms(CostModel(tool.cost), check),
        run_time_ms,
    )


def _name(subject: Subject) -> str:
    given = (f" {name}={value}" for name, value in subject.params.items() if name not in {"binary", "provider"})
    return f"{subject.tool}{''.join(given)}"


def _ms(model: CostModel, cost: RunCost) -> float:
    return (cost.hits * model.cost.hit_ns + cost.events * model.cost.event_ns) / 1e6


@contextmanager
def neighbours(cpus: Sequence[int]) -> Iterator[None]:
    """A process on each of these CPUs that leaves its caches cold."""
    command = [sys.executable, "-I", "-S", "-c", HOG]
    hogs = [subprocess.Popen(["taskset", "-c", str(cpu), *command]) for cpu in cpus]
    try:
        yield
    finally:
        for hog in hogs:
            hog.send_signal(signal.SIGKILL)
            hog.wait()


def _error_pct(predicted: float, truth: float) -> float:
    return abs(predicted - truth) / truth * 100


def main() -> int:
    """Measure and print; 1 when the median error is over the goal."""
    parser = argparse.ArgumentParser(description="What is predicted beside what tracing costs.")
    parser.add_argument("tools", nargs="*", help="which tools; all when none is named")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--state", type=Path, default=None, help="where compiled programs and the calibration are kept")
    parser.add_argument("--rows", type=Path, default=None, help="keeps the rows, one JSON object a line")
    options = parser.parse_args()
    rows = _kept(options.rows)
    known = {(row.name, row.load) for row in rows}
    with tempfile.TemporaryDirectory() as made, temporary_cgroup(CGROUP) as scope, compiled_calls():
        state = options.state or Path(made)
        calibration = prepare(state).calibration
        assert calibration is not None, "this host could not be calibrated"
        for subject in subjects(options.tools):
            for load, cpus in LOADS.items():
                if (_name(subject), load) in known:
                    continue
                with neighbours(cpus):
                    row = measure(subject, load, str(state), calibration, scope.path, options.repeats)
                rows.append(row)
                print(row, file=sys.stderr, flush=True)
                if options.rows is not None:
                    with options.rows.open("a") as file:
                        file.write(json.dumps(asdict(row)) + "\n")
    return _print(rows, calibration)


def _kept(path: Path | None) -> list[Row]:
    if path is None or not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]


def _print(rows: list[Row], calibration: Calibration) -> int:
    table = Table(title=f"CPU time in ms that a workload loses, load {os.getloadavg()[0]:.1f}")
    ways = ("predicted", "error", "manifest alone", "error", "run time alone", "error")
    for heading in ("tool", "load", "measured", "+-", *ways):
        table.add_column(heading)
    for row in rows:
        cells = []
        for value in (row.predicted_ms, row.manifest_ms, row.run_time_ms):
            cells += [f"{value:.1f}", f"{_error_pct(value, row.truth_ms):.0f}%" if row.counts else "noise"]
        table.add_row(row.name, row.load, f"{row.truth_ms:.1f}", f"{row.spread_ms / 2:.1f}", *cells)
    counting = [row for row in rows if row.counts]
    told = []
    medians = []
    for way, column in (
        ("predicted", [row.predicted_ms for row in counting]),
        ("the manifest alone", [row.manifest_ms for row in counting]),
        ("run time alone", [row.run_time_ms for row in counting]),
    ):
        errors = sorted(_error_pct(ms, row.truth_ms) for row, ms in zip(counting, column, strict=True))
        medians.append(statistics.median(errors))
        p90 = errors[min(len(errors) - 1, int(0.9 * len(errors)))]
        told.append(f"{way}: median {medians[-1]:.0f}% (x{medians[-1] / medians[0]:.1f}), p90 {p90:.0f}%")
    table.caption = f"errors of {len(counting)} of {len(rows)} rows (goal: median {GOAL_PCT:g}%); {'; '.join(told)}"
    Console(width=150).print(table, f"calibration: {calibration}")
    return int(medians[0] > GOAL_PCT)


if __name__ == "__main__":
    sys.exit(main())
