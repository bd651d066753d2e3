"""A guest with an agent, a controller on this machine, and the commands that people type."""

import json
import subprocess
from collections.abc import Mapping
from itertools import count
from typing import Any

from tests.fakes.waiting import wait_for
from tests.integration.fleet import LiveFleet
from tests.vm.agent import UNIT, agent_log, start_agent
from tests.vm.guest import Guest

__all__ = ["GUEST", "Job", "Stage"]

GUEST = "debian-12"
"""The guest's name in the fleet."""
CONNECT_LIMIT_S = 180.0
JOB_LIMIT_S = 180.0
LONGEST_S = 60
"""How long a trace may go on. It is cancelled once its work is done: nobody knows how long an emulated CPU takes."""


class Stage:
    """The fleet of these tests."""

    def __init__(self, fleet: LiveFleet, guest: Guest) -> None:
        self.fleet = fleet
        self.guest = guest

    def connect(self, controller: str) -> None:
        """Start the guest's agent and wait until it can be ordered."""
        start_agent(self.guest, GUEST, controller)
        looks = count(1)

        def connected() -> bool:
            # To ask the guest takes time from what it is asked about.
            if next(looks) % 20 == 0:
                state = self.guest.run(f"systemctl is-active {UNIT}", check=False).out.strip()
                assert state == "active", agent_log(self.guest)
            return self.fleet.connected(GUEST)

        self.guest.wait_until("the guest's agent", connected, CONNECT_LIMIT_S)

    def begin(self, tool: str, params: Mapping[str, str], duration: str = f"{LONGEST_S}s", on: str = GUEST) -> "Job":
        """Start a job as a user does."""
        given = [argument for name, value in params.items() for argument in ("-p", f"{name}={value}")]
        return self._run(tool, *given, "--on", on, "--for", duration)

    def begin_program(self, program: str) -> "Job":
        """Start a one-liner."""
        return self._run("-e", program, "--on", GUEST, "--for", f"{LONGEST_S}s")

    def _run(self, *arguments: str) -> "Job":
        newest = self.fleet.newest_job()
        process = self.fleet.command("run", *arguments, "--promote", "--json")
        return Job(self.fleet, process, newest.spec.job_id if newest is not None else "")


class Job:
    """A ``fleettrace run`` that goes on."""

    def __init__(self, fleet: LiveFleet, process: subprocess.Popen[str], before: str) -> None:
        self._fleet = fleet
        self._process = process
        self._before = before

    def wait_tracing(self) -> bool:
        """Wait until the trace is attached; False: the job has ended without."""

        def attached() -> str:
            if self._process.poll() is not None:
                return "ended"
            job = self._fleet.newest_job()
            # The command may wait for somebody to read what it prints.
            if job is not None and job.spec.job_id != self._before and job.state.ended:
                return "ended"
            runs = [run for run in job.runs.values() if run.kind == "trace"] if job is not None else []
            return "attached" if runs and all(run.state == "running" and run.elapsed_ms for run in runs) else ""

        return wait_for("the trace", lambda: attached() or None, JOB_LIMIT_S) == "attached"

    def cancel(self) -> tuple[int, Any, str]:
        """End it now; what was measured until then is in its document. Returns as :meth:`finish` does."""
        job = self._fleet.newest_job()
        assert job is not None
        code, _, told = self._fleet.fleettrace("cancel", job.spec.job_id)
        assert code == 0, told
        return self.finish()

    def finish(self) -> tuple[int, Any, str]:
        """Its exit code, its document (None: it printed none) and what it told meanwhile."""
        out, err = self._process.communicate(timeout=JOB_LIMIT_S)
        return self._process.returncode, json.loads(out) if out else None, err
