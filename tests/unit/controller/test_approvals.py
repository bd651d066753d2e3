"""Jobs that wait for a second person, jobs a day, and a policy that is changed while jobs run: the whole controller."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from controller.identity.principal import Principal, Scope
from controller.jobs.coordinator import Coordinator
from controller.policy.model import Policy
from controller.policy.parse import parse_policy
from fleettrace.errors import Refused
from fleettrace.model.audit import AuditFilter
from fleettrace.model.job import JobState
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.house import ASKED, House, host
from tests.unit.controller.rpc.operators import WORKING, Site, operator, serving

GRANT = '[[grant]]\nname = "{name}"\nteams = ["{team}"]\nhosts = "role=db"\n{more}\n'
CAREFUL = GRANT.format(name="careful", team="db", more='tools = ["*"]\nneeds_approval = true\napproval_wait_s = 60')
LEADS = GRANT.format(name="leads", team="leads", more='approves = ["db"]')
GLASS = GRANT.format(
    name="emergency", team="db", more='tools = ["*"]\nbreak_glass = true\nmax_duration_s = 20\nmax_jobs_per_day = 2'
)
FREE = GRANT.format(name="free", team="db", more='tools = ["*"]\nmax_jobs_per_day = 2')

DB, LEAD = operator("dora", "db"), operator("lea", "leads")
OTHER_LEAD = operator("other", "leads2")


def policy(*grants: str, version: str = "") -> Policy:
    return parse_policy("".join(grants) + f"# {version}\n", "p.toml")


@pytest.fixture
async def site(house: House) -> AsyncIterator[Site]:
    await house.coordinator.change_policy(policy(CAREFUL, LEADS, GLASS), "root")
    db = host("d1", role="db")
    await house.join(replace(db, facts=replace(db.facts, redacts=True)), host("w1", role="web"))
    async with serving(house) as serving_site:
        yield serving_site


async def submitted(site: Site, **fields: Any) -> str:
    request = pb.SubmitJobRequest(tool="runqlat", selector="d1", duration_ms=500, **fields)
    return str((await site.call(DB, "SubmitJob", request)).job_id)


async def test_it_waits_for_a_second_person_and_then_runs(site: Site) -> None:
    job_id = await submitted(site)
    job = await site.house.coordinator.job(job_id)
    assert job.state is JobState.AWAITING
    assert "fleettrace approve" in job.decisions[0].reason
    assert site.house.orders("d1") == []
    # The approver finds it in the list, although it is of another team, and can look at it.
    listed = await site.call(LEAD, "ListJobs", pb.ListJobsRequest())
    assert [one.job_id for one in listed.jobs] == [job_id]
    answer = await site.call(LEAD, "ApproveJob", pb.ApproveJobRequest(job_id=job_id, operator="somebody"))
    assert (answer.approved_by, answer.state) in {("lea", "queued"), ("lea", "checking")}
    ended = await site.house.run_to_end(job_id)
    assert ended.state is JobState.DONE
    # Once it runs it is its team's alone again.
    assert (await site.status(LEAD, "WatchJob", pb.WatchJobRequest(job_id=job_id)))[0] is grpc.StatusCode.NOT_FOUND
    kinds = [(decision.kind, decision.verdict, decision.operator) for decision in ended.decisions[:2]]
    assert kinds == [("policy", "awaiting approval", ""), ("approval", "approved", "lea")]


@pytest.mark.parametrize(
    ("who", "status"),
    [
        (DB, "PERMISSION_DENIED"),
        # A second token of the same operator, for the approvers' team, makes nobody a second person.
        (operator("Dora", "leads"), "PERMISSION_DENIED"),
        (operator("dan", "db"), "PERMISSION_DENIED"),
        (OTHER_LEAD, "NOT_FOUND"),
        (operator("lea2", "leads", scopes=WORKING - {Scope.APPROVE}), "PERMISSION_DENIED"),
    ],
)
async def test_who_may_not_approve(site: Site, who: Principal, status: str) -> None:
    job_id = await submitted(site)
    for method, request in (
        ("ApproveJob", pb.ApproveJobRequest(job_id=job_id)),
        ("DenyJob", pb.DenyJobRequest(job_id=job_id, reason="no")),
    ):
        assert (await site.status(who, method, request))[0].name == status
    assert (await site.house.coordinator.job(job_id)).state is JobState.AWAITING


async def test_denied_it_says_who_and_why(site: Site) -> None:
    job_id = await submitted(site)
    status, details = await site.status(LEAD, "DenyJob", pb.DenyJobRequest(job_id=job_id, reason=" "))
    assert (status.name, "say why" in details) == ("INVALID_ARGUMENT", True)
    answer = await site.call(LEAD, "DenyJob", pb.DenyJobRequest(job_id=job_id, reason="not at night"))
    assert (answer.state, answer.reason) == ("refused", "lea did not approve it: not at night")
    status, details = await site.status(LEAD, "ApproveJob", pb.ApproveJobRequest(job_id=job_id))
    assert status.name == "NOT_FOUND"  # it waits for nobody any more


async def test_nobody_in_time_and_it_expires(site: Site) -> None:
    job_id = await submitted(site)
    live = site.house.coordinator._live
    site.house.clock.now_ms += 60_000
    await live._pass_time(job_id)
    job = await site.house.coordinator.job(job_id)
    assert (job.state, job.decisions[-1].verdict) == (JobState.REFUSED, "expired")


async def test_in_an_emergency_it_runs_at_once_and_is_shouted(site: Site) -> None:
    job_id = await submitted(site, break_glass="payments are down")
    job = await site.house.coordinator.job(job_id)
    assert job.state is JobState.CHECKING
    assert job.spec.break_glass == "payments are down"
    assert job.decisions[0].reason.startswith('BREAK GLASS: grant "emergency" lets team db run runqlat in an emergency')
    (order,) = site.house.orders("d1")
    assert order.break_glass == "payments are down"


@pytest.mark.parametrize("reason", [" ", "x" * 501])
async def test_an_emergency_needs_a_reason_that_can_be_kept(site: Site, reason: str) -> None:
    request = pb.SubmitJobRequest(tool="runqlat", selector="d1", break_glass=reason)
    status, details = await site.status(DB, "SubmitJob", request)
    assert (status.name, "why the glass is broken" in details) == ("INVALID_ARGUMENT", True)


async def test_a_request_that_needs_nobody_does_not_share_a_job_that_waits(site: Site) -> None:
    waiting = await submitted(site)
    assert await submitted(site) == waiting
    assert await submitted(site, break_glass="it burns") != waiting


async def test_jobs_a_day_are_counted_across_a_restart_and_for_requests_that_come_together(house: House) -> None:
    await house.coordinator.change_policy(policy(FREE), "root")
    await house.join(host("d1", role="db"))
    asked = replace(ASKED, team="db", no_share=True)
    outcomes = await asyncio.gather(*(house.coordinator.submit(asked) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 2
    # WHEN the controller starts anew on the same store
    again = Coordinator(house.fleet, house.worker, policy(FREE), house.clock)
    with pytest.raises(Refused, match="has run 2 jobs within 24 h") as refused:
        await again.submit(asked)
    assert refused.value.rule == 'grant "free".max_jobs_per_day'
    # THEN only time gives it back
    house.clock.now_ms += 86_400_000
    await again.submit(asked)
    await again.close()


async def test_a_changed_policy_stops_what_it_no_longer_grants_and_leaves_the_rest(house: House) -> None:
    web = GRANT.format(name="web", team="web", more='tools = ["*"]').replace("role=db", "role=web")
    await house.coordinator.change_policy(policy(FREE, web), "root")
    await house.join(host("d1", role="db"), host("w1", role="web"))
    db_job = (await house.coordinator.submit(replace(ASKED, team="db", selector="d1"))).job_id
    web_job = (await house.coordinator.submit(replace(ASKED, team="web", selector="w1"))).job_id
    # WHEN the grant of one of them goes
    stopped = await house.coordinator.change_policy(policy(web, version="2"), "root")
    # THEN its run was told to stop before the change was answered
    assert stopped == [db_job]
    assert house.stops("d1")[0].startswith(f"policy {house.coordinator.policy.version} no longer grants it")
    assert house.stops("w1") == []
    assert (await house.coordinator.job(web_job)).state is JobState.CHECKING
    with pytest.raises(Refused):
        await house.coordinator.submit(replace(ASKED, team="db", selector="d1"))


async def test_a_job_that_was_approved_outlives_a_change_that_still_asks_for_approval(site: Site) -> None:
    job_id = await submitted(site)
    await site.call(LEAD, "ApproveJob", pb.ApproveJobRequest(job_id=job_id))
    assert await site.house.coordinator.change_policy(policy(CAREFUL, LEADS, version="2"), "root") == []
    assert await site.house.coordinator.change_policy(policy(LEADS, version="3"), "root") == [job_id]


async def test_a_policy_is_read_again_and_a_bad_file_leaves_the_old_one(house: House, tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    house.policy_file = file
    admin = operator("adam", scopes=frozenset(Scope))
    await house.join(host("d1", role="db"))
    async with serving(house) as site:
        file.write_text(FREE)
        answer = await site.call(admin, "ReloadPolicy", pb.ReloadPolicyRequest())
        assert (answer.origin, answer.version) == (str(file), house.coordinator.policy.version)
        job_id = await submitted(site)
        good = house.coordinator.policy
        for bad, why in (
            ("[[grant]]\nname = 1", "must be a text"),
            ("a = [", "is not TOML"),
            (FREE + '[[test]]\nname = "t"\nteam = "x"\ntool = "runqlat"\nexpect = "granted"\n', "tests fail"),
        ):
            file.write_text(bad)
            status, details = await site.status(admin, "ReloadPolicy", pb.ReloadPolicyRequest())
            assert (status.name, why in details) == ("INVALID_ARGUMENT", True), details
            assert house.coordinator.policy is good
        assert (await house.coordinator.job(job_id)).state is JobState.CHECKING
        file.write_text(LEADS)
        answer = await site.call(admin, "ReloadPolicy", pb.ReloadPolicyRequest())
        assert list(answer.stopped) == [job_id]
    entries = [json.loads(record.body) for record in house.store.audit_records(AuditFilter(kind="policy"), 0, 99, 99)]
    # Each file that was refused is there with the reason, and with the version that went on to hold.
    told = [(entry["kind"], entry["operator"], entry["outcome"]) for entry in entries]
    refused = ("policy.change", "adam", "refused")
    assert told == [("policy.change", "adam", "in force"), *[refused] * 3, ("policy.change", "adam", "in force")]
    assert [entry["subject"] for entry in entries[1:4]] == [good.version] * 3
    assert [entry["detail"]["file"] for entry in entries[1:4]] == [str(file)] * 3
    reasons = [entry["detail"]["reason"] for entry in entries[1:4]]
    assert all(any(why in reason for reason in reasons) for why in ("must be a text", "is not TOML", "tests fail"))


async def test_the_built_in_policy_cannot_be_read_again(house: House) -> None:
    async with serving(house) as site:
        admin = operator("adam", scopes=frozenset(Scope))
        status, details = await site.status(admin, "ReloadPolicy", pb.ReloadPolicyRequest())
        assert (status.name, "--policy FILE" in details) == ("INVALID_ARGUMENT", True)
    (entry,) = house.store.audit_records(AuditFilter(kind="policy"), 0, 99, 99)
    assert json.loads(entry.body)["outcome"] == "refused"


async def test_an_explanation_names_rule_and_contact_and_starts_nothing(site: Site) -> None:
    request = pb.ExplainPolicyRequest(tool="runqlat", selector="d1")
    answer = await site.call(DB, "ExplainPolicy", request)
    assert (answer.verdict, answer.rule, answer.approval_wait_ms) == ("needs approval", 'grant "careful"', 60_000)
    assert {one.grant for one in answer.grants} == {"careful", "emergency"}
    answer = await site.call(
        DB, "ExplainPolicy", pb.ExplainPolicyRequest(tool="runqlat", selector="d1", duration_ms=90_000)
    )
    assert (answer.verdict, answer.rule, answer.contact) == (
        "denied",
        "limits.max_duration_s",
        "whoever keeps p.toml",
    )
    assert site.house.store.jobs(10) == []
