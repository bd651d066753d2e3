"""Who is connected, who was, and how to reach them."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from controller.orders.desk import OrderDesk
from fleettrace.errors import BadInput
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.inspection import Answer
from fleettrace.model.run import RunKey, StartRun
from fleettrace.model.selector import Selector
from fleettrace.wire.v1 import agent_link_pb2 as link_pb

__all__ = ["Connection", "Fleet"]

MAX_QUEUED = 1_000
"""Messages that wait for one host's stream; a host that lets them pile up is cut off."""
MAX_HOSTS = 20_000
"""Hosts, connected or not, that the controller keeps."""


class Connection:
    """One agent's stream, from the controller's side. ``cut`` is set, with the reason, to end it.

    ``challenge`` is what the agent wants to find in the orders that come over this stream; ``number`` tells it from
    other streams of the host.
    """

    def __init__(self, host: str, challenge: bytes = b"", number: int = 0) -> None:
        self.host = host
        self.challenge = challenge
        self.number = number
        self.ordered: set[RunKey] | None = set()
        """Runs that were ordered over it; None once every job knows of the greeting, which cannot name them."""
        self.queue: asyncio.Queue[link_pb.ControllerMessage] = asyncio.Queue(MAX_QUEUED)
        self.cut: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.facts_told = asyncio.Event()
        """Set when the agent says again what it knows of its host."""
        self.questions: dict[str, asyncio.Future[Answer]] = {}
        """Those that were asked on this stream and are waited for, by id."""

    def send(self, message: link_pb.ControllerMessage) -> None:
        """Queue a message; a peer that does not read is cut off."""
        if self.queue.full():
            self.end("the agent does not read what it is sent")
        else:
            self.queue.put_nowait(message)

    def answered(self, answer: Answer) -> None:
        """Hand an answer to who asked; one that nobody waits for any more is dropped."""
        waiting = self.questions.get(answer.question_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def end(self, reason: str) -> None:
        """End the stream."""
        if not self.cut.done():
            self.cut.set_result(reason)


class Fleet:
    """Every host ever seen; at most one connection for each name. ``orders`` signs what hosts are asked to run."""

    def __init__(self, known: Iterable[Host], clock_ms: Callable[[], int], orders: OrderDesk) -> None:
        self._hosts = {host.name: host for host in known}
        self._connections: dict[str, Connection] = {}
        self._made = 0
        self._clock_ms = clock_ms
        self._orders = orders

    def remember(self, known: Iterable[Host]) -> None:
        """Take in hosts of an earlier controller."""
        self._hosts.update((host.name, host) for host in known)

    def hosts(self) -> list[Host]:
        """All hosts, by name."""
        return [self._hosts[name] for name in sorted(self._hosts)]

    def select(self, selector: Selector) -> list[Host]:
        """The hosts that a selector matches, by name, connected or not."""
        return [host for host in self.hosts() if selector.matches(host.name, host.labels)]

    def host(self, name: str) -> Host | None:
        """One host."""
        return self._hosts.get(name)

    def is_connected(self, name: str) -> bool:
        """Whether a stream of this host lives."""
        return name in self._connections

    def connection(self, name: str) -> Connection | None:
        """The stream of a host; None when none lives."""
        return self._connections.get(name)

    def connect(self, host: Host, challenge: bytes = b"") -> Connection:
        """Take in a host that greeted. The caller saw to it that no stream of the name lives.

        Raises:
            BadInput: the fleet is full.
        """
        if host.name not in self._hosts and len(self._hosts) >= MAX_HOSTS:
            raise BadInput(f"the controller keeps at most {MAX_HOSTS} hosts")
        self._hosts[host.name] = host
        self._made += 1
        connection = Connection(host.name, challenge, self._made)
        self._connections[host.name] = connection
        return connection

    def disconnect(self, connection: Connection, reason: str) -> Host:
        """The stream is over; the host stays known, with the reason."""
        del self._connections[connection.host]
        host = replace(
            self._hosts[connection.host], connected=False, last_seen_ms=self._clock_ms(), missing_reason=reason
        )
        self._hosts[host.name] = host
        return host

    def order(self, orders: Sequence[StartRun]) -> None:
        """Sign orders and send them. One to a host that is gone is not sent: the run's deadline ends it."""
        reachable = [order for order in orders if order.run.host in self._connections]
        for host, message in self._orders.envelopes(reachable, lambda name: self._connections[name].challenge):
            self.send(host, message)
        for order in reachable:
            # Sending may have cut it off.
            connection = self._connections.get(order.run.host)
            if connection is not None and connection.ordered is not None:
                connection.ordered.add(order.run)

    def update(self, name: str, facts: HostFacts) -> Host:
        """A connected host says what has changed since it greeted."""
        host = replace(self._hosts[name], facts=facts, last_seen_ms=self._clock_ms())
        self._hosts[name] = host
        connection = self._connections.get(name)
        if connection is not None:
            connection.facts_told.set()
        return host

    def send(self, host: str, message: link_pb.ControllerMessage) -> bool:
        """Send to a host; False when it is not connected."""
        connection = self._connections.get(host)
        if connection is None:
            return False
        connection.send(message)
        return True
