"""The last look, when everything has been calm for long enough."""

from dataclasses import replace
from typing import TYPE_CHECKING

from fleettrace.model.job import JobState, Priority, RunState
from tests.simulation.host import SimulatedHost

if TYPE_CHECKING:
    from tests.simulation.scenario import World

__all__ = ["last_look"]

MAX_DIALS_IN_10_S = 25


def last_look(world: "World") -> None:
    """Everything has ended, is handed in, merged, and forgotten where it need not be remembered."""
    story, jobs = world.story, world.watcher.jobs.durable
    for job_id, job in jobs.items():
        if not job.state.ended:
            story.fail("every job ends", f"{job_id} is {job.state}")
        elif job.state is not JobState.REFUSED:
            world.watcher.jobs.check_merged(job_id)
    if world.watcher.running:
        story.fail(
            "I1 nothing outlives its deadline", f"attached at the end: {sorted(map(str, world.watcher.running))}"
        )
    for request_id, job_id in world.operators.acknowledged.items():
        if job_id not in world.disk.kept._kept.jobs:
            story.fail("I5 acknowledged means durable", f"job {job_id} of {request_id} is gone")
    _check_requests(world)
    for host in world.hosts:
        if not host.gone:
            _check_host(world, host)
    world.watcher.check_handed_in()
    _check_memory(world)
    for error in world.loop.unseen_errors():
        story.fail("nothing fails unseen", f"a task ended with {error!r}")
    if not world.faults_met:
        _check_quiet_world(world)


def _check_requests(world: "World") -> None:
    story, of_request = world.story, world.disk.kept._kept.job_of_request
    # A routine request may well be answered by an incident's job.
    alike = {"request_id": "", "priority": Priority.ROUTINE}
    questions = {asked.request_id: replace(asked, **alike) for asked in world.requests}  # type: ignore[arg-type]
    for job_id in set(of_request.values()):
        asked = [questions[request_id] for request_id, made in of_request.items() if made == job_id]
        if any(other != asked[0] for other in asked):
            story.fail("only the same question shares a job", f"{job_id}: {asked}")
    if len(of_request) > len(world.requests):
        story.fail("a repeated request is the same job", f"{of_request}")


def _check_host(world: "World", host: SimulatedHost) -> None:
    story = world.story
    if host.outbox.unacknowledged:
        story.fail("every part is handed in", f"{host.name} keeps {[str(key) for key in host.outbox.unacknowledged]}")
    if host.runner is not None and host.runner.running:
        story.fail("every run ends", f"{host.name}: {[str(key) for key in host.runner.running]}")
    if world.site.fleet is None or not world.site.fleet.is_connected(host.name):
        story.fail("hosts come back", f"{host.name} is not connected")
    _check_dials(world, host.name)


def _check_dials(world: "World", host: str) -> None:
    dials = world.network.dials.get(host, [])
    for first, later in zip(dials, dials[MAX_DIALS_IN_10_S:], strict=False):
        if later - first < 10.0:
            world.story.fail("agents come back without a storm", f"{host} dialled {MAX_DIALS_IN_10_S} times in 10 s")
            return


def _check_memory(world: "World") -> None:
    coordinator = world.site.coordinator
    if coordinator is None:
        world.story.fail("the controller comes back", "there is none")
        return
    left = [name for name, kept in (("jobs", coordinator._live), ("tasks", coordinator._live._tasks)) if kept]
    if coordinator._intake._requests._opening:
        left.append("requests")
    if left:
        world.story.fail("I8 memory is bounded", f"the controller still holds {' and '.join(left)}")


def _check_quiet_world(world: "World") -> None:
    """Without faults, a job is done unless a gate, an operator or a limit of the host said no."""
    for job_id, job in world.watcher.jobs.durable.items():
        world.watcher.check_lost(job)
        if job.state in {JobState.INTERRUPTED, JobState.FAILED}:
            refused = [run for run in job.runs.values() if run.state is RunState.FAILED and "runs are on" in run.reason]
            if not refused:
                world.story.fail("a quiet world answers", f"{job_id} is {job.state}: {job.reason}")
