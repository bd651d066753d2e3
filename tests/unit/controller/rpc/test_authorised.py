"""Who may call what: a row for each method, and nobody of another team can use any of them."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import pytest

from controller.identity.principal import LOCAL, Principal, Scope
from controller.policy.parse import parse_policy
from controller.rpc.authorised import acting_team
from controller.rpc.requirements import REQUIREMENTS, JobRight
from fleettrace.errors import BadInput, Refused
from fleettrace.wire.v1 import access_pb2, inspection_pb2
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.house import House, host
from tests.unit.controller.rpc.operators import ACCESS, ALL, DESCRIPTOR, METHODS, Site, operator, serving

OK, DENIED, NOT_FOUND = grpc.StatusCode.OK, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND
NOBODY, BAD = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INVALID_ARGUMENT

POLICY = """
[[grant]]
name = "db"
teams = ["db"]
tools = ["*"]
hosts = "role=db"
[[grant]]
name = "web"
teams = ["web"]
tools = ["*"]
hosts = "role=web"
[[grant]]
name = "auditors"
teams = ["audit"]
hosts = "all"
reads = ["d*"]
"""

DB, WEB, AUDIT = operator("dora", "db"), operator("will", "web"), operator("aude", "audit")
ADMIN = operator("adam", scopes=ALL)
NO_TEAM = operator("nemo")


@pytest.fixture
async def site(house: House) -> AsyncIterator[Site]:
    await house.coordinator.change_policy(parse_policy(POLICY, "p.toml"), "root")
    await house.join(host("d1", role="db"), host("w1", role="web"))
    async with serving(house) as serving_site:
        yield serving_site


async def job_of(site: Site, who: Principal) -> str:
    answer = await site.call(who, "SubmitJob", pb.SubmitJobRequest(tool="runqlat", selector="all", duration_ms=500))
    return str(answer.job_id)


async def seen_by(site: Site, who: Principal, job_id: str) -> bool:
    pieces = await site.call(who, "GetJob", pb.GetJobRequest(job_id=job_id))
    return bool(pieces[0].head.job.job_id == job_id)


def request_for(method: str, job_id: str) -> Any:
    """What an operator of team web asks, about what is team db's."""
    requests: dict[str, Any] = {
        "ListHosts": pb.ListHostsRequest(selector="role=db"),
        "ListTools": pb.ListToolsRequest(),
        "SubmitJob": pb.SubmitJobRequest(tool="runqlat", selector="d1", duration_ms=500, team="db"),
        "WatchJob": pb.WatchJobRequest(job_id=job_id),
        "GetJob": pb.GetJobRequest(job_id=job_id),
        "ListJobs": pb.ListJobsRequest(),
        "ClearHost": pb.ClearHostRequest(host="d1", operator="dora"),
        "CancelJob": pb.CancelJobRequest(job_id=job_id, operator="dora"),
        "CancelAllJobs": pb.CancelAllJobsRequest(operator="dora"),
        "AskHosts": pb.AskHostsRequest(
            selector="d1", about=inspection_pb2.About(doctor=inspection_pb2.DoctorQuestion())
        ),
        "ImportPart": pb.ImportPartRequest(job_id=job_id, host="x"),
        "ApproveJob": pb.ApproveJobRequest(job_id=job_id),
        "DenyJob": pb.DenyJobRequest(job_id=job_id, reason="no"),
        "ExplainPolicy": pb.ExplainPolicyRequest(team="db", tool="runqlat", selector="all"),
        "ReloadPolicy": pb.ReloadPolicyRequest(),
        "ShareJob": pb.ShareJobRequest(job_id=job_id, team="web"),
        "ListAudit": pb.ListAuditRequest(team="db"),
        "WhoAmI": access_pb2.WhoAmIRequest(),
        "CreateJoinToken": access_pb2.CreateJoinTokenRequest(host="d1", lifetime_ms=60_000, operator="dora"),
        "ListJoinTokens": access_pb2.ListJoinTokensRequest(),
        "RevokeJoinToken": access_pb2.RevokeJoinTokenRequest(token_id="00" * 8),
        "RevokeHost": access_pb2.RevokeHostRequest(host="d1", reason="mine", operator="dora"),
        "AddOperator": access_pb2.AddOperatorRequest(
            operator_name="will", teams=["db"], scopes=["admin"], lifetime_ms=60_000, operator="dora"
        ),
        "ListOperators": access_pb2.ListOperatorsRequest(),
        "RevokeOperator": access_pb2.RevokeOperatorRequest(operator_name="dora"),
    }
    return requests[method]


SEEN_BY_ALL = {"ListTools", "WhoAmI"}
"""What is no team's."""
ANY_SCOPE = {"WhoAmI"}
"""What every credential is good for."""
EMPTY = {"ListHosts": "hosts", "ListJobs": "jobs", "CancelAllJobs": "jobs"}
"""What is cut to what the caller sees."""


def test_every_method_has_a_row_and_every_row_a_method() -> None:
    # A new method without a row cannot be served at all, and fails here first: say who may call it.
    assert set(REQUIREMENTS) == {row_of(name) for name in METHODS}
    assert len(METHODS) == len(DESCRIPTOR.methods) + len(ACCESS.methods)


def row_of(method: str) -> str:
    return f"{METHODS[method].containing_service.name}/{method}"


@pytest.mark.parametrize("method", METHODS)
async def test_who_is_nobody_calls_nothing(site: Site, method: str) -> None:
    job_id = await job_of(site, DB)
    status, details = await site.status(None, method, request_for(method, job_id))
    assert status is NOBODY
    assert "log in" in details


@pytest.mark.parametrize("method", METHODS)
async def test_a_credential_without_the_scope_is_for_nothing(site: Site, method: str) -> None:
    job_id = await job_of(site, DB)
    scope = REQUIREMENTS[row_of(method)].scope
    if method in ANY_SCOPE:
        assert scope is None
        return
    assert scope is not None
    # GIVEN the job's own team, with every scope but the one
    narrow = replace(DB, operator="narrow", scopes=ALL - {scope, Scope.ADMIN})
    status, details = await site.status(narrow, method, request_for(method, job_id))
    assert status is DENIED
    assert f"scope {scope.value}" in details


@pytest.mark.parametrize("method", METHODS)
async def test_an_operator_of_another_team_cannot_use_it(site: Site, method: str) -> None:
    job_id = await job_of(site, DB)
    before = await site.house.coordinator.job(job_id)
    request = request_for(method, job_id)
    status, details = await site.status(WEB, method, request)
    if method in SEEN_BY_ALL:
        assert status is OK
    elif method in EMPTY:
        assert status is OK
        assert list(getattr(await site.call(WEB, method, request), EMPTY[method])) == []
    elif method == "AskHosts":
        assert (status, details) == (BAD, "no host matches 'd1': see 'fleettrace hosts'")
    elif REQUIREMENTS[row_of(method)].job is not None:
        # It is as if the job were not there.
        assert (status, details) == (NOT_FOUND, f"there is no job '{job_id}'; see 'fleettrace jobs'")
        missing = await site.status(WEB, method, request_for(method, "j0"))
        assert missing == (NOT_FOUND, details.replace(job_id, "j0"))
    else:
        assert status is DENIED
    # THEN nothing has come of it
    assert await site.house.coordinator.job(job_id) == before
    assert site.house.store.shares(job_id) == ()
    assert len(site.house.store.jobs(10)) == 1


@pytest.mark.parametrize("method", METHODS)
async def test_who_has_no_team_sees_nothing_of_any(site: Site, method: str) -> None:
    job_id = await job_of(site, DB)
    status, _ = await site.status(NO_TEAM, method, request_for(method, job_id))
    assert status is (OK if method in {*SEEN_BY_ALL, *EMPTY} else status)
    assert status is not OK or method in {*SEEN_BY_ALL, *EMPTY}


@pytest.mark.parametrize("method", METHODS)
async def test_the_own_team_can_use_it(site: Site, method: str) -> None:
    job_id = await job_of(site, DB)
    if method in {"WatchJob", "AskHosts", "ClearHost"}:
        return  # they go on for as long as the job, and as the host's answer; see test_a_watch_is_a_teams
    status, details = await site.status(DB, method, request_for(method, job_id))
    if REQUIREMENTS[row_of(method)].scope is Scope.ADMIN:
        assert status is DENIED  # it is no team's
        return
    # These are refused for what they are about, and not for who asks.
    assert status is (BAD if method in {"ImportPart", "ApproveJob", "DenyJob"} else OK), details


async def test_totals_are_of_all_hosts_and_as_much_a_teams_as_the_result(site: Site) -> None:
    job_id = await job_of(site, DB)
    (head,) = await site.call(DB, "GetJob", pb.GetJobRequest(job_id=job_id, totals=True))
    assert head.head.job.job_id == job_id
    assert (await site.status(WEB, "GetJob", pb.GetJobRequest(job_id=job_id, totals=True)))[0] is NOT_FOUND
    status, details = await site.status(DB, "GetJob", pb.GetJobRequest(job_id=job_id, totals=True, host="d1"))
    assert (status, "totals are of all hosts" in details) == (BAD, True)


async def test_a_watch_is_a_teams(site: Site) -> None:
    job_id = await job_of(site, DB)
    await site.call(DB, "CancelJob", pb.CancelJobRequest(job_id=job_id))
    for name in list(site.house.connections):
        for order in site.house.orders(name):
            await site.house.answer(order)
    replies = await site.call(DB, "WatchJob", pb.WatchJobRequest(job_id=job_id))
    assert replies[-1].state == "cancelled"


async def test_a_reader_by_grant_sees_and_changes_nothing(site: Site) -> None:
    job_id = await job_of(site, DB)
    web_job = await job_of(site, WEB)
    assert await seen_by(site, AUDIT, job_id)
    listed = await site.call(AUDIT, "ListJobs", pb.ListJobsRequest())
    assert [job.job_id for job in listed.jobs] == [job_id]
    assert (await site.status(AUDIT, "GetJob", pb.GetJobRequest(job_id=web_job)))[0] is NOT_FOUND
    for method in ("CancelJob", "ShareJob", "ImportPart"):
        assert (await site.status(AUDIT, method, request_for(method, job_id)))[0] is DENIED
    assert (await site.call(AUDIT, "CancelAllJobs", pb.CancelAllJobsRequest())).jobs == []


async def test_a_shared_job_is_seen_until_it_is_shared_no_more(site: Site) -> None:
    job_id = await job_of(site, DB)
    share = pb.ShareJobRequest(job_id=job_id, team="web")
    assert list((await site.call(DB, "ShareJob", share)).teams) == ["web"]
    assert await seen_by(site, WEB, job_id)
    assert [job.job_id for job in (await site.call(WEB, "ListJobs", pb.ListJobsRequest())).jobs] == [job_id]
    # Whom it is shared with neither ends it nor shares it further.
    assert (await site.status(WEB, "ShareJob", pb.ShareJobRequest(job_id=job_id, team="ops")))[0] is DENIED
    assert (await site.status(WEB, "CancelJob", pb.CancelJobRequest(job_id=job_id)))[0] is DENIED
    share.unshare = True
    assert list((await site.call(DB, "ShareJob", share)).teams) == []
    assert (await site.status(WEB, "GetJob", pb.GetJobRequest(job_id=job_id)))[0] is NOT_FOUND


async def test_an_administrator_sees_and_ends_all_and_acts_for_no_team(site: Site) -> None:
    job_id, web_job = await job_of(site, DB), await job_of(site, WEB)
    listed = await site.call(ADMIN, "ListJobs", pb.ListJobsRequest())
    assert {job.job_id for job in listed.jobs} == {job_id, web_job}
    assert (await site.status(ADMIN, "SubmitJob", request_for("SubmitJob", "")))[0] is DENIED
    assert (await site.status(ADMIN, "ShareJob", request_for("ShareJob", job_id)))[0] is DENIED
    ended = await site.call(ADMIN, "CancelAllJobs", pb.CancelAllJobsRequest())
    assert {job.job_id for job in ended.jobs} == {job_id, web_job}


async def test_the_operator_and_the_team_are_the_proven_ones(site: Site) -> None:
    request = pb.SubmitJobRequest(tool="runqlat", selector="all", duration_ms=500, operator="root")
    job = await site.house.coordinator.job((await site.call(DB, "SubmitJob", request)).job_id)
    assert (job.spec.operator, job.spec.team, job.spec.targets) == ("dora", "db", ("d1",))
    ended = await site.call(DB, "CancelJob", pb.CancelJobRequest(job_id=job.spec.job_id, operator="root"))
    assert ended.reason == "cancelled by dora"


async def test_hosts_of_no_grant_are_not_there(site: Site) -> None:
    listed = await site.call(DB, "ListHosts", pb.ListHostsRequest())
    assert [one.name for one in listed.hosts] == ["d1"]
    status, details = await site.status(DB, "SubmitJob", pb.SubmitJobRequest(tool="runqlat", selector="w1"))
    assert (status, details) == (BAD, "no host matches 'w1'; 1 hosts are known: see 'fleettrace hosts'")


async def test_a_request_of_another_team_is_not_found_by_its_id(site: Site) -> None:
    request = pb.SubmitJobRequest(tool="runqlat", selector="all", duration_ms=500, request_id="r1")
    await site.call(DB, "SubmitJob", request)
    status, details = await site.status(WEB, "SubmitJob", request)
    assert status is BAD
    assert "was made by another team" in details


async def test_the_audit_log_is_cut_to_the_readers_teams(site: Site) -> None:
    await job_of(site, DB)
    await job_of(site, WEB)

    async def teams(who: Principal) -> set[str]:
        page = await site.call(who, "ListAudit", pb.ListAuditRequest(limit=100))
        return {json.loads(record.body)["team"] for record in page.records}

    assert await teams(DB) == {"db"}
    assert await teams(AUDIT) == {"db"}
    assert await teams(ADMIN) >= {"db", "web"}


def test_only_jobs_of_ones_own_are_changed() -> None:
    assert {name for name, row in REQUIREMENTS.items() if row.job is JobRight.SEE} == {
        "Control/GetJob",
        "Control/WatchJob",
        "Control/ApproveJob",
        "Control/DenyJob",
    }


@pytest.mark.parametrize(
    ("principal", "named", "team"),
    [
        (LOCAL, "", "default"),
        (LOCAL, "db", "db"),
        (DB, "", "db"),
        (DB, "db", "db"),
        (operator("b", "x", "y"), "y", "y"),
    ],
)
def test_the_acting_team(principal: Principal, named: str, team: str) -> None:
    assert acting_team(principal, named) == team


@pytest.mark.parametrize(
    ("principal", "named", "error", "sentence"),
    [
        (DB, "web", Refused, "dora is not of team web (but of db)"),
        (operator("b", "x", "y"), "", BadInput, "b has the teams x, y: name one with --team"),
        (NO_TEAM, "", BadInput, "nemo has no team: name one with --team"),
        (NO_TEAM, "db", Refused, "nemo is not of team db (but of none)"),
        (LOCAL, "a b", BadInput, "cannot be a team"),
        (DB, "*", BadInput, "cannot be a team"),
    ],
)
def test_a_team_that_is_not_ones_own(principal: Principal, named: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error) as caught:
        acting_team(principal, named)
    assert sentence in str(caught.value)
