"""Several jobs on one fleet: hosts of a wave begin together, what does not fit waits, an incident comes first."""

import json
from typing import Any

import pytest

from controller.client import Client
from fleettrace.model.job import Job, JobState
from tests.fakes.waiting import wait_for
from tests.integration.fleet import LiveFleet

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

LASTING_S = 60
"""As long as the policy lets a job last, and longer than what a test looks at."""


def _jobs(fleet: LiveFleet) -> dict[str, Job]:
    with Client(fleet.address) as client:
        return {job.spec.job_id: job for job in client.jobs(10)}


def _submit(fleet: LiveFleet, *more: str, seconds: int = 5) -> str:
    command = ("run", "syscount", "--on", "all", "--for", f"{seconds}s", "--promote", "--detach")
    code, out, err = fleet.fleettrace(*command, *more)
    assert code == 0, err
    return out.strip()


def _until(fleet: LiveFleet, job_id: str, *states: JobState) -> Job:
    return wait_for(
        f"{job_id} to be {states}", lambda: job if (job := _jobs(fleet)[job_id]).state in states else None, 60
    )


def _tracing(fleet: LiveFleet, job_id: str) -> Job:
    def traces() -> Job | None:
        job = _jobs(fleet)[job_id]
        return job if any(run.kind == "trace" and run.elapsed_ms > 0 for run in job.runs.values()) else None

    return wait_for(f"{job_id} to trace", traces, 60)


def test_the_hosts_of_a_wave_begin_together_or_say_that_they_are_late(fleet: LiveFleet) -> None:
    names = [f"api-{number}" for number in range(1, 6)]
    for name in names:
        fleet.start_agent(name, wait=False)
    fleet.wait_connected(*names)
    data = fleet.json("run", "syscount", "--on", "all", "--for", "2s", "--promote")
    assert data["coverage"]["answered"] == 5
    late = {note["host"] for note in data["coverage"]["notes"] if "after its wave" in note["note"]}
    # THEN the clocks were compared, and who was not late began within moments of the others
    assert 0 < data["coverage"]["wave_skew_uncertainty_s"] < 0.5
    assert data["coverage"]["wave_skew_s"] < 0.25 + data["coverage"]["wave_skew_uncertainty_s"] or late
    assert not any("did not wait" in note["note"] for note in data["coverage"]["notes"])


def test_what_does_not_fit_waits_with_its_place_and_begins_by_itself(fleet: LiveFleet) -> None:
    fleet.start_agent("api-1")
    # Two that last until somebody ends them: however slow this machine is, the third finds them there.
    first, second = (_submit(fleet, "-p", f"comm={name}", seconds=LASTING_S) for name in "ab")
    third = _submit(fleet, "-p", "comm=c", seconds=1)
    listed = {job["id"]: job for job in fleet.json("jobs")["jobs"]}
    assert listed[third]["state"] == "queued"
    assert listed[third]["queue_position"] == 1
    assert "api-1, which has 2 runs of at most 2" in listed[third]["waits_for"]
    assert "place 1 in the queue" in fleet.fleettrace("jobs")[1]
    fleet.json("cancel", first)
    _until(fleet, third, JobState.DONE)
    assert _jobs(fleet)[second].state is JobState.TRACING


def test_an_incident_ends_a_routine_job_which_keeps_what_it_measured(fleet: LiveFleet) -> None:
    fleet.start_agent("api-1")
    old = _submit(fleet, seconds=LASTING_S)
    _tracing(fleet, old)
    young = _submit(fleet, "--no-share", seconds=LASTING_S)
    _tracing(fleet, young)
    urgent = fleet.command(
        "run", "runqlat", "--on", "all", "--for", "1s", "--promote", "--priority", "incident", "--json"
    )
    victim = _until(fleet, young, JobState.PREEMPTED)
    out, err = urgent.communicate(timeout=50)
    assert urgent.returncode == 0, err
    assert json.loads(out)["job"]["priority"] == "incident"
    assert "queued" in err
    assert "incident job" in victim.reason
    kept: dict[str, Any] = fleet.json("show", young)
    assert kept["hosts"][0]["outcome"] == "partial"
    assert kept["merged"]["counts"]
    assert _jobs(fleet)[old].state is JobState.TRACING


def test_the_same_question_is_one_trace(fleet: LiveFleet) -> None:
    fleet.start_agent("api-1")
    command = ("run", "syscount", "--on", "all", "--for", "6s", "--promote")
    first = fleet.command(*command, "--json")
    wait_for("the job", lambda: _jobs(fleet) or None)
    data = fleet.json(*command)
    out, err = first.communicate(timeout=50)
    assert first.returncode == 0, err
    assert json.loads(out)["job"]["id"] == data["job"]["id"]
    assert json.loads(out)["merged"] == data["merged"]
    code, _, err = fleet.fleettrace(*command, "--no-share")
    assert code == 0
    assert len(_jobs(fleet)) == 2
