"""Asking the controller for a certificate: with a join token the first time, then with the certificate itself.

Also with one that is over, where the controller lets hosts return.
"""

import base64
import time
from collections.abc import Sequence
from dataclasses import replace

import grpc

from fleettrace.errors import BadInput, FleettraceError, Unauthenticated, Unreachable
from fleettrace.identity.join_token import JoinToken
from fleettrace.identity.lives import RENEW_AT_FRACTION
from fleettrace.identity.pem import certificate_der, certificate_pem
from fleettrace.wire.address import TcpAddress
from fleettrace.wire.limits import CHANNEL_OPTIONS
from fleettrace.wire.metadata import AUTHORIZATION_KEY, JOIN, LATE
from fleettrace.wire.v1 import enrolment_pb2 as pb
from fleettrace.wire.v1.enrolment_pb2_grpc import EnrolmentStub
from node_agent.identity.credential import Credential
from node_agent.identity.signing_request import make_signing_request

__all__ = ["channel_credentials", "enrol", "renew"]

CALL_S = 20.0
Metadata = Sequence[tuple[str, str]]


async def enrol(
    controller: TcpAddress, token: JoinToken, name: str, default_name: str, stream: TcpAddress | None
) -> Credential:
    """Use a join token up.

    ``name`` empty: the token's, or ``default_name`` when it names none; ``stream``: where streams go, if not where the
    controller says.

    Raises:
        Unauthenticated: the token does not count, or what answers is not the controller that it is of.
        Unreachable: nothing answers.
    """
    request = await make_signing_request()
    authority = certificate_pem(token.authority_der)
    metadata = ((AUTHORIZATION_KEY, f"{JOIN} {token.token_id}.{token.secret.hex()}"),)
    async with grpc.aio.secure_channel(
        str(controller), grpc.ssl_channel_credentials(authority), options=CHANNEL_OPTIONS
    ) as channel:
        wire = pb.EnrolRequest(host=name, default_host=default_name, signing_request=request.der)
        try:
            answer = await EnrolmentStub(channel).Enrol(wire, timeout=CALL_S, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise _in_words(error, str(controller)) from error
    if stream is None and not answer.agents_port:
        raise BadInput(f"the controller at {controller} takes no agents over TCP: start it with --listen-agents")
    return _credential(
        answer,
        Credential(
            controller=str(controller),
            stream=str(stream or TcpAddress(controller.host, answer.agents_port)),
            host=answer.host,
            token_id=token.token_id,
            authority_pem=authority.decode(),
            certificate_pem="",
            key_pem=request.key_pem.decode(),
            renew_at_ms=0,
            not_after_ms=0,
        ),
    )


async def renew(credential: Credential) -> Credential:
    """The next certificate, with a key of its own; also for one that is over, where the controller lets hosts return.

    Raises:
        Unauthenticated: the host may come no more; of a certificate that is over, also that it comes too late.
        Unreachable: nothing answers, or something that this host does not trust.
    """
    if credential.not_after_ms <= int(time.time() * 1000):
        return await _renew_late(credential)
    request = await make_signing_request()
    async with grpc.aio.secure_channel(
        credential.stream, channel_credentials(credential), options=CHANNEL_OPTIONS
    ) as channel:
        wire = pb.RenewRequest(signing_request=request.der)
        try:
            answer = await EnrolmentStub(channel).Renew(wire, timeout=CALL_S)
        except grpc.aio.AioRpcError as error:
            raise _not_renewed(error, credential.stream) from error
    return _credential(answer, replace(credential, key_pem=request.key_pem.decode()))


async def _renew_late(credential: Credential) -> Credential:
    """No handshake takes a certificate that is over: it is shown within one that the controller alone is proven by."""
    request = await make_signing_request(credential.key_pem.encode())
    shown = base64.b64encode(certificate_der(credential.certificate_pem.encode())).decode()
    metadata = ((AUTHORIZATION_KEY, f"{LATE} {shown}"),)
    trusted = grpc.ssl_channel_credentials(credential.authority_pem.encode())
    async with grpc.aio.secure_channel(credential.controller, trusted, options=CHANNEL_OPTIONS) as channel:
        wire = pb.RenewLateRequest(signing_request=request.der, proof=request.proof)
        try:
            answer = await EnrolmentStub(channel).RenewLate(wire, timeout=CALL_S, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            told = _not_renewed(error, credential.controller)
            if not isinstance(told, Unauthenticated):
                raise told from error
            raise Unauthenticated(
                f"the certificate of {credential.host} is over, for it was not renewed in time: "
                f"give a new --join token ({told})"
            ) from error
    return _credential(answer, replace(credential, key_pem=request.key_pem.decode()))


def channel_credentials(credential: Credential) -> grpc.ChannelCredentials:
    """Trust in the authority alone, and the host's certificate to show."""
    return grpc.ssl_channel_credentials(
        credential.authority_pem.encode(), credential.key_pem.encode(), credential.certificate_pem.encode()
    )


def _credential(answer: pb.HostCredential, before: Credential) -> Credential:
    # By this host's own clock: what counts is how long the certificate lives from now on.
    now_ms = int(time.time() * 1000)
    return replace(
        before,
        certificate_pem=certificate_pem(answer.certificate).decode(),
        renew_at_ms=now_ms + int(answer.lifetime_ms * RENEW_AT_FRACTION),
        not_after_ms=now_ms + answer.lifetime_ms,
    )


def _not_renewed(error: grpc.aio.AioRpcError, address: str) -> FleettraceError:
    """What is not trusted has no word in whether this host may come: it is asked again."""
    told = _in_words(error, address)
    if isinstance(told, Unauthenticated) and error.code() is not grpc.StatusCode.UNAUTHENTICATED:
        return Unreachable(str(told))
    return told


def _in_words(error: grpc.aio.AioRpcError, address: str) -> FleettraceError:
    details = error.details() or error.code().name
    match error.code():
        case grpc.StatusCode.UNAUTHENTICATED:
            return Unauthenticated(details)
        case grpc.StatusCode.INVALID_ARGUMENT:
            return BadInput(details)
        case _ if "CERTIFICATE_VERIFY_FAILED" in details:
            return Unauthenticated(
                f"what answers at {address} is not the controller that this host trusts, or is called "
                "otherwise: check the "
                "address, and the controller's --reachable-as"
            )
        case _:
            return Unreachable(f"no controller gives a certificate at {address} ({details}): check the address")
