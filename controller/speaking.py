"""Calls of a controller: the channel that they go over, and the error tree instead of what gRPC raises."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import grpc

from controller.login import Login
from fleettrace import errors
from fleettrace.errors import FleettraceError, Malformed, Refused, Unauthenticated, Unreachable
from fleettrace.wire.address import UnixAddress, parse_address
from fleettrace.wire.limits import CHANNEL_OPTIONS, MAX_MESSAGE_BYTES
from fleettrace.wire.metadata import CODE_KEY, RULE_KEY

__all__ = ["call_of", "channel_to", "speaking"]

_OPTIONS = (
    *CHANNEL_OPTIONS,
    # gRPC's own waits between attempts grow to minutes; the callers' bounded retries set the pace here.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)


def channel_to(address: str, login: Login | None) -> grpc.Channel:
    """A channel to a Unix socket as who one is on this machine, to any other address with a ``login``.

    Raises:
        Unauthenticated: it is another address, and there is none.
    """
    if isinstance(parse_address(address), UnixAddress):
        return grpc.insecure_channel(address, options=_OPTIONS)
    if login is None:
        raise Unauthenticated(
            f"you are not logged in at {address}: 'fleettrace login --controller {address} --ca FILE', or use the "
            "controller's Unix socket on its own machine"
        )
    transport = grpc.ssl_channel_credentials(login.authority_pem.encode())
    bearer = grpc.access_token_call_credentials(login.token)
    credentials = grpc.composite_channel_credentials(transport, bearer)
    return grpc.secure_channel(address, credentials, options=_OPTIONS)


@contextmanager
def speaking(address: str) -> Iterator[None]:
    """Turn what a call raises into the error tree."""
    try:
        yield
    except grpc.RpcError as error:
        raise _from_rpc(call_of(error), address) from error
    except Malformed as error:
        raise Malformed(
            f"the controller at {address} sent what this version does not know ({error}): "
            f"use the same version of fleettrace on both sides"
        ) from error


def _classes(base: type[FleettraceError]) -> Iterator[type[FleettraceError]]:
    yield base
    for child in base.__subclasses__():
        yield from _classes(child)


_BY_CODE = {cls.code: cls for cls in _classes(errors.FleettraceError)}


def call_of(error: grpc.RpcError) -> grpc.Call:
    """The failed call itself, which alone knows its status."""
    # What the stubs raise is that call; the type does not say so.
    return cast(grpc.Call, error)


def _from_rpc(call: grpc.Call, address: str) -> FleettraceError:
    """The error that the controller raised, or what the missing answer means."""
    metadata = {key: value for key, value in call.trailing_metadata() or () if isinstance(value, str)}
    details = call.details() or ""
    known = _BY_CODE.get(metadata.get(CODE_KEY, ""))
    if known is Refused:
        return Refused(details, metadata.get(RULE_KEY, ""))
    if known is not None:
        return known(details)
    match call.code():
        case grpc.StatusCode.UNAVAILABLE if "CERTIFICATE_VERIFY_FAILED" in details or "Peer name" in details:
            return Unauthenticated(
                f"what answers at {address} is not the controller that you trust there, or is called "
                "otherwise: check the "
                "address, log in again with the authority's --ca FILE, and see --reachable-as of 'fleettrace serve'"
            )
        case grpc.StatusCode.UNAVAILABLE:
            return Unreachable(
                f"no controller answers at {address}: start one there with 'fleettrace serve --listen {address}', "
                f"or name the right address with --controller"
            )
        case grpc.StatusCode.DEADLINE_EXCEEDED | grpc.StatusCode.CANCELLED:
            return Unreachable(
                f"the controller at {address} did not answer in time: see its log, or try again when it is less busy"
            )
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return FleettraceError(
                f"the answer is larger than the {MAX_MESSAGE_BYTES >> 20} MiB that one message may hold: "
                f"ask for one host's part with --host"
            )
        case grpc.StatusCode.UNIMPLEMENTED:
            return Malformed(f"what answers at {address} is not a controller of this version: check the address")
        case status:
            return FleettraceError(f"the controller at {address} failed ({status.name}: {details}): see its log")
