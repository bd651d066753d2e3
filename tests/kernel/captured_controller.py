"""A controller in the wrong hands: it has the keys of TLS and of orders, and sends whatever it likes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import grpc

from controller.orders.desk import OrderDesk
from controller.orders.key_file import OrderKey
from controller.rpc.tls import ServerTls
from fleettrace.model.order import Authority
from fleettrace.model.run import Part, RunKey, RunKind, RunLimits, StartRun
from fleettrace.orders.envelope import sign_orders
from fleettrace.orders.keys import SigningKey
from fleettrace.wire.codec import part_from_wire
from fleettrace.wire.limits import LEASE_MS, PROTOCOL_VERSION, SERVER_OPTIONS
from fleettrace.wire.v1 import agent_link_pb2 as link
from fleettrace.wire.v1.agent_link_pb2_grpc import AgentLinkServicer, add_AgentLinkServicer_to_server

__all__ = ["CapturedController", "captured"]

LIMIT_S = 30.0


@dataclass
class CapturedController(AgentLinkServicer):
    """Speaks to one agent at a time, with the key that its orders are to be signed with."""

    key: SigningKey
    authority: Authority
    parts: asyncio.Queue[Part] = field(default_factory=asyncio.Queue)
    greeted: asyncio.Queue[link.Hello] = field(default_factory=asyncio.Queue)
    outgoing: asyncio.Queue[link.ControllerMessage] = field(default_factory=asyncio.Queue)
    challenge: bytes = b""
    runs: int = 0

    async def Connect(
        self, request_iterator: AsyncIterator[link.AgentMessage], context: Any
    ) -> AsyncIterator[link.ControllerMessage]:
        stream = aiter(request_iterator)
        hello = (await anext(stream)).hello
        self.challenge = hello.challenge
        self.outgoing = asyncio.Queue()
        welcome = link.Welcome(protocol=PROTOCOL_VERSION, controller_id=self.authority.controller_id, lease_ms=LEASE_MS)
        desk = OrderDesk(now_ms)
        desk.begin(OrderKey(self.key), self.authority)
        desk.introduce(welcome)
        yield link.ControllerMessage(welcome=welcome)
        self.greeted.put_nowait(hello)
        reader = asyncio.create_task(self._read(stream))
        try:
            while True:
                yield await self.outgoing.get()
        finally:
            reader.cancel()

    async def _read(self, stream: AsyncIterator[link.AgentMessage]) -> None:
        async for message in stream:
            if message.WhichOneof("message") == "heartbeat":
                self.outgoing.put_nowait(link.ControllerMessage(heartbeat=link.Heartbeat(sent_at_ms=now_ms())))
            elif message.WhichOneof("message") == "part" and message.part.final:
                self.outgoing.put_nowait(link.ControllerMessage(ack=link.PartAck(run=message.part.run)))
                self.parts.put_nowait(part_from_wire(message.part))

    def start(self, tool: str, digest: str, host: str = "api-1", **changes: Any) -> StartRun:
        """An order for a run of its own."""
        self.runs += 1
        limits = RunLimits(1_000, 1_000_000, 64 << 20, 50.0, ("CAP_BPF", "CAP_PERFMON"))
        run = RunKey(f"j{self.runs}", host, 1)
        return replace(StartRun(run, RunKind.TRACE, tool, digest, {}, limits, now_ms() + 15_000, "sre"), **changes)

    def envelope(
        self, start: StartRun, *, key: SigningKey | None = None, authority: Authority | None = None
    ) -> link.SignedOrder:
        """The order, signed for the agent's stream."""
        (made,) = sign_orders(
            key or self.key, authority or self.authority, now_ms(), start, [(start.run, self.challenge)]
        )
        return made

    async def outcome(self, envelope: link.SignedOrder) -> Part:
        """Send an order; what the agent says became of it."""
        self.outgoing.put_nowait(link.ControllerMessage(order=envelope))
        async with asyncio.timeout(LIMIT_S):
            return await self.parts.get()


@asynccontextmanager
async def captured(controller: CapturedController, address: str, tls: ServerTls) -> AsyncIterator[None]:
    """Serve where agents dial, as the real one does: its handshake fails for who has no certificate of a host."""
    server = grpc.aio.server(options=SERVER_OPTIONS)
    add_AgentLinkServicer_to_server(controller, server)
    server.add_secure_port(address, tls.credentials(client_certificates=True))
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)


def now_ms() -> int:
    return time.time_ns() // 1_000_000
