"""Every tool as its own checks.toml has it: what it counts of known work, and that each of its filters filters."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fleettrace.catalog import find_tool
from fleettrace.model.params import PROCESS_FILTERS, ParamValue
from node_agent.backends import TracePlan
from node_agent.backends.bcc.tracer import BccTracer
from tests.checks.description import Known, Reference, checks_of, known_tools
from tests.checks.parts import Part, count, keyed, part_of_snapshot, recorded
from tests.checks.theirs import assert_alike, read_theirs
from tests.kernel.calls import compile_calls
from tests.kernel.processes import Workload
from tests.kernel.reference import Reference as Running
from tests.kernel.reference import bpftrace, reference
from tests.kernel.support import attached, plan, temporary_cgroup
from tests.kernel.works import start_work

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="session")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_calls(tmp_path_factory.mktemp("calls"))


def planned(tool: str, state: Path, known: Known, calls: Path, own_pid: int, **filters: ParamValue) -> TracePlan:
    """A trace with the parameters of a check; numbers are numbers whatever they came from."""
    values: dict[str, ParamValue] = {}
    for name, value in known.params.items():
        values[name] = own_pid if value == "{pid}" else str(calls) if value == "{calls}" else value
    run = plan(tool, state, **{**values, **filters})  # type: ignore[arg-type]
    if known.alternative:
        only = tuple(one for one in run.tool.alternatives if one.name == known.alternative)
        run = replace(run, tool=replace(run.tool, alternatives=only))
    return run


def seen(tool: str, tracer: BccTracer, started_s: float) -> Part:
    """What a tracer recorded, of which nothing is missing."""
    tracer.detach()
    duration_s = time.monotonic() - started_s
    part = part_of_snapshot(tracer.snapshot(), tracer.stats(), duration_s)
    assert part.total_events == recorded(find_tool(tool), part) + part.lost_events
    return part


@pytest.mark.parametrize("tool", known_tools())
def test_a_tool_counts_what_was_done(state: Path, calls: Path, tool: str) -> None:
    known = checks_of(find_tool(tool)).known["here"]
    with (
        start_work(sys.executable, known.work, known.amount, calls) as work,
        attached(BccTracer(planned(tool, state, known, calls, work.pid))) as tracer,
    ):
        started_s = time.monotonic()
        work.run()
        part = seen(tool, tracer, started_s)
    assert known.at_least <= count(known.counted, part) <= known.at_most, known.what


COMPARED = [
    pytest.param(name, index, id=f"{name}-{one.name}-{index}")
    for name in known_tools()
    for index, one in enumerate(checks_of(find_tool(name)).references)
    if "here" in one.attaches
]


@contextmanager
def running(one: Reference, pid: int, calls: Path) -> Iterator[Running]:
    """A program that measures the same, once it traces."""
    command = one.command.replace("{pid}", str(pid)).replace("{calls}", str(calls))
    if one.bpftrace:
        with bpftrace(command) as theirs:
            yield theirs
    else:
        with reference(*command.split(), ready="" if one.silent else one.ready or "\n") as theirs:
            yield theirs


@pytest.mark.parametrize(("tool", "index"), COMPARED)
def test_a_tool_counts_what_others_count(state: Path, calls: Path, tool: str, index: int) -> None:
    checks = checks_of(find_tool(tool))
    one, known = checks.references[index], checks.known["here"]
    with (
        start_work(sys.executable, known.work, known.amount, calls) as work,
        running(one, work.pid, calls) as theirs,
        attached(BccTracer(planned(tool, state, known, calls, work.pid))) as tracer,
    ):
        started_s = time.monotonic()
        work.run()
        part = seen(tool, tracer, started_s)
        if one.theirs.lines:
            theirs.wait_quiet()
        printed = theirs.stop()
    assert_alike(keyed(one.ours, part), read_theirs(one.theirs, printed), one.edge)


REFUSED = [
    pytest.param(one, id=f"{name}-{one.name}")
    for name in known_tools()
    for one in checks_of(find_tool(name)).references
    if "here" in one.refused
]


@pytest.mark.skipif(
    Path("/sys/bus/event_source/devices/kprobe").exists(), reason="this kernel has kprobes, so that these may attach"
)
@pytest.mark.parametrize("one", REFUSED)
def test_what_does_not_attach_says_so(one: Reference) -> None:
    command = ["bpftrace", "-e", one.command] if one.bpftrace else one.command.split()
    own = [word.replace("{pid}", str(os.getpid())) for word in command]
    if shutil.which(own[0], path="/usr/sbin:/usr/bin") is None:
        pytest.skip(f"{own[0]} is not installed; apt-get install libbpf-tools bpftrace")
    done = subprocess.run(own, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    assert one.refused["here"] in done.stderr + done.stdout


OF_PROCESSES = [param.name for param in PROCESS_FILTERS]
FILTERED = [(tool, name) for tool in known_tools() for name in OF_PROCESSES if name in find_tool(tool).filters]
"""Every tool with every filter of processes that it has."""


def renamed(path: str | Path, own: Path) -> str:
    """The same program under a name that no other process has."""
    own.symlink_to(path)
    return str(own)


@pytest.mark.parametrize(("tool", "filter_name"), FILTERED)
def test_a_filter_takes_what_it_names_and_nothing_else(
    state: Path, calls: Path, tmp_path: Path, tool: str, filter_name: str
) -> None:
    checks = checks_of(find_tool(tool))
    known = checks.filtered
    own, others = renamed(sys.executable, tmp_path / "ft-own"), renamed(sys.executable, tmp_path / "ft-others")
    with ExitStack() as stack:
        group = stack.enter_context(temporary_cgroup(os.urandom(32).hex()))
        empty = stack.enter_context(temporary_cgroup(os.urandom(32).hex()))
        own_calls = Path(renamed(calls, tmp_path / "ft-calls"))
        work = stack.enter_context(start_work(own, known.work, known.amount, own_calls, cgroup=group.path))
        idle = stack.enter_context(start_work(others, "rare_syscalls", 1, calls, cgroup=empty.path))
        filters = filters_of(work, group.path.name), filters_of(idle, empty.path.name)
        plain = replace(known, params={name: v for name, v in known.params.items() if name not in OF_PROCESSES})
        wanted, other = (
            stack.enter_context(
                attached(BccTracer(planned(tool, state, plain, calls, 0, **{filter_name: each[filter_name]})))
            )
            for each in filters
        )
        started_s = time.monotonic()
        work.run()
        part, nothing = seen(tool, wanted, started_s), seen(tool, other, started_s)
    assert known.at_least <= count(known.counted, part) <= known.at_most, known.what
    assert nothing.total_events == 0


def filters_of(work: Workload, group: str) -> Mapping[str, ParamValue]:
    """Every filter's value that asks for this process."""
    comm = Path(f"/proc/{work.pid}/comm").read_text().strip()
    return {"pid": work.pid, "comm": comm, "cgroup": group, "container": group[:12]}
