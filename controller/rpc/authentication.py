"""Who calls over TCP, before anything of a call is read: an operator's bearer token, a host's join token."""

import base64
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from typing import Any

import grpc
from grpc.aio import ServicerContext

from controller.identity.host_certificate import HostCertificate, read_host_certificate
from controller.identity.principal import Principal, is_local, set_proven
from controller.rpc.status import abort_with
from fleettrace.errors import FleettraceError, Unauthenticated
from fleettrace.identity.join_token import ID_BYTES, SECRET_BYTES
from fleettrace.identity.pem import MAX_CERTIFICATE_BYTES
from fleettrace.wire.metadata import AUTHORIZATION_KEY, BEARER, JOIN, LATE

__all__ = [
    "ENROL_METHOD",
    "RENEW_LATE_METHOD",
    "OperatorAuthentication",
    "host_certificate_of",
    "join_credential_of",
    "late_certificate_of",
    "refusing",
]

ENROL_METHOD = "/fleettrace.wire.v1.Enrolment/Enrol"
RENEW_LATE_METHOD = "/fleettrace.wire.v1.Enrolment/RenewLate"
_NO_CREDENTIAL = (
    "nothing is anonymous over the network: log in with 'fleettrace login', or use the controller's Unix socket"
)
_MALFORMED_LATE = "this call shows no certificate: enrol the host with 'fleettrace token create'"
_MALFORMED_JOIN = "this call holds no join token: create one with 'fleettrace token create'"

Context = ServicerContext[Any, Any]
Handler = Any  # gRPC's method handlers have no type of their own
Metadata = Iterable[tuple[str, str | bytes]]


class OperatorAuthentication(grpc.aio.ServerInterceptor):
    """On the operators' listener: no method begins, and no message is read, before a credential was checked.

    ``authenticate`` says who is behind a bearer token, ``check_join`` whether a join token counts, ``check_late``
    whether a host may return with a certificate that is over; they raise :class:`Unauthenticated`. What a stream gives
    is checked again for each message, so that revoking ends it.
    """

    def __init__(
        self,
        authenticate: Callable[[str], Any],
        check_join: Callable[[str, bytes], Any],
        check_late: Callable[[bytes], Any],
    ) -> None:
        self._authenticate = authenticate
        self._check_join = check_join
        self._check_late = check_late

    async def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Handler:
        """Choose the handler of a call: its method's, or one that refuses."""
        try:
            if handler_call_details.method == ENROL_METHOD:
                await self._check_join(*join_credential_of(handler_call_details.invocation_metadata))
                return await continuation(handler_call_details)
            if handler_call_details.method == RENEW_LATE_METHOD:
                self._check_late(late_certificate_of(handler_call_details.invocation_metadata))
                return await continuation(handler_call_details)
            bearer = _credential(handler_call_details.invocation_metadata, BEARER)
            if not bearer:
                raise Unauthenticated(_NO_CREDENTIAL)
            principal: Principal = await self._authenticate(bearer)
        except FleettraceError as error:
            return refusing(error)
        set_proven(principal)
        handler = await continuation(handler_call_details)
        if handler is not None and handler.response_streaming and not handler.request_streaming:
            return self._checked(handler, bearer)
        return handler

    def _checked(self, handler: Handler, bearer: str) -> Handler:
        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            async with aclosing(handler.unary_stream(request, context)) as answers:
                async for answer in answers:
                    try:
                        await self._authenticate(bearer)
                    except FleettraceError as error:
                        await abort_with(context, error)
                    yield answer

        return grpc.unary_stream_rpc_method_handler(
            stream,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def refusing(error: FleettraceError) -> Handler:
    """A handler for calls of any shape, which reads nothing of them."""

    async def refuse(_: Any, context: Context) -> None:
        await abort_with(context, error)

    return grpc.stream_stream_rpc_method_handler(refuse)


def host_certificate_of(context: Context) -> HostCertificate | None:
    """The certificate that an agent showed; None: it called over the Unix socket.

    Raises:
        Unauthenticated: neither.
    """
    if is_local(context):
        return None
    # What stands here was verified against the authority in the handshake.
    shown = next(iter(context.auth_context().get("x509_pem_cert") or ()), None)
    if shown is None:
        raise Unauthenticated("an agent shows its certificate where --listen-agents is: enrol it with --join")
    return read_host_certificate(shown)


def late_certificate_of(metadata: Metadata | None) -> bytes:
    """The certificate (DER), perhaps over, in a call's metadata.

    Raises:
        Unauthenticated: there is none.
    """
    try:
        if certificate := base64.b64decode(_credential(metadata, LATE), validate=True):
            return certificate[: MAX_CERTIFICATE_BYTES + 1]
    except ValueError:
        pass
    raise Unauthenticated(_MALFORMED_LATE)


def join_credential_of(metadata: Metadata | None) -> tuple[str, bytes]:
    """The number and the secret of the join token in a call's metadata.

    Raises:
        Unauthenticated: there is none.
    """
    token_id, _, secret = _credential(metadata, JOIN).partition(".")
    try:
        if len(token_id) == 2 * ID_BYTES and len(secret) == 2 * SECRET_BYTES:
            return bytes.fromhex(token_id).hex(), bytes.fromhex(secret)
    except ValueError:
        pass
    raise Unauthenticated(_MALFORMED_JOIN)


def _credential(metadata: Metadata | None, scheme: str) -> str:
    """What follows the scheme in the one authorization of a call; empty when there is none."""
    given = [value for key, value in metadata or () if key == AUTHORIZATION_KEY]
    if len(given) != 1 or not isinstance(given[0], str):
        return ""
    found, _, credential = given[0].partition(" ")
    return credential.strip() if found.lower() == scheme.lower() else ""
