"""Jobs that wait when the controller is restarted: they wait on, where policy still grants them."""

import json
from dataclasses import replace

import pytest

from controller.fleet import Fleet
from controller.jobs.coordinator import Coordinator
from controller.jobs.intake import Recovered
from controller.jobs.returning import RETURN_MS, SETTLE_MS
from controller.policy.model import Policy
from controller.policy.parse import default_policy, parse_policy
from controller.scheduler.events import Approved
from fleettrace.model.audit import AuditFilter
from fleettrace.model.host import Host
from fleettrace.model.job import JobState
from fleettrace.model.run import RunKey
from tests.fakes.ordering import CHALLENGE, a_desk
from tests.unit.controller.house import ASKED, House, host

GRANT = '[[grant]]\nname = "{name}"\nteams = ["team"]\ntools = ["*"]\nhosts = "all"\n{more}\n'
FREE = parse_policy(GRANT.format(name="free", more=""), "p.toml")
CAREFUL = parse_policy(GRANT.format(name="careful", more="needs_approval = true\napproval_wait_s = 600"), "p.toml")
HIDING = parse_policy(GRANT.format(name="hiding", more='redact = { arguments = "cut" }'), "p.toml")
NONE = parse_policy(GRANT.format(name="other", more="").replace('"team"', '"others"'), "p.toml")


class Heir:
    """The next controller, on what the one of ``house`` has left."""

    def __init__(self, house: House, policy: Policy) -> None:
        known = [replace(one, connected=False, missing_reason="not seen yet") for one in house.store.hosts()]
        self.fleet = Fleet(known, house.clock, a_desk())
        self.coordinator = Coordinator(self.fleet, house.worker, policy, house.clock)
        self.house = replace(house, fleet=self.fleet, coordinator=self.coordinator, connections={})

    async def back(self, one: Host, *runs: RunKey) -> None:
        self.house.connections[one.name] = self.fleet.connect(one, CHALLENGE)
        await self.coordinator.host_connected(one, frozenset(runs))

    async def later(self, ms: int) -> None:
        """The clock moves, and the queue is looked at, as its timer would have it."""
        self.house.clock.now_ms += ms
        await self.coordinator._live._queue.admit()


@pytest.fixture
async def full(house: House) -> House:
    """One host with as many jobs as it bears, and a third that waits."""
    await house.join(host("h"))
    for pid in ("1", "2", "3"):
        await house.coordinator.submit(replace(ASKED, params={"pid": pid}))
    assert [order.run.job_id for order in house.orders("h")] == ["j1", "j2"]
    return house


async def heir_of(house: House, policy: Policy | None = None) -> tuple[Heir, Recovered]:
    await house.coordinator.close()
    heir = Heir(house, policy or default_policy())
    return heir, await heir.coordinator.recover()


async def test_what_runs_is_interrupted_and_what_waits_begins_once_its_host_is_back(full: House) -> None:
    asked = await full.coordinator.job("j3")
    # WHEN the controller ends and another one starts
    heir, recovered = await heir_of(full)
    # THEN the jobs that ran were interrupted by the first one, and the third waits on, as it was asked for
    assert recovered == Recovered(interrupted=0, waiting=1)
    for job_id in ("j1", "j2"):
        assert (await heir.coordinator.job(job_id)).state is JobState.INTERRUPTED
    job = await heir.coordinator.job("j3")
    assert (job.state, job.spec) == (JobState.QUEUED, asked.spec)
    assert job.decisions[-1].reason.startswith("the controller was restarted while the job waited for its hosts: ")
    assert restarts(full)[-1] == "j3 queued"
    # AND it does not begin before its host is back, and has ended what it ran
    await heir.later(0)
    job = await heir.coordinator.job("j3")
    assert (job.queue_position, job.waits_for) == (
        1,
        "waits for h: it has not come back since the controller was restarted",
    )
    await heir.back(host("h"), RunKey("j1", "h", 1))
    await heir.later(SETTLE_MS - 1)
    assert (await heir.coordinator.job("j3")).waits_for == (
        "waits for h: it ends what it ran when the controller was restarted"
    )
    await heir.later(1)
    assert (await heir.coordinator.job("j3")).state is JobState.CHECKING
    (check,) = heir.house.orders("h")
    assert check.params["pid"] == 3
    await heir.house.answer(check)
    assert (await heir.house.run_to_end("j3")).state is JobState.DONE
    await heir.coordinator.close()


async def test_a_host_that_does_not_come_back_is_missing(full: House) -> None:
    heir, _ = await heir_of(full)
    await heir.later(RETURN_MS)
    job = await heir.coordinator.job("j3")
    assert job.state is JobState.FAILED
    assert "its hosts went away before it began" in job.reason
    await heir.coordinator.close()


async def test_it_is_the_same_after_a_crash(full: House) -> None:
    # GIVEN a controller that is gone without a word
    heir = Heir(full, default_policy())
    assert await heir.coordinator.recover() == Recovered(interrupted=2, waiting=1)
    await heir.back(host("h"))
    await heir.later(1)
    assert (await heir.coordinator.job("j3")).state is JobState.CHECKING
    await heir.coordinator.close()


@pytest.mark.parametrize(
    ("policy", "reason"),
    [(NONE, "does not grant it any more"), (CAREFUL, "wants a second person"), (HIDING, "wants more hidden now")],
)
async def test_what_the_policy_as_it_stands_does_not_grant_ends(full: House, policy: Policy, reason: str) -> None:
    heir, recovered = await heir_of(full, policy)
    assert recovered == Recovered(interrupted=1, waiting=0)
    job = await heir.coordinator.job("j3")
    assert job.state is JobState.INTERRUPTED
    assert reason in job.reason
    assert job.reason.endswith("; nothing was started")
    await heir.coordinator.close()


async def test_what_waits_for_approval_waits_as_long_as_it_would_have(house: House) -> None:
    # GIVEN a job that waits for a second person
    await house.join(host("h"))
    await house.coordinator.change_policy(CAREFUL, "root")
    job_id = (await house.coordinator.submit(ASKED)).job_id
    before = await house.coordinator.job(job_id)
    # WHEN the controller is restarted, and the word is given then
    heir, recovered = await heir_of(house, CAREFUL)
    assert recovered == Recovered(interrupted=0, waiting=1)
    job = await heir.coordinator.job(job_id)
    assert (job.state, job.spec.approve_by_ms) == (JobState.AWAITING, before.spec.approve_by_ms)
    await heir.back(host("h"))
    job = await heir.coordinator.tell(job_id, Approved(house.clock.now_ms, "lea", 'grant "leads"'))
    await heir.later(1)
    job = await heir.coordinator.job(job_id)
    assert (job.state, job.approved_by) == (JobState.CHECKING, "lea")
    assert heir.house.orders("h")[0].approved_by == "lea"
    await heir.coordinator.close()


async def test_what_nobody_approved_in_time_expires_after_the_restart_too(house: House) -> None:
    await house.join(host("h"))
    await house.coordinator.change_policy(CAREFUL, "root")
    job_id = (await house.coordinator.submit(ASKED)).job_id
    heir, _ = await heir_of(house, CAREFUL)
    house.clock.now_ms += 600_000
    await heir.coordinator._live._pass_time(job_id)
    job = await heir.coordinator.job(job_id)
    assert (job.state, job.decisions[-1].verdict) == (JobState.REFUSED, "expired")
    await heir.coordinator.close()


async def test_a_clock_that_was_set_back_makes_nobody_wait_longer_than_once_more(house: House) -> None:
    await house.join(host("h"))
    await house.coordinator.change_policy(CAREFUL, "root")
    job_id = (await house.coordinator.submit(ASKED)).job_id
    house.clock.now_ms -= 86_400_000
    heir, _ = await heir_of(house, CAREFUL)
    assert (await heir.coordinator.job(job_id)).spec.approve_by_ms == house.clock.now_ms + 600_000
    await heir.coordinator.close()


async def test_and_neither_in_the_queue(full: House) -> None:
    full.clock.now_ms -= 86_400_000
    heir, _ = await heir_of(full)
    full.clock.now_ms += 600_000
    await heir.coordinator._live._pass_time("j3")
    assert "no room for it within 600 s" in (await heir.coordinator.job("j3")).reason
    await heir.coordinator.close()


async def test_a_policy_that_changes_later_is_held_against_it_too(full: House) -> None:
    heir, _ = await heir_of(full)
    assert await heir.coordinator.change_policy(NONE, "root") == ["j3"]
    assert (await heir.coordinator.job("j3")).state is JobState.CANCELLED
    await heir.coordinator.close()


async def test_the_same_request_is_the_same_job_after_the_restart(house: House) -> None:
    await house.join(host("h"))
    await house.coordinator.change_policy(CAREFUL, "root")
    asked = replace(ASKED, request_id="r1")
    job_id = (await house.coordinator.submit(asked)).job_id
    heir, _ = await heir_of(house, CAREFUL)
    await heir.back(host("h"))
    assert (await heir.coordinator.submit(asked)).job_id == job_id
    # AND who asks the same is offered the job that waits
    assert (await heir.coordinator.submit(ASKED)).shared
    await heir.coordinator.close()


async def test_another_version_of_the_tool_is_another_program(full: House) -> None:
    await full.coordinator.close()
    left = full.store.job("j3")
    assert left is not None
    full.store.save_job(replace(left, spec=replace(left.spec, digest="0" * 64)))
    heir = Heir(full, FREE)
    assert await heir.coordinator.recover() == Recovered(interrupted=1, waiting=0)
    assert "another runqlat than the one that was asked for" in (await heir.coordinator.job("j3")).reason
    await heir.coordinator.close()


async def test_the_canary_that_was_chosen_stays_the_canary(house: House) -> None:
    await house.join(host("a"), host("b"))
    await house.coordinator.change_policy(CAREFUL, "root")
    job_id = (await house.coordinator.submit(replace(ASKED, canary="b"))).job_id
    heir, _ = await heir_of(house, CAREFUL)
    assert [check.host for check in (await heir.coordinator.job(job_id)).canaries] == ["b"]
    await heir.coordinator.close()


def restarts(house: House) -> list[str]:
    """What the audit log says of each job's restart."""
    records = house.store.audit_records(AuditFilter(kind="job.restart"), 0, 1_000, 1_000)
    return [f"{entry['subject']} {entry['outcome']}" for entry in (json.loads(record.body) for record in records)]
