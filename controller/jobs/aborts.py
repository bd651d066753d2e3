"""Which programs were aborted lately, so that nobody tries a third time what has gone wrong twice."""

from collections import deque
from collections.abc import Iterable

from fleettrace.model.job import Job, JobState

__all__ = ["MAX_KEPT", "AbortLedger"]

MAX_KEPT = 1_000
"""Aborted jobs that are remembered, the newest ones."""


class AbortLedger:
    """Jobs that a gate has ended, newest first. In memory beside the store, so that a submit waits for no read."""

    def __init__(self) -> None:
        self._newest_first: deque[Job] = deque(maxlen=MAX_KEPT)

    def load(self, newest_first: Iterable[Job]) -> None:
        """Take in what an earlier controller has kept."""
        self._newest_first.extend(newest_first)

    def note(self, job: Job) -> None:
        """Take in a job that has ended, however it did."""
        if job.state is JobState.ABORTED:
            self._newest_first.appendleft(job)

    def of(self, program_id: str, since_ms: int) -> list[Job]:
        """Aborted jobs of a program (:attr:`~fleettrace.model.job.JobSpec.program_id`) since a time, newest first."""
        return [
            job for job in self._newest_first if job.spec.program_id == program_id and job.finished_at_ms >= since_ms
        ]
