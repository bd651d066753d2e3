"""A real gRPC server whose Control service gives canned answers, and remembers what it was asked."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import grpc

from fleettrace.errors import FleettraceError
from fleettrace.model.audit import AuditHead, AuditPage, AuditRecord
from fleettrace.model.host import Host
from fleettrace.model.inspection import AskedHost, HostAnswer
from fleettrace.model.job import Job, JobResult, JobTotals
from fleettrace.model.tool import ToolListing
from fleettrace.wire.codec import (
    asked_host_to_wire,
    audit_page_to_wire,
    host_answer_to_wire,
    host_to_wire,
    job_result_to_pieces,
    job_to_wire,
    job_totals_to_pieces,
    tool_to_wire,
)
from fleettrace.wire.metadata import CODE_KEY, RULE_KEY
from fleettrace.wire.v1 import control_pb2 as pb
from fleettrace.wire.v1.control_pb2_grpc import ControlServicer, add_ControlServicer_to_server

Context = Any
LIMIT_S = 20

BREAK = grpc.StatusCode.UNAVAILABLE
"""In a script of a watch: the stream breaks here."""

Step = Job | grpc.StatusCode | Callable[[], None]
"""One step of a watch: a message, a status to break with, or something to do or wait for."""


@dataclass
class FakeControl(ControlServicer):
    """``errors`` maps a method's name to what it raises; ``watches`` has a script for each stream; the last repeats."""

    host_list: Sequence[Host] = ()
    tool_list: Sequence[ToolListing] = ()
    job_list: Sequence[Job] = ()
    foreign_jobs: Sequence[pb.Job] = ()
    result: JobResult | None = None
    earlier_results: list[JobResult] = field(default_factory=list)
    """Given first, each once."""
    cancelled: Job | None = None
    asked_hosts: Sequence[AskedHost] = ()
    answers: Sequence[HostAnswer] = ()
    audit_log: Sequence[AuditRecord] = ()
    watches: list[Sequence[Step]] = field(default_factory=list)
    errors: dict[str, FleettraceError | grpc.StatusCode] = field(default_factory=dict)
    policy_answer: pb.PolicyAnswer = field(default_factory=pb.PolicyAnswer)
    reloaded: pb.ReloadPolicyResponse = field(default_factory=pb.ReloadPolicyResponse)
    asked: list[Any] = field(default_factory=list)
    on_cancel: Callable[[], None] = lambda: None
    over: threading.Event = field(default_factory=threading.Event)

    def ListHosts(self, request: pb.ListHostsRequest, context: Context) -> pb.ListHostsResponse:
        self._note("ListHosts", request, context)
        return pb.ListHostsResponse(hosts=[host_to_wire(host) for host in self.host_list])

    def ListTools(self, request: pb.ListToolsRequest, context: Context) -> pb.ListToolsResponse:
        self._note("ListTools", request, context)
        return pb.ListToolsResponse(tools=[tool_to_wire(tool) for tool in self.tool_list])

    def SubmitJob(self, request: pb.SubmitJobRequest, context: Context) -> pb.SubmitJobResponse:
        self._note("SubmitJob", request, context)
        return pb.SubmitJobResponse(job_id="k3f9q2")

    def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> Iterator[pb.Job]:
        self._note("WatchJob", request, context)
        script = self.watches.pop(0) if len(self.watches) > 1 else self.watches[0]
        for step in script:
            if isinstance(step, Job):
                yield job_to_wire(step)
            elif isinstance(step, grpc.StatusCode):
                context.abort(step, "the connection broke")
            else:
                step()

    def GetJob(self, request: pb.GetJobRequest, context: Context) -> Iterator[pb.JobResultPiece]:
        self._note("GetJob", request, context)
        assert self.result is not None
        result = self.earlier_results.pop(0) if self.earlier_results else self.result
        if request.totals:
            yield from job_totals_to_pieces(JobTotals(result.job, result.merged))
        else:
            yield from job_result_to_pieces(result)

    def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        self._note("ListJobs", request, context)
        return pb.ListJobsResponse(jobs=[*map(job_to_wire, self.job_list), *self.foreign_jobs])

    def ImportPart(self, request: pb.ImportPartRequest, context: Context) -> pb.ImportPartResponse:
        self._note("ImportPart", request, context)
        return pb.ImportPartResponse(host=request.host, host_class="c1", events=7)

    def ListAudit(self, request: pb.ListAuditRequest, context: Context) -> pb.ListAuditResponse:
        self._note("ListAudit", request, context)
        log = [record for record in self.audit_log if record.number > request.cursor]
        page, rest = log[: request.limit or 50], log[request.limit or 50 :]
        head = AuditHead(self.audit_log[-1].number, self.audit_log[-1].hash)
        return audit_page_to_wire(AuditPage(tuple(page), head, page[-1].number if rest else 0))

    def ClearHost(self, request: pb.ClearHostRequest, context: Context) -> pb.Host:
        self._note("ClearHost", request, context)
        return host_to_wire(next(host for host in self.host_list if host.name == request.host))

    def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.Job:
        self._note("CancelJob", request, context)
        self.on_cancel()
        assert self.cancelled is not None
        return job_to_wire(self.cancelled)

    def CancelAllJobs(self, request: pb.CancelAllJobsRequest, context: Context) -> pb.ListJobsResponse:
        self._note("CancelAllJobs", request, context)
        return pb.ListJobsResponse(jobs=[job_to_wire(job) for job in self.job_list])

    def ApproveJob(self, request: pb.ApproveJobRequest, context: Context) -> pb.Job:
        self._note("ApproveJob", request, context)
        return job_to_wire(self.job_list[0])

    def DenyJob(self, request: pb.DenyJobRequest, context: Context) -> pb.Job:
        self._note("DenyJob", request, context)
        return job_to_wire(self.job_list[0])

    def ExplainPolicy(self, request: pb.ExplainPolicyRequest, context: Context) -> pb.PolicyAnswer:
        self._note("ExplainPolicy", request, context)
        return self.policy_answer

    def ReloadPolicy(self, request: pb.ReloadPolicyRequest, context: Context) -> pb.ReloadPolicyResponse:
        self._note("ReloadPolicy", request, context)
        return self.reloaded

    def ShareJob(self, request: pb.ShareJobRequest, context: Context) -> pb.ShareJobResponse:
        self._note("ShareJob", request, context)
        return pb.ShareJobResponse(teams=[] if request.unshare else [request.team])

    def AskHosts(self, request: pb.AskHostsRequest, context: Context) -> Iterator[pb.AskHostsReply]:
        self._note("AskHosts", request, context)
        yield pb.AskHostsReply(asked=pb.AskedHosts(hosts=[asked_host_to_wire(one) for one in self.asked_hosts]))
        for answer in self.answers:
            yield pb.AskHostsReply(answer=host_answer_to_wire(answer))

    def hold(self) -> None:
        """A step of a watch that keeps the stream open until the server stops."""
        self.over.wait(LIMIT_S)

    def requests(self, kind: type[Any]) -> list[Any]:
        """What was asked, of one kind of message."""
        return [request for request in self.asked if isinstance(request, kind)]

    def _note(self, method: str, request: object, context: Context) -> None:
        self.asked.append(request)
        error = self.errors.get(method)
        if error is not None:
            _abort(error, context)


def _abort(error: FleettraceError | grpc.StatusCode, context: Context) -> NoReturn:
    if isinstance(error, grpc.StatusCode):
        context.abort(error, "canned")
    else:
        rule = getattr(error, "rule", "")
        context.set_trailing_metadata(((CODE_KEY, error.code), (RULE_KEY, rule)))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    raise AssertionError("abort raises")


@contextmanager
def serving(control: FakeControl, socket: Path) -> Iterator[str]:
    """Serve at a socket; gives the address."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    add_ControlServicer_to_server(control, server)
    address = f"unix:{socket}"
    server.add_insecure_port(address)
    server.start()
    try:
        yield address
    finally:
        control.over.set()
        server.stop(0).wait()
