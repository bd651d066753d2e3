"""The gRPC server: where it listens, and where it will not."""

import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import grpc

from controller.rpc.agent_link import AgentLinkService
from controller.rpc.authorised import Authorised
from controller.rpc.control import ControlService
from controller.visibility import Visibility
from fleettrace.errors import AddressInUse, BadInput
from fleettrace.wire.address import TcpAddress, UnixAddress, parse_address
from fleettrace.wire.limits import SERVER_OPTIONS
from fleettrace.wire.v1 import control_pb2
from fleettrace.wire.v1.agent_link_pb2_grpc import add_AgentLinkServicer_to_server
from fleettrace.wire.v1.control_pb2_grpc import add_ControlServicer_to_server

__all__ = ["add_services", "bind", "make_server", "unbind"]


def make_server() -> grpc.aio.Server:
    """A server that is bound to nothing and serves nothing yet."""
    return grpc.aio.server(options=SERVER_OPTIONS)


def add_services(
    server: grpc.aio.Server, control: ControlService, agents: AgentLinkService, visibility: Visibility
) -> None:
    """Have the server serve operators, each within what they may, and agents, once it is started."""
    authorised = Authorised(control_pb2.DESCRIPTOR.services_by_name["Control"], control, visibility)
    add_ControlServicer_to_server(cast(ControlService, authorised), server)
    add_AgentLinkServicer_to_server(agents, server)


def bind(server: grpc.aio.Server, addresses: Sequence[str], *, allow_plaintext: bool) -> list[str]:
    """Bind to each ``host:port`` or ``unix:PATH``; the addresses as bound (port 0 becomes the one that was given).

    Raises:
        BadInput: not an address, or one that others can reach while the stream is neither encrypted nor authenticated.
        AddressInUse: somebody listens there.
    """
    bound = []
    for text in addresses:
        address = parse_address(text)
        if isinstance(address, UnixAddress):
            _bind_unix(server, address)
        else:
            address = _bind_tcp(server, address, allow_plaintext=allow_plaintext)
        bound.append(str(address))
    return bound


def unbind(addresses: Sequence[str]) -> None:
    """Remove the sockets of a server that is about to stop: gRPC leaves those of one that never started.

    While the server still holds them, nobody else can have put theirs in the same place.
    """
    for text in addresses:
        address = parse_address(text)
        if isinstance(address, UnixAddress):
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


def _bind_tcp(server: grpc.aio.Server, address: TcpAddress, *, allow_plaintext: bool) -> TcpAddress:
    if not allow_plaintext and not address.is_loopback:
        raise BadInput(
            f"{address} can be reached by others and nothing on it is encrypted or authenticated: listen on loopback "
            "or unix:PATH, or give --allow-plaintext on a network that you trust"
        )
    try:
        return TcpAddress(address.host, server.add_insecure_port(str(address)))
    except RuntimeError as error:
        raise AddressInUse(
            f"{address} cannot be listened on: it is in use, or is not an address of this machine"
        ) from error
