"""What the gate predicts beside what tracing costs, over the whole catalogue and three loads.

    python -m tests.bench.cost_model [--minutes 11] [--state DIRECTORY] [--rows FILE] [--page docs/costs.md] [TOOL ...]

The truth is what the tool adds to an operation of a known workload, which runs on one CPU in a cgroup that the tool is
narrowed to: many windows of some 20 ms without the tool and with it, in turns (:mod:`tests.bench.paired`), until the
interval of the difference is narrow, or the row's share of the time is over. Of most workloads the CPU time of a window
counts; where an operation costs far more than the tool adds, there is one that does next to nothing else, and each
operation's own time counts (:mod:`tests.bench.light_work`). The prediction is made as the gate makes it: from the rates
of a frequency check, and from a trial with the kernel's statistics on. Each workload runs alone, beside a process that
keeps its CPU's caches busy, as neighbours do, and with such a one on every CPU. What others of this machine do
meanwhile hits the probes too: it is counted in runs without the workload, and taken off. Needs root.

Every tool of the catalogue has its workload, or this ends with an error. ``--rows`` keeps what was measured, so that it
can be measured tool by tool, and the table shows all of it. Beside it stand what the manifest alone would predict, and
what the kernel's run time alone would. ``--page`` writes the table into a page, between its two marks.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from fleettrace.catalog import find_tool
from fleettrace.model.calibration import Calibration
from fleettrace.model.cost import CostModel, cost_model, program_scale
from fleettrace.model.run import RunCost, RunKind
from node_agent.backends import TracePlan
from node_agent.backends.bcc.prepare import prepare
from node_agent.backends.bcc.tracer import BccTracer
from node_agent.backends.port import ProbeStats
from node_agent.kernel.bpf import enable_run_time_stats
from node_agent.kernel.probes import parse_probes
from tests.bench.cost_rows import GOAL_PCT, Row, keep_row, median_error_pct, read_rows, summary, table_of, text_of
from tests.bench.light_work import LIGHT, light_command
from tests.bench.paired import Estimate, interleaved
from tests.bench.probe_cost import (
    CALLS,
    CPU,
    LIGHT_PROGRAM,
    MAX_MAP_BYTES,
    Subject,
    compiled_works,
    highest_rates,
    subjects,
)
from tests.kernel.support import REPOSITORY, temporary_cgroup

CGROUP = f"fleettrace-cost-model-{os.getpid()}"
LOADS = {"alone": (), "cold caches": (CPU,), "every CPU busy": tuple(sorted(os.sched_getaffinity(0)))}
"""By what they are called, the CPUs on which neighbours compute."""
HOG = "d = bytearray(32 << 20)\nwhile True:\n    for i in range(0, len(d), 64): d[i] = 1\n"
WINDOW_S = 0.02
CHECK_WINDOWS = 12
"""So many of them are one frequency check, or one trial."""
NARROW = 0.12
"""The half of an interval, as a share of its value, with which measuring ends."""
MIN_PAIRS = 20
MAX_PAIRS = 500
MARKS = ("<!-- measured: begin -->\n", "<!-- measured: end -->\n")


class Worker:
    """A process that does the work, pinned to one CPU and in the cgroup."""

    def __init__(self, work: str, cgroup: Path) -> None:
        if work.startswith(LIGHT):
            command = light_command(work, LIGHT_PROGRAM)
        else:
            command = [sys.executable, "-m", "tests.bench.cost_worker", work, str(CALLS)]

        def enter() -> None:
            (cgroup / "cgroup.procs").write_text(str(os.getpid()))
            os.sched_setaffinity(0, {CPU})

        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            preexec_fn=enter,  # noqa: PLW1509  nothing else runs between fork and exec
        )

    def ns(self, count: int) -> float:
        """Do so many operations; the mean time of one, in ns."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(count, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline()) / count

    def count_for(self, window_s: float) -> int:
        """How many operations take so long, or ten times as long as one alone, which has to be begun as well."""
        self._took_s(1)  # imports what it needs
        window_s = max(window_s, 10 * self._took_s(1))
        count = 1
        while (took_s := self._took_s(count)) < window_s / 2:
            count *= 2
        return max(int(count * window_s / took_s), 1)

    def _took_s(self, count: int) -> float:
        """The least of a few, since others may run meanwhile."""
        took_s = []
        for _ in range(3):
            began_s = time.monotonic()
            self.ns(count)
            took_s.append(time.monotonic() - began_s)
        return min(took_s)

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._process.communicate()


class Switch:
    """The probes of a tool, on and off again, with its programs loaded once."""

    def __init__(self, plan: TracePlan) -> None:
        self.tracer = BccTracer(plan)
        self.tracer.attach()
        assert self.tracer._loaded is not None
        self._loaded = self.tracer._loaded
        (chosen,) = (one for one in plan.tool.alternatives if one.name == self.tracer.alternative)
        wanted = (attach for attach in chosen.attach if attach.is_wanted(plan.params))
        self._probes = [(attach.program, probe) for attach in wanted for probe in parse_probes(attach, plan.params)]

    def off(self) -> None:
        """What an agent never does: a run's probes go once, with its programs."""
        while self._loaded._link_fds:
            os.close(self._loaded._link_fds.pop())

    def on(self) -> None:
        self._loaded.attach(self._probes)


@contextmanager
def attached(subject: Subject, state: str, kind: RunKind) -> Iterator[list[Switch]]:
    tool = find_tool(subject.tool)
    params = {**highest_rates(tool), **subject.params, "cgroup": CGROUP}
    if "binary" in subject.params:
        del params["cgroup"]  # nobody else runs that program, and a filter by cgroup would cost more than its trap
    plan = TracePlan(tool, kind, tool.resolve_params(params), None, MAX_MAP_BYTES, state)
    with ExitStack() as stack:
        switches = []
        for _ in range(subject.tracers):
            switches.append(Switch(plan))
            stack.callback(switches[-1].tracer.close)
        yield switches


def counted(switches: Sequence[Switch]) -> RunCost:
    stats: list[ProbeStats] = [switch.tracer.stats() for switch in switches]
    return RunCost(
        hits=sum(one.hits for one in stats),
        events=sum(one.events for one in stats),
        bpf_run_time_ns=sum(one.bpf_run_time_ns for one in stats),
        bpf_run_count=sum(one.bpf_run_count for one in stats),
        hits_by_kind=stats[0].hits_by_kind,
    )


def own(subject: Subject, state: str, kind: RunKind, worker: Worker, count: int) -> tuple[RunCost, RunCost]:
    """What so many operations make a run count: all of it, and without what others of the machine do."""
    with attached(subject, state, kind) as switches:
        began_s = time.monotonic()
        time.sleep(0.3)
        idle, idle_s = counted(switches), time.monotonic() - began_s
        began_s = time.monotonic()
        worker.ns(count)
        total, took_s = counted(switches), time.monotonic() - began_s
    others = (idle.hits / idle_s) * took_s
    hits = max(total.hits - idle.hits - others, total.events - idle.events)
    return total, RunCost(hits=int(hits), events=total.events - idle.events, hits_by_kind=total.hits_by_kind)


def trial(subject: Subject, state: str, worker: Worker, count: int) -> RunCost:
    """The real program with the kernel's statistics on."""
    statistics_fd = enable_run_time_stats()
    try:
        return own(subject, state, RunKind.TRIAL, worker, count)[0]
    finally:
        os.close(statistics_fd)


def truth(
    subject: Subject, state: str, worker: Worker, count: int, until_s: float, rng: random.Random
) -> tuple[Estimate, float]:
    """What the tool adds to an operation, and what one takes without it, in ns."""
    alone: list[float] = []
    with attached(subject, state, RunKind.TRACE) as switches:

        def turn(act: Callable[[Switch], None]) -> None:
            for switch in switches:
                act(switch)

        def without() -> float:
            alone.append(worker.ns(count))
            return alone[-1]

        def with_it() -> float:
            turn(Switch.on)
            try:
                return worker.ns(count)
            finally:
                turn(Switch.off)

        def enough(found: Estimate, _: float) -> bool:
            over = found.pairs >= MAX_PAIRS or time.monotonic() > until_s
            return over or (found.pairs >= MIN_PAIRS and found.within(NARROW))

        turn(Switch.off)
        return interleaved(without, with_it, rng, enough), statistics.median(alone)


@dataclass(frozen=True)
class Bench:
    """Where and how everything is measured."""

    state: str
    calibration: Calibration
    cgroup: Path
    rng: random.Random

    def rows(self, subject: Subject, loads: Sequence[str], share_s: Callable[[], float]) -> Iterator[Row]:
        """The subject's rows, each within its share of the time (as :func:`time.monotonic` has it)."""
        worker = Worker(subject.work, self.cgroup)
        try:
            # Before there are neighbours, which make windows longer; a function of a nanosecond traps for 15 us.
            with attached(subject, self.state, RunKind.TRACE):
                count = worker.count_for(WINDOW_S)
            for load in loads:
                with neighbours(LOADS[load]):
                    yield self._row(subject, load, worker, count, share_s())
        finally:
            worker.close()

    def _row(self, subject: Subject, load: str, worker: Worker, count: int, until_s: float) -> Row:
        cost, many = find_tool(subject.tool).cost, count * CHECK_WINDOWS
        _, check = own(subject, self.state, RunKind.FREQUENCY_CHECK, worker, many)
        tried = trial(subject, self.state, worker, many)
        found, work_ns = truth(subject, self.state, worker, count, until_s, self.rng)
        scale = program_scale(cost, self.calibration, tried)
        return Row(
            name=_name(subject),
            work=subject.work,
            load=load,
            work_ns=work_ns,
            measured_ns=found.value,
            low_ns=found.low,
            high_ns=found.high,
            pairs=found.pairs,
            predicted_ns=_ns(cost_model(cost, self.calibration, tried.hits_by_kind, scale), check) / many,
            manifest_ns=_ns(CostModel(cost), check) / many,
            run_time_ns=check.hits * tried.bpf_run_time_ns / max(tried.bpf_run_count, 1) / many,
        )


def _name(subject: Subject) -> str:
    given = (f" {name}={value}" for name, value in subject.params.items() if name not in {"binary", "provider"})
    return f"{subject.tool}{''.join(given)}"


def _ns(model: CostModel, cost: RunCost) -> float:
    return cost.hits * model.cost.hit_ns + cost.events * model.cost.event_ns


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


def main() -> int:
    """Measure and print; 1 when the median error is over the goal, or a tool has no row that counts."""
    parser = argparse.ArgumentParser(description="What is predicted beside what tracing costs.")
    parser.add_argument("tools", nargs="*", help="which tools; all when none is named")
    parser.add_argument("--minutes", type=float, default=11, help="for all of it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, default=None, help="where compiled programs and the calibration are kept")
    parser.add_argument("--rows", type=Path, default=None, help="keeps the rows, one JSON object a line")
    parser.add_argument("--page", type=Path, default=None, help="a page whose table is written anew")
    options = parser.parse_args()
    end_s = time.monotonic() + options.minutes * 60
    rows = read_rows(options.rows)
    known = {(row.name, row.work, row.load) for row in rows}
    wanted = [
        (subject, [load for load in LOADS if (_name(subject), subject.work, load) not in known])
        for subject in subjects(options.tools)
    ]
    left = sum(len(loads) for _, loads in wanted)
    others = os.sched_getaffinity(0) - {CPU}
    os.sched_setaffinity(0, others or {CPU})
    with tempfile.TemporaryDirectory() as made, temporary_cgroup(CGROUP) as scope, compiled_works():
        state = options.state or Path(made)
        calibration = prepare(state).calibration
        assert calibration is not None, "this host could not be calibrated"
        bench = Bench(str(state), calibration, scope.path, random.Random(options.seed))

        def share_s() -> float:
            # Most rows need a fraction of their share, so that one may take three.
            now_s = time.monotonic()
            until_s: float = min(now_s + 3 * (end_s - now_s) / left, end_s)
            return until_s

        for subject, loads in wanted:
            for row in bench.rows(subject, loads, share_s):
                left -= 1
                rows.append(row)
                print(row, file=sys.stderr, flush=True)
                if options.rows is not None:
                    keep_row(row, options.rows)
    Console(width=190).print(table_of(rows), f"calibration: {calibration}")
    if options.page is not None:
        write_page(options.page, rows, calibration)
    unresolved = {row.name for row in rows} - {row.name for row in rows if row.counts}
    return int(bool(unresolved) or median_error_pct(rows) > GOAL_PCT)


def write_page(page: Path, rows: Sequence[Row], calibration: Calibration) -> None:
    """Put the table between the marks."""
    before, _, rest = page.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    machine = f"{calibration.cpu_model}, {os.cpu_count()} CPUs, kernel {os.uname().release}"
    told = f"{machine}: {summary(rows)}.\n\n{text_of(rows)}\n"
    page.write_text(f"{before}{MARKS[0]}\n{told}\n{MARKS[1]}{after}")


if __name__ == "__main__":
    sys.exit(main())
