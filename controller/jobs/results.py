"""What becomes of parts: kept once each, and merged beside them."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

from controller.analysis.addable import Addable, addable
from controller.store.port import Store
from controller.store.worker import StoreWorker
from fleettrace.catalog import builtin_tools
from fleettrace.model.job import HostPart, Job, RunState
from fleettrace.model.run import RunKey, RunOutcome
from fleettrace.snapshot import merge

__all__ = ["ResultKeeper", "addable_parts"]

_log = logging.getLogger(__name__)


class ResultKeeper:
    """Keeps parts and their merge. The merge can be redone from the parts at any time, to the same bytes."""

    def __init__(self, store: StoreWorker) -> None:
        self._store = store

    async def keep(self, host_part: HostPart) -> bool:
        """Keep a part; False when it was kept before."""
        return await self._store.call(lambda store: store.save_part(host_part))

    async def finish(self, job: Job, interim: Mapping[RunKey, HostPart]) -> None:
        """Keep the newest interim part of each lost run, merge, and write that the job has ended, in this order.

        One call of the store: no part comes in between, and a job that has ended is merged. Should the final part of
        a lost run come after all, it replaces the interim one.
        """

        def perform(store: Store) -> None:
            for key, run in job.runs.items():
                if run.state is RunState.LOST and key in interim:
                    part = replace(interim[key].part, outcome=RunOutcome.PARTIAL, reason=run.reason)
                    store.save_part(replace(interim[key], part=part))
            _merge(store, job)
            store.save_job(job)

        await self._store.call(perform)

    async def take_in(self, job: Job, host_part: HostPart) -> None:
        """Keep a part that no run has made, with the job that now says so, and merge; whole or not at all."""

        def perform(store: Store) -> None:
            store.save_part(host_part)
            _merge(store, job)
            store.save_job(job)

        await self._store.call(perform)

    async def merge(self, job: Job) -> None:
        """Merge the parts of a job and keep the result."""
        await self._store.call(lambda store: _merge(store, job))


def addable_parts(job: Job, parts: Iterable[HostPart]) -> Addable:
    """The parts of a job that its merge is made of, and the hosts that are left out of it with the reasons."""
    tool = builtin_tools().get(job.spec.tool)
    # Of another version of the tool nothing is known but the names of its alternatives.
    known = tool is not None and tool.digest == job.spec.digest
    return addable(parts, tool.measure if tool is not None and known else str)


def _merge(store: Store, job: Job) -> None:
    job_id = job.spec.job_id
    found = addable_parts(job, store.parts(job_id))
    for host, reason in found.left_out:
        _log.warning("job %s: %s is left out of the result: %s", job_id, host, reason)
    store.save_merged(job_id, merge(part.part.snapshot for part in found.parts))
