"""Lets an order in when it is signed for this host and this stream, by who may order, and is not late."""

import secrets
from collections.abc import Callable

from fleettrace.errors import Refused
from fleettrace.model.order import Authority
from fleettrace.model.run import StartRun
from fleettrace.orders.envelope import CHALLENGE_BYTES, open_order
from fleettrace.orders.vouching import MAX_VOUCHES
from fleettrace.wire.codec import key_vouch_from_wire
from fleettrace.wire.v1 import agent_link_pb2 as link
from node_agent.orders.trust import OrderTrust

__all__ = ["OrderGate"]


class OrderGate:
    """``clock_ms`` gives Unix milliseconds, ``uptime_s`` seconds that go on while the machine sleeps."""

    def __init__(
        self,
        host: str,
        trust: OrderTrust,
        *,
        clock_ms: Callable[[], int],
        uptime_s: Callable[[], float],
        new_challenge: Callable[[], bytes] = lambda: secrets.token_bytes(CHALLENGE_BYTES),
    ) -> None:
        self._host = host
        self._trust = trust
        self._clock_ms = clock_ms
        self._uptime_s = uptime_s
        self._new_challenge = new_challenge
        self._challenge = b""
        self._controller_ahead_ms: float | None = None
        """Of the uptime, as the greeting has shown it: it took at least no time to come."""

    @property
    def seen(self) -> tuple[Authority, ...]:
        """What the controller is told in the greeting."""
        return self._trust.seen

    def new_stream(self) -> bytes:
        """A stream begins: what orders that come over it must hold; those of earlier streams start nothing any more."""
        self._challenge = self._new_challenge()
        self._controller_ahead_ms = None
        return self._challenge

    def welcomed(self, welcome: link.Welcome) -> None:
        """The controller has said who it is, over a stream that authenticates it.

        Raises:
            Malformed, BadInput: it has not, or what it said could not be written down.
        """
        vouches = [key_vouch_from_wire(one) for one in welcome.vouches[:MAX_VOUCHES]]
        self._trust.introduced(welcome.order_key, vouches, self._clock_ms())
        self._controller_ahead_ms = welcome.now_ms - self._uptime_s() * 1000

    def admit(self, message: link.SignedOrder) -> StartRun:
        """The order, once everything about it is as it must be.

        Raises:
            Refused: ``rule`` says what is not.
            Malformed: it is no order.
            BadInput: what must be remembered of it could not be written down.
        """
        opened = open_order(message, self._trust.keys(), self._host, self._challenge)
        self._check_time(opened.start)
        self._trust.admit(opened.authority)
        return opened.start

    def _check_time(self, order: StartRun) -> None:
        """By the controller's clock, since this host's may be wrong; the host's own is looked at when it is begun."""
        if self._controller_ahead_ms is None:
            raise Refused("an order came before the controller said who it is", "order.key")
        now_ms = self._controller_ahead_ms + self._uptime_s() * 1000
        if now_ms >= order.expires_at_ms:
            late_s = (now_ms - order.expires_at_ms) / 1000
            raise Refused(
                f"the order reached {self._host} {late_s:.3g} s after it expired, by the controller's own clock: it "
                "starts nothing; submit the job again",
                "order.expires_at",
            )
