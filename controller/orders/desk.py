"""Signs what hosts are asked to run: one signature for all hosts that are asked the same."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from controller.orders.approval_folder import ApprovalFolder
from controller.orders.key_file import OrderKey
from fleettrace.model.order import Authority, SignedBytes
from fleettrace.model.run import RunKey, StartRun
from fleettrace.orders.envelope import sign_orders
from fleettrace.wire.codec import authority_to_wire, key_vouch_to_wire
from fleettrace.wire.v1 import agent_link_pb2 as link

__all__ = ["OrderDesk"]

_NO_RUN = RunKey("", "", 0)


class OrderDesk:
    """Holds the key; nothing else of the controller does. ``approvals`` are carried, and never judged here."""

    def __init__(self, clock_ms: Callable[[], int], approvals: ApprovalFolder | None = None) -> None:
        self._clock_ms = clock_ms
        self._approvals = approvals
        self._begun: tuple[OrderKey, Authority] | None = None

    def begin(self, key: OrderKey, authority: Authority) -> None:
        """Sign from now on with this key, as this authority."""
        self._begun = key, authority

    @property
    def authority(self) -> Authority:
        """Who orders."""
        return self._signer[1]

    @property
    def _signer(self) -> tuple[OrderKey, Authority]:
        assert self._begun is not None, "nothing is signed before the database is open"
        return self._begun

    def envelopes(
        self, orders: Sequence[StartRun], challenge_of: Callable[[str], bytes]
    ) -> Iterator[tuple[str, link.ControllerMessage]]:
        """(host, message) for each order, in their order; ``challenge_of`` gives that of a host's stream."""
        key, authority = self._signer
        # Neighbours that differ in their run alone are one order: those of a wave all are.
        for same, group in groupby(orders, lambda order: replace(order, run=_NO_RUN)):
            runs = [order.run for order in group]
            start = replace(same, tool_approvals=self._carried(same.digest))
            targets = [(run, challenge_of(run.host)) for run in runs]
            signed = sign_orders(key.key, authority, self._clock_ms(), start, targets)
            for run, envelope in zip(runs, signed, strict=True):
                yield run.host, link.ControllerMessage(order=envelope)

    def introduce(self, welcome: link.Welcome) -> None:
        """Say in a greeting whose signature orders carry."""
        key, authority = self._signer
        welcome.authority.CopyFrom(authority_to_wire(authority))
        welcome.order_key = key.key.public.raw
        welcome.vouches.extend(key_vouch_to_wire(one) for one in key.vouches)
        welcome.now_ms = self._clock_ms()

    def fenced_by(self, seen: Authority) -> str:
        """Why a host that has taken orders of ``seen`` takes none of this controller; empty: it does."""
        own = self.authority
        if seen.database_id != own.database_id or seen.epoch < own.epoch or seen == own:
            return ""
        return (
            f"it has taken orders of epoch {seen.epoch} of this database, and this controller has epoch {own.epoch}: "
            "another controller runs on a copy of the database, or this is an older copy of it; when no other runs, "
            f"start this one with --epoch {seen.epoch + 1}"
        )

    def _carried(self, digest: str) -> tuple[SignedBytes, ...]:
        return self._approvals.of(digest) if self._approvals is not None else ()
