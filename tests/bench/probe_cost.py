"""What each tool costs the machine that it traces: CPU time per hit and per event, beside an empty probe.

    python -m tests.bench.probe_cost [--repeats 7] [TOOL ...]

Needs root. Each workload is pinned to one CPU and its CPU time taken without a probe, with an empty program on the same
probes, with the tool where its filter refuses everything (hits), where it counts only (a frequency check), and in full
(events). The least of the repeats counts: whatever else ran could only add. Of the
lightest work it is each operation's own time (:mod:`tests.bench.light`). The numbers belong in ``[cost]`` of the
tools' manifests; a busy or virtual machine moves them, so that ratios say more.

``run_time`` is the kernel's own measurement of the program alone, taken in runs of its own since taking it costs time.
"""

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fleettrace.catalog import ParamValue, ToolDefinition, builtin_tools, find_tool
from fleettrace.model.run import RunKind
from node_agent.backends import TracePlan
from node_agent.backends.bcc.object_cache import ObjectCache, object_directory
from node_agent.backends.bcc.source import ProgramSource
from node_agent.backends.bcc.tracer import BccTracer
from node_agent.backends.port import ProbeStats
from node_agent.kernel.bpf import enable_run_time_stats
from node_agent.kernel.loader import LoadedObject
from node_agent.kernel.probes import parse_probes
from tests.bench.cost_worker import do_work
from tests.bench.light import LIGHT, compile_light, light_command
from tests.checks.description import checks_of
from tests.kernel.calls import compile_calls
from tests.kernel.support import temporary_cgroup

NO_SUCH_CGROUP = "fleettrace-probe-cost"  # an empty one
IDLE_PID = os.getpid()  # children do the work: a filter for this process refuses all of it
SAMPLERS = 5  # a sampler alone costs too little to be seen: so many run at once
MAX_MAP_BYTES = 256 << 20
CPU = max(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Subject:
    """A tool with the work that fires its probes, and the parameters that it must be given."""

    tool: str
    work: str
    amount: int
    tracers: int = 1
    params: Mapping[str, ParamValue] = field(default_factory=dict)


_PROGRAMS = Path(tempfile.gettempdir()) / f"fleettrace-probe-cost-{os.getpid()}"
CALLS, LIGHT_PROGRAM = _PROGRAMS / "calls", _PROGRAMS / "light"
_PLACES = {"{calls}": str(CALLS), "{light}": str(LIGHT_PROGRAM)}


@contextmanager
def compiled_works() -> Iterator[None]:
    """The programs :data:`CALLS` and :data:`LIGHT_PROGRAM`."""
    _PROGRAMS.mkdir()
    try:
        compile_calls(_PROGRAMS)
        compile_light(_PROGRAMS)
        yield
    finally:
        shutil.rmtree(_PROGRAMS)


def subjects(names: Collection[str]) -> Iterator[Subject]:
    """These tools, or all, each over the work that its checks.toml names."""
    for tool in builtin_tools().values():
        if names and tool.name not in names:
            continue
        tracers = SAMPLERS if tool.cost.bounded_hits_per_cpu_param is not None else 1
        for work in checks_of(tool).costs:
            params = {name: _PLACES.get(str(value), value) for name, value in work.params.items()}
            yield Subject(tool.name, work.work, work.amount, tracers, params)


def cpu_time_ns(work: Callable[[], None]) -> float:
    """CPU time of the work, in a process of its own, with all its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pid = os.fork()
    if pid == 0:
        os.sched_setaffinity(0, {CPU})
        work()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert status == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e9


def work_ns(subject: Subject) -> float:
    """CPU time of the subject's work, done once."""
    if not subject.work.startswith(LIGHT):
        return cpu_time_ns(partial(do_work, subject.work, subject.amount, CALLS))
    command = ["taskset", "-c", str(CPU), *light_command(subject.work, LIGHT_PROGRAM)]
    return float(
        subprocess.run(command, input=f"{subject.amount}\n".encode(), stdout=subprocess.PIPE, check=True).stdout
    )


def highest_rates(tool: ToolDefinition) -> dict[str, ParamValue]:
    return {param.name: param.maximum for param in tool.params if param.name.endswith("_hz")}


@contextmanager
def tool_attached(subject: Subject, state: str, kind: RunKind, *, pid: int) -> Iterator[list[BccTracer]]:
    """The tool, as often as the subject says, at the highest rate that it offers."""
    tool = find_tool(subject.tool)
    params = {**highest_rates(tool), **subject.params}
    if pid and "pid" in tool.filters and "binary" not in subject.params:
        params["pid"] = pid
    elif pid:
        params["cgroup"] = NO_SUCH_CGROUP  # a uprobe would not even trap in other processes than the one asked for
    plan = TracePlan(tool, kind, tool.resolve_params(params), None, MAX_MAP_BYTES, state)
    with ExitStack() as stack:
        tracers = [BccTracer(plan) for _ in range(subject.tracers)]
        for tracer in tracers:
            stack.callback(tracer.close)
            tracer.attach()
        yield tracers


@contextmanager
def empty_attached(tool: ToolDefinition, state: str, count: int, given: Mapping[str, ParamValue]) -> Iterator[None]:
    """Programs that do nothing on the tool's probes."""
    attached = [attach for attach in tool.alternatives[0].attach if not attach.when_params]
    text = "".join(f"int {attach.program}(void *ctx) {{ return 0; }}\n" for attach in attached)
    compiled = ObjectCache(object_directory(state)).get(ProgramSource("empty", text))
    params = tool.resolve_params({**highest_rates(tool), **given})
    probes = [(attach.program, probe) for attach in attached for probe in parse_probes(attach, params)]
    with ExitStack() as stack:
        for _ in range(count):
            loaded = LoadedObject(compiled, probes, {}, max_map_bytes=MAX_MAP_BYTES)
            stack.callback(loaded.close)
            loaded.attach(probes)
        yield


def least(work: Callable[[], None], repeats: int) -> float:
    return min(cpu_time_ns(work) for _ in range(repeats))


def least_of(subject: Subject, repeats: int) -> float:
    return min(work_ns(subject) for _ in range(repeats))


def with_tool(
    subject: Subject, state: str, kind: RunKind, *, pid: int, repeats: int
) -> tuple[float, ProbeStats, ProbeStats]:
    """CPU time of the work with the tool attached, and what all tracers counted in one run of it, and in all."""
    with tool_attached(subject, state, kind, pid=pid) as tracers:
        time_ns = least_of(subject, repeats)
        total = summed([tracer.stats() for tracer in tracers])
    share = 1 / repeats
    mean = ProbeStats(int(total.hits * share), (int(total.events * share),), bpf_run_time_ns=total.bpf_run_time_ns)
    return time_ns, mean, total


def summed(stats: Sequence[ProbeStats]) -> ProbeStats:
    return ProbeStats(
        hits=sum(s.hits for s in stats),
        events_per_cpu=(sum(s.events for s in stats),),
        bpf_run_time_ns=sum(s.bpf_run_time_ns for s in stats),
    )


def run_time_per_hit_ns(subject: Subject, state: str, *, pid: int) -> float:
    """The kernel's own measurement of the programs."""
    stats_fd = enable_run_time_stats()
    try:
        _, _, total = with_tool(subject, state, RunKind.TRACE, pid=pid, repeats=1)
    finally:
        os.close(stats_fd)
    return total.bpf_run_time_ns / max(total.hits, 1)


def measure(subject: Subject, state: str, repeats: int) -> list[tuple[str, str, str, str]]:
    """Rows of the table: configuration, CPU time of the work, added time per hit or event, run time per hit."""
    none_ns = least_of(subject, repeats)
    with empty_attached(find_tool(subject.tool), state, subject.tracers, subject.params):
        empty_ns = least_of(subject, repeats)
    refused_ns, refused, _ = with_tool(subject, state, RunKind.TRACE, pid=IDLE_PID, repeats=repeats)
    check_ns, check, _ = with_tool(subject, state, RunKind.FREQUENCY_CHECK, pid=0, repeats=repeats)
    full_ns, full, _ = with_tool(subject, state, RunKind.TRACE, pid=0, repeats=repeats)
    hit_ns = (refused_ns - none_ns) / max(refused.hits, 1)
    event_ns = (full_ns - none_ns - hit_ns * full.hits) / max(full.events, 1)

    def row(name: str, time_ns: float, added: str, run_time: str = "") -> tuple[str, str, str, str]:
        return name, f"{time_ns / 1e6:8.1f} ms  x{time_ns / none_ns:.3f}", added, run_time

    return [
        row("without", none_ns, ""),
        row("empty programs", empty_ns, f"{(empty_ns - none_ns) / max(refused.hits, 1):8.0f} ns a hit"),
        row(
            "filter refuses",
            refused_ns,
            f"{hit_ns:8.0f} ns a hit",
            f"{run_time_per_hit_ns(subject, state, pid=IDLE_PID):6.0f} ns",
        ),
        row("frequency check", check_ns, f"{(check_ns - none_ns) / max(check.hits, 1):8.0f} ns a hit"),
        row(
            "full",
            full_ns,
            f"{event_ns:8.0f} ns an event on top",
            f"{run_time_per_hit_ns(subject, state, pid=0):6.0f} ns",
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what tools cost, beside an empty probe.")
    parser.add_argument("tools", nargs="*", help="which tools; all when none is named")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as state, temporary_cgroup(NO_SUCH_CGROUP), compiled_works():
        for subject in subjects(options.tools):
            given = "".join(f" {name}={value}" for name, value in subject.params.items())
            print(f"\n{subject.tool}{given}{f' x {subject.tracers}' if subject.tracers > 1 else ''}")
            for name, time, added, run_time in measure(subject, state, options.repeats):
                print(f"  {name:16} {time:24} {added:28} {f'run_time {run_time} a hit' if run_time else ''}".rstrip())


if __name__ == "__main__":
    main()
