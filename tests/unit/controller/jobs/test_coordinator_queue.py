"""Several jobs on one host: what does not fit waits, an incident comes first, and the same question is asked once."""

from dataclasses import replace

import pytest

from controller.jobs.intake import MAX_QUEUED_JOBS
from fleettrace.errors import Refused
from fleettrace.model.job import HostPart, Job, JobState, Priority
from fleettrace.model.run import Part, RunOutcome
from tests.unit.controller.house import ASKED, BUSY, TEN, House, host


@pytest.fixture
async def busy(house: House) -> House:
    """One host with two jobs that are checked, which is all that it may have at a time."""
    await house.join(host("h"))
    for pid in ("1", "2"):
        await house.coordinator.submit(replace(ASKED, params={"pid": pid}))
    assert [order.run.job_id for order in house.orders("h")] == ["j1", "j2"]
    return house


async def _settled(house: House, job_id: str) -> Job:
    """The job once everything that follows from what has happened is done."""
    for _ in range(5):
        await house.worker.call(lambda _: None)
    return await house.coordinator.job(job_id)


async def _stopped(house: House, job: Job) -> None:
    for run in job.runs.values():
        part = Part(run.key, run.kind, RunOutcome.PARTIAL, "stopped", "bcc", 0, 10, BUSY, TEN)
        await house.coordinator.part_arrived(HostPart(part, {}, "c"))


async def test_what_does_not_fit_waits_at_its_place_and_begins_when_there_is_room(busy: House) -> None:
    # WHEN two more jobs are asked for
    third = (await busy.coordinator.submit(replace(ASKED, params={"pid": "3"}))).job_id
    fourth = (await busy.coordinator.submit(replace(ASKED, params={"pid": "4"}))).job_id
    # THEN nothing is begun, and their places and the reason are known
    assert busy.orders("h") == []
    jobs = [await busy.coordinator.job(job_id) for job_id in (third, fourth)]
    assert [(job.state, job.queue_position) for job in jobs] == [(JobState.QUEUED, 1), (JobState.QUEUED, 2)]
    assert jobs[0].waits_for == "waits for h, which has 2 runs of at most 2 (j1, j2)"
    # WHEN a running job has ended
    await busy.coordinator.cancel("j1", "ann")
    await _stopped(busy, await busy.coordinator.job("j1"))
    # THEN the next one begins, says that it has waited, and the other one moves up
    job = await _settled(busy, third)
    assert (job.state, job.queue_position, job.waits_for) == (JobState.CHECKING, 0, "")
    assert [decision.kind for decision in job.decisions] == ["policy", "queue"]
    assert [order.run.job_id for order in busy.orders("h")] == [third]
    assert (await busy.coordinator.job(fourth)).queue_position == 1


async def test_a_job_that_was_measured_leaves_the_rest_of_the_budget_to_others(busy: House) -> None:
    # GIVEN a third run that the host allows, and two jobs that may need all of the budget
    allowed = replace(busy.fleet.hosts()[0], facts=replace(busy.fleet.hosts()[0].facts, max_runs=3))
    busy.fleet._hosts["h"] = allowed
    third = (await busy.coordinator.submit(replace(ASKED, params={"pid": "3"}))).job_id
    assert "10% of at most 10% of one CPU is taken" in (await busy.coordinator.job(third)).waits_for
    # WHEN those were measured
    for job_id in ("j1", "j2"):
        check = next(iter((await busy.coordinator.job(job_id)).runs.values()))
        part = Part(check.key, check.kind, RunOutcome.COMPLETE, "", "bcc", 0, 1_000, BUSY)
        await busy.coordinator.part_arrived(HostPart(part, {}, "c"))
    # THEN there is room
    assert (await _settled(busy, third)).state is JobState.CHECKING


async def test_an_incident_ends_the_youngest_routine_job_and_keeps_its_parts(busy: House) -> None:
    urgent = (await busy.coordinator.submit(replace(ASKED, priority=Priority.INCIDENT))).job_id
    # THEN the younger one is told to stop
    assert (await busy.coordinator.job("j1")).state is JobState.CHECKING
    victim = await busy.coordinator.job("j2")
    assert victim.state is JobState.STOPPING
    assert (await busy.coordinator.job(urgent)).state is JobState.QUEUED
    # WHEN it has
    await _stopped(busy, victim)
    # THEN the incident begins, and the other one says why it has ended
    assert (await _settled(busy, urgent)).state is JobState.CHECKING
    victim = await busy.coordinator.job("j2")
    assert (victim.state, victim.reason) == (JobState.PREEMPTED, f"the incident job {urgent} needed its hosts")
    assert "preempt" in [decision.kind for decision in victim.decisions]


async def test_the_same_question_is_asked_once(busy: House) -> None:
    again = replace(ASKED, params={"pid": "1"})
    shared = await busy.coordinator.submit(replace(again, operator="bob", request_id="r"))
    assert (shared.job_id, shared.shared) == ("j1", True)
    # AND a repeat of the request is the same job, also when that has ended
    await busy.coordinator.cancel("j1", "ann")
    await _stopped(busy, await busy.coordinator.job("j1"))
    assert (await busy.coordinator.submit(replace(again, operator="bob", request_id="r"))).job_id == "j1"
    # AND otherwise it is a new job
    assert (await busy.coordinator.submit(again)).job_id not in {"j1", "j2"}


@pytest.mark.parametrize(
    "changes", [{"team": "other"}, {"duration_ms": 2_000}, {"no_share": True}, {"priority": Priority.INCIDENT}]
)
async def test_another_question_team_or_priority_is_a_job_of_its_own(busy: House, changes: dict[str, object]) -> None:
    asked = replace(ASKED, params={"pid": "1"}, **changes)  # type: ignore[arg-type]
    assert not (await busy.coordinator.submit(asked)).shared


async def test_a_wait_is_bounded(busy: House) -> None:
    third = (await busy.coordinator.submit(replace(ASKED, params={"pid": "3"}))).job_id
    busy.clock.now_ms += 600_000
    await busy.coordinator._live._pass_time(third)
    job = await busy.coordinator.job(third)
    assert job.state is JobState.FAILED
    assert job.reason.startswith("there was no room for it within 600 s: it waits for h, which has 2 runs")


async def test_the_queue_is_bounded(busy: House) -> None:
    for pid in range(MAX_QUEUED_JOBS):
        await busy.coordinator.submit(replace(ASKED, params={"pid": str(10 + pid)}))
    with pytest.raises(Refused, match=f"{MAX_QUEUED_JOBS} jobs wait"):
        await busy.coordinator.submit(replace(ASKED, params={"pid": "9"}))


async def test_what_waits_can_be_cancelled(busy: House) -> None:
    third = (await busy.coordinator.submit(replace(ASKED, params={"pid": "3"}))).job_id
    assert (await busy.coordinator.cancel(third, "ann")).state is JobState.CANCELLED


async def test_hosts_that_left_while_a_job_waited_are_missing_in_it(busy: House) -> None:
    # GIVEN a job that waits for h, with another host as its canary
    await busy.join(host("g"))
    third = (await busy.coordinator.submit(replace(ASKED, params={"pid": "3"}))).job_id
    assert (await busy.coordinator.job(third)).canaries[0].host == "g"
    # WHEN that one is gone, and there is room
    gone = busy.fleet.disconnect(busy.connections["g"], "it was unplugged")
    await busy.coordinator.host_gone(gone)
    await busy.coordinator.cancel("j1", "ann")
    await _stopped(busy, await busy.coordinator.job("j1"))
    # THEN it begins without it
    job = await _settled(busy, third)
    assert (job.state, job.canaries[0].host, dict(job.spec.missing)) == (
        JobState.CHECKING,
        "h",
        {"g": "it was unplugged"},
    )
