"""A job's result in pieces: a large fleet's is larger than a message may be, and the frames of stacks come once."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from fleettrace.errors import Malformed
from fleettrace.model.job import Coverage, HostPart, JobResult, JobTotals
from fleettrace.snapshot import MAX_ENTRIES, MAX_MERGED_ENTRIES, Snapshot, StackChains, StackColumns
from fleettrace.wire.codec.fields import wire_text
from fleettrace.wire.codec.findings import (
    histogram_reading_from_wire,
    histogram_reading_to_wire,
    suspect_from_wire,
    suspect_to_wire,
)
from fleettrace.wire.codec.jobs import job_from_wire, job_to_wire
from fleettrace.wire.codec.numbered import (
    ChainsReader,
    chains_to_wire,
    number_stacks,
    stacks_from_wire,
    stacks_to_wire,
)
from fleettrace.wire.codec.results import coverage_from_wire, coverage_to_wire, host_part_from_wire, host_part_to_wire
from fleettrace.wire.codec.snapshots import snapshot_from_wire, snapshot_to_wire
from fleettrace.wire.v1 import control_pb2 as control
from fleettrace.wire.v1 import types_pb2 as types

__all__ = ["job_result_from_pieces", "job_result_to_pieces", "job_totals_from_pieces", "job_totals_to_pieces"]


def job_result_to_pieces(result: JobResult) -> Iterator[control.JobResultPiece]:
    """A job with everything that was measured, in messages that are each small."""
    snapshots = [result.merged, *(part.part.snapshot for part in result.hosts)]
    chains, (merged, *of_hosts) = number_stacks([snapshot.stacks for snapshot in snapshots])
    yield control.JobResultPiece(head=_head_to_wire(result))
    for message in chains_to_wire(chains):
        yield control.JobResultPiece(chains=message)
    for stacks in stacks_to_wire(merged):
        yield control.JobResultPiece(merged_stacks=stacks)
    for part, columns in zip(result.hosts, of_hosts, strict=True):
        yield control.JobResultPiece(host=_host_to_wire(part, columns))


def job_result_from_pieces(pieces: Iterable[control.JobResultPiece]) -> JobResult:
    """Raises :class:`Malformed` when any part of it does, or they are not in order."""
    reader = ChainsReader()
    chains: StackChains | None = None
    head: JobResult | None = None
    hosts: list[HostPart] = []
    merged: list[types.NumberedStacks] = []
    for message in pieces:
        kind = message.WhichOneof("piece")
        if (kind == "head") is not (head is None):
            raise Malformed("a result comes with one head, before anything else")
        match kind:
            case "head":
                head = _head_from_wire(message.head)
            case "chains" if chains is None:
                reader.take(message.chains)
            case "merged_stacks":
                merged.append(message.merged_stacks)
            case "host":
                chains = chains if chains is not None else reader.chains()
                hosts.append(_host_from_wire(message.host, chains))
            case _:
                raise Malformed("a piece of the result is not known, or comes too late")
    if head is None:
        raise Malformed("a result came without its head")
    stacks = stacks_from_wire(merged, chains if chains is not None else reader.chains(), MAX_MERGED_ENTRIES)
    return replace(head, merged=replace(head.merged, stacks=stacks), hosts=tuple(hosts))


def job_totals_to_pieces(totals: JobTotals) -> Iterator[control.JobResultPiece]:
    """A job with what its hosts have measured together, as a result that holds nothing else."""
    return job_result_to_pieces(JobResult(totals.job, Coverage(0, 0), totals.merged))


def job_totals_from_pieces(pieces: Iterable[control.JobResultPiece]) -> JobTotals:
    """Raises as :func:`job_result_from_pieces` does."""
    result = job_result_from_pieces(pieces)
    return JobTotals(result.job, result.merged)


def _head_to_wire(result: JobResult) -> control.JobResult:
    return control.JobResult(
        job=job_to_wire(result.job),
        coverage=coverage_to_wire(result.coverage),
        merged=snapshot_to_wire(_without_stacks(result.merged)),
        suspects=[suspect_to_wire(suspect) for suspect in result.suspects],
        readings=[wire_text(reading) for reading in result.readings],
        statement=wire_text(result.statement),
        histogram_readings=[histogram_reading_to_wire(reading) for reading in result.histogram_readings],
    )


def _head_from_wire(message: control.JobResult) -> JobResult:
    return JobResult(
        job=job_from_wire(message.job),
        coverage=coverage_from_wire(message.coverage),
        merged=snapshot_from_wire(message.merged, MAX_MERGED_ENTRIES),
        suspects=tuple(suspect_from_wire(suspect) for suspect in message.suspects),
        readings=tuple(message.readings),
        statement=message.statement,
        histogram_readings=tuple(histogram_reading_from_wire(each) for each in message.histogram_readings),
    )


def _host_to_wire(host_part: HostPart, columns: Iterable[StackColumns]) -> control.HostPart:
    message = host_part_to_wire(_with(host_part, _without_stacks(host_part.part.snapshot)))
    message.part.snapshot.numbered_stacks.extend(stacks_to_wire(columns))
    return message


def _host_from_wire(message: control.HostPart, chains: StackChains) -> HostPart:
    stacks = stacks_from_wire(message.part.snapshot.numbered_stacks, chains, MAX_ENTRIES)
    message.part.snapshot.ClearField("numbered_stacks")
    host_part = host_part_from_wire(message)
    return _with(host_part, replace(host_part.part.snapshot, stacks=stacks))


def _with(host_part: HostPart, snapshot: Snapshot) -> HostPart:
    return replace(host_part, part=replace(host_part.part, snapshot=snapshot))


def _without_stacks(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, stacks=())
