"""The operators' service."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing

from controller.approvals import Approvals
from controller.auditing import AuditReader
from controller.fleet import Fleet
from controller.identity.principal import principal_of
from controller.importing import Import, Importer
from controller.inspection import Inspector, Request
from controller.jobs.asking import Asked
from controller.jobs.coordinator import Coordinator
from controller.policing import Policing
from controller.queries import Queries
from controller.rpc.rights import Context, RightsService
from controller.rpc.status import abort_with, guarded
from controller.visibility import Visibility, may_stop
from fleettrace.catalog import builtin_tools
from fleettrace.errors import BadInput, FleettraceError, NotFound
from fleettrace.model.inspection import HostAnswer
from fleettrace.model.job import Priority
from fleettrace.model.selector import parse_selector
from fleettrace.snapshot import merge
from fleettrace.wire.codec import (
    about_from_wire,
    asked_host_to_wire,
    host_answer_to_wire,
    host_to_wire,
    job_result_to_pieces,
    job_to_wire,
    job_totals_to_pieces,
    snapshot_from_wire,
    tool_to_wire,
)
from fleettrace.wire.v1 import control_pb2 as pb

__all__ = ["ControlService"]


class ControlService(RightsService):
    """Each method decodes, asks the house, encodes; errors of the tree become statuses."""

    def __init__(
        self,
        fleet: Fleet,
        coordinator: Coordinator,
        queries: Queries,
        inspector: Inspector,
        importer: Importer,
        *,
        audit: AuditReader,
        visibility: Visibility,
        approvals: Approvals,
        policing: Policing,
        clock_ms: Callable[[], int],
    ) -> None:
        super().__init__(
            coordinator, audit=audit, visibility=visibility, approvals=approvals, policing=policing, clock_ms=clock_ms
        )
        self._fleet = fleet
        self._inspector = inspector
        self._queries = queries
        self._importer = importer

    @guarded
    async def ListHosts(self, request: pb.ListHostsRequest, context: Context) -> pb.ListHostsResponse:
        """Hosts that the selector matches; none given: all."""
        hosts = filter(self._seen(context), self._fleet.select(parse_selector(request.selector or "all")))
        return pb.ListHostsResponse(hosts=[host_to_wire(host) for host in hosts])

    @guarded
    async def ListTools(self, request: pb.ListToolsRequest, context: Context) -> pb.ListToolsResponse:
        """The tools that the controller ships."""
        return pb.ListToolsResponse(tools=[tool_to_wire(tool) for tool in builtin_tools().values()])

    @guarded
    async def SubmitJob(self, request: pb.SubmitJobRequest, context: Context) -> pb.SubmitJobResponse:
        """Open a job."""
        asked = Asked(
            tool=request.tool,
            selector=request.selector,
            duration_ms=request.duration_ms,
            canary=request.canary,
            promote=request.promote,
            params=dict(request.params),
            team=request.team,
            operator=request.operator,
            request_id=request.request_id,
            despite_aborts=request.despite_aborts,
            dry_run=request.dry_run,
            program=request.program,
            priority=_priority(request.priority),
            break_glass=request.break_glass,
            no_share=request.no_share,
            class_labels=tuple(request.class_labels),
        )
        submitted = await self._coordinator.submit(asked, self._seen(context))
        return pb.SubmitJobResponse(job_id=submitted.job_id, shared=submitted.shared)

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncIterator[pb.Job]:
        """A job as it changes."""
        try:
            async for job in self._coordinator.watch(request.job_id):
                yield job_to_wire(job)
        except FleettraceError as error:
            await abort_with(context, error)

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> AsyncIterator[pb.JobResultPiece]:
        """A job with its results, piece by piece: agents are heard in between."""
        try:
            for piece in await self._pieces(request.job_id, request.host, request.totals):
                yield piece
        except FleettraceError as error:
            await abort_with(context, error)

    async def _pieces(self, job_id: str, host: str, totals: bool) -> Iterator[pb.JobResultPiece]:
        if totals and host:
            raise BadInput("totals are of all hosts: ask for one host's part without them")
        if totals:
            return job_totals_to_pieces(await self._queries.job_totals(job_id))
        return job_result_to_pieces(await self._queries.job_result(job_id, host))

    @guarded
    async def ImportPart(self, request: pb.ImportPartRequest, context: Context) -> pb.ImportPartResponse:
        """What was measured by hand, beside a job's parts."""
        part = await self._importer.take(
            Import(
                job_id=request.job_id,
                host=request.host,
                snapshot=merge([snapshot_from_wire(request.snapshot)]),
                like=request.like,
                window_ms=request.window_ms,
                operator=request.operator,
                origin=request.origin,
            )
        )
        total = part.part.snapshot.total
        return pb.ImportPartResponse(host=part.part.run.host, host_class=part.host_class, events=total)

    @guarded
    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        """The newest jobs."""
        principal = principal_of(context)
        seen_by = await self._visibility.jobs(principal)
        jobs = await self._queries.jobs(request.limit, seen_by)
        listed = {job.spec.job_id for job in jobs}
        if seen_by is not None:
            jobs = [*(job for job in self._visibility.awaiting(principal) if job.spec.job_id not in listed), *jobs]
        return pb.ListJobsResponse(jobs=[job_to_wire(job) for job in jobs])

    @guarded
    async def ClearHost(self, request: pb.ClearHostRequest, context: Context) -> pb.Host:
        """An operator has looked at what a run has left on a host."""
        host = self._fleet.host(request.host)
        if host is None or not self._seen(context)(host):
            raise NotFound(f"there is no host {request.host!r}; see 'fleettrace hosts'")
        return host_to_wire(await self._coordinator.clear_host(host.name, request.operator))

    @guarded
    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.Job:
        """End a job."""
        return job_to_wire(await self._coordinator.cancel(request.job_id, request.operator))

    @guarded
    async def CancelAllJobs(self, request: pb.CancelAllJobsRequest, context: Context) -> pb.ListJobsResponse:
        """End every job."""
        principal = principal_of(context)
        jobs = await self._coordinator.cancel_all(request.operator, lambda job: may_stop(principal, job))
        return pb.ListJobsResponse(jobs=[job_to_wire(job) for job in jobs])

    async def AskHosts(self, request: pb.AskHostsRequest, context: Context) -> AsyncIterator[pb.AskHostsReply]:
        """Questions besides traces, and the answers as they come."""
        try:
            about = about_from_wire(request.about)
            asked = Request(request.selector, about, request.one_of_each_kernel, request.answer_within_ms)
            # Closed with the call: an operator who has gone keeps no host busy.
            async with aclosing(self._inspector.ask(asked, self._seen(context))) as replies:
                async for reply in replies:
                    if isinstance(reply, HostAnswer):
                        yield pb.AskHostsReply(answer=host_answer_to_wire(reply))
                    else:
                        yield pb.AskHostsReply(asked=pb.AskedHosts(hosts=[asked_host_to_wire(one) for one in reply]))
        except FleettraceError as error:
            await abort_with(context, error)


def _priority(text: str) -> Priority:
    try:
        return Priority(text or Priority.ROUTINE)
    except ValueError:
        known = " or ".join(Priority)
        raise BadInput(f"{text[:40]!r} is no priority: ask for {known}") from None
