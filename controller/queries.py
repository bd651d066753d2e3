"""What operators look at: results put together from what is kept. Reads only."""

import asyncio
from collections.abc import Sequence
from difflib import get_close_matches

from controller.analysis.compare import compare_parts
from controller.analysis.coverage import coverage_of
from controller.analysis.findings import histogram_readings, suspect_of
from controller.analysis.leaks import add_leaking_hosts
from controller.analysis.reading import read_snapshot
from controller.analysis.statement import state_findings
from controller.jobs.coordinator import Coordinator
from controller.jobs.results import addable_parts
from controller.store.port import SeenBy
from controller.store.worker import StoreWorker
from fleettrace.catalog import builtin_tools
from fleettrace.errors import NotFound
from fleettrace.model.job import HostPart, Job, JobResult, JobTotals
from fleettrace.model.names import counted
from fleettrace.model.run import RunOutcome
from fleettrace.model.tool import Words
from fleettrace.snapshot import merge

__all__ = ["Queries"]

DEFAULT_JOBS = 50
MAX_JOBS = 1_000
MAX_NAMED_HOSTS = 5
MAX_RESULTS_AT_ONCE = 2
"""Results that are put together at a time: a large fleet's takes some 500 MB meanwhile. More wait for their turn."""


class Queries:
    """Answers over the store and the live jobs."""

    def __init__(self, store: StoreWorker, coordinator: Coordinator) -> None:
        self._store = store
        self._coordinator = coordinator
        self._turns = asyncio.Semaphore(MAX_RESULTS_AT_ONCE)

    async def jobs(self, limit: int, seen_by: SeenBy | None = None) -> list[Job]:
        """The newest jobs first, of all teams or as ``seen_by`` says; ``limit`` 0: 50, and never more than 1000."""
        wanted = min(limit or DEFAULT_JOBS, MAX_JOBS)
        kept = await self._store.call(lambda store: store.jobs(wanted, seen_by))
        # What a live job measures from moment to moment is not written down.
        return [self._coordinator.live_job(job.spec.job_id) or job for job in kept]

    async def job_result(self, job_id: str, host: str = "") -> JobResult:
        """A job with everything measured so far, or one host's part of it.

        Of a job that still runs, hosts that are not through stand with what they have sent so far (parts that are not
        ``final``); coverage counts them as missing until they are.

        Raises:
            NotFound: no such job, or no such host in it.
        """
        async with self._turns:
            return await self._job_result(job_id, host)

    async def job_totals(self, job_id: str) -> JobTotals:
        """What the hosts of a job have measured together: as it is kept, or, while it runs, what has come so far.

        Raises:
            NotFound: no such job.
        """
        job = await self._coordinator.job(job_id)
        async with self._turns:
            kept = await self._store.call(lambda store: store.merged(job_id)) if job.state.ended else None
        if kept is not None:
            return JobTotals(job, kept)
        result = await self.job_result(job_id)
        return JobTotals(result.job, result.merged)

    async def _job_result(self, job_id: str, host: str) -> JobResult:
        job = await self._coordinator.job(job_id)
        kept = await self._store.call(lambda store: store.parts(job_id))
        if host and host not in {*job.spec.targets, *(part.part.run.host for part in kept)}:
            raise NotFound(f"job {job_id} was not for {host!r}; {_near(host, job.spec.targets)}")
        ended = [part for part in kept if part.part.outcome is not RunOutcome.FAILED]
        runs = {part.part.run for part in kept}
        going_on = [part for part in self._coordinator.interim_parts(job_id) if part.part.run not in runs]
        # Comparing a large fleet takes a second, in which agents must be heard.
        return await asyncio.to_thread(_result, job, ended, going_on, host)


def _near(host: str, targets: Sequence[str]) -> str:
    """Those that may have been meant, or the first ones."""
    if close := get_close_matches(host, targets, MAX_NAMED_HOSTS):
        return f"did you mean {' or '.join(close)}?"
    more = f" and {len(targets) - MAX_NAMED_HOSTS:,} more" if len(targets) > MAX_NAMED_HOSTS else ""
    return f"its hosts are {', '.join(targets[:MAX_NAMED_HOSTS])}{more}"


def _result(job: Job, ended: Sequence[HostPart], going_on: Sequence[HostPart], host: str) -> JobResult:
    parts = [*ended, *going_on]
    addable = addable_parts(job, parts)
    coverage = coverage_of(job, ended, addable.left_out)
    if host:
        own = tuple(part for part in parts if part.part.run.host == host)
        merged = merge(part.part.snapshot for part in own)
        read = histogram_readings(merged)
        return JobResult(job, coverage, merged, own, readings=read_snapshot(merged), histogram_readings=read)
    # The same as the merge that is kept; where the parts are at hand, adding up takes less time than reading that.
    merged = merge(part.part.snapshot for part in addable.parts)
    found = add_leaking_hosts(compare_parts(addable.parts), addable.parts)
    statement = state_findings(found, addable.parts, _words(job))
    if not job.state.ended:
        arrived = f"{len({part.part.run.host for part in parts}):,} of {counted(len(job.spec.targets), 'host')}"
        statement = f"so far, from {arrived}: {statement}" if parts else ""
    return JobResult(
        job,
        coverage,
        merged,
        tuple(parts),
        suspects=tuple(map(suspect_of, found)),
        readings=read_snapshot(merged),
        statement=statement,
        histogram_readings=histogram_readings(merged),
    )


def _words(job: Job) -> Words:
    """The tool's, unless it is no longer in the catalogue."""
    tool = builtin_tools().get(job.spec.tool)
    return tool.words if tool is not None else Words()
