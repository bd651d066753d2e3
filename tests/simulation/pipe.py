"""One direction of a connection: ordered, late by some latency, held while it is blocked, and never unbounded."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from tests.simulation.loop import WORLD, VirtualLoop

__all__ = ["End", "Pipe"]

MAX_UNREAD = 64
"""Messages that the flow control of a stream lets pile up before its sender waits."""


@dataclass(frozen=True)
class End:
    """The last thing in a pipe."""

    code: grpc.StatusCode
    details: str = ""


class Pipe:
    """One direction of a connection."""

    def __init__(self, loop: VirtualLoop, latency_s: Callable[[], float]) -> None:
        self._loop = loop
        self._latency_s = latency_s
        self.due_s = 0.0
        """When the last message arrives."""
        self._in_flight: deque[Any] = deque()
        self._held: list[Any] = []
        self._blocked = False
        self._arrived: deque[Any] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._writers: deque[asyncio.Future[None]] = deque()
        self.on_end: Callable[[End], None] | None = None
        """Called instead of handing an end to the reader."""

    async def send(self, message: Any) -> None:
        """Send in order; waits while the other side does not read."""
        while len(self._arrived) + len(self._in_flight) + len(self._held) >= MAX_UNREAD:
            waiting = self._loop.create_future()
            self._writers.append(waiting)
            await waiting
        self.push(message)

    def push(self, item: Any) -> None:
        """Send without waiting."""
        if self._blocked:
            self._held.append(item)
            return
        self._in_flight.append(item)
        self.due_s = max(self.due_s, self._loop.time() + self._latency_s())
        self._loop.call_at(self.due_s, self._arrive, context=WORLD)

    def block(self) -> None:
        """Hold what is sent from now on; what is in flight arrives."""
        self._blocked = True

    def heal(self) -> None:
        """Let everything through."""
        self._blocked = False
        held, self._held = self._held, []
        for item in held:
            self.push(item)

    def _arrive(self) -> None:
        self.arrive(self._in_flight.popleft())

    def arrive(self, item: Any) -> None:
        """Hand something to the reader."""
        if isinstance(item, End) and self.on_end is not None:
            self.on_end(item)
            return
        self._arrived.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def interrupt(self) -> None:
        """Cancel whoever waits for something to arrive."""
        if self._reader is not None:
            self._reader.cancel()

    async def receive(self) -> Any:
        """The next thing that has arrived; an end stays."""
        while not self._arrived:
            self._reader = self._loop.create_future()
            await self._reader
        if isinstance(self._arrived[0], End):
            return self._arrived[0]
        item = self._arrived.popleft()
        while self._writers:
            writer = self._writers.popleft()
            if not writer.done():
                writer.set_result(None)
                break
        return item
