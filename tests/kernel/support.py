"""What tests on the real kernel share: whether it can be tested, plans, cgroups and the programs of a process."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleettrace.catalog import find_tool
from fleettrace.errors import FleettraceError
from fleettrace.model.output import ResultKind
from fleettrace.model.params import ParamValue
from fleettrace.model.run import RunKind
from fleettrace.snapshot import Snapshot
from node_agent.backends import TracePlan
from node_agent.backends.bcc.prepare import check_capabilities
from node_agent.backends.bcc.tracer import BccTracer
from node_agent.backends.port import ProbeStats
from node_agent.kernel.btf import read_btf
from node_agent.kernel.capabilities import effective_capabilities
from node_agent.kernel.cgroups import Scope, find_cgroup2_mount, resolve_scope
from node_agent.kernel.inventory import program_ids
from node_agent.kernel.own_cgroups import RunCgroup
from tests.kernel.processes import Workload

REPOSITORY = Path(__file__).parents[2]
MAX_MAP_BYTES = 64 << 20
NOBODY = 65534
REQUIRE = "FLEETTRACE_REQUIRE_KERNEL"


def require_kernel() -> None:
    """Skip where real programs cannot be loaded; fail instead when FLEETTRACE_REQUIRE_KERNEL is set."""
    try:
        read_btf()
        check_capabilities(effective_capabilities())
    except FleettraceError as error:
        if os.environ.get(REQUIRE):
            pytest.fail(str(error))
        pytest.skip(str(error))


def plan(
    tool: str,
    state: Path,
    *,
    kind: RunKind = RunKind.TRACE,
    scope: Scope | None = None,
    max_map_bytes: int = MAX_MAP_BYTES,
    **params: ParamValue,
) -> TracePlan:
    definition = find_tool(tool)
    return TracePlan(definition, kind, definition.resolve_params(params), scope, max_map_bytes, str(state))


def recorded(tool: str, snapshot: Snapshot) -> int:
    """What a tool recorded as its own result: other kinds tell of the same events again."""
    match find_tool(tool).result:
        case ResultKind.HISTOGRAM:
            return sum(histogram.total for histogram in snapshot.histograms)
        case ResultKind.STACKS:
            return sum(stack.events or stack.value for stack in snapshot.stacks)
        case ResultKind.COUNTS:
            return sum(count.count for count in snapshot.counts)
        case ResultKind.EVENTS:
            return len(snapshot.events)


@contextmanager
def attached(tracer: BccTracer) -> Iterator[BccTracer]:
    """Attach, and give everything up in the end."""
    try:
        tracer.attach()
        yield tracer
    finally:
        tracer.close()


def traced(tool: str, state: Path, work: Workload, **params: ParamValue) -> tuple[Snapshot, ProbeStats]:
    """What a tool recorded of a workload, and counted: everything was recorded, or is said to be lost."""
    planned = plan(tool, state, **params)  # type: ignore[arg-type]
    with attached(BccTracer(planned)) as tracer:
        work.run()
        tracer.detach()
        snapshot, stats = tracer.snapshot(), tracer.stats()
    assert stats.events == recorded(tool, snapshot) + stats.lost_events
    return snapshot, stats


@contextmanager
def temporary_cgroup(name: str) -> Iterator[Scope]:
    """A cgroup for the duration of a test; whoever is still in it is killed."""
    path = find_cgroup2_mount() / name
    path.mkdir()
    try:
        yield resolve_scope(path)
    finally:
        remove_cgroup(path)


@contextmanager
def delegated_cgroup(name: str, *, owner: int | None = None) -> Iterator[Path]:
    """A cgroup as ``Delegate=`` of a unit gives it to its user; those of runs are taken away with it."""
    require_kernel()
    path = find_cgroup2_mount() / f"ft-{name}-{os.getpid()}"
    path.mkdir()
    os.setxattr(path, "user.delegate", b"1")
    if owner is not None:
        for one in (path, path / "cgroup.procs", path / "cgroup.subtree_control", path / "cgroup.threads"):
            os.chown(one, owner, owner)
    try:
        yield path
    finally:
        for inner in path.iterdir():
            if inner.is_dir():
                RunCgroup(inner).remove()
        RunCgroup(path).remove()


def remove_cgroup(path: Path) -> None:
    """End whoever is still in it."""
    for pid in (path / "cgroup.procs").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: _removed(path), "the cgroup to be removed")


def _removed(path: Path) -> bool:
    try:
        path.rmdir()
    except OSError:
        return False
    return True


@contextmanager
def loop_device(file: Path, *, scheduler: str) -> Iterator[Path]:
    """A disk of 16 MiB that nobody else uses."""
    with file.open("wb") as disk:
        disk.truncate(16 << 20)
    made = subprocess.run(["losetup", "--find", "--show", str(file)], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no loop device: {made.stderr.strip()}")
    device = Path(made.stdout.strip())
    try:
        (Path("/sys/block") / device.name / "queue" / "scheduler").write_text(scheduler)
        yield device
    finally:
        subprocess.run(["losetup", "--detach", str(device)], check=True)


def programs_of(pid: int) -> set[int]:
    """The ids of the eBPF programs that a process holds."""
    ids: set[int] = set()
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            lines = info.read_text().splitlines()
        except OSError:
            continue
        ids |= {int(line.split()[1]) for line in lines if line.startswith("prog_id:")}
    return ids


def loaded(ids: set[int]) -> set[int]:
    """Those of the programs that are still in the kernel."""
    return ids & set(program_ids())


def wait_until(condition: Callable[[], bool], what: str, limit_s: float = 5.0) -> float:
    """Wait for something that the kernel does in its own time; returns how long it took."""
    started_s = time.monotonic()
    while not condition():
        if time.monotonic() - started_s > limit_s:
            pytest.fail(f"waited {limit_s} s for {what}")
        time.sleep(0.005)
    return time.monotonic() - started_s
