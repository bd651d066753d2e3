"""What is written down, merged and acknowledged, and what is not."""

from dataclasses import replace
from typing import Any

import pytest

import controller.jobs.coordinator
import controller.jobs.results
import controller.rpc.agent_link
import controller.scheduler.machine
import controller.scheduler.phases
import node_agent.child.main
import node_agent.guard
import node_agent.link
import node_agent.outbox
import node_agent.runner
import node_agent.session
import tests.fakes.memory_store
from controller.audit.chain import entry_of
from controller.audit.jobs import job_entries
from controller.jobs.coordinator import Coordinator
from controller.jobs.intake import Recovered
from controller.jobs.live import LiveJobs
from controller.jobs.requests import RequestLedger, Submitted
from controller.jobs.results import ResultKeeper
from fleettrace.errors import StoreFailed
from fleettrace.model.job import JobState
from fleettrace.snapshot import Snapshot, merge
from node_agent.session import Session
from tests.fakes.memory_store import MemoryStore

__all__ = [
    "acknowledged_before_durable",
    "audit_is_written_later",
    "audit_leaves_out_the_restart",
    "audit_leaves_out_waves",
    "failed_submit_stays",
    "interim_gets_newer_counters",
    "late_parts_are_not_merged",
    "merge_counts_twice",
    "merge_leaves_out_the_last",
    "orders_before_durable",
    "repeated_request_is_a_new_job",
    "restart_forgets_jobs",
    "restart_merges_too_late",
    "store_failure_is_not_retried",
]

Patch = pytest.MonkeyPatch


def orders_before_durable(patch: Patch) -> None:
    durable = LiveJobs._make_durable

    async def hasty(self: LiveJobs, job_id: str, live: Any, transition: Any, retry: bool) -> None:
        self._perform_all(transition.instructions)
        await durable(self, job_id, live, replace(transition, instructions=()), retry)

    patch.setattr(LiveJobs, "_make_durable", hasty)


def acknowledged_before_durable(patch: Patch) -> None:
    arrived = Coordinator.part_arrived

    async def hasty(self: Coordinator, host_part: Any) -> bool:
        try:
            return await arrived(self, host_part)
        except StoreFailed:
            return bool(host_part.part.final)

    patch.setattr(Coordinator, "part_arrived", hasty)


def restart_forgets_jobs(patch: Patch) -> None:
    async def nothing(_: Coordinator) -> Recovered:
        return Recovered(0, 0)

    patch.setattr(Coordinator, "recover", nothing)


def restart_merges_too_late(patch: Patch) -> None:
    async def late(self: ResultKeeper, job: Any, _: Any) -> None:
        await self._store.call(lambda store: store.save_job(job))
        await self.merge(job.spec.job_id)

    patch.setattr(ResultKeeper, "finish", late)


def failed_submit_stays(patch: Patch) -> None:
    class Sticky(dict[str, Any]):
        def __delitem__(self, _: str) -> None:
            """Keep it."""

    made = LiveJobs.__init__

    def sticky(self: LiveJobs, *args: Any, **options: Any) -> None:
        made(self, *args, **options)
        self._live = Sticky()

    patch.setattr(LiveJobs, "__init__", sticky)


def store_failure_is_not_retried(patch: Patch) -> None:
    schedule = LiveJobs._schedule

    def once(self: LiveJobs, job_id: str, live: Any, retry_s: float | None = None) -> None:
        if retry_s is None:
            schedule(self, job_id, live)

    patch.setattr(LiveJobs, "_schedule", once)


def repeated_request_is_a_new_job(patch: Patch) -> None:
    async def forgetful(self: RequestLedger, _: str, open_job: Any) -> Submitted:
        return await open_job()  # type: ignore[no-any-return]

    patch.setattr(RequestLedger, "_find_or_open", forgetful)


def merge_counts_twice(patch: Patch) -> None:
    def doubled(snapshots: Any) -> Snapshot:
        parts = list(snapshots)
        return merge([*parts, *parts[:1]])

    patch.setattr(controller.jobs.results, "merge", doubled)


def merge_leaves_out_the_last(patch: Patch) -> None:
    patch.setattr(controller.jobs.results, "merge", lambda snapshots: merge(list(snapshots)[:-1]))


def late_parts_are_not_merged(patch: Patch) -> None:
    async def never(_: ResultKeeper, __: str) -> None:
        return

    patch.setattr(ResultKeeper, "merge", never)


def audit_leaves_out_waves(patch: Patch) -> None:
    patch.setattr(
        tests.fakes.memory_store,
        "job_entries",
        lambda before, job: [entry for entry in job_entries(before, job) if entry.kind != "job.wave"],
    )


def audit_leaves_out_the_restart(patch: Patch) -> None:
    patch.setattr(
        tests.fakes.memory_store,
        "job_entries",
        lambda before, job: [] if job.state is JobState.INTERRUPTED else job_entries(before, job),
    )


def audit_is_written_later(patch: Patch) -> None:
    kept: list[Any] = []
    save = MemoryStore.save_job

    def late(self: MemoryStore, job: Any, request_id: str = "", audit: Any = ()) -> None:
        log = self._kept.audit
        known = len(log)
        save(self, job, request_id, audit)
        new = [entry_of(record) for record in log[known:]]
        del log[known:]
        self._kept.append(kept)
        kept[:] = new

    patch.setattr(MemoryStore, "save_job", late)


def interim_gets_newer_counters(patch: Patch) -> None:
    end = node_agent.session._end

    def mixed(session: Session, outcome: Any, reason: str, measured: Any) -> Any:
        return end(session, outcome, reason, measured and replace(measured, cost=session.cost))

    patch.setattr(node_agent.session, "_end", mixed)
