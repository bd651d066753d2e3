"""Which host holds a stream: what its certificate stands for. Asked for each message: it may have been revoked."""

from collections.abc import Mapping
from typing import Any

from grpc.aio import ServicerContext

from controller.admission.hosts import HostAdmission
from controller.identity.host_certificate import HostCertificate
from controller.rpc.authentication import host_certificate_of
from fleettrace.errors import Unauthenticated
from fleettrace.model.names import check_host_name, check_labels
from fleettrace.wire.v1 import agent_link_pb2 as link_pb

__all__ = ["AgentIdentity"]


class AgentIdentity:
    """``certificate`` None: the agent is of the controller's own machine, called over its socket, and has none."""

    def __init__(self, admission: HostAdmission, certificate: HostCertificate | None) -> None:
        self._admission = admission
        self._certificate = certificate

    @classmethod
    def of(cls, context: ServicerContext[Any, Any], admission: HostAdmission) -> "AgentIdentity":
        """Who calls.

        Raises:
            Unauthenticated: nobody who may.
        """
        identity = cls(admission, host_certificate_of(context))
        identity.check()
        return identity

    def check(self) -> None:
        """Raises :class:`Unauthenticated` when the certificate counts no more."""
        if self._certificate is not None:
            self._admission.check(self._certificate)

    def name_and_labels(self, hello: link_pb.Hello) -> tuple[str, Mapping[str, str]]:
        """What is held for its certificate, and what is said by who needs none.

        Raises:
            Unauthenticated: it calls itself what is another's.
            BadLabel: a name or a label that cannot be.
        """
        name = check_host_name(hello.host)
        if self._certificate is None:
            self._admission.check_unenrolled(name)
            return name, check_labels(dict(hello.labels))
        enrolment = self._admission.check(self._certificate)
        if name != enrolment.host:
            raise Unauthenticated(
                f"the agent calls itself {name}, and its certificate is {enrolment.host}'s: leave --name out"
            )
        return enrolment.host, enrolment.labels
