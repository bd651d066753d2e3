"""One row: what the gate would predict of a load, and what the tool then costs."""

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleettrace.catalog import find_tool
from fleettrace.model.calibration import Calibration
from fleettrace.model.cost import CostModel, cost_model, program_scale
from fleettrace.model.run import RunCost, RunKind
from node_agent.backends import TracePlan
from node_agent.backends.bcc.tracer import BccTracer
from node_agent.backends.port import ProbeStats
from node_agent.kernel.bpf import enable_run_time_stats
from node_agent.kernel.probes import parse_probes
from tests.bench.cost_driver import Worker
from tests.bench.cost_loads import LOADS, Load, neighbours
from tests.bench.cost_rows import Row
from tests.bench.paired import Estimate, interleaved
from tests.bench.probe_cost import MAX_MAP_BYTES, Subject, highest_rates

__all__ = ["CGROUP", "Bench", "name_of"]

CGROUP = f"fleettrace-cost-model-{os.getpid()}"
WINDOW_S = 0.02
PACED_WINDOW_S = 0.05
"""Of operations that come seldom, so that the switching between windows takes no more time than they do."""
CHECK_S = 0.24
PACED_CHECK_S = 0.5
"""So long is one frequency check, or one trial."""
IDLE_S = 0.3
"""Before it, others alone hit the probes."""
NARROW = 0.12
"""The half of an interval, as a share of its value, with which measuring ends."""
MIN_PAIRS = 20
MAX_PAIRS = 500


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


@dataclass(frozen=True)
class Work:
    """A subject's work under a load: so many operations are one window, so many one check."""

    subject: Subject
    load: Load
    worker: Worker
    window: int
    check: int

    def ns(self, count: int) -> float:
        """Do so many operations; the mean time of one, in ns."""
        return self.worker.ns(count, self.load.period_ns)


@dataclass(frozen=True)
class PerOperation:
    """What the probes see of one operation."""

    hits: float
    events: float

    def ns(self, model: CostModel) -> float:
        """What that costs."""
        return self.hits * model.cost.hit_ns + self.events * model.cost.event_ns


def work_of(subject: Subject, load: Load, worker: Worker, at_once: int) -> Work:
    """``at_once`` operations without a pause take :data:`WINDOW_S`."""
    if not load.operations_per_s or subject.tracers > 1:
        return Work(subject, load, worker, at_once, int(at_once * CHECK_S / WINDOW_S))
    window, check = (int(load.operations_per_s * s) for s in (PACED_WINDOW_S, PACED_CHECK_S))
    return Work(subject, load, worker, window, check)


@dataclass(frozen=True)
class Bench:
    """Where and how everything is measured."""

    state: str
    calibration: Calibration
    cgroup: Path
    rng: random.Random

    def rows(self, subject: Subject, loads: Sequence[Load], share_s: Callable[[], float]) -> Iterator[Row]:
        """The subject's rows, each within its share of the time (as :func:`time.monotonic` has it)."""
        worker = Worker(subject.work, self.cgroup)
        try:
            # Before there are neighbours, which make windows longer; a function of a nanosecond traps for 15 us.
            with self._attached(subject, RunKind.TRACE):
                at_once = worker.count_for(WINDOW_S)
            at_once_work = work_of(subject, LOADS[0], worker, at_once)
            check = self._check(at_once_work)
            for load in loads:
                with neighbours(load.cpus):
                    work = work_of(subject, load, worker, at_once)
                    # What an operation hits is known best where nothing else is done; samples have a rate of their own.
                    known = check if subject.tracers == 1 else self._check(work)
                    yield self._row(work, known, share_s())
        finally:
            worker.close()

    def _row(self, work: Work, check: PerOperation, until_s: float) -> Row:
        tool = find_tool(work.subject.tool)
        cost = tool.cost_with(tool.resolve_params(work.subject.params))
        tried = self._trial(work, check)
        found, work_ns, per_s = self._truth(work, until_s)

        scale = program_scale(cost, self.calibration, tried)
        return Row(
            name=name_of(work.subject),
            work=work.subject.work,
            load=work.load.of(work.subject),
            operations_per_s=per_s,
            work_ns=work_ns,
            measured_ns=found.value,
            low_ns=found.low,
            high_ns=found.high,
            pairs=found.pairs,
            predicted_ns=check.ns(cost_model(cost, self.calibration, tried.hits_by_kind, scale)),
            manifest_ns=check.ns(CostModel(cost)),
            run_time_ns=check.hits * tried.bpf_run_time_ns / max(tried.bpf_run_count, 1),
        )

    @contextmanager
    def _attached(self, subject: Subject, kind: RunKind, sample_hz: int | None = None) -> Iterator[list[Switch]]:
        tool = find_tool(subject.tool)
        rates = highest_rates(tool) if sample_hz is None else dict.fromkeys(highest_rates(tool), sample_hz)
        params = {**rates, **subject.params, "cgroup": CGROUP}
        if "binary" in subject.params:
            del params["cgroup"]  # nobody else runs that program, and a filter by cgroup would cost more than its trap
        plan = TracePlan(tool, kind, tool.resolve_params(params), None, MAX_MAP_BYTES, self.state)
        with ExitStack() as stack:
            switches = []
            for _ in range(subject.tracers):
                switches.append(Switch(plan))
                stack.callback(switches[-1].tracer.close)
            yield switches

    def _counted(self, work: Work, kind: RunKind) -> tuple[RunCost, float, RunCost, float]:
        """What a run counts while others alone hit its probes, in how many s, and what of a check's operations."""
        with self._attached(work.subject, kind, work.load.sample_hz) as switches:
            began_s = time.monotonic()
            time.sleep(IDLE_S)
            idle, idle_s = _counted(switches), time.monotonic() - began_s
            began_s = time.monotonic()
            work.ns(work.check)
            total, took_s = _counted(switches), time.monotonic() - began_s
        return idle, idle_s, total, took_s

    def _check(self, work: Work) -> PerOperation:
        """What a frequency check counts of an operation, without what others do meanwhile."""
        idle, idle_s, total, took_s = self._counted(work, RunKind.FREQUENCY_CHECK)
        events = total.events - idle.events
        hits = max(total.hits - idle.hits - idle.hits / idle_s * took_s, events)
        return PerOperation(hits / work.check, events / work.check)

    def _trial(self, work: Work, check: PerOperation) -> RunCost:
        """The real program with the kernel's statistics on, of the operations alone."""
        statistics_fd = enable_run_time_stats()
        try:
            idle, _, total, _ = self._counted(work, RunKind.TRIAL)
        finally:
            os.close(statistics_fd)
        hits = int(check.hits * work.check)
        time_ns, count = _own(
            idle.bpf_run_time_ns, idle.bpf_run_count, total.bpf_run_time_ns, total.bpf_run_count, hits
        )
        return RunCost(
            hits=hits,
            events=int(check.events * work.check),
            bpf_run_time_ns=time_ns,
            bpf_run_count=count,
            hits_by_kind=total.hits_by_kind,
        )

    def _truth(self, work: Work, until_s: float) -> tuple[Estimate, float, float]:
        """What the tool adds to an operation, and what one takes without it, in ns; how often they then come."""
        alone: list[float] = []
        rates: list[float] = []
        with self._attached(work.subject, RunKind.TRACE, work.load.sample_hz) as switches:

            def without() -> float:
                began_s = time.monotonic()
                alone.append(work.ns(work.window))
                rates.append(work.window / (time.monotonic() - began_s))
                return alone[-1]

            def with_it() -> float:
                for switch in switches:
                    switch.on()
                try:
                    return work.ns(work.window)
                finally:
                    for switch in switches:
                        switch.off()

            def enough(found: Estimate, _: float) -> bool:
                over = found.pairs >= MAX_PAIRS or time.monotonic() > until_s
                return over or (found.pairs >= MIN_PAIRS and found.within(NARROW))

            for switch in switches:
                switch.off()
            found = interleaved(without, with_it, self.rng, enough)
            return found, statistics.median(alone), statistics.median(rates)


def name_of(subject: Subject) -> str:
    """The tool, with the parameters that it is given."""
    given = (f" {name}={value}" for name, value in subject.params.items() if name not in {"binary", "provider"})
    return f"{subject.tool}{''.join(given)}"


def _counted(switches: Sequence[Switch]) -> RunCost:
    stats: list[ProbeStats] = [switch.tracer.stats() for switch in switches]
    return RunCost(
        hits=sum(one.hits for one in stats),
        events=sum(one.events for one in stats),
        bpf_run_time_ns=sum(one.bpf_run_time_ns for one in stats),
        bpf_run_count=sum(one.bpf_run_count for one in stats),
        hits_by_kind=stats[0].hits_by_kind,
    )


def _own(idle_ns: int, idle_count: int, total_ns: int, total_count: int, own: int) -> tuple[int, int]:
    """Run time, and of how many runs, without those of others, which take what they took while others alone ran."""
    others = max(total_count - idle_count - own, 0)
    others_ns = others * idle_ns / max(idle_count, 1)
    return max(int(total_ns - idle_ns - others_ns), 0), total_count - idle_count - others
