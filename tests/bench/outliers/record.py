"""``python -m tests.bench.outliers.record FILE SERVICE...``: record what the corpus resamples, on a kernel that traces,
as root.

Eight cgroups stand for hosts. Each runs the same service; in every round each of them is traced by the service's tools
at the same time. In the rounds with a fault, one of them (another one each time) has it for real: a CPU quota, a
competing load, a contended lock, a throttled disk, a lossy network.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.demo_fleet import workload as pipes
from deploy.demo_fleet.cgroups import HostGroups, find_cpu_v1_mount
from fleettrace.catalog import find_tool
from fleettrace.model.params import ParamValue
from fleettrace.model.run import RunKind
from fleettrace.snapshot import NO_KEY, Snapshot
from fleettrace.snapshot.histogram import merge_histograms
from node_agent.backends import TracePlan, Tracer, open_tracer
from node_agent.kernel.cgroups import find_cgroup2_mount, resolve_scope
from tests.bench.outliers import io_workload, workload
from tests.bench.outliers.captures import Capture, write_captures

HOSTS = 8
WINDOW_S = 6.0
HEALTHY_ROUNDS = 8
ROUNDS_A_FAULT = 4
ON_CPU: Mapping[str, Mapping[str, ParamValue]] = {"runqlat": {}, "syscount": {}, "profile": {"frequency_hz": 999}}
BLKIO = Path("/sys/fs/cgroup/blkio")
"""Where version 1's controller is mounted, which throttles disks."""
DISK = "/var/tmp"
FEW_OPERATIONS_PER_S = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: the arguments of the program, a CPU quota in us of each 100 ms (0: none), a throttled disk."""

    arguments: tuple[str, ...]
    quota_us: int = 0
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """A service, what goes wrong with it, and by which tools it is traced."""

    name: str
    arguments: tuple[str, ...]
    faults: Mapping[str, Fault]
    tools: Mapping[str, Mapping[str, ParamValue]] = field(default_factory=lambda: ON_CPU)


SERVICES = (
    Service(
        "pipes",
        (pipes.__file__, "api", "3", "40", "150"),
        {
            "quota": Fault((pipes.__file__, "api", "3", "40", "150"), 3_000),
            "more work": Fault((pipes.__file__, "api", "3", "40", "600")),
        },
    ),
    Service(
        "workers",
        (workload.__file__, "4", "20", "30", "0"),
        {
            "quota": Fault((workload.__file__, "4", "20", "30", "0"), 2_500),
            "competing load": Fault((workload.__file__, "4", "20", "30", "1"), 15_000),
            "contended lock": Fault((workload.__file__, "4", "20", "3000", "0")),
        },
    ),
    Service(
        "files",
        (io_workload.__file__, "disk", "120", DISK),
        {"slow disk": Fault((io_workload.__file__, "disk", "120", DISK), throttled=True)},
        {"fsslower": {"fs": "ext4"}},
    ),
    Service(
        "connections",
        (io_workload.__file__, "network", "120", "0"),
        {"lossy network": Fault((io_workload.__file__, "network", "120", "3"))},
        {"tcpconnect": {}},
    ),
)


class Disks:
    """Throttles the disk of a host, by cgroup v1's blkio; ``name`` is that of the hosts' common parent."""

    def __init__(self, name: str) -> None:
        self._root = BLKIO / name
        device = Path(DISK).stat().st_dev
        self._device = f"{os.major(device)}:0"  # the whole disk: partitions cannot be throttled

    def throttle(self, host: str, pids: Sequence[int]) -> None:
        """Let these processes do few operations a second."""
        group = self._root / host
        group.mkdir(parents=True, exist_ok=True)
        for operation in ("read", "write"):
            limit = f"{self._device} {FEW_OPERATIONS_PER_S}"
            (group / f"blkio.throttle.{operation}_iops_device").write_text(limit)
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Give up what was made; the processes are gone."""
        for group in [*self._root.glob("*/"), *([self._root] if self._root.exists() else [])]:
            group.rmdir()


def run(groups: HostGroups, disks: Disks, host: str, fault: Fault) -> subprocess.Popen[str]:
    """Start a host's service in its cgroup."""
    process = subprocess.Popen(
        [sys.executable, *fault.arguments], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    found = subprocess.run(["ps", "-s", str(process.pid), "-o", "pid="], capture_output=True, text=True, check=True)
    pids = [int(pid) for pid in found.stdout.split()]
    groups.move(host, pids)
    # The quota stays with the group; a host without a fault gets one that it never reaches.
    groups.limit_cpu(host, fault.quota_us or 200_000, 100_000)
    if fault.throttled:
        disks.throttle(host, pids)
    return process


def stop(process: subprocess.Popen[str]) -> None:
    """End a service with everything that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def trace(
    scopes: dict[str, Path], tools: Mapping[str, Mapping[str, ParamValue]], state: str
) -> dict[str, dict[str, tuple[Tracer, float]]]:
    """One window on all hosts by all tools; the tracers are detached and still to be read and closed."""
    tracers: dict[str, dict[str, tuple[Tracer, float]]] = {}
    for host, path in scopes.items():
        for name, params in tools.items():
            tool = find_tool(name)
            plan = TracePlan(
                tool, RunKind.TRACE, tool.resolve_params(dict(params)), resolve_scope(path), 64 << 20, state
            )
            tracer = open_tracer("bcc", plan)
            tracer.attach()
            tracers.setdefault(host, {})[name] = (tracer, time.monotonic())
    ends_s = time.monotonic() + WINDOW_S
    while time.monotonic() < ends_s:
        for own in tracers.values():
            if "profile" in own:
                own["profile"][0].stats()
        time.sleep(0.2)
    for own in tracers.values():
        for name, (tracer, started_s) in own.items():
            tracer.detach()
            own[name] = (tracer, time.monotonic() - started_s)
    return tracers


def main() -> None:
    """Record the services that are named."""
    file, *names = sys.argv[1:]
    captures: list[Capture] = []
    name = f"fleettrace-bench-{os.getpid()}"
    groups, disks = HostGroups(find_cgroup2_mount(), find_cpu_v1_mount(), name), Disks(name)
    hosts = [f"host-{number}" for number in range(HOSTS)]
    with tempfile.TemporaryDirectory() as state:
        try:
            scopes = {host: groups.make(host) for host in hosts}
            for service in SERVICES:
                if service.name in names:
                    captures += record(service, scopes, groups, disks, state)
        finally:
            disks.remove()
            print("left:", groups.remove())
    write_captures(Path(file), captures)


def record(
    service: Service, scopes: dict[str, Path], groups: HostGroups, disks: Disks, state: str
) -> Iterator[Capture]:
    """All rounds of one service."""
    hosts, healthy = list(scopes), Fault(service.arguments)
    rounds = [""] * HEALTHY_ROUNDS + [fault for fault in service.faults for _ in range(ROUNDS_A_FAULT)]
    processes: dict[str, subprocess.Popen[str]] = {}
    try:
        for host in hosts:
            processes[host] = run(groups, disks, host, healthy)
        for number, fault in enumerate(rounds):
            odd = hosts[number % HOSTS] if fault else ""
            if odd:
                stop(processes[odd])
                processes[odd] = run(groups, disks, odd, service.faults[fault])
                time.sleep(0.5)
            for host, own in trace(scopes, service.tools, state).items():
                for tool, (tracer, window_s) in own.items():
                    told = fault if host == odd else ""
                    snapshot = _in_one(tracer.snapshot())
                    tracer.close()
                    print(service.name, number, tool, host, told, snapshot.total, flush=True)
                    yield Capture(service.name, tool, told, host, number, round(window_s, 2), snapshot)
            if odd:
                stop(processes[odd])
                processes[odd] = run(groups, disks, odd, healthy)
    finally:
        for process in processes.values():
            stop(process)


def _in_one(snapshot: Snapshot) -> Snapshot:
    """What a capture keeps: histograms as one without keys, and else what the tool counts; no single events."""
    if not snapshot.histograms:
        return replace(snapshot, events=())
    return Snapshot(histograms=merge_histograms(replace(own, key=NO_KEY) for own in snapshot.histograms))


if __name__ == "__main__":
    main()
