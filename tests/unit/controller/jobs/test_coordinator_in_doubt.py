"""The coordinator with a store that fails: doubt closes starting and opens stopping, and nothing is stuck."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from controller.fleet import Connection, Fleet
from controller.jobs import intake as intake_module
from controller.jobs.asking import Asked
from controller.jobs.coordinator import Coordinator
from controller.policy.parse import default_policy
from controller.store.worker import StoreWorker
from fleettrace.catalog import builtin_tools
from fleettrace.errors import NotFound, StoreFailed, Unreachable
from fleettrace.model.audit import AuditEntry
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.job import HostPart, Job, JobState
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome, StartRun
from fleettrace.snapshot import LOG2, Histogram, Snapshot, merge
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ordering import CHALLENGE, a_desk, opened

TEN = Snapshot(histograms=(Histogram((), "us", LOG2, ((3, 10),)),))
BUSY = RunCost(hits=2_000, events=1_000, events_per_cpu=(600, 400))
ASKED = Asked(tool="runqlat", selector="all", duration_ms=1_000, team="team", operator="ann")


class FailingStore(MemoryStore):
    """Fails each write for which ``full`` says so; ``writes`` names those that happened, in order."""

    def __init__(self, kept: Any = None) -> None:
        super().__init__(kept)
        self.full: Callable[[str], bool] = lambda _: False
        self.writes: list[str] = []

    def _write(self, what: str) -> None:
        if self.full(what):
            raise StoreFailed("the database could not be written: the disk is full")
        self.writes.append(what)

    def save_job(self, job: Job, request_id: str = "", audit: Sequence[AuditEntry] = ()) -> None:
        self._write(f"job {job.state}")
        super().save_job(job, request_id, audit)

    def save_merged(self, job_id: str, merged: Snapshot) -> None:
        self._write("merged")
        super().save_merged(job_id, merged)


@dataclass
class House:
    store: FailingStore
    worker: StoreWorker
    fleet: Fleet
    coordinator: Coordinator
    connections: dict[str, Connection] = field(default_factory=dict)

    async def join(self, name: str) -> None:
        tools = {tool.name: tool.digest for tool in builtin_tools().values()}
        facts = HostFacts("6.1", "#1", "x86_64", 2, capabilities=("CAP_BPF", "CAP_PERFMON"), tools=tools)
        host = Host(name, {}, facts, connected=True, last_seen_ms=0)
        self.connections[name] = self.fleet.connect(host, CHALLENGE)
        await self.coordinator.host_connected(host, frozenset())

    def sent(self, name: str, what: str) -> list[Any]:
        queue = self.connections[name].queue
        messages = [queue.get_nowait() for _ in range(queue.qsize())]
        return [getattr(message, what) for message in messages if message.WhichOneof("message") == what]

    def orders(self, name: str) -> list[StartRun]:
        return [opened(order, name) for order in self.sent(name, "order")]

    async def answer(self, key: RunKey, kind: RunKind) -> bool:
        shown = TEN if kind is RunKind.TRACE else Snapshot()
        part = Part(key, kind, RunOutcome.COMPLETE, "", "bcc", 1, 1_000, BUSY, shown)
        return await self.coordinator.part_arrived(HostPart(part, {}, "c"))

    async def tracing(self) -> tuple[str, RunKey]:
        """A job whose one host traces; its id and the run."""
        job_id = (await self.coordinator.submit(replace(ASKED, no_share=True))).job_id
        (check,) = self.orders("a")
        await self.answer(check.run, check.kind)
        (trace,) = self.orders("a")
        return job_id, trace.run


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr("controller.jobs.live.STORE_RETRY_S", 0.01)
    store = FailingStore()
    worker = StoreWorker(lambda: store)
    await worker.open()
    fleet = Fleet([], lambda: 1_000, a_desk())
    built = House(store, worker, fleet, Coordinator(fleet, worker, default_policy(), lambda: 1_000))
    await built.join("a")
    yield built
    store.full = lambda _: False
    await built.coordinator.close()
    await worker.close()


async def test_a_job_that_cannot_be_written_down_is_not_begun_and_takes_no_place(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "MAX_LIVE_JOBS", 1)
    house.store.full = lambda _: True
    with pytest.raises(StoreFailed):
        await house.coordinator.submit(ASKED)
    assert house.orders("a") == []
    # THEN the next one has room
    house.store.full = lambda _: False
    await house.coordinator.submit(ASKED)
    assert len(house.orders("a")) == 1


async def test_what_happens_while_a_job_fails_to_begin_does_not_bring_it_to_life(house: House) -> None:
    # GIVEN a job that is just being written down, in vain, and somebody who cancels it
    first = [True]
    house.store.full = lambda _: bool(first) and first.pop()
    submitting = asyncio.create_task(house.coordinator.submit(ASKED))
    while not house.coordinator._live:  # noqa: ASYNC110  there is no event for it
        await asyncio.sleep(0)
    (job_id,) = house.coordinator._live._live
    cancelling = asyncio.create_task(house.coordinator.cancel(job_id, "bob"))
    with pytest.raises(StoreFailed):
        await submitting
    with pytest.raises(NotFound):
        await cancelling
    # THEN there is no such job
    assert house.store.jobs(10) == []


async def test_a_cancel_stops_the_hosts_though_it_cannot_be_written_down_yet(house: House) -> None:
    job_id, run = await house.tracing()
    house.store.full = lambda _: True
    with pytest.raises(StoreFailed):
        await house.coordinator.cancel(job_id, "ann")
    # THEN the host is told, and the job is on its way out
    assert {stop.reason for stop in house.sent("a", "stop")} == {"cancelled by ann"}
    assert (await house.coordinator.job(job_id)).state is JobState.STOPPING
    # AND once the store works again, that is on record, without anybody asking
    house.store.full = lambda _: False
    async with asyncio.timeout(5):
        while "job stopping" not in house.store.writes:  # noqa: ASYNC110  the retry is the loop's timer
            await asyncio.sleep(0.005)
    assert await house.answer(run, RunKind.TRACE)
    ended = house.store.job(job_id)
    assert ended is not None
    assert ended.state is JobState.CANCELLED
    assert "cancel" in {decision.kind for decision in ended.decisions}


async def test_a_cancel_reaches_the_hosts_while_another_event_of_the_job_waits_for_the_store(house: House) -> None:
    job_id, _ = await house.tracing()
    live = house.coordinator._live.get(job_id)
    assert live is not None
    async with live.lock:
        cancelling = asyncio.create_task(house.coordinator.cancel(job_id, "ann"))
        await asyncio.sleep(0)
        assert [stop.reason for stop in house.sent("a", "stop")] == ["cancelled by ann"]
    assert (await cancelling).state is JobState.STOPPING


async def test_a_job_that_could_not_end_for_the_store_ends_when_it_can(house: House) -> None:
    job_id, run = await house.tracing()
    house.store.full = lambda what: what == "job done"
    with pytest.raises(StoreFailed):
        await house.answer(run, RunKind.TRACE)
    assert not (await house.coordinator.job(job_id)).state.ended
    # WHEN the store works again and the host sends its part again, for want of an acknowledgement
    house.store.full = lambda _: False
    assert await house.answer(run, RunKind.TRACE)
    assert (await house.coordinator.job(job_id)).state is JobState.DONE


async def test_a_job_is_merged_before_it_is_on_record_as_ended(house: House) -> None:
    _, run = await house.tracing()
    await house.answer(run, RunKind.TRACE)
    assert house.store.writes[-2:] == ["merged", "job done"]


async def test_an_interrupted_job_whose_merge_fails_is_left_to_the_next_start(house: House) -> None:
    # GIVEN a job of an earlier controller
    job_id, _ = await house.tracing()
    heir = Coordinator(Fleet([], lambda: 1_000, a_desk()), house.worker, default_policy(), lambda: 1_000)
    house.store.full = lambda what: what == "merged"
    with pytest.raises(StoreFailed):
        await heir.recover()
    # THEN it is still unfinished, so that the next start merges it
    house.store.full = lambda _: False
    assert (await heir.recover()).interrupted == 1
    assert house.store.merged(job_id) is not None


async def test_a_part_that_was_kept_but_not_merged_is_merged_when_it_comes_again(house: House) -> None:
    # GIVEN a job that was interrupted, and a part that arrives late while the merge cannot be written
    job_id, run = await house.tracing()
    heir = Coordinator(Fleet([], lambda: 1_000, a_desk()), house.worker, default_policy(), lambda: 1_000)
    await heir.recover()
    house.store.full = lambda what: what == "merged"
    late = replace(house, coordinator=heir)
    with pytest.raises(StoreFailed):
        await late.answer(run, RunKind.TRACE)
    # WHEN it comes again
    house.store.full = lambda _: False
    assert await late.answer(run, RunKind.TRACE)
    # THEN
    assert house.store.merged(job_id) == merge([TEN])


async def test_a_controller_that_ends_stops_every_job_though_none_can_be_written_down(house: House) -> None:
    _, first = await house.tracing()
    _, second = await house.tracing()
    house.store.full = lambda _: True
    await house.coordinator.close()
    stops = {stop.run.job_id for stop in house.sent("a", "stop")}
    assert stops == {first.job_id, second.job_id}
    # AND it begins nothing any more
    house.store.full = lambda _: False
    with pytest.raises(Unreachable):
        await house.coordinator.submit(ASKED)


async def test_nobody_passes_a_job_that_could_not_begin_for_the_store(house: House) -> None:
    # GIVEN two jobs that wait for a host, where what would begin the first one cannot be written down
    for pid in ("1", "2"):
        await house.coordinator.submit(replace(ASKED, params={"pid": pid}, no_share=True))
    for pid in ("3", "4"):
        await house.coordinator.submit(replace(ASKED, params={"pid": pid}, no_share=True))
    # Of two that were asked for in one millisecond, the one with the lower id comes first.
    waiting = sorted((job.spec.created_at_ms, job.spec.job_id) for job in house.coordinator.live_jobs()[2:])
    for live in house.coordinator.live_jobs()[:2]:
        house.coordinator._live._live.pop(live.spec.job_id)
    house.orders("a")
    broken = [True]
    house.store.full = lambda what: what == "job checking" and bool(broken) and broken.pop()
    # WHEN there is room for both
    await house.coordinator._live._queue.admit()
    # THEN neither has begun, and both do in their order once the store works again
    assert house.orders("a") == []
    await house.coordinator._live._queue.admit()
    assert [order.run.job_id for order in house.orders("a")] == [job_id for _, job_id in waiting]
