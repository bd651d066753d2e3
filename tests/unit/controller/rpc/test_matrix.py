"""The whole matrix: team x kind of grant x host x method, each answer compared with what the rules say in words."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from controller.identity.principal import Principal
from controller.policy.classes import ToolClass
from controller.policy.parse import parse_policy
from fleettrace.model.job import JobState
from fleettrace.wire import v1
from fleettrace.wire.v1 import access_pb2, inspection_pb2
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.house import House, host
from tests.unit.controller.rpc.operators import ACCESS, ALL, DESCRIPTOR, METHODS, Site, operator, serving

OWNER = "owner"
"""The team whose jobs everybody else asks for; it runs on both hosts, and a second person is needed on b."""

KINDS = {
    "nothing": "",
    "runs": 'tools = ["*"]',
    **{
        f"class {one}": f'classes = ["{one}"]'
        + ('\nbinaries = ["/usr/sbin/nginx"]' if one is ToolClass.UPROBES else "")
        for one in ToolClass
    },
    "one-liners": "one_liners = true",
    "texts of one-liners": "one_liners = true\none_liner_strings = true",
    "memory of one-liners": "one_liners = true\none_liner_memory = true",
    "reads": 'reads = ["owner"]',
    "approves": 'approves = ["owner"]',
    "emergencies": 'tools = ["*"]\nbreak_glass = true\nmax_duration_s = 20\nmax_jobs_per_day = 9',
    "second person": 'tools = ["*"]\nneeds_approval = true',
}
"""A grant of each kind, for the team of its name, on host a alone. Which classes let which tools run: test_classes."""


@dataclass(frozen=True)
class Asked:
    """One cell: who asks, by which kind of grant, about which host and the owner's job on it."""

    kind: str
    host: str
    job_id: str

    @property
    def has_host(self) -> bool:
        return self.kind != "nothing" and self.host == "a"

    @property
    def may_approve(self) -> bool:
        return self.kind == "approves" and self.host == "a"

    @property
    def sees_job(self) -> bool:
        return self.kind == "reads" or (self.may_approve)


def team_of(kind: str) -> str:
    return kind.replace(" ", "-")


def policy() -> str:
    grants = [
        f'[[grant]]\nname = "{kind}"\nteams = ["{team_of(kind)}"]\nhosts = "a"\n{text}\n'
        for kind, text in KINDS.items()
        if text
    ]
    own = f'[[grant]]\nname = "own"\nteams = ["{OWNER}"]\nhosts = "all"\ntools = ["*"]\nneeds_approval = true\n'
    return own + "".join(grants)


@pytest.fixture
async def site(house: House) -> AsyncIterator[Site]:
    await house.coordinator.change_policy(parse_policy(policy(), "p"), "root")
    await house.join(host("a"), host("b"))
    async with serving(house) as serving_site:
        yield serving_site


FOR_HOSTS = ("AgentLink", "Enrolment")
DENIED, MISSING, BAD = "PERMISSION_DENIED", "NOT_FOUND", "INVALID_ARGUMENT"


def submit(cell: Asked) -> str:
    if not cell.has_host:
        return BAD  # there is no such host for them
    return "OK" if cell.kind in {"runs", "class aggregate", "second person"} else DENIED


def seen(cell: Asked) -> str:
    return "OK" if cell.sees_job else MISSING


def changed(cell: Asked) -> str:
    return DENIED if cell.sees_job else MISSING


def judged(cell: Asked) -> str:
    if cell.may_approve:
        return "OK"
    return DENIED if cell.sees_job else MISSING


EXPECTED: dict[str, Callable[[Asked], str]] = {
    "ListTools": lambda _: "OK",
    "ListHosts": lambda _: "OK",
    "ListJobs": lambda _: "OK",
    "CancelAllJobs": lambda _: "OK",
    "ListAudit": lambda cell: "OK" if cell.kind == "reads" else DENIED,
    "SubmitJob": submit,
    "ExplainPolicy": lambda cell: "OK" if cell.has_host else BAD,
    "AskHosts": lambda cell: "OK" if cell.has_host else BAD,
    "GetJob": seen,
    "WatchJob": seen,
    "CancelJob": changed,
    "ImportPart": changed,
    "ShareJob": changed,
    "ApproveJob": judged,
    "DenyJob": judged,
    "ReloadPolicy": lambda _: DENIED,
    "ClearHost": lambda _: DENIED,
    "WhoAmI": lambda _: "OK",
    **dict.fromkeys((method.name for method in ACCESS.methods if method.name != "WhoAmI"), lambda _: DENIED),
}
"""What each method answers to an operator of another team, in words of the rules and not of the code."""


def request_for(method: str, cell: Asked) -> Any:
    requests: dict[str, Any] = {
        "ListTools": pb.ListToolsRequest(),
        "ListHosts": pb.ListHostsRequest(),
        "ListJobs": pb.ListJobsRequest(),
        "CancelAllJobs": pb.CancelAllJobsRequest(),
        "ListAudit": pb.ListAuditRequest(team=OWNER),
        "SubmitJob": pb.SubmitJobRequest(tool="runqlat", selector=cell.host, duration_ms=500),
        "ExplainPolicy": pb.ExplainPolicyRequest(tool="runqlat", selector=cell.host),
        "AskHosts": pb.AskHostsRequest(
            selector=cell.host, about=inspection_pb2.About(doctor=inspection_pb2.DoctorQuestion()), answer_within_ms=1
        ),
        "GetJob": pb.GetJobRequest(job_id=cell.job_id),
        "WatchJob": pb.WatchJobRequest(job_id=cell.job_id),
        "CancelJob": pb.CancelJobRequest(job_id=cell.job_id),
        "ImportPart": pb.ImportPartRequest(job_id=cell.job_id, host="x"),
        "ShareJob": pb.ShareJobRequest(job_id=cell.job_id, team="x"),
        "ApproveJob": pb.ApproveJobRequest(job_id=cell.job_id),
        "DenyJob": pb.DenyJobRequest(job_id=cell.job_id, reason="no"),
        "ReloadPolicy": pb.ReloadPolicyRequest(),
        "ClearHost": pb.ClearHostRequest(host=cell.host),
        "RevokeHost": access_pb2.RevokeHostRequest(host=cell.host, reason="mine"),
        "CreateJoinToken": access_pb2.CreateJoinTokenRequest(host=cell.host, lifetime_ms=1_000),
        "RevokeOperator": access_pb2.RevokeOperatorRequest(operator_name="olga"),
    }
    # The rest says nothing of a host, a job or somebody else.
    return requests[method] if method in requests else GetMessageClass(METHODS[method].input_type)()


def test_the_matrix_has_every_method() -> None:
    assert set(EXPECTED) == set(METHODS)


def test_every_service_of_the_wire_is_in_the_matrix_or_for_hosts() -> None:
    files = [import_module(f"fleettrace.wire.v1.{path.stem}") for path in Path(v1.__path__[0]).glob("*_pb2.py")]
    services = {name for file in files for name in file.DESCRIPTOR.services_by_name}
    # What is for hosts no operator's credential opens: tests/integration/test_identity_refusals.py.
    assert services == {DESCRIPTOR.name, ACCESS.name, *FOR_HOSTS}


@pytest.mark.parametrize("method", EXPECTED)
async def test_every_team_kind_of_grant_and_host(site: Site, method: str) -> None:
    owner = operator("olga", OWNER)
    wrong = []
    for kind, name in product(KINDS, ("a", "b")):
        request = pb.SubmitJobRequest(tool="runqlat", selector=name, duration_ms=500, no_share=True)
        cell = Asked(kind, name, (await site.call(owner, "SubmitJob", request)).job_id)
        caller = Principal(f"op of {kind}", (team_of(kind),), ALL - {"admin"}, "a test's word")
        if method == "WatchJob" and cell.sees_job:
            await site.call(owner, "CancelJob", pb.CancelJobRequest(job_id=cell.job_id))
            if kind == "approves":
                continue  # it has ended, and is no longer theirs to see
        status, details = await site.status(caller, method, request_for(method, cell))
        if status.name != EXPECTED[method](cell):
            wrong.append((kind, name, status.name, EXPECTED[method](cell), details))
        await site.call(owner, "CancelAllJobs", pb.CancelAllJobsRequest())
    assert wrong == []


async def test_lists_hold_what_may_be_seen_and_nothing_else(site: Site) -> None:
    owner = operator("olga", OWNER)
    jobs = {}
    for name in ("a", "b"):
        request = pb.SubmitJobRequest(tool="runqlat", selector=name, duration_ms=500)
        jobs[name] = str((await site.call(owner, "SubmitJob", request)).job_id)
    for kind in KINDS:
        caller = Principal(f"op of {kind}", (team_of(kind),), ALL - {"admin"}, "a test's word")
        listed = {job.job_id for job in (await site.call(caller, "ListJobs", pb.ListJobsRequest())).jobs}
        expected = {job_id for name, job_id in jobs.items() if Asked(kind, name, job_id).sees_job}
        assert listed == expected, kind
        hosts = {one.name for one in (await site.call(caller, "ListHosts", pb.ListHostsRequest())).hosts}
        assert hosts == (set() if kind == "nothing" else {"a"}), kind
        assert list((await site.call(caller, "CancelAllJobs", pb.CancelAllJobsRequest())).jobs) == []
    states = {(await site.house.coordinator.job(job_id)).state for job_id in jobs.values()}
    assert states == {JobState.AWAITING}
