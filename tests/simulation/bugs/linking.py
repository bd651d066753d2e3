"""What begins that should not, and streams that are mended badly."""

from dataclasses import replace
from typing import Any

import pytest

import controller.jobs.coordinator
import controller.jobs.results
import controller.rpc.agent_link
import controller.scheduler.machine
import controller.scheduler.phases
import node_agent.child.main
import node_agent.guard
import node_agent.link
import node_agent.outbox
import node_agent.runner
import node_agent.session
from controller.fleet import Connection
from controller.jobs.coordinator import Coordinator
from controller.rpc.agent_link import AgentLinkService
from fleettrace.errors import Malformed
from node_agent.outbox import Outbox
from node_agent.runner import Runner

__all__ = [
    "bad_parts_cut_the_stream",
    "dead_streams_are_believed",
    "expired_orders_begin",
    "half_open_streams_live",
    "late_greeting_is_fatal",
    "new_orders_are_taken_for_lost",
    "reconnecting_forgets_parts",
    "repeated_orders_run_again",
    "short_streams_are_redialled_at_once",
]

Patch = pytest.MonkeyPatch


def expired_orders_begin(patch: Patch) -> None:
    check = node_agent.guard._check_order

    def lax(order: Any, now_ms: int, own_name: str) -> None:
        check(replace(order, expires_at_ms=now_ms + 1), now_ms, own_name)

    patch.setattr(node_agent.guard, "_check_order", lax)


def dead_streams_are_believed(patch: Patch) -> None:
    patch.setattr(node_agent.link, "SILENCE_MS", 10**9)


def repeated_orders_run_again(patch: Patch) -> None:
    start = Runner.start

    def forgetful(self: Runner, order: Any) -> None:
        self._known.clear()
        start(self, order)

    patch.setattr(Runner, "start", forgetful)


def new_orders_are_taken_for_lost(patch: Patch) -> None:
    made = Connection.__init__

    def forgetful(self: Connection, *args: Any) -> None:
        made(self, *args)
        self.ordered = None

    patch.setattr(Connection, "__init__", forgetful)


def reconnecting_forgets_parts(patch: Patch) -> None:
    close = Outbox.close

    def careless(self: Outbox) -> None:
        close(self)
        self._unacknowledged.clear()

    patch.setattr(Outbox, "close", careless)


def bad_parts_cut_the_stream(patch: Patch) -> None:
    async def strict(*_: Any) -> bool:
        raise Malformed("the part cannot be used")

    patch.setattr(Coordinator, "part_refused", strict)


def late_greeting_is_fatal(patch: Patch) -> None:
    greeting = AgentLinkService._greeting

    async def strict(self: AgentLinkService, messages: Any, certificate: Any) -> Any:
        try:
            return await greeting(self, messages, certificate)
        except TimeoutError:
            raise Malformed("the agent did not greet in time") from None

    patch.setattr(AgentLinkService, "_greeting", strict)


def short_streams_are_redialled_at_once(patch: Patch) -> None:
    patch.setattr(node_agent.link, "backoff_s", lambda *_: node_agent.link.FIRST_BACKOFF_S)


def half_open_streams_live(patch: Patch) -> None:
    patch.setattr(controller.rpc.agent_link, "SILENCE_MS", 10**9)
