"""What the agent has to say: final parts until they are acknowledged, the rest as long as it is fresh."""

import asyncio
from collections import OrderedDict

from fleettrace.model.host import HostFacts
from fleettrace.model.run import Part, RunCost, RunKey
from fleettrace.wire.codec import host_facts_to_wire, part_to_wire, run_cost_to_wire, run_key_to_wire
from fleettrace.wire.v1 import agent_link_pb2 as link_pb
from fleettrace.wire.v1 import inspection_pb2 as inspection_pb
from fleettrace.wire.v1.types_pb2 import RunKey as RunKeyPb

__all__ = ["Outbox"]

MAX_QUEUED = 1_000
"""Messages that wait for the stream; when full, progress is dropped, and parts wait for the next connection."""
MAX_UNACKNOWLEDGED = 64
"""Final parts that wait for the controller; beyond, the oldest are given up."""


class Outbox:
    """One for the agent's life; connections come and go."""

    def __init__(self) -> None:
        self._unacknowledged: OrderedDict[RunKey, Part] = OrderedDict()
        self._queue: asyncio.Queue[link_pb.AgentMessage] | None = None
        self._all_acknowledged = asyncio.Event()
        self._all_acknowledged.set()

    @property
    def unacknowledged(self) -> tuple[RunKey, ...]:
        """Runs whose final part the controller may not have yet."""
        return tuple(self._unacknowledged)

    def open(self) -> asyncio.Queue[link_pb.AgentMessage]:
        """A queue for a new connection, with every unacknowledged part in it."""
        self._queue = asyncio.Queue(MAX_QUEUED)
        for part in self._unacknowledged.values():
            self._put(link_pb.AgentMessage(part=part_to_wire(part)))
        return self._queue

    def close(self) -> None:
        """The connection is gone; what is only news is not kept."""
        self._queue = None

    def part(self, part: Part) -> None:
        """Send a part; keep it when it is final."""
        if part.final:
            self._unacknowledged[part.run] = part
            self._all_acknowledged.clear()
            while len(self._unacknowledged) > MAX_UNACKNOWLEDGED:
                self._unacknowledged.popitem(last=False)
        self._put(link_pb.AgentMessage(part=part_to_wire(part)))

    def progress(self, key: RunKey, elapsed_ms: int, cost: RunCost) -> None:
        """Send how far a run is."""
        progress = link_pb.RunProgress(run=run_key_to_wire(key), elapsed_ms=elapsed_ms, cost=run_cost_to_wire(cost))
        self._put(link_pb.AgentMessage(progress=progress))

    def answer(self, answer: inspection_pb.Answer) -> None:
        """Send an answer; who asked on an earlier connection does not wait any more."""
        self._put(link_pb.AgentMessage(answer=answer))

    def heartbeat(self, at_ms: int, echo: int) -> None:
        """Say that the agent lives; the answer repeats ``echo``."""
        self._put(link_pb.AgentMessage(heartbeat=link_pb.Heartbeat(sent_at_ms=at_ms, echo=echo)))

    def facts(self, facts: HostFacts) -> None:
        """Say what is now known of this host; the next greeting says it too."""
        self._put(link_pb.AgentMessage(facts=host_facts_to_wire(facts)))

    def acknowledged(self, key: RunKey) -> None:
        """The part is durable at the controller."""
        self._unacknowledged.pop(key, None)
        if not self._unacknowledged:
            self._all_acknowledged.set()

    async def wait_acknowledged(self) -> None:
        """Wait until the controller has every final part."""
        await self._all_acknowledged.wait()

    def keys_to_wire(self, running: tuple[RunKey, ...]) -> list[RunKeyPb]:
        """Runs that are alive or whose part is unsent, for the greeting."""
        return [run_key_to_wire(key) for key in dict.fromkeys((*running, *self.unacknowledged))]

    def _put(self, message: link_pb.AgentMessage) -> None:
        if self._queue is not None and not self._queue.full():
            self._queue.put_nowait(message)
