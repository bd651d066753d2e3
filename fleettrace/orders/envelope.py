"""The envelope of an order: made by a controller for all targets at once, opened by one host."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from fleettrace.errors import Malformed, Refused
from fleettrace.model.order import Authority
from fleettrace.model.run import RunKey, RunKind, StartRun
from fleettrace.orders.keys import PublicKey, SigningKey
from fleettrace.orders.targets import MAX_TARGETS, paths, root_of, tree_root
from fleettrace.wire.codec import (
    authority_from_wire,
    authority_to_wire,
    run_key_from_wire,
    run_key_to_wire,
    run_kind_from_wire,
    signed_from_wire,
    signed_to_wire,
    start_run_from_wire,
    start_run_to_wire,
)
from fleettrace.wire.v1 import agent_link_pb2 as link

__all__ = ["CHALLENGE_BYTES", "Opened", "named_run", "open_order", "sign_orders"]

DOMAIN = "fleettrace order 1"
CHALLENGE_BYTES = 32
MAX_TARGET_BYTES = 1_024
MAX_PATH = 20
MAX_NAMED_BYTES = 512 * 1024

_Decoded = TypeVar("_Decoded", bound=Message)


@dataclass(frozen=True, slots=True)
class Opened:
    """An order whose signature is good and whose target is this host and this stream."""

    start: StartRun
    authority: Authority
    issued_at_ms: int
    targets: int


def sign_orders(
    key: SigningKey, authority: Authority, issued_at_ms: int, start: StartRun, targets: Sequence[tuple[RunKey, bytes]]
) -> list[link.SignedOrder]:
    """An envelope for each (run, challenge of the host's stream): the same order, signed once."""
    leaves = [
        link.Target(run=run_key_to_wire(run), challenge=challenge).SerializeToString(deterministic=True)
        for run, challenge in targets
    ]
    message = start_run_to_wire(start)
    message.ClearField("run")
    order = link.Order(
        start=message,
        authority=authority_to_wire(authority),
        issued_at_ms=issued_at_ms,
        targets=len(leaves),
        targets_root=tree_root(leaves),
    )
    signed = signed_to_wire(key.sign(DOMAIN, order.SerializeToString(deterministic=True)))
    return [
        link.SignedOrder(order=signed, target=leaf, index=index, path=path)
        for index, (leaf, path) in enumerate(zip(leaves, paths(leaves), strict=True))
    ]


def open_order(message: link.SignedOrder, keys: Iterable[PublicKey], host: str, challenge: bytes) -> Opened:
    """Make sure of everything that a signature can say.

    Raises:
        Refused: no key of ``keys`` has signed it, this host is no target of it, or it is for another stream.
        Malformed: it is none, or says what this version does not know, which may be what bounds it.
    """
    signed = signed_from_wire(message.order)
    key = next((one for one in keys if one.key_id == signed.key_id), None)
    if key is None:
        raise Refused(
            f"the order is signed with a key that {host} does not know: where the controller's key was replaced, enrol "
            "the host again",
            "order.key",
        )
    if not key.verifies(DOMAIN, signed):
        raise Refused("the order's signature is wrong: it was changed after it was signed", "order.signature")
    order = _decode(link.Order(), signed.body)
    target = _target(message)
    if root_of(message.target, message.index, order.targets, list(message.path)) != order.targets_root:
        raise Refused(f"{host} is not among the targets that the order was signed for", "order.targets")
    run = run_key_from_wire(target.run)
    if run.host != host:
        raise Refused(f"the order is for {run.host} and this is {host}: send it there", "order.host")
    if not challenge or target.challenge != challenge:
        raise Refused(
            "the order was made for another connection of this host: it is a repetition, and starts nothing",
            "order.replayed",
        )
    order.start.run.CopyFrom(target.run)
    return Opened(
        start_run_from_wire(order.start), authority_from_wire(order.authority), order.issued_at_ms, order.targets
    )


def named_run(message: link.SignedOrder) -> tuple[RunKey, RunKind]:
    """The run that an order says it is for, true or not, to have a name for its refusal; raises :class:`Malformed`."""
    order = _decode(link.Order(), message.order.body[:MAX_NAMED_BYTES])
    return run_key_from_wire(_target(message).run), run_kind_from_wire(order.start.kind)


def _target(message: link.SignedOrder) -> link.Target:
    if len(message.target) > MAX_TARGET_BYTES or len(message.path) > MAX_PATH or message.index >= MAX_TARGETS:
        raise Malformed("an order's target is larger than any can be")
    return _decode(link.Target(), message.target)


def _decode(into: _Decoded, data: bytes) -> _Decoded:
    """Parse all of it: a field that this version does not know may be the one that bounds the run."""
    try:
        into.ParseFromString(data)
    except DecodeError as error:
        raise Malformed("an order cannot be read") from error
    size = into.ByteSize()
    into.DiscardUnknownFields()
    if into.ByteSize() != size:
        raise Malformed(
            "an order says what this version does not know: install the same version of fleettrace on the host"
        )
    return into
