"""Known TCP traffic, each kind in a network namespace of its own that ends with its process.

Run as ``python -m tests.kernel.tcp_workload NAME NUMBER``; see :mod:`tests.kernel.workload` for the protocol.
"""

import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.kernel.workload import serve

MODULE = "tests.kernel.tcp_workload"

CLIENT, SERVER = "ft-client", "ft-server"
# Above and below what clients are given (ip_local_port_range): which side listens does not show in the numbers.
CLIENT_CLOSES, SERVER_CLOSES, CLIENT_RESETS, OVER_IPV6 = 65_001, 101, 65_003, 103
ASKED_BYTES, ANSWERED_BYTES = 1009, 3001
HOLDS_MS = (3, 6, 12, 24)
"""In the middle of a bucket each."""

LEAKY, BUSY, POOL = "ft-leaky", "ft-busy", "ft-pool"
LEAKED_PER_S, BUSY_PER_S = 7, 31
LEAK_PORT = 65_011
POOL_SIZE = 7

LOST_DATA, LOST_SYN, LOST_SYNACK = 65_021, 65_022, 65_023

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_WAIT_S = 20


def own_network() -> None:
    """A network namespace with nothing but a loopback device."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("16xh", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def name_process(name: str) -> None:
    Path("/proc/self/comm").write_text(name)


@contextmanager
def child(name: str, body: Callable[[], None]) -> Iterator[int]:
    """A process of this name; it is ended with the context."""
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        name_process(name)
        try:
            body()
        finally:
            os._exit(0)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def receive(connection: socket.socket, number: int) -> None:
    data = connection.recv(number, socket.MSG_WAITALL)
    assert len(data) == number, f"{len(data)} of {number} bytes"


def reset(connection: socket.socket) -> None:
    """Close with a RST instead of a FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def serve_sessions(servers: Iterable[socket.socket]) -> None:
    """Answer one session after the other, on whichever port, for ever."""
    ports = {server.fileno(): server for server in servers}
    while True:
        for fd in select.select(list(ports), [], [])[0]:
            with ports[fd].accept()[0] as connection:
                receive(connection, ASKED_BYTES)
                connection.sendall(bytes(ANSWERED_BYTES))
                if connection.getsockname()[1] != SERVER_CLOSES:
                    with suppress(ConnectionResetError):
                        connection.recv(1)
                else:  # as many servers do: shut down, and then close
                    connection.shutdown(socket.SHUT_WR)


def ask(address: tuple[str, int], hold_ms: float = 0) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(bytes(ASKED_BYTES))
        receive(connection, ANSWERED_BYTES)
        time.sleep(hold_ms / 1000)
        # Acknowledge what was received before anything else happens.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if address[1] == SERVER_CLOSES:
            connection.recv(1)
        elif address[1] == CLIENT_RESETS:
            reset(connection)


@contextmanager
def session_server() -> Iterator[int]:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
            for port in (CLIENT_CLOSES, SERVER_CLOSES, CLIENT_RESETS)
        ]
        servers.append(stack.enter_context(socket.create_server(("::1", OVER_IPV6), family=socket.AF_INET6)))
        yield stack.enter_context(child(SERVER, lambda: serve_sessions(servers)))


def two_sides(number: int) -> None:
    """So many sessions that the client closes, half as many that the server does, a third that are reset, and as many
    over IPv6; as many attempts where nobody listens. What was sent is the same in all.
    """
    own_network()
    with session_server():
        name_process(CLIENT)
        for address, times in (
            (("127.0.0.1", CLIENT_CLOSES), number),
            (("127.0.0.1", SERVER_CLOSES), number // 2),
            (("127.0.0.1", CLIENT_RESETS), number // 3),
            (("::1", OVER_IPV6), number // 3),
        ):
            for _ in range(times):
                ask(address)
        for _ in range(number // 3):
            with suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", 1))
        settle()


def held_sessions(number: int) -> None:
    """So many sessions that are held for each of :data:`HOLDS_MS` in turn."""
    own_network()
    with session_server():
        name_process(CLIENT)
        for index in range(number):
            ask(("127.0.0.1", CLIENT_CLOSES), HOLDS_MS[index % len(HOLDS_MS)])
        settle()


def settle() -> None:
    """Wait until no connection is left that is not closed at both ends."""
    until_s = time.monotonic() + _WAIT_S
    while time.monotonic() < until_s:
        states = [line.split()[3] for name in ("tcp", "tcp6") for line in _table(name)]
        if not set(states) - {"0A", "06"}:  # those that listen, and what is left to catch late segments
            return
        time.sleep(0.01)
    raise TimeoutError("connections do not close")


def _table(name: str) -> list[str]:
    return Path(f"/proc/self/net/{name}").read_text().splitlines()[1:]


QUEUED_MS = 50


def queued(number: int) -> None:
    """So many connections that wait for at least :data:`QUEUED_MS` until they are accepted, and are then closed."""
    own_network()
    with socket.create_server(("127.0.0.1", LEAK_PORT), backlog=number + 1) as server:
        clients = [socket.create_connection(("127.0.0.1", LEAK_PORT)) for _ in range(number)]
        time.sleep(QUEUED_MS / 1000)
        name_process(SERVER)
        for _ in range(number):
            server.accept()[0].close()
        for client in clients:
            client.close()


def leaks(slots: int) -> Iterator[None]:
    """For so many seconds: one process that opens and never closes, 7 in a second; one that opens and closes 31 in a
    second; one that opens a pool at once and keeps it. All stay as they are until the test is through.
    """
    own_network()
    server = socket.create_server(("127.0.0.1", LEAK_PORT), backlog=512)
    started_s = time.monotonic()

    def sink() -> None:
        held = []
        while True:
            held.append(server.accept()[0])

    def paced(per_s: int, act: Callable[[], None]) -> Callable[[], None]:
        def body() -> None:
            for index in range(per_s * slots):
                time.sleep(max(started_s + index / per_s - time.monotonic(), 0))
                act()
            os.write(through[1], b"x")
            select.select([], [], [])

        return body

    leaked = []

    def leak() -> None:
        leaked.append(socket.create_connection(("127.0.0.1", LEAK_PORT)))

    def open_and_close() -> None:
        socket.create_connection(("127.0.0.1", LEAK_PORT)).close()

    def open_pool() -> None:
        kept = [socket.create_connection(("127.0.0.1", LEAK_PORT)) for _ in range(POOL_SIZE)]
        select.select([], [], [])
        del kept

    through = os.pipe()
    with (
        child(SERVER, sink),
        child(LEAKY, paced(LEAKED_PER_S, leak)),
        child(BUSY, paced(BUSY_PER_S, open_and_close)),
        child(POOL, open_pool),
    ):
        for _ in range(2):  # who is paced may be late
            os.read(through[0], 1)
        yield


def lossy(number: int) -> None:
    """So many connections that lose each segment of data, as many that lose each SYN, and each SYN-ACK."""
    own_network()
    name_process(CLIENT)
    with ExitStack() as stack:
        servers = {
            port: stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=number + 1))
            for port in (LOST_DATA, LOST_SYN, LOST_SYNACK)
        }
        deafen(servers[LOST_SYN])
        ends = []
        for _ in range(number):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", LOST_DATA)))
            accepted = stack.enter_context(servers[LOST_DATA].accept()[0])
            deafen(accepted)
            client.sendall(bytes(200_000))
            ends += [client, accepted]
            for port in (LOST_SYN, LOST_SYNACK):
                client = stack.enter_context(socket.socket())
                if port == LOST_SYNACK:
                    deafen(client)
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
                ends.append(client)
        time.sleep(1.7)
        # Nothing is sent again from here on: no FIN, whose answer would not be heard, and no SYN-ACK, which comes 3 s
        # after the first one as long as somebody listens.
        for end in ends:
            reset(end)
        for server in servers.values():
            server.close()


def deafen(any_socket: socket.socket) -> None:
    """Everything that arrives at the socket is dropped, as if lost on the way: a filter that takes 0 bytes of it."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF_RET | BPF_K
    filter_program = struct.pack("HxxxxxxP", 1, ctypes.addressof(program))
    any_socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_program)


WORKLOADS = {f.__name__: f for f in (two_sides, held_sessions, queued, leaks, lossy)}


if __name__ == "__main__":
    serve(WORKLOADS)
