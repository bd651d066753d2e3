"""The coordinator: what keeps a job from hurting the fleet."""

from dataclasses import replace

import pytest

from controller.fleet import Fleet
from controller.jobs.coordinator import Coordinator
from controller.policy.parse import default_policy, parse_policy
from controller.store.worker import StoreWorker
from fleettrace.errors import BadInput, Refused
from fleettrace.model.job import HostPart, JobState
from fleettrace.model.run import Part, RunOutcome
from tests.fakes.memory_store import MemoryStore
from tests.fakes.ordering import a_desk
from tests.unit.controller.house import ASKED, BUSY, TEN, Clock, House, host, names, tight_policy


async def test_over_budget_no_other_host_is_ever_ordered() -> None:
    store, clock = MemoryStore(), Clock()
    worker = StoreWorker(lambda: store)
    await worker.open()
    fleet = Fleet([], clock, a_desk())
    policy = parse_policy(tight_policy(default_policy().limits.max_hosts), "test")
    built = House(store, worker, fleet, Coordinator(fleet, worker, policy, clock), clock)
    await built.join(*map(host, names(5)))
    job_id = (await built.coordinator.submit(ASKED)).job_id
    (check,) = built.orders("h0")
    await built.answer(check)
    job = await built.coordinator.job(job_id)
    assert job.state is JobState.ABORTED
    assert "100 events/s" in job.reason
    assert all(not built.orders(name) for name in names(5))
    await worker.close()


async def test_a_program_that_was_aborted_twice_is_denied_until_the_window_has_passed() -> None:
    # GIVEN a program that the gate has aborted twice
    store, clock = MemoryStore(), Clock()
    worker = StoreWorker(lambda: store)
    await worker.open()
    fleet = Fleet([], clock, a_desk())
    policy = parse_policy(tight_policy(10) + "lift_aborts = true\n", "test")
    built = House(store, worker, fleet, Coordinator(fleet, worker, policy, clock), clock)
    await built.join(host("h0"))
    for _ in range(2):
        job_id = (await built.coordinator.submit(ASKED)).job_id
        assert (await built.run_to_end(job_id)).state is JobState.ABORTED
        clock.now_ms += 1_000
    # THEN the third time it is denied, and the refusal is kept
    with pytest.raises(Refused, match="aborted 2 times in 24 h") as refused:
        await built.coordinator.submit(ASKED)
    assert refused.value.rule == "aborts.max"
    assert store.jobs(1)[0].state is JobState.REFUSED
    # AND so it is by a controller that was started anew
    await built.coordinator.close()
    built.coordinator = Coordinator(fleet, worker, policy, clock)
    await built.coordinator.recover()
    with pytest.raises(Refused, match="aborted 2 times in 24 h"):
        await built.coordinator.submit(ASKED)
    # AND another filter is another program; a lifted denial is recorded; and a day later it is forgotten
    await built.run_to_end((await built.coordinator.submit(replace(ASKED, params={"pid": "7"}))).job_id)
    lifted = await built.run_to_end((await built.coordinator.submit(replace(ASKED, despite_aborts=True))).job_id)
    assert lifted.spec.despite_aborts
    clock.now_ms += 24 * 3_600_000
    await built.run_to_end((await built.coordinator.submit(ASKED)).job_id)
    await built.coordinator.close()
    await worker.close()


async def test_waves_take_an_even_share_of_each_zone(house: House) -> None:
    await house.join(*(host(f"h{i:02}", zone="a" if i < 10 else "b") for i in range(20)))
    job = await house.run_to_end((await house.coordinator.submit(ASKED)).job_id)
    # 25% of 20 hosts, without the canary of zone a: of the four, two and two
    assert [sorted(int(name[1:]) < 10 for name in wave.hosts).count(True) for wave in job.waves] == [1, 2, 7]
    assert [len(wave.hosts) for wave in job.waves] == [1, 4, 15]


async def test_cancelling_all_stops_every_job_and_names_them(house: House) -> None:
    # GIVEN one job that checks and one that traces
    await house.join(host("a"), host("b"))
    checking = (await house.coordinator.submit(replace(ASKED, selector="a"))).job_id
    tracing = (await house.coordinator.submit(replace(ASKED, selector="b"))).job_id
    (check,) = house.orders("b")
    await house.answer(check)
    # WHEN all are cancelled
    jobs = await house.coordinator.cancel_all("bob")
    # THEN both were told to stop, and nothing new is begun
    assert [job.spec.job_id for job in jobs] == [checking, tracing]
    assert all(job.state is JobState.STOPPING for job in jobs)
    assert set(house.stops("a")) == set(house.stops("b")) == {"cancelled by bob"}
    # AND there is nothing left to cancel once they have ended
    for job in jobs:
        for run in job.runs.values():
            part = Part(run.key, run.kind, RunOutcome.PARTIAL, "stopped", "bcc", 0, 10, BUSY, TEN)
            await house.coordinator.part_arrived(HostPart(part, {}, "c"))
    assert await house.coordinator.cancel_all("bob") == []


async def test_a_dry_run_ends_at_the_gate_and_says_what_each_host_would_bear(house: House) -> None:
    # GIVEN a fleet and a dry run
    await house.join(*map(host, names(5)))
    job_id = (await house.coordinator.submit(replace(ASKED, dry_run=True))).job_id
    # WHEN the canary has counted
    (check,) = house.orders("h0")
    await house.answer(check)
    # THEN the job has ended, no host was ordered to trace, and each has its wave and what the canary predicts
    job = await house.coordinator.job(job_id)
    assert job.state is JobState.CHECKED
    assert all(not house.orders(name) for name in names(5))
    assert [(planned.host, planned.wave, planned.canary) for planned in job.plan] == [
        ("h0", 1, "h0"),
        ("h1", 2, "h0"),
        *((name, 3, "h0") for name in ("h2", "h3", "h4")),
    ]
    (canary,) = job.canaries
    assert {planned.events_per_s for planned in job.plan} == {canary.events_per_s} == {1_000.0}
    assert {planned.predicted_cpu_pct for planned in job.plan} == {canary.predicted_cpu_pct}
    # AND it is found again like any job
    assert await house.worker.call(lambda store: store.job(job_id)) == job


async def test_a_dry_run_over_budget_is_an_abort_like_any() -> None:
    store, clock = MemoryStore(), Clock()
    worker = StoreWorker(lambda: store)
    await worker.open()
    fleet = Fleet([], clock, a_desk())
    built = House(store, worker, fleet, Coordinator(fleet, worker, parse_policy(tight_policy(5), "t"), clock), clock)
    await built.join(host("h0"), host("h1"))
    job = await built.run_to_end((await built.coordinator.submit(replace(ASKED, dry_run=True))).job_id)
    assert (job.state, job.plan) == (JobState.ABORTED, ())
    await built.coordinator.close()
    await worker.close()


async def test_a_host_that_joins_in_the_middle_of_a_wave_takes_no_part(house: House) -> None:
    # GIVEN a job that traces on the hosts that there were
    await house.join(host("a"), host("b"))
    job_id = (await house.coordinator.submit(ASKED)).job_id
    for name in ("a", "b"):
        for order in house.orders(name):
            await house.answer(order)
    # WHEN another one joins
    await house.join(host("c"))
    job = await house.run_to_end(job_id)
    # THEN it is ordered nothing, and the job is about those that it was for
    assert house.orders("c") == []
    assert job.spec.targets == ("a", "b")
    assert job.state is JobState.DONE


async def test_labels_that_the_operator_names_make_classes_each_with_its_canary(house: House) -> None:
    await house.join(host("a", rack="1"), host("b", rack="2"), host("c", rack="1"), host("d"))
    asked = replace(ASKED, class_labels=("rack",))
    job_id = (await house.coordinator.submit(asked)).job_id
    job = await house.coordinator.job(job_id)
    assert [(check.host, check.host_class.rpartition("/")[2]) for check in job.canaries] == [
        ("d", "rack="),
        ("a", "rack=1"),
        ("b", "rack=2"),
    ]
    assert job.spec.class_labels == ("rack",)
    # AND the same question without them is another one
    assert not (await house.coordinator.submit(ASKED)).shared
    assert (await house.coordinator.submit(asked)).shared


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (("rak",), "none of the 2 hosts has a label 'rak': they have rack, zone"),
        (tuple("abcdefghi"), "9 labels .* at most 8"),
    ],
)
async def test_class_labels_that_cannot_be(house: House, labels: tuple[str, ...], says: str) -> None:
    await house.join(host("a", rack="1"), host("b", zone="2"))
    with pytest.raises(BadInput, match=says):
        await house.coordinator.submit(replace(ASKED, class_labels=labels))
