"""The hosts' service before and beside their stream: certificates."""

from collections.abc import Callable
from typing import Any

from grpc.aio import ServicerContext

from controller.admission.hosts import Admitted, HostAdmission
from controller.rpc.authentication import host_certificate_of, join_credential_of, late_certificate_of
from controller.rpc.status import guarded
from fleettrace.errors import Unauthenticated
from fleettrace.wire.v1 import enrolment_pb2 as pb
from fleettrace.wire.v1.enrolment_pb2_grpc import EnrolmentServicer

__all__ = ["EnrolmentService"]

Context = ServicerContext[Any, Any]


class EnrolmentService(EnrolmentServicer):
    """``agents_port`` is where streams with certificates are taken; 0: nowhere."""

    def __init__(self, admission: HostAdmission, agents_port: int, clock_ms: Callable[[], int]) -> None:
        self._admission = admission
        self._agents_port = agents_port
        self._clock_ms = clock_ms

    @guarded
    async def Enrol(self, request: pb.EnrolRequest, context: Context) -> pb.HostCredential:
        """A host's first certificate, for its join token."""
        token_id, secret = join_credential_of(context.invocation_metadata())
        return self._credential(
            await self._admission.enrol(token_id, secret, request.host, request.default_host, request.signing_request)
        )

    @guarded
    async def Renew(self, request: pb.RenewRequest, context: Context) -> pb.HostCredential:
        """Its next one, for the one that it has."""
        certificate = host_certificate_of(context)
        if certificate is None:
            raise Unauthenticated("who calls over the Unix socket has no certificate to renew, and needs none")
        return self._credential(self._admission.renew(certificate, request.signing_request))

    @guarded
    async def RenewLate(self, request: pb.RenewLateRequest, context: Context) -> pb.HostCredential:
        """Its next one, for one that is over."""
        certificate = late_certificate_of(context.invocation_metadata())
        return self._credential(await self._admission.renew_late(certificate, request.signing_request, request.proof))

    def _credential(self, admitted: Admitted) -> pb.HostCredential:
        return pb.HostCredential(
            host=admitted.enrolment.host,
            labels=dict(admitted.enrolment.labels),
            certificate=admitted.certificate,
            not_after_ms=admitted.not_after_ms,
            lifetime_ms=max(0, admitted.not_after_ms - self._clock_ms()),
            agents_port=self._agents_port,
        )
