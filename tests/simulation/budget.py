"""What must hold of hosts that several jobs want: never over the budget, in order, and nobody waits for nothing."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from fleettrace.model.job import Job, JobState, Priority
from fleettrace.model.run import RunKind
from tests.simulation.story import Story

if TYPE_CHECKING:
    from controller.jobs.coordinator import Coordinator

__all__ = ["BudgetWatch"]

MAX_RUNS = 2
MAX_HOST_CPU_PCT = 10.0
MAX_CPU_PCT = 5.0
"""Of the built-in policies."""
IDLE_S = 3.0
"""How long a job may wait at most when its hosts have room."""
ROUNDING_PCT = 1e-6


class BudgetWatch:
    """Adds up what jobs take of each host, by the rules of the decision that made them, written down once more."""

    def __init__(self, story: Story, now_s: Callable[[], float]) -> None:
        self._story = story
        self._now_s = now_s
        self._fits_since_s: dict[str, float] = {}
        self._queued_s: dict[str, float] = {}

    def check_saved(self, before: Job | None, job: Job, live: Mapping[str, Job], clock_ms: int) -> None:
        """A job was saved; ``live``: the jobs that have not ended, as the controller has them by its clock."""
        if job.state is JobState.QUEUED:
            self._queued_s.setdefault(job.spec.job_id, self._now_s())
        if before is not None and before.state is JobState.QUEUED and job.state is JobState.CHECKING:
            self._check_begun(job, [one for name, one in live.items() if name != job.spec.job_id], clock_ms)
        if job.state is JobState.PREEMPTED and (before is None or before.state is not JobState.PREEMPTED):
            self._check_preempted(job)

    def _check_begun(self, job: Job, others: list[Job], clock_ms: int) -> None:
        if not _fits(job, others):
            self._story.fail("no host is over its budget", f"{job.spec.job_id} began")
        # Whose turn it is was decided some time before that is durable, and who came in between did not wait then.
        taken_ms = max((clock_ms - run.sent_at_ms for run in job.runs.values()), default=0)
        decided_s = self._now_s() - max(taken_ms, 0) / 1000
        for other in others:
            if other.state is not JobState.QUEUED or self._queued_s.get(other.spec.job_id, decided_s) >= decided_s:
                continue
            if _order(other) < _order(job) and _hosts(other) & _hosts(job):
                self._story.fail("nobody passes in the queue", f"{job.spec.job_id} passed {other.spec.job_id}")

    def _check_preempted(self, job: Job) -> None:
        if job.spec.priority is Priority.INCIDENT:
            self._story.fail("only routine jobs give way", job.spec.job_id)

    def check_waiting(self, coordinator: "Coordinator", *, calm: bool) -> None:
        """From time to time: the first in the queue does not wait for hosts that have room."""
        live = coordinator._live.jobs()
        queued = sorted((job for job in live if job.state is JobState.QUEUED), key=_order)
        waiting = {job.spec.job_id for job in queued[:1] if calm and _fits(job, live)}
        self._fits_since_s = {name: self._fits_since_s.get(name, self._now_s()) for name in waiting}
        for name, since_s in self._fits_since_s.items():
            if self._now_s() - since_s > IDLE_S:
                self._story.fail("nobody waits for nothing", f"{name} waits though its hosts have room")


def _order(job: Job) -> tuple[bool, int, str]:
    return (job.spec.priority is not Priority.INCIDENT, job.spec.created_at_ms, job.spec.job_id)


def _hosts(job: Job) -> set[str]:
    return set(job.spec.targets) - set(job.spec.missing)


def _fits(job: Job, others: Iterable[Job]) -> bool:
    taken = [_taken(other) for other in others if other.state is not JobState.QUEUED]
    for host in _hosts(job):
        there = [claims[host] for claims in taken if host in claims]
        if len(there) >= MAX_RUNS or sum(there) + MAX_CPU_PCT > MAX_HOST_CPU_PCT + ROUNDING_PCT:
            return False
    return True


def _taken(job: Job) -> dict[str, float]:
    """By host, the least that a job takes: what was predicted, or all that it may where nothing was measured."""
    if job.state is JobState.CHECKING:
        return dict.fromkeys(_hosts(job), MAX_CPU_PCT)
    ended = {key.host for key, run in job.runs.items() if run.kind is RunKind.TRACE and run.state.ended}
    live = {key.host for key, run in job.runs.items() if not run.state.ended}
    hosts = {host for wave in job.waves for host in wave.hosts if job.state is JobState.TRACING} - ended
    predicted = min((check.predicted_cpu_pct for check in job.canaries), default=0.0)
    return dict.fromkeys(hosts | live, min(predicted, MAX_CPU_PCT))
