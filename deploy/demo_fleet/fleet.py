"""The demonstration's fleet: cgroups, services, one controller and an agent for each host."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.demo_fleet.cgroups import HostGroups
from deploy.demo_fleet.hosts import HOSTS, SLOW_HOST, DemoHost, workload_command
from deploy.demo_fleet.leftovers import leftover_programs
from deploy.demo_fleet.processes import Process, end, start
from fleettrace.errors import Unfit

__all__ = ["DemoFailed", "Fleet"]

QUOTA_US, PERIOD_US = 1_500, 60_000
"""About two thirds of what the service needs: once it is used up, everything runnable waits for the next period."""
COMPETITOR = """
import time
while True:
    end = time.monotonic() + 0.04
    while time.monotonic() < end:
        pass
    time.sleep(0.02)
"""
START_LIMIT_S = 10.0
CONNECT_LIMIT_S = 120.0
"""An agent compiles the tools for this kernel before it connects, and all of them share this machine."""
POLL_S = 0.2
COMMAND_LIMIT_S = 120.0
LOG_TAIL_LINES = 8

ENTER_CGROUP = 'echo $$ >"$0" && exec "$@"'


class DemoFailed(Exception):
    """The demonstration did not come to its end; one sentence."""


@dataclass(slots=True)
class Fleet:
    """Everything that runs. ``programs_before``: the eBPF programs that were loaded when it began, by id."""

    directory: Path
    groups: HostGroups
    programs_before: frozenset[int]
    ends_with_demo: bool = True
    processes: list[Process] = field(default_factory=list)
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the controller listens."""
        return f"unix:{self.directory / 'controller.sock'}"

    def start_services(self) -> None:
        """Make the hosts' cgroups and start the services in them."""
        for host in HOSTS:
            entrance = self.groups.make(host.name) / "cgroup.procs"
            service = workload_command(Path(sys.executable), host)
            self._start(f"service-{host.name}", ["sh", "-c", ENTER_CGROUP, str(entrance), *service])
        self._wait([f"service-{host.name}" for host in HOSTS], self._services_are_ready)

    def slow_down(self) -> str:
        """Make one host slow; returns how, in words."""
        try:
            limit = self.groups.limit_cpu(SLOW_HOST, QUOTA_US, PERIOD_US)
        except Unfit:
            return self._compete()
        return f"its cgroup may run {QUOTA_US / 1000:g} ms in every {PERIOD_US / 1000:g} ms ({limit})"

    def start_controller(self) -> None:
        """Start the controller and wait until it listens."""
        database = self.directory / "fleet.db"
        self._start("controller", [_program("fleettrace"), "serve", "--db", str(database), "--listen", self.address])
        self._wait(["controller"], (self.directory / "controller.sock").exists)

    def start_agents(self) -> None:
        """Start an agent for each host and wait until the controller knows them all."""
        for host in HOSTS:
            self._start(f"agent-{host.name}", self._agent_command(host))
        self._wait([f"agent-{host.name}" for host in HOSTS], self._agents_are_connected, CONNECT_LIMIT_S)

    def command(self, arguments: Sequence[str], *, capture: bool = False) -> str:
        """Run a ``fleettrace`` command against this controller; returns its output when captured.

        Raises:
            DemoFailed: it ended with another exit code than 0, or not in time.
        """
        # In a session of its own, so that Ctrl-C is this program's to handle, and all ends in order.
        with subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", _program("fleettrace"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            env=self._environment(),
            text=True,
            start_new_session=True,
        ) as child:
            try:
                output, _ = child.communicate(timeout=COMMAND_LIMIT_S)
            except subprocess.TimeoutExpired as error:
                raise DemoFailed(f"'fleettrace {' '.join(arguments)}' did not end in time") from error
            finally:
                child.kill()
        if child.returncode != 0:
            raise DemoFailed(f"'fleettrace {' '.join(arguments)}' ended with exit code {child.returncode}")
        return output or ""

    def newest_job(self) -> str:
        """The id of the job that was submitted last."""
        return str(json.loads(self.command(["jobs", "--json"], capture=True))["jobs"][0]["id"])

    def suspect(self) -> str:
        """The host that the newest job named first; empty: none."""
        result = json.loads(self.command(["show", self.newest_job(), "--json"], capture=True))
        return next((str(one["host"]) for one in result["suspects"] if one["verdict"] in {"suspect", "outlier"}), "")

    def stop(self) -> list[str]:
        """End and remove everything but the directory; returns what is left, in words."""
        left = [f"process {process.name} ({process.pid})" for process in self._end_processes()]
        left += [f"cgroup {directory}" for directory in self.groups.remove()]
        left += [f"eBPF program {name}" for name in leftover_programs(self.programs_before)]
        return left

    def tails(self) -> str:
        """The last lines that each program wrote, for a person who asks why."""
        logs = {path.stem: self._log(path.stem).splitlines() for path in sorted(self.directory.glob("*.log"))}
        return "\n".join(f"  {name}: {line}" for name, lines in logs.items() for line in lines[-LOG_TAIL_LINES:])

    def _agent_command(self, host: DemoHost) -> list[str]:
        labels = [part for name, value in host.labels.items() for part in ("--label", f"{name}={value}")]
        scope = str(self.groups.v2_mount / self.groups.name / host.name)
        state = str(self.directory / "agents")
        return [
            *(_program("fleettrace-agent"), "--controller", self.address, "--name", host.name, *labels),
            *("--scope", scope, "--state-directory", state),
        ]

    def _compete(self) -> str:
        cpu = max(os.sched_getaffinity(0))
        for pid in self.groups.pids(SLOW_HOST):
            os.sched_setaffinity(pid, {cpu})
        python = [sys.executable, "-I", "-S", "-c", COMPETITOR]
        self._start("competitor", ["chrt", "--fifo", "1", "taskset", "--cpu-list", str(cpu), *python])
        return (
            f"it shares CPU {cpu} with a real-time process that takes 40 ms of every 60 ms (no quota can be set here)"
        )

    def _start(self, name: str, command: Sequence[str]) -> None:
        log = self.directory / f"{name}.log"
        process, child = start(name, command, log, self._environment(), end_with_this=self.ends_with_demo)
        self.processes.append(process)
        self.children[name] = child

    def _wait(self, names: Sequence[str], ready: Callable[[], bool], limit_s: float = START_LIMIT_S) -> None:
        deadline = time.monotonic() + limit_s
        while not ready():
            for name in names:
                if self.children[name].poll() is not None:
                    raise DemoFailed(f"{name} ended by itself; its last words are above")
            if time.monotonic() > deadline:
                raise DemoFailed(f"{', '.join(names)}: not ready within {limit_s:g} s; their last words are above")
            time.sleep(POLL_S)

    def _services_are_ready(self) -> bool:
        return all("ready" in self._log(f"service-{host.name}") for host in HOSTS)

    def _agents_are_connected(self) -> bool:
        known = json.loads(self.command(["hosts", "--json"], capture=True))["hosts"]
        return {host["host"] for host in known if host["connected"]} == {host.name for host in HOSTS}

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, "FLEETTRACE_CONTROLLER": self.address}

    def _log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def _end_processes(self) -> list[Process]:
        # Agents first: they end their runs and hand in what they have while the controller is there.
        agents = [process for process in self.processes if process.name.startswith("agent-")]
        rest = [process for process in self.processes if process not in agents]
        survivors = [*end(agents), *end(rest)]
        for child in self.children.values():
            child.poll()  # take its exit code, so that no zombie stays in a cgroup
        return survivors


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))
