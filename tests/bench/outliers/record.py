"""``python -m tests.bench.outliers.record FILE``: record what the corpus resamples, on a kernel that traces, as root.

Eight cgroups stand for hosts. Each runs the same service; in every round each of them is traced by all tools at the
same time. In the rounds with a fault, one of them (another one each time) has it for real: a CPU quota, a competing
load, a contended lock.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.demo_fleet import workload as pipes
from deploy.demo_fleet.cgroups import HostGroups, find_cpu_v1_mount
from fleettrace.catalog import find_tool
from fleettrace.model.run import RunKind
from node_agent.backends import TracePlan, Tracer, open_tracer
from node_agent.kernel.cgroups import find_cgroup2_mount, resolve_scope
from tests.bench.outliers import workload
from tests.bench.outliers.captures import Capture, write_captures

HOSTS = 8
WINDOW_S = 6.0
HEALTHY_ROUNDS = 8
ROUNDS_A_FAULT = 4
TOOLS = {"runqlat": {}, "syscount": {}, "profile": {"frequency_hz": 999}}


@dataclass(frozen=True, slots=True)
class Service:
    """A service and what goes wrong with it: arguments of its program, a CPU quota in us of each 100 ms (0: none)."""

    name: str
    arguments: tuple[str, ...]
    faults: dict[str, tuple[tuple[str, ...], int]]


SERVICES = (
    Service(
        "pipes",
        (pipes.__file__, "api", "3", "40", "150"),
        {
            "quota": ((pipes.__file__, "api", "3", "40", "150"), 3_000),
            "more work": ((pipes.__file__, "api", "3", "40", "600"), 0),
        },
    ),
    Service(
        "workers",
        (workload.__file__, "4", "20", "30", "0"),
        {
            "quota": ((workload.__file__, "4", "20", "30", "0"), 2_500),
            "competing load": ((workload.__file__, "4", "20", "30", "1"), 15_000),
            "contended lock": ((workload.__file__, "4", "20", "3000", "0"), 0),
        },
    ),
)


def run(groups: HostGroups, host: str, arguments: tuple[str, ...], quota_us: int) -> subprocess.Popen[str]:
    """Start a host's service in its cgroup."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    pids = subprocess.run(["ps", "-s", str(process.pid), "-o", "pid="], capture_output=True, text=True, check=True)
    groups.move(host, [int(pid) for pid in pids.stdout.split()])
    # The quota stays with the group; a host without a fault gets one that it never reaches.
    groups.limit_cpu(host, quota_us or 200_000, 100_000)
    return process


def stop(process: subprocess.Popen[str]) -> None:
    """End a service with everything that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def trace(scopes: dict[str, Path], state: str) -> dict[str, dict[str, tuple[Tracer, float]]]:
    """One window on all hosts by all tools; the tracers are detached and still to be read and closed."""
    tracers: dict[str, dict[str, tuple[Tracer, float]]] = {}
    for host, path in scopes.items():
        for name, params in TOOLS.items():
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
            own["profile"][0].stats()
        time.sleep(0.2)
    for own in tracers.values():
        for name, (tracer, started_s) in own.items():
            tracer.detach()
            own[name] = (tracer, time.monotonic() - started_s)
    return tracers


def main() -> None:
    """Record all."""
    captures: list[Capture] = []
    groups = HostGroups(find_cgroup2_mount(), find_cpu_v1_mount(), f"fleettrace-bench-{os.getpid()}")
    hosts = [f"host-{number}" for number in range(HOSTS)]
    processes: dict[str, subprocess.Popen[str]] = {}
    with tempfile.TemporaryDirectory() as state:
        try:
            scopes = {host: groups.make(host) for host in hosts}
            turn = 0
            for service in SERVICES:
                rounds = [""] * HEALTHY_ROUNDS + [fault for fault in service.faults for _ in range(ROUNDS_A_FAULT)]
                for host in hosts:
                    processes[host] = run(groups, host, service.arguments, 0)
                for number, fault in enumerate(rounds):
                    odd = hosts[turn % HOSTS] if fault else ""
                    if odd:
                        turn += 1
                        stop(processes[odd])
                        processes[odd] = run(groups, odd, *service.faults[fault])
                        time.sleep(0.5)
                    for host, own in trace(scopes, state).items():
                        for tool, (tracer, window_s) in own.items():
                            told = fault if host == odd else ""
                            captures.append(
                                Capture(service.name, tool, told, host, number, round(window_s, 2), tracer.snapshot())
                            )
                            tracer.close()
                    print(service.name, number, fault, odd, [c.snapshot.total for c in captures[-3:]], flush=True)
                    if odd:
                        stop(processes[odd])
                        processes[odd] = run(groups, odd, service.arguments, 0)
                for host in hosts:
                    stop(processes.pop(host))
        finally:
            for process in processes.values():
                stop(process)
            print("left:", groups.remove())
    write_captures(Path(sys.argv[1]), captures)


if __name__ == "__main__":
    main()
