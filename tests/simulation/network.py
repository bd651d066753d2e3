"""The network between agents and the controller: latency, partitions, resets, half-open connections.

One connection is two ordered pipes, as TCP gives them. A blocked direction holds what is sent until it is healed, so
that messages arrive late and in a burst; across connections they overtake each other.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import grpc
from grpc.aio import AbortError, AioRpcError, Metadata

from controller.rpc.agent_link import AgentLinkService
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from node_agent.link import Connect
from tests.simulation.loop import WORLD, Process, VirtualLoop
from tests.simulation.pipe import End, Pipe

__all__ = ["Network", "Stream"]

LATE_S = 0.1
"""A message that takes longer is late."""
CONNECT_LIMIT_S = 3.0
"""How long dialling into a partition takes to fail."""


class Stream:
    """One call of an agent, both ends."""

    def __init__(self, network: "Network", host: str, agent: Process, outgoing: AsyncIterator[Any]) -> None:
        self.host = host
        self._network = network
        self.agent = agent
        self.up = Pipe(network.loop, network.latency_s)
        self.down = Pipe(network.loop, network.latency_s)
        self.closed = False
        self.server: asyncio.Task[Any] | None = None
        self.up.on_end = lambda _: self.cancel_server()
        self._cancelled = False
        self.gone = False
        self._sender = asyncio.get_running_loop().create_task(self._send_all(outgoing))
        for direction in network.blocked_of(host):
            getattr(self, direction).block()

    # The agent's end: what grpc.aio.StreamStreamCall offers.

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> Any:
        if self._cancelled:
            raise asyncio.CancelledError
        item = await self.down.receive()
        if isinstance(item, End):
            self.closed = True
            self._network.watch_over(self.host)
            self._sender.cancel()
            if item.code is grpc.StatusCode.OK:
                raise StopAsyncIteration
            raise AioRpcError(item.code, Metadata(), Metadata(), item.details)
        self._network.heard(self.host, item)
        return item

    def cancel(self) -> bool:
        """Give the call up, as the agent."""
        if self._cancelled or self.closed:
            return False
        self._cancelled = True
        self._network.watch_over(self.host)
        self.hang_up()
        self.down.interrupt()
        return True

    def cancelled(self) -> bool:
        return self._cancelled

    async def _send_all(self, outgoing: AsyncIterator[Any]) -> None:
        async for message in outgoing:
            await self.up.send(self._network.tamper(self.host, message))

    def hang_up(self) -> None:
        """The agent's end is gone; the controller learns it when the network lets it."""
        self._sender.cancel()
        self.up.push(End(grpc.StatusCode.CANCELLED))

    # The controller's end.

    def cancel_server(self) -> None:
        """The controller's end of the stream is told that the agent is gone."""
        self.gone = True
        if self.server is not None:
            self.server.cancel()

    async def requests(self) -> AsyncIterator[Any]:
        """What the agent sends, for the service."""
        while True:
            yield await self.up.receive()

    def reset(self, *, agent_knows: bool = True, controller_knows: bool = True) -> None:
        """Break the connection; half-open when only one side knows."""
        if agent_knows:
            self.down.push(End(grpc.StatusCode.UNAVAILABLE, "the connection was reset"))
        if controller_knows:
            self._network.loop.call_later(self._network.latency_s(), self.cancel_server, context=WORLD)


class Context:
    """What the service needs of a ``ServicerContext``."""

    def __init__(self) -> None:
        self.end = End(grpc.StatusCode.OK)

    def peer(self) -> str:
        """Agents of the simulation have no certificates."""
        return "unix:"

    def set_trailing_metadata(self, metadata: object) -> None:
        """Nobody reads it."""

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: object = ()) -> None:
        self.end = End(code, details)
        raise AbortError


class Network:
    """Carries streams from hosts to whichever controller is up; ``watch_*`` see what passes."""

    def __init__(self, loop: VirtualLoop, rng: random.Random) -> None:
        self.loop = loop
        self._rng = rng
        self.slowness = 1.0
        self.streams: list[Stream] = []
        self.server: tuple[Process, AgentLinkService] | None = None
        self._blocked: dict[str, set[str]] = {}
        self._muted: dict[str, float] = {}
        self._repeated: dict[str, tuple[Callable[[], Process], float]] = {}
        self.dials: dict[str, list[float]] = {}
        self.watch_sent: Callable[[str, link_pb.ControllerMessage], None] = lambda *_: None
        self.watch_heard: Callable[[str, link_pb.ControllerMessage], None] = lambda *_: None
        self.watch_fault: Callable[[str], None] = lambda _: None
        self.watch_over: Callable[[str], None] = lambda _: None
        self.tamper: Callable[[str, link_pb.AgentMessage], link_pb.AgentMessage] = lambda _, message: message

    def latency_s(self) -> float:
        """The time that one message takes."""
        return self._rng.uniform(0.0002, 0.02) * self.slowness

    def heard(self, host: str, message: link_pb.ControllerMessage) -> None:
        """An agent took in a message."""
        self.watch_heard(host, message)

    def blocked_of(self, host: str) -> list[str]:
        """The blocked directions of a host, ``up`` and ``down``."""
        return sorted(self._blocked.get(host, ()))

    def block(self, host: str, direction: str) -> None:
        """Partition one direction between a host and the controller."""
        self._blocked.setdefault(host, set()).add(direction)
        for stream in self._live(host):
            getattr(stream, direction).block()

    def heal(self, host: str) -> None:
        """Let a host's messages through again."""
        self._blocked.pop(host, None)
        for stream in self._live(host):
            stream.up.heal()
            stream.down.heal()

    def is_troubled(self, host: str) -> bool:
        """Whether messages to or from a host do not come in time."""
        late_s = max((pipe.due_s for stream in self._live(host) for pipe in (stream.up, stream.down)), default=0.0)
        return host in self._blocked or self.slowness > 1 or late_s > self.loop.time() + LATE_S

    def reset(self, host: str, *, agent_knows: bool = True, controller_knows: bool = True) -> None:
        """Break the connections of a host."""
        for stream in self._live(host):
            stream.reset(agent_knows=agent_knows, controller_knows=controller_knows)

    def mute_next(self, host: str, wait_s: float) -> None:
        """Hold back what a host says over its next connection for so long, from when that is made."""
        self._muted[host] = wait_s

    def repeat_order(self, host: str, agent: Callable[[], Process], wait_s: float) -> None:
        """Deliver the next order to a host once more, to the same agent, over whatever connection it has then."""
        self._repeated[host] = (agent, wait_s)

    def _repeat(self, host: str, message: link_pb.ControllerMessage) -> None:
        if message.WhichOneof("message") != "order" or host not in self._repeated:
            return
        agent, wait_s = self._repeated.pop(host)
        process = agent()

        def again() -> None:
            for stream in self._live(host):
                if stream.agent is process:
                    stream.down.push(message)

        self.loop.call_later(wait_s, again, context=WORLD)

    def agent_died(self, process: Process) -> None:
        """The system of a dead agent closes its connections."""
        for stream in self.streams:
            if stream.agent is process:
                stream.hang_up()
                stream.closed = True

    def controller_died(self) -> None:
        """The system of a dead controller closes its connections."""
        self.server = None
        for stream in self.streams:
            stream.down.push(End(grpc.StatusCode.UNAVAILABLE, "the controller is gone"))
        self.streams.clear()

    def _live(self, host: str) -> list[Stream]:
        return [stream for stream in self.streams if stream.host == host]

    def dialler(self, host: str, agent: Process) -> Callable[[str], AbstractAsyncContextManager[Connect]]:
        """How an agent reaches the controller."""

        @asynccontextmanager
        async def dial(_: str) -> AsyncIterator[Connect]:
            streams: list[Stream] = []

            def connect(outgoing: AsyncIterator[link_pb.AgentMessage]) -> Any:
                stream = Stream(self, host, agent, outgoing)
                streams.append(stream)
                self.open(stream)
                return cast(Any, stream)

            try:
                yield connect
            finally:
                for stream in streams:
                    if not stream.closed:
                        stream.cancel()

        return dial

    def open(self, stream: Stream) -> None:
        """Dial."""
        self.dials.setdefault(stream.host, []).append(self.loop.time())
        if "up" in self._blocked.get(stream.host, ()) or self.server is None:
            refusal = End(grpc.StatusCode.UNAVAILABLE, "failed to connect")
            delay_s = 0.001 if self.server is None else CONNECT_LIMIT_S
            self.loop.call_later(delay_s, stream.down.arrive, refusal, context=WORLD)
            return
        process, service = self.server
        # Nothing is sent before the connection is made.
        stream.up.block()
        self.streams.append(stream)

        def accept() -> None:
            if self.server is not None and self.server[0] is process and not stream.gone:
                mute_s = self._muted.pop(stream.host, 0.0)
                if mute_s:
                    self.loop.call_later(mute_s, self._unmute, stream, context=WORLD)
                else:
                    self._unmute(stream)
                stream.server = process.spawn(self._serve(service, stream), f"stream of {stream.host}")

        self.loop.call_later(self.latency_s() * 2, accept, context=WORLD)

    def _unmute(self, stream: Stream) -> None:
        if "up" not in self._blocked.get(stream.host, ()):
            stream.up.heal()

    async def _serve(self, service: AgentLinkService, stream: Stream) -> None:
        context = Context()
        answers = service.Connect(stream.requests(), cast(Any, context))
        try:
            async for message in answers:
                self.watch_sent(stream.host, message)
                self._repeat(stream.host, message)
                await stream.down.send(message)
        except AbortError:
            pass
        except Exception as error:  # noqa: BLE001  gRPC would log it with its traceback
            context.end = End(grpc.StatusCode.UNKNOWN, repr(error))
            self.watch_fault(f"the service of {stream.host} raised {error!r}")
        finally:
            # gRPC drops the generator, which ends it by way of the loop; here it is ended at once.
            await cast(Any, answers).aclose()
            if stream in self.streams:
                self.streams.remove(stream)
            stream.down.push(context.end)
