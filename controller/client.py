"""The command line's side of the Control service: models in, models out, and the error tree instead of RpcError.

Every call has a deadline, and nothing is retried here: a caller knows best what a repeat would mean.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from controller.login import Login
from controller.speaking import channel_to, speaking
from controller.streams import Arrived, InspectionStream, JobStream, told
from fleettrace.model.audit import AuditFilter, AuditPage
from fleettrace.model.host import Host
from fleettrace.model.inspection import About
from fleettrace.model.job import Job, JobResult, JobTotals
from fleettrace.model.tool import ToolListing
from fleettrace.snapshot import Snapshot
from fleettrace.wire.codec import (
    about_to_wire,
    audit_page_from_wire,
    host_from_wire,
    job_from_wire,
    job_result_from_pieces,
    job_totals_from_pieces,
    snapshot_to_wire,
    tool_from_wire,
    wire_text,
)
from fleettrace.wire.v1 import control_pb2 as control
from fleettrace.wire.v1.control_pb2_grpc import ControlStub

__all__ = ["Client", "JobRequest", "SubmittedJob"]

CALL_S = 10.0
RESULT_S = 180.0
"""The merged result of a large fleet takes longer than any other answer."""
ASK_S = 900.0
"""All answers of a large fleet; each host has its own, shorter time."""
WATCH_WINDOW_S = 15.0
"""A watch is opened anew this often, so that a controller that froze is noticed."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What is asked for, as typed; the controller parses the parameters, which only it knows the types of.

    ``duration_ms`` 0: the policy's default. ``canary`` empty: the controller chooses. The same ``request_id``
    twice is one job. ``program`` is a one-liner, instead of a tool. ``priority`` empty: routine. ``no_share``: not one
    that is under way. ``class_labels``: which tell kinds of hosts apart, beside those that policy names.
    """

    tool: str
    selector: str
    request_id: str
    duration_ms: int = 0
    canary: str = ""
    promote: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    team: str = ""
    operator: str = ""
    despite_aborts: bool = False
    dry_run: bool = False
    program: str = ""
    break_glass: str = ""
    priority: str = ""
    no_share: bool = False
    class_labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    """The job of a request; ``shared``: an identical one of the same team that was under way."""

    job_id: str
    shared: bool


class Client:
    """A channel to one controller; a context manager.

    Every method raises :class:`Unreachable` when the controller does not answer within its deadline,
    :class:`Malformed` when it speaks another version, and otherwise what the controller raised.
    """

    def __init__(self, address: str, login: Login | None = None, *, call_s: float = CALL_S) -> None:
        """Reach a Unix socket as who one is on this machine, any other address with a ``login``.

        ``call_s`` is the deadline of calls that are answered at once.

        Raises:
            Unauthenticated: it is another address, and there is none.
        """
        self.address = address
        self._call_s = call_s
        self._channel = channel_to(address, login)
        self._stub = ControlStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._channel.close()

    def hosts(self, selector: str = "") -> list[Host]:
        """The hosts that a selector means, or all."""
        with speaking(self.address):
            answer = self._stub.ListHosts(control.ListHostsRequest(selector=wire_text(selector)), timeout=self._call_s)
            return [host_from_wire(host) for host in answer.hosts]

    def tools(self) -> list[ToolListing]:
        """The tools that the controller offers."""
        with speaking(self.address):
            answer = self._stub.ListTools(control.ListToolsRequest(), timeout=self._call_s)
            return [tool_from_wire(tool) for tool in answer.tools]

    def submit(self, request: JobRequest) -> SubmittedJob:
        """Ask for a job.

        Raises:
            Refused: policy said no.
            BadInput: an unknown tool or parameter, a selector that matches nothing, a duration that cannot be.
        """
        with speaking(self.address):
            message = control.SubmitJobRequest(
                tool=wire_text(request.tool),
                selector=wire_text(request.selector),
                duration_ms=request.duration_ms,
                canary=wire_text(request.canary),
                promote=request.promote,
                params={wire_text(name): wire_text(value) for name, value in request.params.items()},
                team=wire_text(request.team),
                operator=wire_text(request.operator),
                request_id=request.request_id,
                despite_aborts=request.despite_aborts,
                dry_run=request.dry_run,
                program=wire_text(request.program),
                break_glass=wire_text(request.break_glass),
                priority=wire_text(request.priority),
                no_share=request.no_share,
                class_labels=map(wire_text, request.class_labels),
            )
            answer = self._stub.SubmitJob(message, timeout=self._call_s)
            return SubmittedJob(answer.job_id, answer.shared)

    def watch(self, job_id: str) -> JobStream:
        """The job now and after each change, for at most :data:`WATCH_WINDOW_S` seconds or until it has ended."""
        request = control.WatchJobRequest(job_id=wire_text(job_id))
        return JobStream(self._stub.WatchJob(request, timeout=WATCH_WINDOW_S), self.address)

    def job(self, job_id: str, host: str = "", *, tell: Callable[[Arrived], None] | None = None) -> JobResult:
        """A job with everything that was measured, or with one host's part alone; ``tell`` is told what has come.

        Raises:
            NotFound: there is no such job, or the host has no part in it.
        """
        with speaking(self.address):
            request = control.GetJobRequest(job_id=wire_text(job_id), host=wire_text(host))
            pieces: Iterable[control.JobResultPiece] = self._stub.GetJob(request, timeout=RESULT_S)
            return job_result_from_pieces(told(pieces, tell) if tell else pieces)

    def totals(self, job_id: str, *, tell: Callable[[Arrived], None] | None = None) -> JobTotals:
        """A job with what its hosts have measured together, which is much less than what each of them has.

        Raises:
            NotFound: there is no such job.
        """
        with speaking(self.address):
            request = control.GetJobRequest(job_id=wire_text(job_id), totals=True)
            pieces: Iterable[control.JobResultPiece] = self._stub.GetJob(request, timeout=RESULT_S)
            return job_totals_from_pieces(told(pieces, tell) if tell else pieces)

    def import_part(
        self, job_id: str, host: str, snapshot: Snapshot, *, like: str, window_ms: int, operator: str, origin: str
    ) -> tuple[str, int]:
        """Add what was measured by hand to a job that has ended; the class it was taken for, and how many events.

        Raises:
            NotFound, BadInput: see :meth:`controller.importing.Importer.take`.
        """
        with speaking(self.address):
            request = control.ImportPartRequest(
                job_id=wire_text(job_id),
                host=wire_text(host),
                snapshot=snapshot_to_wire(snapshot),
                like=wire_text(like),
                window_ms=window_ms,
                operator=wire_text(operator),
                origin=wire_text(origin),
            )
            answer = self._stub.ImportPart(request, timeout=RESULT_S)
            return answer.host_class, answer.events

    def jobs(self, limit: int) -> list[Job]:
        """The newest jobs first, at most ``limit``."""
        with speaking(self.address):
            answer = self._stub.ListJobs(control.ListJobsRequest(limit=limit), timeout=self._call_s)
            return [job_from_wire(job) for job in answer.jobs]

    def audit_page(
        self, wanted: AuditFilter, *, cursor: int = 0, limit: int = 0, oldest_first: bool = False
    ) -> AuditPage:
        """A page of the audit log, behind the entry whose number ``cursor`` is."""
        with speaking(self.address):
            request = control.ListAuditRequest(
                team=wire_text(wanted.teams[0] if wanted.teams else ""),
                host=wire_text(wanted.host),
                kind=wire_text(wanted.kind),
                since_ms=wanted.since_ms,
                oldest_first=oldest_first,
                cursor=cursor,
                limit=limit,
            )
            return audit_page_from_wire(self._stub.ListAudit(request, timeout=RESULT_S))

    def ask_hosts(
        self, selector: str, about: About, *, one_of_each_kernel: bool = False, answer_within_ms: int = 0
    ) -> InspectionStream:
        """Ask hosts something besides a trace; ``answer_within_ms`` 0: the controller's default for each host."""
        request = control.AskHostsRequest(
            selector=wire_text(selector),
            about=about_to_wire(about),
            one_of_each_kernel=one_of_each_kernel,
            answer_within_ms=answer_within_ms,
        )
        return InspectionStream(self._stub.AskHosts(request, timeout=ASK_S), self.address)

    def clear_host(self, name: str, operator: str) -> Host:
        """An operator has looked at what a run has left on a host; the host once its agent has looked again.

        Raises:
            NotFound: there is no such host.
            Unreachable: its agent does not answer.
        """
        with speaking(self.address):
            request = control.ClearHostRequest(host=wire_text(name), operator=wire_text(operator))
            return host_from_wire(self._stub.ClearHost(request, timeout=self._call_s))

    def cancel(self, job_id: str, operator: str) -> Job:
        """End a job now; answers once every connected host was told to stop."""
        with speaking(self.address):
            request = control.CancelJobRequest(job_id=wire_text(job_id), operator=wire_text(operator))
            return job_from_wire(self._stub.CancelJob(request, timeout=self._call_s))

    def share(self, job_id: str, team: str, operator: str, *, unshare: bool = False) -> tuple[str, ...]:
        """Let another team see a job, or no longer; the teams that it is shared with now.

        Raises:
            NotFound, Refused, BadInput: no such job, one of another team, no name of a team.
        """
        with speaking(self.address):
            request = control.ShareJobRequest(
                job_id=wire_text(job_id), team=wire_text(team), operator=wire_text(operator), unshare=unshare
            )
            return tuple(self._stub.ShareJob(request, timeout=self._call_s).teams)

    def cancel_all(self, operator: str) -> list[Job]:
        """End every job now; those that had not ended, once every connected host was told to stop."""
        with speaking(self.address):
            request = control.CancelAllJobsRequest(operator=wire_text(operator))
            return [job_from_wire(job) for job in self._stub.CancelAllJobs(request, timeout=self._call_s).jobs]
