"""The agents' service: one stream each."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import grpc
from grpc.aio import ServicerContext

from controller.admission.hosts import HostAdmission
from controller.fleet import Connection, Fleet
from controller.jobs.coordinator import Coordinator
from controller.orders.desk import OrderDesk
from controller.rpc.agent_identity import AgentIdentity
from controller.rpc.status import abort_with
from fleettrace.errors import BadInput, FleettraceError, Malformed, StoreFailed, Unauthenticated
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.job import HostPart
from fleettrace.model.run import RunKey
from fleettrace.orders.envelope import CHALLENGE_BYTES
from fleettrace.wire.codec import (
    answer_from_wire,
    authority_from_wire,
    host_facts_from_wire,
    part_from_wire,
    run_cost_from_wire,
    run_key_from_wire,
)
from fleettrace.wire.limits import HEARTBEAT_MS, LEASE_MS, PROTOCOL_VERSION, SILENCE_MS
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from fleettrace.wire.v1 import types_pb2 as types_pb
from fleettrace.wire.v1.agent_link_pb2_grpc import AgentLinkServicer

__all__ = ["AgentLinkService"]

HELLO_LIMIT_S = 5.0
MAX_GREETED_RUNS = 256
MAX_SEEN = 64

Context = ServicerContext[link_pb.AgentMessage, link_pb.ControllerMessage]

_log = logging.getLogger(__name__)


class AgentLinkService(AgentLinkServicer):
    """Greets agents, carries orders to them and parts from them."""

    def __init__(
        self,
        fleet: Fleet,
        coordinator: Coordinator,
        admission: HostAdmission,
        orders: OrderDesk,
        clock_ms: Callable[[], int],
    ) -> None:
        self._fleet = fleet
        self._admission = admission
        self._coordinator = coordinator
        self._orders = orders
        self._clock_ms = clock_ms

    async def Connect(
        self, request_iterator: AsyncIterator[link_pb.AgentMessage], context: Context
    ) -> AsyncIterator[link_pb.ControllerMessage]:
        """One agent's stream, from its greeting to its end."""
        try:
            identity = AgentIdentity.of(context, self._admission)
            host, keys, challenge = await self._greeting(request_iterator, identity)
        except TimeoutError:
            # Not the agent's fault for good: INVALID_ARGUMENT would end it.
            await context.abort(
                grpc.StatusCode.DEADLINE_EXCEEDED, f"the agent did not greet within {HELLO_LIMIT_S:.0f} s"
            )
        except FleettraceError as error:
            await abort_with(context, error)
            return
        if self._fleet.is_connected(host.name):
            await context.abort(
                grpc.StatusCode.ALREADY_EXISTS,
                f"a host named {host.name} is connected already; give each agent a --name of its own",
            )
        try:
            connection = self._fleet.connect(host, challenge)
        except FleettraceError as error:
            await abort_with(context, error)
            return
        reader = asyncio.create_task(self._read(request_iterator, host, keys, connection, identity))
        try:
            yield self._welcome(host)
            async for message in _outgoing(connection):
                identity.check()
                yield message
            identity.check()
        except Unauthenticated as error:
            connection.end(f"it was cut off: {error}")
            reader.cancel()
            await asyncio.wait({reader})  # a stream that is aborted must not be read any more
            await abort_with(context, error)
        finally:
            reader.cancel()
            connection.end("the agent's connection ended")
            gone = self._fleet.disconnect(connection, connection.cut.result())
            # The stream may be ending because its task is cancelled: what follows must happen all the same.
            await asyncio.shield(self._note_gone(gone))

    async def _note_gone(self, host: Host) -> None:
        try:
            await self._coordinator.host_gone(host)
        except StoreFailed as error:
            _log.error("that %s is gone could not be written down: %s", host.name, error)

    async def _greeting(
        self, messages: AsyncIterator[link_pb.AgentMessage], identity: AgentIdentity
    ) -> tuple[Host, frozenset[RunKey], bytes]:
        try:
            async with asyncio.timeout(HELLO_LIMIT_S):
                first = await anext(aiter(messages))
        except StopAsyncIteration:
            raise TimeoutError from None
        if first.WhichOneof("message") != "hello":
            raise Malformed("an agent's first message must be its greeting")
        hello = first.hello
        if hello.protocol != PROTOCOL_VERSION:
            raise BadInput(
                f"the agent speaks protocol {hello.protocol}, this controller {PROTOCOL_VERSION}: "
                "install matching versions"
            )
        if len(hello.running) > MAX_GREETED_RUNS or len(hello.seen) > MAX_SEEN:
            raise Malformed(f"an agent greets with at most {MAX_GREETED_RUNS} runs and {MAX_SEEN} databases")
        if len(hello.challenge) != CHALLENGE_BYTES:
            raise Malformed(f"an agent greets with a challenge of {CHALLENGE_BYTES} bytes, not {len(hello.challenge)}")
        name, labels = identity.name_and_labels(hello)
        host = Host(
            name=name,
            labels=labels,
            facts=self._not_fenced(hello, host_facts_from_wire(hello.facts)),
            connected=True,
            last_seen_ms=self._clock_ms(),
        )
        keys = frozenset(run_key_from_wire(key) for key in hello.running)
        return host, frozenset(_own(key, host.name) for key in keys), hello.challenge

    def _not_fenced(self, hello: link_pb.Hello, facts: HostFacts) -> HostFacts:
        """The host's facts; one that has outgrown this controller would refuse every order, and is not asked."""
        for one in hello.seen:
            if why := self._orders.fenced_by(authority_from_wire(one)):
                _log.error("%s takes no orders: %s", hello.host, why)
                return replace(facts, unfit_reason=why)
        return facts

    def _welcome(self, host: Host) -> link_pb.ControllerMessage:
        welcome = link_pb.Welcome(
            protocol=PROTOCOL_VERSION,
            controller_id=self._orders.authority.controller_id,
            heartbeat_ms=HEARTBEAT_MS,
            lease_ms=LEASE_MS,
            labels=host.labels,
        )
        self._orders.introduce(welcome)
        return link_pb.ControllerMessage(welcome=welcome)

    async def _read(
        self,
        messages: AsyncIterator[link_pb.AgentMessage],
        host: Host,
        keys: frozenset[RunKey],
        connection: Connection,
        identity: AgentIdentity,
    ) -> None:
        """Take in what an agent says until it is silent for too long or breaks the contract."""
        stream = aiter(messages)
        try:
            await self._coordinator.host_connected(host, keys)
            while True:
                async with asyncio.timeout(SILENCE_MS / 1000):
                    message = await anext(stream)
                identity.check()
                await self._take(message, host, connection)
        except TimeoutError:
            connection.end(f"the agent was silent for {SILENCE_MS / 1000:.0f} s")
        except StopAsyncIteration:
            connection.end("the agent's connection ended")
        except FleettraceError as error:
            _log.warning("%s was cut off: %s", host.name, error)
            connection.end(f"it was cut off: {error}")
        except Exception:  # noqa: BLE001  one stream must not take the others with it
            _log.exception("%s was cut off by a fault of the controller", host.name)
            connection.end("it was cut off by a fault of the controller; see the controller's log")

    async def _take(self, message: link_pb.AgentMessage, host: Host, connection: Connection) -> None:
        match message.WhichOneof("message"):
            case "progress":
                progress = message.progress
                key = _own(run_key_from_wire(progress.run), host.name)
                await self._coordinator.progressed(key, progress.elapsed_ms, run_cost_from_wire(progress.cost))
            case "part":
                if await self._take_part(message.part, host):
                    ack = link_pb.PartAck(run=message.part.run)
                    connection.send(link_pb.ControllerMessage(ack=ack))
            case "facts":
                await self._coordinator.facts_told(host.name, host_facts_from_wire(message.facts))
            case "answer":
                connection.answered(answer_from_wire(message.answer))
            case "heartbeat":
                beat = link_pb.Heartbeat(sent_at_ms=self._clock_ms(), echo=message.heartbeat.echo)
                connection.send(link_pb.ControllerMessage(heartbeat=beat))
            case _:
                raise Malformed("the agent sent a message that this controller does not know")

    async def _take_part(self, message: types_pb.Part, host: Host) -> bool:
        """Whether the part may be acknowledged."""
        key = _own(run_key_from_wire(message.run), host.name)
        try:
            part = part_from_wire(message)
            return await self._coordinator.part_arrived(HostPart(part, host.labels, host.host_class))
        except Malformed as error:
            if not message.final:
                raise
            # Cutting the stream would not help: the agent sends the part again until it is acknowledged.
            _log.warning("%s sent a part that cannot be used: %s", host.name, error)
            return await self._coordinator.part_refused(key, host, f"its result cannot be used: {error}")


def _own(key: RunKey, host: str) -> RunKey:
    """A host speaks for itself alone."""
    if key.host != host:
        raise Malformed(f"{host} spoke of a run on {key.host}")
    return key


async def _outgoing(connection: Connection) -> AsyncIterator[link_pb.ControllerMessage]:
    """What is queued for an agent, until its stream is cut."""
    while not connection.cut.done():
        getting = asyncio.ensure_future(connection.queue.get())
        waiting: set[asyncio.Future[Any]] = {getting, connection.cut}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            yield getting.result()
        else:
            getting.cancel()
