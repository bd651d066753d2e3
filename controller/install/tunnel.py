"""Tunnels: a host that cannot reach the controller finds it on its own loopback, at the end of an SSH connection.

The agent's stream is the same one, encrypted and authenticated from end to end; the tunnel only carries it.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from enum import StrEnum

import asyncssh

from controller.install.outcome import Fault, HostFailed
from controller.install.ssh import Connections
from controller.install.target import Target
from fleettrace.wire.address import TcpAddress

__all__ = ["Tell", "TunnelState", "carry", "keep_tunnel", "keep_tunnels", "next_pause_s"]

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0
STEADY_S = 60.0
"""After a tunnel that stood this long, the first pause is a short one again."""
LOOPBACK = "127.0.0.1"


class TunnelState(StrEnum):
    """What became of a tunnel."""

    OPEN = "open"
    BROKEN = "broken"


Tell = Callable[[Target, TunnelState, str], None]


def next_pause_s(pause_s: float, stood_s: float) -> float:
    """The pause before the next attempt, after one of ``pause_s`` and a tunnel that stood so long; at most 60 s."""
    return FIRST_PAUSE_S if stood_s >= STEADY_S or not pause_s else min(pause_s * 2, MAX_PAUSE_S)


@asynccontextmanager
async def carry(connection: asyncssh.SSHClientConnection, ends: Sequence[TcpAddress]) -> AsyncIterator[None]:
    """Let the host's loopback lead to the addresses, each by the port that it has here, as long as this lasts.

    Raises:
        HostFailed: its SSH server does not allow it, or a port is taken there.
    """
    with ExitStack() as listeners:
        for end in ends:
            listeners.callback((await _listen(connection, end)).close)
        yield


async def keep_tunnels(
    connections: Connections, targets: Sequence[Target], ends: Sequence[TcpAddress], tell: Tell
) -> None:
    """Keep a tunnel to each host until cancelled."""
    async with asyncio.TaskGroup() as group:
        for target in targets:
            group.create_task(keep_tunnel(connections, target, ends, tell))


async def keep_tunnel(connections: Connections, target: Target, ends: Sequence[TcpAddress], tell: Tell) -> None:
    """Keep a tunnel until cancelled. A connection that is lost is made anew after a pause, the next one after twice
    of it, at most a minute; many that broke at once do not come back at once.
    """
    pause_s = 0.0
    while True:
        started = time.monotonic()
        try:
            async with connections.open(target) as connection, carry(connection, ends):
                tell(target, TunnelState.OPEN, "")
                started = time.monotonic()
                await connection.wait_closed()
            reason = "the connection was lost"
        except HostFailed as error:
            reason = str(error)
        pause_s = next_pause_s(pause_s, time.monotonic() - started)
        spread_s = pause_s * random.uniform(0.5, 1.0)  # noqa: S311  nothing secret about it
        tell(target, TunnelState.BROKEN, f"{reason}; again in {spread_s:.0f} s")
        await asyncio.sleep(spread_s)


async def _listen(connection: asyncssh.SSHClientConnection, end: TcpAddress) -> asyncssh.SSHListener:
    try:
        return await connection.forward_remote_port(LOOPBACK, end.port, end.host.strip("[]"), end.port)
    except asyncssh.ChannelListenError as error:
        raise HostFailed(
            Fault.COMMAND,
            f"its SSH server opens no port {end.port} on its loopback: the port is taken there, or "
            "AllowTcpForwarding is off in its sshd_config",
        ) from error
    except (asyncssh.Error, OSError) as error:
        raise HostFailed(Fault.CONNECTION_LOST, "the connection was lost before the tunnel stood") from error
