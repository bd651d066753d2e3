"""Answers of a controller that come one by one, as models and with errors of the tree."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc

from controller.speaking import call_of, speaking
from fleettrace.errors import Unreachable
from fleettrace.model.inspection import AskedHost, HostAnswer
from fleettrace.model.job import Job
from fleettrace.wire.codec import asked_host_from_wire, host_answer_from_wire, job_from_wire
from fleettrace.wire.v1 import control_pb2 as control

__all__ = ["Arrived", "InspectionStream", "JobStream", "told"]


class InspectionStream:
    """Who is asked, and then each host's answer as it comes; ends with the last one."""

    def __init__(self, call: Any, address: str) -> None:
        self._call = call
        self._address = address

    def __iter__(self) -> Iterator[tuple[AskedHost, ...] | HostAnswer]:
        with speaking(self._address):
            for message in self._call:
                if message.WhichOneof("reply") == "asked":
                    yield tuple(asked_host_from_wire(one) for one in message.asked.hosts)
                else:
                    yield host_answer_from_wire(message.answer)

    def cancel(self) -> None:
        """End the stream; answers that are still to come are not waited for."""
        self._call.cancel()


class JobStream:
    """A job as it changes; ends quietly when its window is over. :meth:`cancel` ends it from any thread.

    Iterating raises :class:`Unreachable` when the stream breaks, ends before the job has, or says nothing for the
    whole window; and :class:`NotFound` when there is no such job.
    """

    def __init__(self, call: Any, address: str) -> None:
        self._call = call
        self._address = address

    def __iter__(self) -> Iterator[Job]:
        job: Job | None = None
        with speaking(self._address):
            try:
                for message in self._call:
                    job = job_from_wire(message)
                    yield job
            except grpc.RpcError as error:
                if job is None or call_of(error).code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise
                return
        if job is None or not job.state.ended:
            raise Unreachable(f"the controller at {self._address} ended its report before the job had ended")

    def cancel(self) -> None:
        """End the stream; who iterates gets an :class:`Unreachable`."""
        self._call.cancel()


@dataclass(frozen=True, slots=True)
class Arrived:
    """How much of a result has come: ``bytes``, and the parts of ``hosts`` of about ``of_hosts``."""

    bytes: int = 0
    hosts: int = 0
    of_hosts: int = 0


def told(pieces: Iterable[control.JobResultPiece], tell: Callable[[Arrived], None]) -> Iterator[control.JobResultPiece]:
    """The same pieces, each told of once it is there."""
    so_far = Arrived()
    for piece in pieces:
        head = piece.head.coverage.answered if piece.HasField("head") else so_far.of_hosts
        so_far = Arrived(so_far.bytes + piece.ByteSize(), so_far.hosts + piece.HasField("host"), head)
        tell(so_far)
        yield piece
