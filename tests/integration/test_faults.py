"""Kills and freezes on the real kernel: nothing outlives its deadline by 2 s, and what was measured is kept."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from fleettrace.model.job import Job, JobState, RunState
from tests.fakes.waiting import wait_for
from tests.integration.conftest import AttachedPrograms
from tests.integration.fleet import LiveFleet

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

FOR_S = 4
LIMIT_S = FOR_S + 2


@pytest.fixture
def tracing(fleet: LiveFleet, attached: AttachedPrograms) -> LiveFleet:
    """Two agents that trace: api-1 is the canary, and has handed in an interim result."""
    fleet.start_agent("api-1", wait=False)
    fleet.start_agent("api-2", wait=False)
    fleet.wait_connected("api-1", "api-2")
    status, _, err = fleet.fleettrace("run", "syscount", "--on", "all", "--for", f"{FOR_S}s", "--promote", "--detach")
    assert status == 0, err
    fleet.wait_tracing("api-1", "api-2", elapsed_ms=1_300)
    attached.note(fleet.child_of("api-1"), fleet.child_of("api-2"))
    return fleet


def _ended(fleet: LiveFleet) -> Job | None:
    job = fleet.newest_job()
    return job if job is not None and job.state.ended else None


def ended_job(fleet: LiveFleet, limit_s: float = 40) -> dict[str, Any]:
    job = wait_for("the end of the job", lambda: ((j := fleet.newest_job()) and j.state.ended and j) or None, limit_s)
    return fleet.json("show", job.spec.job_id)


def test_an_agent_that_is_killed_takes_its_child_along_and_its_interim_result_is_kept(
    tracing: LiveFleet, attached: AttachedPrograms
) -> None:
    tracing.agents["api-2"].kill()
    job = ended_job(tracing)
    assert job["job"]["state"] == "done"
    hosts = {host["host"]: host for host in job["hosts"]}
    assert hosts["api-1"]["outcome"] == "complete"
    assert hosts["api-2"]["outcome"] == "partial"
    assert "connection" in hosts["api-2"]["reason"]
    assert sum(count["count"] for count in hosts["api-2"]["counts"]) > 0
    attached.wait_gone(LIMIT_S)


def test_a_child_that_is_killed_leaves_its_interim_result(tracing: LiveFleet, attached: AttachedPrograms) -> None:
    os.kill(tracing.child_of("api-2"), signal.SIGKILL)
    job = ended_job(tracing)
    hosts = {host["host"]: host for host in job["hosts"]}
    assert hosts["api-2"]["outcome"] == "partial"
    assert "killed by signal 9" in hosts["api-2"]["reason"]
    total = sum(count["count"] for count in hosts["api-2"]["counts"])
    assert total + hosts["api-2"]["lost_events"] <= hosts["api-2"]["cost"]["events"]
    attached.wait_gone(2)


@pytest.mark.parametrize("whom", ["child", "agent", "both"])
def test_the_frozen_do_not_keep_probes_attached(tracing: LiveFleet, attached: AttachedPrograms, whom: str) -> None:
    child, agent = tracing.child_of("api-2"), tracing.agents["api-2"]
    started_s = time.monotonic()
    if whom in ("child", "both"):
        os.kill(child, signal.SIGSTOP)
    if whom in ("agent", "both"):
        agent.send_signal(signal.SIGSTOP)
    attached.wait_gone(LIMIT_S)
    assert time.monotonic() - started_s < LIMIT_S
    agent.send_signal(signal.SIGCONT)
    job = ended_job(tracing)
    assert job["job"]["state"] == "done"
    assert {host["host"] for host in job["hosts"]} == {"api-1", "api-2"}


def test_a_killed_controller_leaves_nothing_attached_and_its_job_is_interrupted_with_its_parts(
    tracing: LiveFleet, attached: AttachedPrograms
) -> None:
    # GIVEN a controller that dies in the middle of a job
    assert tracing.controller is not None
    tracing.controller.kill()
    tracing.controller.wait()
    # THEN the hosts end by themselves
    attached.wait_gone(LIMIT_S)
    # WHEN a new one opens the same database, and the agents have dialled again
    tracing.start_controller()
    tracing.wait_connected("api-1", "api-2")
    job = tracing.newest_job()
    assert job is not None
    assert job.state is JobState.INTERRUPTED
    assert RunState.LOST in {run.state for run in job.runs.values()}

    # THEN the results that were waiting on the hosts are in it
    def parts() -> dict[str, Any] | None:
        data = tracing.json("show", job.spec.job_id)
        return data if len(data["hosts"]) == 2 else None

    data = wait_for("both parts", parts)
    assert [host["outcome"] for host in data["hosts"]] == ["complete", "complete"]
    assert data["merged"]["counts"]
    # AND the fleet works as before
    assert tracing.fleettrace("run", "syscount", "--on", "all", "--for", "1s", "--promote")[0] == 0


def test_cancel_stops_every_host_and_keeps_what_was_measured(tracing: LiveFleet, attached: AttachedPrograms) -> None:
    job = tracing.newest_job()
    assert job is not None
    assert tracing.fleettrace("cancel", job.spec.job_id)[0] == 0
    attached.wait_gone(2)
    data = ended_job(tracing)
    assert data["job"]["state"] == "cancelled"
    assert [host["outcome"] for host in data["hosts"]] == ["partial", "partial"]
    assert data["merged"]["counts"]


def test_an_agent_that_is_told_to_end_hands_in_first(tracing: LiveFleet, attached: AttachedPrograms) -> None:
    tracing.agents["api-2"].terminate()
    assert tracing.agents["api-2"].wait(10) == 0
    data = ended_job(tracing)
    hosts = {host["host"]: host for host in data["hosts"]}
    assert hosts["api-2"]["outcome"] == "partial"
    assert "told to end" in hosts["api-2"]["reason"]
    attached.wait_gone(LIMIT_S)


def test_an_agent_that_dies_together_with_its_supervisor_leaves_nothing_attached(
    fleet: LiveFleet, attached: AttachedPrograms
) -> None:
    # GIVEN an agent under a supervisor, which traces
    supervisor = fleet.start_agent("api-1", under=("sh", "-c", '"$@" & wait', "supervisor"))
    status, _, err = fleet.fleettrace("run", "syscount", "--on", "all", "--for", f"{FOR_S}s", "--promote", "--detach")
    assert status == 0, err
    fleet.wait_tracing("api-1", elapsed_ms=1_300)
    agent = fleet.child_of("api-1")
    child = next(map(int, Path(f"/proc/{agent}/task/{agent}/children").read_text().split()))
    attached.note(child)
    # WHEN both are killed at once, with the child stopped
    os.kill(child, signal.SIGSTOP)
    supervisor.kill()
    os.kill(agent, signal.SIGKILL)
    # THEN the kernel ends what they held
    attached.wait_gone(2)
    assert ended_job(fleet)["hosts"][0]["outcome"] == "partial"
