"""Questions to hosts besides traces: who is asked, within which bounds, and the answers as they come."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from controller.fleet import Connection, Fleet
from fleettrace.errors import NoHostMatches, Refused
from fleettrace.model.host import Host
from fleettrace.model.inspection import (
    PROBES,
    About,
    Answer,
    AskedHost,
    ClockOffset,
    HostAnswer,
    Question,
    Unanswered,
    kind_of,
)
from fleettrace.model.selector import parse_selector
from fleettrace.wire.codec import question_to_wire
from fleettrace.wire.limits import MAX_ANSWER_MS
from fleettrace.wire.v1 import agent_link_pb2 as link_pb

__all__ = ["Inspector", "Request"]

DEFAULT_ANSWER_MS = 60_000
"""A doctor's visit takes some seconds, and longer on a machine that must compile the tools first."""
DELIVERY_S = 5.0
"""Beyond the host's own time: the question's way there and the answer's way back."""
MAX_CALLS = 8
"""Operators who ask at once; more are refused."""
MAX_HOSTS_AT_ONCE = 256
"""Hosts that one operator's question is with at any moment; the others wait for their turn."""
MAX_QUESTIONS_PER_HOST = 4
"""Questions that wait for one host; an agent answers fewer than that at once, and says so."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asks of which hosts; ``answer_within_ms`` 0: the default.

    ``one_of_each_kernel``: of hosts with the same kernel build and architecture one answers for all.
    """

    selector: str
    about: About
    one_of_each_kernel: bool = False
    answer_within_ms: int = 0


class Inspector:
    """Asks connected hosts. ``clock_us`` gives Unix microseconds, by which hosts' clocks are compared."""

    def __init__(self, fleet: Fleet, clock_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._fleet = fleet
        self._clock_us = clock_us
        self._calls = 0

    async def ask(
        self, request: Request, may_see: Callable[[Host], bool] = lambda _: True
    ) -> AsyncGenerator[tuple[AskedHost, ...] | HostAnswer, None]:
        """First who is asked, hosts that cannot answer included, then the answer of each as it comes.

        ``may_see`` says which hosts there are for who asks.

        Raises:
            BadInput, NoHostMatches: the selector does not parse, or matches no host.
            Refused: too many operators are asking.
        """
        selector = parse_selector(request.selector or "all")
        hosts = [host for host in self._fleet.select(selector) if may_see(host)]
        if not hosts:
            raise NoHostMatches(f"no host matches {selector.text!r}: see 'fleettrace hosts'")
        if self._calls >= MAX_CALLS:
            raise Refused(f"{MAX_CALLS} operators are asking hosts; try again in a moment", "inspection.max_calls")
        asked = _choose(hosts, request)
        within_ms = min(request.answer_within_ms or DEFAULT_ANSWER_MS, MAX_ANSWER_MS)
        gate = asyncio.Semaphore(MAX_HOSTS_AT_ONCE)
        self._calls += 1
        tasks = {
            asyncio.create_task(self._ask_in_turn(gate, one.host, request.about, within_ms), name=f"ask {one.host}")
            for one in asked
        }
        try:
            yield asked
            for next_one in asyncio.as_completed(tasks):
                yield await next_one
        finally:
            self._calls -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_in_turn(self, gate: asyncio.Semaphore, name: str, about: About, within_ms: int) -> HostAnswer:
        async with gate:
            host, connection = self._fleet.host(name), self._fleet.connection(name)
            if host is None or connection is None:
                missing = host.missing_reason if host is not None else ""
                return HostAnswer(name, Unanswered(missing or "its agent is not connected"))
            if kind_of(about) not in host.facts.questions:
                return HostAnswer(name, Unanswered(_too_old(host, about)))
            return await self._ask(connection, about, within_ms)

    async def _ask(self, connection: Connection, about: About, within_ms: int) -> HostAnswer:
        name = connection.host
        if len(connection.questions) >= MAX_QUESTIONS_PER_HOST:
            return HostAnswer(name, Unanswered(f"{MAX_QUESTIONS_PER_HOST} other questions wait for it: try again"))
        limit_s = within_ms / 1000 + DELIVERY_S
        async with _waiting(connection) as (question_id, answer):
            message = question_to_wire(Question(question_id, within_ms, about))
            sent_us = self._clock_us()
            connection.send(link_pb.ControllerMessage(question=message))
            waiting: set[asyncio.Future[Any]] = {answer, connection.cut}
            await asyncio.wait(waiting, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                result = answer.result()
                return HostAnswer(name, result.finding, _clock_offset(sent_us, result, self._clock_us()))
            if connection.cut.done():
                return HostAnswer(name, Unanswered(f"it went away before it answered: {connection.cut.result()}"))
            return HostAnswer(name, Unanswered(f"it did not answer within {limit_s:g} s"))


@asynccontextmanager
async def _waiting(connection: Connection) -> AsyncIterator[tuple[str, asyncio.Future[Answer]]]:
    """An id that is waited for on a connection, for as long as the context lasts."""
    question_id = secrets.token_hex(8)
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    connection.questions[question_id] = future
    try:
        yield question_id, future
    finally:
        del connection.questions[question_id]


def _choose(hosts: Sequence[Host], request: Request) -> tuple[AskedHost, ...]:
    if not request.one_of_each_kernel:
        return tuple(AskedHost(host.name, _kernel_text(host)) for host in hosts)
    kind = kind_of(request.about)
    able: dict[str, list[Host]] = {}
    others = []
    for host in hosts:
        if host.connected and kind in host.facts.questions:
            able.setdefault(host.facts.kernel, []).append(host)
        else:
            others.append(AskedHost(host.name, _kernel_text(host)))
    chosen = []
    for alike in able.values():
        # One that can trace sees what there is.
        first, *rest = sorted(alike, key=lambda host: (bool(host.facts.unfit_reason), host.name))
        chosen.append(AskedHost(first.name, _kernel_text(first), tuple(host.name for host in rest)))
    return (*chosen, *others)


def _kernel_text(host: Host) -> str:
    return f"{host.facts.kernel_release} {host.facts.arch}"


def _too_old(host: Host, about: About) -> str:
    what = "which probes it has" if kind_of(about) == PROBES else "what it can trace"
    version = host.facts.agent_version or "of an unknown version"
    return f"its agent ({version}) cannot be asked {what}: install the controller's version of fleettrace on it"


def _clock_offset(sent_us: int, answer: Answer, arrived_us: int) -> ClockOffset:
    """The offset of RFC 5905, section 8: half of what the two ways differ by; it cannot be further off than half of
    the time that was spent on them."""
    there_us = answer.received_at_us - sent_us
    back_us = answer.answered_at_us - arrived_us
    travelling_us = (arrived_us - sent_us) - (answer.answered_at_us - answer.received_at_us)
    return ClockOffset((there_us + back_us) // 2, max(travelling_us, 0) // 2 + 1)
