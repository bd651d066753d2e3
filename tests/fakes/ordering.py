"""Both ends of signed orders, with a key that everybody knows."""

from collections.abc import Callable
from pathlib import Path

from controller.orders.desk import OrderDesk
from controller.orders.key_file import OrderKey
from fleettrace.model.order import Authority
from fleettrace.model.run import StartRun
from fleettrace.orders.envelope import CHALLENGE_BYTES, open_order
from fleettrace.orders.keys import SigningKey
from fleettrace.wire.codec import start_run_from_wire
from fleettrace.wire.v1 import agent_link_pb2 as link
from node_agent.orders.gate import OrderGate
from node_agent.orders.trust import OrderTrust

__all__ = ["AUTHORITY", "CHALLENGE", "KEY", "a_desk", "a_gate", "asked_by", "opened"]

KEY = SigningKey(bytes(32))
AUTHORITY = Authority("d1", 1, "c1")
CHALLENGE = bytes(CHALLENGE_BYTES)


def a_desk(clock_ms: Callable[[], int] = lambda: 1_000, authority: Authority = AUTHORITY) -> OrderDesk:
    desk = OrderDesk(clock_ms)
    desk.begin(OrderKey(KEY), authority)
    return desk


def a_gate(
    host: str,
    path: Path,
    *,
    clock_ms: Callable[[], int] = lambda: 1_000,
    uptime_s: Callable[[], float] = lambda: 0.0,
    challenge: bytes = CHALLENGE,
) -> OrderGate:
    return OrderGate(
        host, OrderTrust(path, local=True), clock_ms=clock_ms, uptime_s=uptime_s, new_challenge=lambda: challenge
    )


def opened(order: link.SignedOrder, host: str, key: SigningKey = KEY, challenge: bytes = CHALLENGE) -> StartRun:
    """What a host is asked, of an envelope that it would open."""
    return open_order(order, [key.public], host, challenge).start


def asked_by(order: link.SignedOrder) -> StartRun:
    """What an order says to whoever looks on, for whichever stream it is, and whoever has signed it."""
    asked = link.Order.FromString(order.order.body)
    asked.start.run.CopyFrom(link.Target.FromString(order.target).run)
    return start_run_from_wire(asked.start)
