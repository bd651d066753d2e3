"""The gRPC servers: who is served where, and where nobody is.

A Unix socket serves everybody of this machine whom its mode (0600) lets in. On TCP everything is TLS: one listener for
operators, who show a bearer token, and for hosts that enrol; another for agents, whose certificates it demands. (gRPC
for Python can demand client certificates or ask for none; it cannot take them when they come.) Each has a server of its
own, so that a service is not even there where it is not for.
"""

import os
import socket
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc

from controller.rpc.authentication import OperatorAuthentication, refusing
from controller.rpc.authorised import Authorised
from controller.rpc.tls import ServerTls
from controller.visibility import Visibility
from fleettrace.errors import AddressInUse, BadInput, Unauthenticated
from fleettrace.wire.address import TcpAddress, UnixAddress, parse_address
from fleettrace.wire.limits import SERVER_OPTIONS
from fleettrace.wire.v1 import access_pb2, control_pb2
from fleettrace.wire.v1.access_pb2_grpc import AccessServicer, add_AccessServicer_to_server
from fleettrace.wire.v1.agent_link_pb2_grpc import AgentLinkServicer, add_AgentLinkServicer_to_server
from fleettrace.wire.v1.control_pb2_grpc import ControlServicer, add_ControlServicer_to_server
from fleettrace.wire.v1.enrolment_pb2_grpc import EnrolmentServicer, add_EnrolmentServicer_to_server

__all__ = ["Listeners", "Services"]

MAX_METADATA_BYTES = 20 * 1024

_TCP_OPTIONS = (
    *SERVER_OPTIONS,
    # Who opens a connection and says nothing holds it for no longer than this.
    ("grpc.server_handshake_timeout_ms", 10_000),
    # An ID token that lists many groups is larger than gRPC's own limit of 8 KiB.
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
)


@dataclass(frozen=True, slots=True)
class Services:
    """What is served; ``visibility`` decides what of it there is for whom."""

    control: ControlServicer
    access: AccessServicer
    visibility: Visibility
    agents: AgentLinkServicer
    enrolment: EnrolmentServicer


@dataclass(slots=True)
class Bound:
    """The addresses as they are bound."""

    local: list[UnixAddress] = field(default_factory=list)
    operators: list[TcpAddress] = field(default_factory=list)
    agents: list[TcpAddress] = field(default_factory=list)

    def texts(self) -> list[str]:
        """As people write them."""
        return [str(address) for address in (*self.local, *self.operators, *self.agents)]


class Listeners:
    """The three servers, from binding to the end."""

    def __init__(self, authentication: OperatorAuthentication) -> None:
        self._local = grpc.aio.server(options=SERVER_OPTIONS)
        self._operators = grpc.aio.server(options=_TCP_OPTIONS, interceptors=[authentication])
        self._agents = grpc.aio.server(options=_TCP_OPTIONS)
        self.bound = Bound()

    def bind(self, listen: Sequence[str], listen_agents: Sequence[str], tls: Callable[[list[str]], ServerTls]) -> None:
        """Bind to each address (port 0 becomes the one that was given); ``tls`` is asked for when one is TCP.

        It is given the names and numbers by which the addresses are called.

        Raises:
            BadInput: not an address that can be listened on, or ``tls`` cannot be had.
            AddressInUse: somebody listens there.
        """
        addresses = [parse_address(text) for text in listen]
        agents = [parse_address(text) for text in listen_agents]
        operators = [address for address in addresses if isinstance(address, TcpAddress)]
        for address in agents:
            if not isinstance(address, TcpAddress):
                raise BadInput(f"agents reach {address} with --listen: --listen-agents takes host:port")
        for address in addresses:
            if isinstance(address, UnixAddress):
                _bind_unix(self._local, address)
                self.bound.local.append(address)
        streams = [address for address in agents if isinstance(address, TcpAddress)]
        if not operators and not streams:
            return
        made = tls([address.host for address in (*operators, *streams)])
        self.bound.operators += _bind_tcp(self._operators, operators, made.credentials(client_certificates=False))
        self.bound.agents += _bind_tcp(self._agents, streams, made.credentials(client_certificates=True))

    def add(self, services: Services) -> None:
        """Have each server serve what is for it."""
        control = Authorised(control_pb2.DESCRIPTOR.services_by_name["Control"], services.control, services.visibility)
        access = Authorised(access_pb2.DESCRIPTOR.services_by_name["Access"], services.access, services.visibility)
        for server in (self._local, self._operators):
            add_ControlServicer_to_server(cast(ControlServicer, control), server)
            add_AccessServicer_to_server(cast(AccessServicer, access), server)
        for server in (self._local, self._agents):
            add_AgentLinkServicer_to_server(services.agents, server)
        for server in (self._operators, self._agents):
            add_EnrolmentServicer_to_server(services.enrolment, server)
        self._operators.add_generic_rpc_handlers(
            (_Elsewhere("agents are served where --listen-agents is: enrol with --join"),)
        )
        self._agents.add_generic_rpc_handlers(
            (_Elsewhere("this is for agents, and an agent's certificate is no operator's"),)
        )

    async def start(self) -> None:
        """Serve at every address that is bound."""
        for server, bound in (
            (self._local, self.bound.local),
            (self._operators, self.bound.operators),
            (self._agents, self.bound.agents),
        ):
            if bound:
                await server.start()

    async def stop(self, grace_s: float) -> None:
        """End; calls that are under way may take so long."""
        for server in (self._local, self._operators, self._agents):
            await server.stop(grace_s)
        for address in self.bound.local:
            _unlink(address)


class _Elsewhere(grpc.GenericRpcHandler):
    """Comes after the services that are here: whatever else is called is refused in words."""

    def __init__(self, sentence: str) -> None:
        self._error = Unauthenticated(sentence)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Called by gRPC."""
        return refusing(self._error)


def _unlink(address: UnixAddress) -> None:
    Path(address.path).unlink(missing_ok=True)


def _bind_unix(server: grpc.aio.Server, address: UnixAddress) -> None:
    path = Path(address.path)
    if not path.parent.is_dir() or not path.name:
        raise BadInput(f"{address} cannot be listened on: its folder must exist")
    if path.exists():
        # gRPC would remove whatever is there and leave its owner deaf.
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise BadInput(f"{path} exists and is no socket; name another path")
        if _answers(path):
            raise AddressInUse(f"{address} is in use by a running process; stop it or name another path")
    before = os.umask(0o177)
    try:
        server.add_insecure_port(str(address))
    except RuntimeError as error:
        raise AddressInUse(f"{address} cannot be listened on: {error}") from error
    finally:
        os.umask(before)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(str(path)) == 0


def _bind_tcp(
    server: grpc.aio.Server, addresses: Sequence[TcpAddress], credentials: grpc.ServerCredentials
) -> list[TcpAddress]:
    bound = []
    for address in addresses:
        try:
            bound.append(TcpAddress(address.host, server.add_secure_port(str(address), credentials)))
        except RuntimeError as error:
            raise AddressInUse(
                f"{address} cannot be listened on: it is in use, or is not an address of this machine"
            ) from error
    return bound
