"""The coordinator: durable first, then sent; parts kept once; every job ends."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.fleet import Fleet
from controller.jobs.coordinator import Coordinator
from controller.policy.parse import default_policy
from controller.queries import Queries
from fleettrace.catalog import find_tool
from fleettrace.errors import NoHostMatches, NotFound, Refused, UnknownTool
from fleettrace.model.job import HostPart, JobState, RunState
from fleettrace.model.run import Part, RunKey, RunKind, RunOutcome
from fleettrace.snapshot import LOG2, Histogram, Snapshot, merge
from tests.fakes.ordering import CHALLENGE, a_desk
from tests.unit.controller.house import ASKED, BUSY, TEN, House, host


async def test_a_job_goes_from_canary_to_merged_result(house: House) -> None:
    await house.join(host("a"), host("b"), host("c"))
    job_id = (await house.coordinator.submit(ASKED)).job_id
    job = await house.run_to_end(job_id)
    assert job.state is JobState.DONE
    parts = house.store.parts(job_id)
    assert [part.part.run.host for part in parts] == ["a", "b", "c"]
    assert house.store.merged(job_id) == merge([TEN, TEN, TEN])


async def test_nothing_is_ordered_before_the_job_is_durable(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.join(host("a"))
    saved_before: list[JobState | None] = []
    send = house.fleet.send

    def watching_send(name: str, message: object) -> bool:
        jobs = house.store.jobs(10)
        saved_before.append(jobs[0].state if jobs else None)
        return send(name, message)  # type: ignore[arg-type]

    monkeypatch.setattr(house.fleet, "send", watching_send)
    await house.run_to_end((await house.coordinator.submit(ASKED)).job_id)
    # THEN the check was ordered by a job on record as checking, and the trace by one on record as tracing
    assert saved_before == [JobState.CHECKING, JobState.TRACING]


async def test_a_repeated_request_is_the_same_job(house: House) -> None:
    await house.join(host("a"))
    asked = replace(ASKED, request_id="r1")
    first, second = await asyncio.gather(house.coordinator.submit(asked), house.coordinator.submit(asked))
    assert first == second == await house.coordinator.submit(asked)
    assert len(house.store.jobs(10)) == 1


async def test_a_refusal_names_its_rule_and_is_kept(house: House) -> None:
    await house.join(host("a"))
    with pytest.raises(Refused) as refused:
        await house.coordinator.submit(replace(ASKED, duration_ms=3_600_000))
    assert "max_duration_s" in refused.value.rule
    (job,) = house.store.jobs(10)
    assert job.state is JobState.REFUSED
    assert job.decisions[0].rule == refused.value.rule
    assert house.orders("a") == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"tool": "nope"}, UnknownTool),
        ({"selector": "role=db"}, NoHostMatches),
    ],
)
async def test_bad_requests_make_no_job(house: House, changes: dict[str, str], error: type[Exception]) -> None:
    await house.join(host("a"))
    with pytest.raises(error):
        await house.coordinator.submit(replace(ASKED, **changes))  # type: ignore[arg-type]
    assert house.store.jobs(10) == []


async def test_hosts_that_cannot_take_part_are_missing_with_the_reason(house: House) -> None:
    old = host("old")
    stale = replace(old, facts=replace(old.facts, tools={"runqlat": "0" * 64}))
    weak = host("weak")
    bare = replace(weak, facts=replace(weak.facts, capabilities=("CAP_BPF",)))
    await house.join(host("a"), stale, bare)
    job = await house.run_to_end((await house.coordinator.submit(ASKED)).job_id)
    assert "another version" in job.spec.missing["old"]
    assert "CAP_PERFMON" in job.spec.missing["weak"]
    assert {key.host for key in job.runs} == {"a"}


async def test_a_part_sent_twice_counts_once_and_is_acknowledged_twice(house: House) -> None:
    await house.join(host("a"))
    job_id = (await house.coordinator.submit(ASKED)).job_id
    (check,) = house.orders("a")
    await house.answer(check)
    (trace,) = house.orders("a")
    assert await house.answer(trace)
    assert await house.answer(trace, merge([TEN, TEN]))
    assert house.store.merged(job_id) == TEN


async def test_an_interim_result_is_what_remains_of_a_host_that_is_lost(house: House) -> None:
    await house.join(host("a"))
    job_id = (await house.coordinator.submit(ASKED)).job_id
    (check,) = house.orders("a")
    await house.answer(check)
    (trace,) = house.orders("a")
    assert not await house.answer(trace, final=False)
    # WHEN its stream ends and it comes back without the run
    gone = house.fleet.disconnect(house.connections["a"], "the agent's connection ended")
    await house.coordinator.host_gone(gone)
    await house.join(host("a"))
    job = await house.coordinator.job(job_id)
    # THEN
    assert job.state.ended
    (kept,) = house.store.parts(job_id)
    assert (kept.part.outcome, kept.part.snapshot) == (RunOutcome.PARTIAL, TEN)
    assert house.store.merged(job_id) == TEN
    # AND its true last part still replaces it when it comes after all
    assert await house.answer(trace, merge([TEN, TEN]), RunOutcome.PARTIAL)
    assert house.store.merged(job_id) == merge([TEN, TEN])


async def test_parts_of_runs_that_were_never_ordered_are_dropped_and_acknowledged(house: House) -> None:
    await house.join(host("a"))
    job_id = (await house.coordinator.submit(ASKED)).job_id
    for key in (RunKey("nojob", "a", 1), RunKey(job_id, "a", 9)):
        part = Part(key, RunKind.TRACE, RunOutcome.COMPLETE, "", "bcc", 0, 1, BUSY, TEN)
        assert await house.coordinator.part_arrived(HostPart(part, {}, "c"))
    assert house.store.parts(job_id) == []


async def test_cancel_tells_the_hosts_before_it_returns(house: House) -> None:
    await house.join(host("a"))
    job_id = (await house.coordinator.submit(ASKED)).job_id
    (check,) = house.orders("a")
    job = await house.coordinator.cancel(job_id, "bob")
    assert job.state is JobState.STOPPING
    assert set(house.stops("a")) == {"cancelled by bob"}
    await house.answer(check, outcome=RunOutcome.PARTIAL)
    assert (await house.coordinator.job(job_id)).state is JobState.CANCELLED
    assert (await house.coordinator.cancel(job_id, "bob")).state is JobState.CANCELLED
    with pytest.raises(NotFound):
        await house.coordinator.cancel("j0", "bob")


async def test_a_watcher_sees_the_job_now_and_its_end(house: House) -> None:
    await house.join(host("a"))
    job_id = (await house.coordinator.submit(ASKED)).job_id
    seen: list[JobState] = []
    begun = asyncio.Event()

    async def watch() -> None:
        async for job in house.coordinator.watch(job_id):
            seen.append(job.state)
            begun.set()

    watching = asyncio.create_task(watch())
    await begun.wait()
    await house.run_to_end(job_id)
    await watching
    assert seen[0] is JobState.CHECKING
    assert seen[-1] is JobState.DONE


async def test_jobs_of_an_earlier_controller_are_interrupted_and_their_runs_stopped_on_return(house: House) -> None:
    # GIVEN a store with a job that another controller left unfinished
    await house.join(host("a"))
    job_id = (await house.coordinator.submit(ASKED)).job_id
    (check,) = house.orders("a")
    fleet = Fleet(house.store.hosts(), house.clock, a_desk())
    heir = Coordinator(fleet, house.worker, default_policy(), house.clock)
    # WHEN
    assert (await heir.recover()).interrupted == 1
    # THEN
    job = await heir.job(job_id)
    assert job.state is JobState.INTERRUPTED
    connection = fleet.connect(host("a"))
    await heir.host_connected(host("a"), frozenset({check.run}))
    assert connection.queue.get_nowait().stop.reason == "its job has ended"


async def test_an_order_that_was_sent_since_a_host_greeted_is_not_lost_whenever_it_was_decided(house: House) -> None:
    # GIVEN a host that comes back while its order is written down: that goes out over the new connection
    await house.join(host("a"))
    job_id = (await house.coordinator.submit(ASKED)).job_id
    (check,) = house.orders("a")
    house.fleet.disconnect(house.connections["a"], "the connection was lost")
    house.connections["a"] = house.fleet.connect(host("a"), CHALLENGE)
    house.fleet.order([check])
    # WHEN the greeting, which could not name it, is told to the job
    await house.coordinator.host_connected(host("a"), frozenset())
    # THEN it is not lost; and once the host comes back without it, it is
    assert (await house.coordinator.job(job_id)).runs[check.run].state is RunState.STARTING
    house.fleet.disconnect(house.connections["a"], "the connection was lost")
    house.fleet.connect(host("a"), CHALLENGE)
    await house.coordinator.host_connected(host("a"), frozenset())
    assert (await house.coordinator.job(job_id)).runs[check.run].state is RunState.LOST


async def test_what_a_connection_said_that_is_gone_again_says_nothing_of_orders_sent_over_it(house: House) -> None:
    await house.join(host("a"))
    job_id = (await house.coordinator.submit(ASKED)).job_id
    (check,) = house.orders("a")
    live = house.coordinator._live.get(job_id)
    assert live is not None
    house.fleet.disconnect(house.connections["a"], "the connection was lost")
    second = house.fleet.connect(host("a"), CHALLENGE)
    async with live.lock:
        greeting = asyncio.create_task(house.coordinator.host_connected(host("a"), frozenset()))
        await house.worker.call(lambda _: None)
        house.fleet.order([check])
        house.fleet.disconnect(second, "the connection was lost")
    await greeting
    assert (await house.coordinator.job(job_id)).runs[check.run].state is RunState.STARTING


@pytest.mark.parametrize("steps", range(12))
@pytest.mark.parametrize("request_id", ["", "r1"])
async def test_a_caller_that_hangs_up_at_any_moment_leaves_no_job_that_nobody_begins(
    house: House, steps: int, request_id: str
) -> None:
    # GIVEN nothing else that would look at the queue
    await house.join(host("a"))
    asking = asyncio.create_task(house.coordinator.submit(replace(ASKED, request_id=request_id)))
    for _ in range(steps):
        await asyncio.sleep(0)
    # WHEN
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    # THEN there is no job, or it has begun
    for _ in range(20):
        await house.worker.call(lambda _: None)
    jobs = house.store.jobs(10)
    assert all(job.state is JobState.CHECKING for job in jobs)
    assert [order.run.job_id for order in house.orders("a")] == [job.spec.job_id for job in jobs]
    if jobs and request_id:
        again = await house.coordinator.submit(replace(ASKED, request_id=request_id))
        assert again.job_id == jobs[0].spec.job_id


async def test_time_alone_ends_a_job_whose_hosts_never_answer(house: House) -> None:
    await house.join(host("a"))
    ended: list[Callable[[], None]] = []
    loop = asyncio.get_running_loop()

    def call_later(delay_s: float, call: Callable[[str], None], job_id: str) -> asyncio.TimerHandle:
        # The wait itself is the event loop's; the test lets it pass by moving the clock.
        ended.append(lambda: call(job_id))
        return asyncio.TimerHandle(loop.time() + delay_s, call, (job_id,), loop)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "call_later", call_later)
        job_id = (await house.coordinator.submit(ASKED)).job_id
    house.clock.now_ms += 60_000
    ended[-1]()
    job = await anext(one async for one in house.coordinator.watch(job_id) if one.state.ended)
    assert job.state is JobState.FAILED
    assert "did not start in time" in job.reason


def test_the_catalogue_has_the_tool_that_these_tests_ask_for() -> None:
    assert find_tool("runqlat").result == "histogram"


async def test_one_host_whose_units_differ_does_not_cost_the_job_its_merge(house: House) -> None:
    # GIVEN three hosts, of which one answers in another unit
    await house.join(host("a"), host("b"), host("c"))
    job_id = (await house.coordinator.submit(ASKED)).job_id
    odd = Snapshot(histograms=(Histogram((), "ms", LOG2, ((3, 10),)),))
    for _ in range(10):
        for name in list(house.connections):
            for order in house.orders(name):
                await house.answer(order, odd if name == "b" else TEN)
    # THEN the others are merged, and the answer names the host that is not in it
    result = await Queries(house.worker, house.coordinator).job_result(job_id)
    assert result.job.state is JobState.DONE
    assert result.merged == merge([TEN, TEN])
    assert [name for name, _ in result.coverage.left_out] == ["b"]
    assert "units differ" in result.coverage.left_out[0][1]
    assert (result.coverage.answered, len(result.hosts)) == (3, 3)
