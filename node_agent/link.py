"""The agent's stream to the controller: dial, greet, listen, and dial again when it breaks."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeAlias

import grpc

from fleettrace.errors import FleettraceError, Malformed, Refused, Unauthenticated
from fleettrace.model.host import HostFacts
from fleettrace.model.inspection import Question
from fleettrace.wire.codec import authority_to_wire, host_facts_to_wire
from fleettrace.wire.limits import CHANNEL_OPTIONS, HEARTBEAT_MS, LEASE_MS, PROTOCOL_VERSION, SILENCE_MS
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from fleettrace.wire.v1.agent_link_pb2_grpc import AgentLinkStub
from node_agent.dispatch import Dispatch
from node_agent.leftovers import Leftovers
from node_agent.orders.gate import OrderGate
from node_agent.outbox import Outbox
from node_agent.runner import Runner

__all__ = ["Connect", "Identity", "Link", "backoff_s"]

FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 15.0
STABLE_S = 5.0
"""A connection that lasted for longer was a good one: the next wait is short again."""
LEASE_CHECK_S = 0.5
IDLE_CHECK_S = 1.0
MAX_IDLE_WAIT_S = 600.0
"""A stream that is to be dialled anew waits for its runs to end; for longer than any run lasts it does not."""
FATAL_STATUS = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION})
"""The controller will not take this agent as it is; trying again changes nothing."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this agent says it is."""

    host: str
    labels: dict[str, str]
    facts: HostFacts


def backoff_s(failures: int, jitter: float) -> float:
    """How long to wait before dialling again, after this many failures in a row.

    Exponential with full jitter, so that a fleet that lost its controller does not come back as one:
    ``jitter`` in [0, 1) picks a point between the first backoff and the bound.
    """
    bound_s: float = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(failures, 16))
    return FIRST_BACKOFF_S + (bound_s - FIRST_BACKOFF_S) * jitter


Call: TypeAlias = "grpc.aio.StreamStreamCall[link_pb.AgentMessage, link_pb.ControllerMessage]"
Connect = Callable[[AsyncIterator[link_pb.AgentMessage]], Call]
"""Opens a stream that carries what the iterator gives."""


@asynccontextmanager
async def dial_grpc(address: str) -> AsyncIterator[Connect]:
    """Reach the controller at an address, as long as the context lasts."""
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        yield AgentLinkStub(channel).Connect


class Link:
    """Keeps one stream alive until ``run`` is cancelled; ``say`` gets one line per change of the connection.

    ``gate`` lets orders in. ``leftovers`` knows what runs have left behind on this host. ``ask`` takes questions
    besides traces; without it the agent answers none, as its facts should say. ``dial`` reaches the controller,
    ``jitter`` gives numbers in [0, 1), ``clock_ms`` Unix milliseconds.
    """

    def __init__(
        self,
        address: str,
        identity: Identity,
        runner: Runner,
        outbox: Outbox,
        say: Callable[[str], None],
        *,
        gate: OrderGate,
        ask: Callable[[Question], None] | None = None,
        leftovers: Leftovers | None = None,
        dial: Callable[[str], AbstractAsyncContextManager[Connect]] = dial_grpc,
        jitter: Callable[[], float] = random.random,
        clock_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self._address = address
        self._identity = identity
        self._runner = runner
        self._gate = gate
        self._outbox = outbox
        self._say = say
        self._dispatch = Dispatch(identity.host, runner, outbox, say, gate=gate, ask=ask, leftovers=leftovers)
        self._leftovers = leftovers
        self._said_dirty = ""
        if leftovers is not None:
            leftovers.on_change = self.tell_facts
        self._dial = dial
        self._jitter = jitter
        self._clock_ms = clock_ms
        self._heard_s = 0.0
        self._connected = False
        self._call: Call | None = None
        self._redialling = False

    async def run(self) -> None:
        """Connect, and connect again.

        Raises:
            Refused: the controller will never take this agent as it is.
            Unauthenticated: it takes this host no more; its runs are told to end.
        """
        self._heard_s = _monotonic_s()
        lease = asyncio.create_task(self._hold_lease())
        failures = 0
        try:
            while True:
                self._connected = False
                dialled_s = _monotonic_s()
                reason = await self._connect_once()
                if self._redialling:
                    self._redialling = False
                    failures = 0
                    continue
                # A stream that is cut as soon as it is made has failed too: the controller may be in trouble.
                lasted = self._connected and _monotonic_s() - dialled_s > STABLE_S
                failures = 0 if lasted else failures + 1
                wait_s = backoff_s(failures, self._jitter())
                if self._connected or failures == 1:
                    self._say(f"no connection to the controller at {self._address}: {reason}; trying again")
                await asyncio.sleep(wait_s)
        finally:
            lease.cancel()

    async def redial(self) -> None:
        """Dial anew, once no run is alive: with a renewed certificate, which the controller has not seen yet."""
        waited_s = 0.0
        while self._runner.busy.is_set() and waited_s < MAX_IDLE_WAIT_S:
            await asyncio.sleep(IDLE_CHECK_S)
            waited_s += IDLE_CHECK_S
        if self._call is not None:
            self._redialling = True
            self._call.cancel()

    async def _connect_once(self) -> str:
        """One connection from dial to end; returns why it ended."""
        queue = self._outbox.open()
        async with self._dial(self._address) as connect:
            self._call = call = connect(self._outgoing(queue, self._gate.new_stream()))
            heart = asyncio.create_task(self._beat(call))
            last_s = _monotonic_s()
            try:
                async for message in call:
                    now_s = _monotonic_s()
                    if now_s - last_s > SILENCE_MS / 1000:
                        # This agent was frozen, or what comes now was held up on its way: the controller has given the
                        # stream up meanwhile, and an order in it may be as old as the silence, whatever the clock says.
                        return "the stream was silent for too long"
                    self._heard_s = last_s = now_s
                    self._take(message)
                return "the controller ended the stream"
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                    self._runner.stop_all("the controller takes this host no more")
                    raise Unauthenticated(f"the controller refused this host: {error.details()}") from error
                if error.code() in FATAL_STATUS:
                    raise Refused(f"the controller refused this agent: {error.details()}") from error
                return error.details() or error.code().name
            except Malformed as error:
                return f"the controller sent what is no message of this version: {error}"
            except asyncio.CancelledError:
                if call.cancelled() and not _cancelling():
                    return "the controller was silent for too long"
                raise
            finally:
                self._call = None
                heart.cancel()
                self._outbox.close()
                self._runner.clock.forget()

    async def _outgoing(
        self, queue: asyncio.Queue[link_pb.AgentMessage], challenge: bytes
    ) -> AsyncIterator[link_pb.AgentMessage]:
        hello = link_pb.Hello(
            protocol=PROTOCOL_VERSION,
            host=self._identity.host,
            labels=self._identity.labels,
            facts=host_facts_to_wire(self._facts()),
            running=self._outbox.keys_to_wire(self._runner.running),
            challenge=challenge,
            seen=[authority_to_wire(one) for one in self._gate.seen],
        )
        yield link_pb.AgentMessage(hello=hello)
        while True:
            yield await queue.get()

    async def _beat(self, call: Call) -> None:
        """Send heartbeats; cut a stream on which the controller has gone silent."""
        dialled_s = _monotonic_s()
        while True:
            await asyncio.sleep(HEARTBEAT_MS / 1000)
            if _monotonic_s() - max(self._heard_s, dialled_s) > SILENCE_MS / 1000:
                call.cancel()
            self._send_heartbeat()

    def _facts(self) -> HostFacts:
        self._said_dirty = self._leftovers.reason if self._leftovers is not None else ""
        return replace(self._identity.facts, dirty_reason=self._said_dirty)

    def tell_facts(self) -> None:
        """Say what is now known of this host, to a controller that listens."""
        self._outbox.facts(self._facts())

    def _send_heartbeat(self) -> None:
        if self._leftovers is not None and self._leftovers.reason != self._said_dirty:
            self.tell_facts()  # somebody has cleared it on the host itself
        self._outbox.heartbeat(self._clock_ms(), int(_monotonic_s() * 1e6))

    async def _hold_lease(self) -> None:
        """A host that cannot be told to stop stops by itself."""
        while True:
            await self._runner.busy.wait()
            silent_s = _monotonic_s() - self._heard_s
            if silent_s > LEASE_MS / 1000:
                self._runner.stop_all(f"the lease is over: nothing was heard from the controller for {silent_s:.0f} s")
            await asyncio.sleep(LEASE_CHECK_S)

    def _take(self, message: link_pb.ControllerMessage) -> None:
        match message.WhichOneof("message"):
            case "welcome":
                self._connected = True
                self._say(f"connected to the controller at {self._address} as {self._identity.host}")
                # What is ordered next may be for a common time: the clocks are compared without delay.
                self._send_heartbeat()
                try:
                    self._gate.welcomed(message.welcome)
                except FleettraceError as error:
                    self._say(f"no order of this controller will be taken: {error}")
            case "heartbeat":
                if message.heartbeat.echo:
                    sent_s = message.heartbeat.echo / 1e6
                    self._runner.clock.heard(sent_s, message.heartbeat.sent_at_ms, _monotonic_s())
            case _:
                self._dispatch.take(message)


def _monotonic_s() -> float:
    return asyncio.get_running_loop().time()


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
