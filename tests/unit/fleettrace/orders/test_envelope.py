"""The envelope: what a host opens is what was signed for it, and nothing else opens."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.errors import FleettraceError, Malformed, Refused
from fleettrace.model.order import Authority
from fleettrace.model.run import RunKey, RunKind, RunLimits, StartRun
from fleettrace.orders.envelope import DOMAIN, named_run, open_order, sign_orders
from fleettrace.orders.keys import SigningKey
from fleettrace.wire.codec import signed_to_wire
from fleettrace.wire.v1 import agent_link_pb2 as link
from tests.unit.fleettrace import strategies

KEY, OTHER = SigningKey(bytes(32)), SigningKey(b"\1" * 32)
AUTHORITY = Authority("d1", 3, "c1")
HOSTS = ("a", "b", "c", "d", "e")
START = StartRun(
    RunKey("j1", "a", 1), RunKind.TRACE, "runqlat", "ab" * 32, {"pid": 7}, RunLimits(1_000, 9, 9, 1.0), 60_000, "sre"
)


def challenge(host: str) -> bytes:
    return host.encode() * 32


def signed(start: StartRun = START, hosts: tuple[str, ...] = HOSTS) -> dict[str, link.SignedOrder]:
    targets = [(RunKey(start.run.job_id, host, 1), challenge(host)) for host in hosts]
    return dict(zip(hosts, sign_orders(KEY, AUTHORITY, 5, start, targets), strict=True))


def opened(message: link.SignedOrder, host: str = "a") -> StartRun:
    return open_order(message, [OTHER.public, KEY.public], host, challenge(host)).start


def rule_of(message: link.SignedOrder, host: str = "a") -> str:
    with pytest.raises(Refused) as refusal:
        opened(message, host)
    return refusal.value.rule


def test_each_target_opens_its_own_of_one_signature() -> None:
    orders = signed()
    for host, message in orders.items():
        found = open_order(message, [KEY.public], host, challenge(host))
        assert found.start == replace(START, run=RunKey("j1", host, 1))
        assert (found.authority, found.issued_at_ms, found.targets) == (AUTHORITY, 5, 5)
    assert len({message.order.signature for message in orders.values()}) == 1


@given(strategies.starts)
def test_any_order_comes_out_as_it_went_in(start: StartRun) -> None:
    message = sign_orders(KEY, AUTHORITY, 5, start, [(start.run, challenge("a"))])[0]
    received = link.SignedOrder.FromString(message.SerializeToString())
    assert open_order(received, [KEY.public], start.run.host, challenge("a")).start == start


def test_a_key_that_is_not_known_opens_nothing() -> None:
    with pytest.raises(Refused) as refusal:
        open_order(signed()["a"], [OTHER.public], "a", challenge("a"))
    assert refusal.value.rule == "order.key"
    with pytest.raises(Refused):
        open_order(signed()["a"], [], "a", challenge("a"))


def test_a_changed_order_opens_nowhere() -> None:
    message = signed()["a"]
    order = link.Order.FromString(message.order.body)
    order.start.limits.duration_ms = 999_999
    message.order.body = order.SerializeToString()
    assert rule_of(message) == "order.signature"


def test_a_signature_for_another_purpose_is_none() -> None:
    message = signed()["a"]
    message.order.CopyFrom(signed_to_wire(KEY.sign("fleettrace approval 1", message.order.body)))
    assert rule_of(message) == "order.signature"


@pytest.mark.parametrize("signature", [b"", b"x", bytes(64)[:63], bytes(65)])
def test_an_order_without_a_signature_is_none(signature: bytes) -> None:
    message = signed()["a"]
    message.order.signature = signature
    with pytest.raises(Malformed, match="has no signature"):
        opened(message)


def test_a_host_that_is_no_target_cannot_be_made_one() -> None:
    # GIVEN an order for others
    message = signed(hosts=("b", "c"))["b"]
    target = link.Target.FromString(message.target)
    target.run.host, target.challenge = "a", challenge("a")
    # WHEN its target is exchanged THEN it leads to another root than the one that is signed
    message.target = target.SerializeToString()
    assert rule_of(message) == "order.targets"


def test_another_targets_envelope_is_for_that_host() -> None:
    message = signed()["b"]
    assert rule_of(message, "a") == "order.host"


def test_a_tree_of_ones_own_is_not_what_was_signed() -> None:
    message = signed()["a"]
    lone = sign_orders(OTHER, AUTHORITY, 5, START, [(START.run, challenge("a"))])[0]
    message.target, message.index = lone.target, lone.index
    del message.path[:]
    assert rule_of(message) == "order.targets"


def test_an_order_of_an_earlier_stream_starts_nothing() -> None:
    with pytest.raises(Refused) as refusal:
        open_order(signed()["a"], [KEY.public], "a", challenge("z"))
    assert refusal.value.rule == "order.replayed"
    with pytest.raises(Refused):
        open_order(signed()["a"], [KEY.public], "a", b"")
    (unchallenged,) = sign_orders(KEY, AUTHORITY, 5, START, [(START.run, b"")])
    with pytest.raises(Refused):
        open_order(unchallenged, [KEY.public], "a", b"")


def test_what_this_version_does_not_know_may_be_what_bounds_a_run() -> None:
    # GIVEN an order of a later version, with a limit that this one would not see
    (message,) = sign_orders(KEY, AUTHORITY, 5, START, [(START.run, challenge("a"))])
    order = link.Order.FromString(message.order.body)
    limits = order.start.limits.SerializeToString() + b"\xf8\x07\x01"  # field 127
    inner = link.StartRun()
    inner.CopyFrom(order.start)
    inner.ClearField("limits")
    body = inner.SerializeToString() + b"\x32" + bytes([len(limits)]) + limits
    order.start.ParseFromString(body)
    message.order.CopyFrom(signed_to_wire(KEY.sign(DOMAIN, order.SerializeToString())))
    with pytest.raises(Malformed, match="says what this version does not know"):
        opened(message)


@settings(max_examples=300)
@given(data=st.data())
def test_any_flipped_bit_opens_nothing(data: st.DataObject) -> None:
    raw = bytearray(signed()["c"].SerializeToString())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        message = link.SignedOrder.FromString(bytes(raw))
    except Exception:  # noqa: BLE001  gRPC ends a stream on what it cannot parse
        return
    try:
        start = opened(message, "c")
    except FleettraceError:
        return
    # A flip that only makes protobuf read the same in another way, such as of a field that nobody knows.
    assert start == replace(START, run=RunKey("j1", "c", 1))


@settings(max_examples=300)
@given(st.binary(max_size=200), st.binary(max_size=100), st.lists(st.binary(max_size=40), max_size=25))
def test_nonsense_is_refused_and_nothing_worse(body: bytes, target: bytes, path: list[bytes]) -> None:
    message = link.SignedOrder(order=signed_to_wire(KEY.sign(DOMAIN, body)), target=target, path=path)
    with pytest.raises(FleettraceError):
        opened(message)
    with suppress(Malformed):
        named_run(message)


def test_a_refused_order_still_names_its_run() -> None:
    message = signed()["b"]
    message.order.signature = b""
    assert named_run(message) == (RunKey("j1", "b", 1), RunKind.TRACE)
