"""The gRPC server: where it listens, and where it will not."""

import ipaddress
import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path

import grpc

from controller.rpc.agent_link import AgentLinkService
from controller.rpc.control import ControlService
from fleettrace.errors import AddressInUse, BadInput
from fleettrace.wire.limits import SERVER_OPTIONS
from fleettrace.wire.v1.agent_link_pb2_grpc import add_AgentLinkServicer_to_server
from fleettrace.wire.v1.control_pb2_grpc import add_ControlServicer_to_server

__all__ = ["bind", "make_server"]

MAX_SOCKET_PATH_BYTES = 107  # sun_path of unix(7), less its NUL


def make_server(control: ControlService, agents: AgentLinkService) -> grpc.aio.Server:
    """A server with both services, bound to nothing yet."""
    server = grpc.aio.server(options=SERVER_OPTIONS)
    add_ControlServicer_to_server(control, server)
    add_AgentLinkServicer_to_server(agents, server)
    return server


def bind(server: grpc.aio.Server, addresses: Sequence[str], *, allow_plaintext: bool) -> list[str]:
    """Bind to each ``host:port`` or ``unix:PATH``; the addresses as bound (port 0 becomes the one that was given).

    Raises:
        BadInput: not an address, or one that others can reach while the stream is neither encrypted nor authenticated.
        AddressInUse: somebody listens there.
    """
    return [
        _bind_unix(server, address) if address.startswith("unix:") else _bind_tcp(server, address, allow_plaintext)
        for address in addresses
    ]


def _bind_unix(server: grpc.aio.Server, address: str) -> str:
    path = Path(address.removeprefix("unix:"))
    if not path.parent.is_dir() or len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES or not path.name:
        raise BadInput(
            f"{address} cannot be listened on: its folder must exist and "
            f"the path have at most {MAX_SOCKET_PATH_BYTES} bytes"
        )
    if path.exists():
        # gRPC would remove whatever is there and leave its owner deaf.
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise BadInput(f"{path} exists and is no socket; name another path")
        if _answers(path):
            raise AddressInUse(f"{address} is in use by a running process; stop it or name another path")
    before = os.umask(0o177)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise AddressInUse(f"{address} cannot be listened on: {error}") from error
    finally:
        os.umask(before)
    return address


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(str(path)) == 0


def _bind_tcp(server: grpc.aio.Server, address: str, allow_plaintext: bool) -> str:
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdigit() or int(port) > 65535:
        raise BadInput(f"{address!r} is not an address: use host:port or unix:PATH")
    if not allow_plaintext and not _is_loopback(host):
        raise BadInput(
            f"{address} can be reached by others and nothing on it is encrypted or authenticated: listen on loopback "
            "or unix:PATH, or give --allow-plaintext on a network that you trust"
        )
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise AddressInUse(
            f"{address} cannot be listened on: it is in use, or is not an address of this machine"
        ) from error
    return f"{host}:{bound}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
