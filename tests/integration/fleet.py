"""A fleet of real processes on this machine: one controller, agents, and the commands that people type."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from controller.client import Client
from fleettrace.errors import Unreachable
from fleettrace.model.job import Job
from tests.fakes.waiting import wait_for

BIN = Path(sys.executable).parent


class LiveFleet:
    """Starts what it is told to and ends all of it, by process id."""

    def __init__(self, folder: Path, state_directory: Path) -> None:
        self.folder = folder
        self.state_directory = state_directory
        self.address = f"unix:{folder}/c.sock"
        self.operators_address = self.agents_address = ""
        """Where the controller is reached over TLS, once it was started with ``tls``."""
        self.controller_command = [str(BIN / "fleettrace")]
        self.controller: subprocess.Popen[str] | None = None
        self.agents: dict[str, subprocess.Popen[str]] = {}
        self._started: list[subprocess.Popen[str]] = []
        self.log: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for process in reversed(self._started):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self._started:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if error is not None:
            print("\n".join(self.log))

    def start_controller(self, *, policy: str | None = None, tls: Sequence[str] = (), more: Sequence[str] = ()) -> None:
        """Start a controller on its socket, and over TLS when ``tls`` gives names by which it is reached."""
        arguments = ["serve", "--db", str(self.folder / "fleet.db"), "--listen", self.address]
        if policy is not None:
            (self.folder / "policy.toml").write_text(policy)
            arguments += ["--policy", str(self.folder / "policy.toml")]
        if tls:
            arguments += self._over_tls(tls)
        arguments += more
        known = len(self.log)
        self.controller = self.spawn("controller", [*self.controller_command, *arguments])
        wait_for("the controller", self._answers)
        if tls:
            self.operators_address, self.agents_address = wait_for("its addresses", lambda: self._listening(known))

    def stop_controller(self) -> None:
        """End it, and wait until it has."""
        assert self.controller is not None
        self.controller.terminate()
        self.controller.wait(15)

    def start_agent(
        self, name: str, *arguments: str, wait: bool = True, under: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Start an agent, as it is or ``under`` a command that changes what it may do."""
        command = [*under, str(BIN / "fleettrace-agent"), "--controller", self.address, "--name", name]
        command += ["--state-directory", str(self.state_directory), *arguments]
        self.agents[name] = self.spawn(name, command)
        if wait:
            self.wait_connected(name)
        return self.agents[name]

    def enrol_agent(
        self, name: str, state_directory: Path, *arguments: str, wait: bool = True, under: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Start an agent that enrols over TLS, with a token that was made for it."""
        token = self.join_token(name)
        command = [*under, str(BIN / "fleettrace-agent"), "--controller", self.operators_address, "--join", f"@{token}"]
        command += ["--state-directory", str(state_directory), *arguments]
        self.agents[name] = self.spawn(name, command)
        if wait:
            self.wait_connected(name)
        return self.agents[name]

    def join_token(self, host: str, *arguments: str) -> Path:
        """The file of a new join token."""
        code, text, err = self.fleettrace("token", "create", "--host", host, *arguments)
        assert code == 0, err
        file = self.folder / f"join-{host}-{len(list(self.folder.glob('join-*')))}"
        file.write_text(text)
        return file

    def wait_connected(self, *names: str) -> None:
        for name in names:
            wait_for(f"agent {name}", partial(self._is_up, name), 60)

    def connected(self, name: str) -> bool:
        with Client(self.address) as client:
            return any(host.connected and host.name == name for host in client.hosts())

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a ``fleettrace`` command."""
        return subprocess.Popen(
            [str(BIN / "fleettrace"), *arguments],
            env={**os.environ, "FLEETTRACE_CONTROLLER": self.address},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fleettrace(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command to its end: exit code, stdout, stderr."""
        process = self.command(*arguments)
        out, err = process.communicate(timeout=50)
        return process.returncode, out, err

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """What a command prints with ``--json``."""
        status, out, err = self.fleettrace(*arguments, "--json")
        assert status == code, f"exit {status}: {err}"
        data: dict[str, Any] = json.loads(out)
        return data

    def newest_job(self) -> Job | None:
        with Client(self.address) as client:
            jobs = client.jobs(1)
        return jobs[0] if jobs else None

    def wait_tracing(self, *hosts: str, elapsed_ms: int = 1) -> Job:
        """Wait until trace runs of these hosts are attached, for so long."""

        def attached() -> Job | None:
            job = self.newest_job()
            if job is None:
                return None
            assert not job.state.ended, f"the job ended as {job.state}: {job.reason}"
            ready = {
                key.host
                for key, run in job.runs.items()
                if run.kind == "trace" and run.state == "running" and run.elapsed_ms >= elapsed_ms
            }
            return job if set(hosts) <= ready else None

        return wait_for(f"traces on {', '.join(hosts)}", attached)

    def child_of(self, name: str) -> int:
        """The process id of an agent's tracing child."""
        pid = self.agents[name].pid
        return wait_for(
            f"a child of {name}",
            lambda: next(iter(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())), None),
        )

    def _over_tls(self, tls: Sequence[str]) -> list[str]:
        authority = self.folder / "ca"
        if not authority.exists():
            code, _, err = self.fleettrace("ca", "init", "--dir", str(authority))
            assert code == 0, err
        names = [argument for name in tls for argument in ("--reachable-as", name)]
        operators, agents = self.operators_address or "127.0.0.1:0", self.agents_address or "127.0.0.1:0"
        return ["--ca", str(authority), "--listen", operators, "--listen-agents", agents, *names]

    def _listening(self, known: int) -> tuple[str, str] | None:
        """The two addresses that the controller has named since."""
        named = [line.partition("listening on ")[2] for line in self.log[known:] if "listening on " in line]
        tcp = [address for address in named if address and not address.startswith("unix:")]
        return (tcp[0], tcp[1]) if len(tcp) == 2 else None

    def spawn(self, name: str, command: Sequence[str]) -> subprocess.Popen[str]:
        """Start a program whose stderr is kept in ``log``, and which ends with the fleet."""
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._started.append(process)
        assert process.stderr is not None
        threading.Thread(target=self._collect, args=(name, process.stderr), daemon=True).start()
        return process

    def _collect(self, name: str, stream: Any) -> None:
        with stream:
            for line in stream:
                self.log.append(f"[{name}] {line.rstrip()}")

    def _is_up(self, name: str) -> bool:
        self._check_alive(self.agents[name])
        return self.connected(name)

    def _answers(self) -> bool:
        self._check_alive(self.controller)
        try:
            with Client(self.address) as client:
                client.hosts()
        except Unreachable:
            return False
        return True

    def _check_alive(self, process: subprocess.Popen[str] | None) -> None:
        assert process is not None
        assert process.poll() is None, f"it ended with {process.returncode}: {self.log}"
