"""Where the controller listens, and where it will not."""

import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.identity.authority import Authority
from controller.rpc.authentication import OperatorAuthentication
from controller.rpc.server import Listeners
from controller.rpc.tls import ServerTls
from fleettrace.errors import AddressInUse, BadInput, Unauthenticated


async def nobody(*_: object) -> None:
    raise Unauthenticated("nobody is anybody")


def nothing(_: bytes) -> None:
    raise Unauthenticated("nothing is a certificate")


@pytest.fixture
async def listeners() -> AsyncIterator[Listeners]:
    made = Listeners(OperatorAuthentication(nobody, nobody, nothing))
    yield made
    await made.stop(0)


def no_tls(_: list[str]) -> ServerTls:
    raise BadInput("no TLS")


def with_tls(tmp_path: Path) -> ServerTls:
    authority = Authority.create(tmp_path / "ca", time.time_ns() // 1_000_000)
    return ServerTls(authority, ["127.0.0.1"], lambda: time.time_ns() // 1_000_000)


async def test_sockets_and_ports_are_bound_and_a_free_port_is_named(listeners: Listeners, tmp_path: Path) -> None:
    called: list[list[str]] = []

    def tls(names: list[str]) -> ServerTls:
        called.append(names)
        return with_tls(tmp_path)

    listeners.bind(["127.0.0.1:0", f"unix:{tmp_path}/c.sock"], ["localhost:0"], tls)
    socket_address, operators, agents = listeners.bound.texts()
    assert socket_address == f"unix:{tmp_path}/c.sock"
    assert operators.startswith("127.0.0.1:")
    assert agents.startswith("localhost:")
    assert all(int(address.rpartition(":")[2]) > 0 for address in (operators, agents))
    assert called == [["127.0.0.1", "localhost"]]
    # Only this user may speak to the socket.
    assert (tmp_path / "c.sock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("address", ["", "nowhere", "host:", "host:x", "host:70000", ":5000"])
async def test_what_is_no_address_is_refused(listeners: Listeners, address: str) -> None:
    with pytest.raises(BadInput, match="host:port, or unix:PATH"):
        listeners.bind([address], [], no_tls)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "localhost:0"])
async def test_nothing_is_bound_without_tls_loopback_included(listeners: Listeners, address: str) -> None:
    for listen, agents in (([address], []), ([], [address])):
        with pytest.raises(BadInput, match="no TLS"):
            listeners.bind(listen, agents, no_tls)
    assert listeners.bound.texts() == []


async def test_a_socket_is_not_for_certificates(listeners: Listeners, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--listen-agents takes host:port"):
        listeners.bind([], [f"unix:{tmp_path}/a.sock"], no_tls)


async def test_a_file_is_never_replaced_and_a_dead_socket_is(listeners: Listeners, tmp_path: Path) -> None:
    precious, stale, live = tmp_path / "precious", tmp_path / "stale", tmp_path / "live"
    precious.write_text("x")
    with pytest.raises(BadInput, match="no socket"):
        listeners.bind([f"unix:{precious}"], [], no_tls)
    assert precious.read_text() == "x"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    listeners.bind([f"unix:{stale}"], [], no_tls)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(live))
        listening.listen()
        with pytest.raises(AddressInUse, match="in use"):
            listeners.bind([f"unix:{live}"], [], no_tls)


async def test_a_port_that_is_taken_is_named(listeners: Listeners, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AddressInUse, match=str(port)):
            listeners.bind([f"127.0.0.1:{port}"], [], lambda _: with_tls(tmp_path))
