"""Where the controller listens, and where it will not."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from controller.rpc.server import bind
from fleettrace.errors import AddressInUse, BadInput


@pytest.fixture
async def server() -> AsyncIterator[grpc.aio.Server]:
    made = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    yield made
    await made.stop(None)


async def test_loopback_and_sockets_are_bound_and_a_free_port_is_named(server: grpc.aio.Server, tmp_path: Path) -> None:
    bound = bind(server, ["127.0.0.1:0", f"unix:{tmp_path}/c.sock"], allow_plaintext=False)
    host, _, port = bound[0].rpartition(":")
    assert host == "127.0.0.1"
    assert int(port) > 0
    # Only this user may speak to the socket.
    assert (tmp_path / "c.sock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("address", ["", "nowhere", "host:", "host:x", "host:70000", ":5000"])
async def test_what_is_no_address_is_refused(server: grpc.aio.Server, address: str) -> None:
    with pytest.raises(BadInput, match="host:port, or unix:PATH"):
        bind(server, [address], allow_plaintext=False)


async def test_others_are_let_in_only_when_asked_for(server: grpc.aio.Server) -> None:
    with pytest.raises(BadInput, match="--allow-plaintext"):
        bind(server, ["0.0.0.0:0"], allow_plaintext=False)
    assert bind(server, ["0.0.0.0:0"], allow_plaintext=True)


async def test_a_file_is_never_replaced_and_a_dead_socket_is(server: grpc.aio.Server, tmp_path: Path) -> None:
    precious, stale, live = tmp_path / "precious", tmp_path / "stale", tmp_path / "live"
    precious.write_text("x")
    with pytest.raises(BadInput, match="no socket"):
        bind(server, [f"unix:{precious}"], allow_plaintext=False)
    assert precious.read_text() == "x"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    assert bind(server, [f"unix:{stale}"], allow_plaintext=False)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(live))
        listening.listen()
        with pytest.raises(AddressInUse, match="in use"):
            bind(server, [f"unix:{live}"], allow_plaintext=False)
