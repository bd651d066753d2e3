"""A whole fleet that comes back at once: every host is connected again, and the controller's memory is bounded."""

import asyncio
import resource
from contextlib import suppress
from pathlib import Path

import pytest

from fleettrace.wire.v1 import agent_link_pb2 as pb
from tests.contract.dialling import Stream, StreamEnded
from tests.contract.links import Link

HOSTS = {"memory": 10_000, "unix": 300, "tls": 40}
"""How many come at once, by the way they come: sockets and handshakes of both sides are this one process's."""
MAX_DIALS = 8
MAX_BYTES_PER_HOST = {"memory": 64 * 1024, "unix": 64 * 1024, "tls": 320 * 1024}
"""Of the controller's memory and that of the scripted agents here, together; TLS has buffers at both ends."""


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.timeout(240)
async def test_a_fleet_that_comes_back_at_once_is_connected_again(
    link: Link,
    request: pytest.FixtureRequest,
) -> None:
    way = request.node.callspec.params["link"]
    hosts = HOSTS[way]
    names = [f"h-{number}" for number in range(hosts)]

    async def connect(name: str) -> Stream:
        for _ in range(MAX_DIALS):
            # A greeting that waits for longer than the controller does for it is given up, and the agent dials again.
            with suppress(TimeoutError, StreamEnded):
                stream = await link.connected(name)
                await stream.send(pb.AgentMessage(heartbeat=pb.Heartbeat(sent_at_ms=1, echo=7)))
                assert (await stream.receive()).heartbeat.echo == 7
                return stream
        raise AssertionError(f"{name} was not connected in {MAX_DIALS} dials")

    # What a process takes for its first stream, and never again, is no part of what each host takes.
    await (await connect("the-first")).close()
    await link.wait_gone("the-first")
    before_bytes = resident_bytes()
    # WHEN they all dial at the same moment
    streams = await asyncio.gather(*map(connect, names))
    held_bytes = resident_bytes() - before_bytes
    # THEN each is connected and answered
    assert sum(map(link.fleet.is_connected, names)) == hosts
    assert held_bytes < hosts * MAX_BYTES_PER_HOST[way]
    # AND when all are gone at once, they are gone in the controller's eyes, and can come again
    await asyncio.gather(*(stream.close() for stream in streams))
    for name in names:
        await link.wait_gone(name)
    await (await link.connected(names[0])).close()
