"""What orders a host: envelopes, what is in them once their signature is good, approvals."""

from contextlib import suppress
from dataclasses import fields

from google.protobuf.message import DecodeError

from fleettrace.catalog import find_tool
from fleettrace.errors import FleettraceError, Malformed, Refused
from fleettrace.model.order import Authority
from fleettrace.model.run import RunKey, RunKind, RunLimits, StartRun
from fleettrace.orders.approvals import Approval, approving, read_approval, sign_approval, write_approval
from fleettrace.orders.envelope import DOMAIN, named_run, open_order, sign_orders
from fleettrace.orders.keys import SigningKey
from fleettrace.orders.targets import tree_root
from fleettrace.wire.codec import signed_to_wire
from fleettrace.wire.v1 import agent_link_pb2 as link
from node_agent.guard import check
from node_agent.guard.policy import default_host_policy
from tests.fuzz.target import Target

__all__ = ["TARGETS"]

KEY, APPROVERS = SigningKey(bytes(32)), SigningKey(bytes([2]) * 32)
CHALLENGE = bytes(range(32))
NOW_MS = 1_000
TOOL = find_tool("runqlat")
LIMITS = RunLimits(1_000, 1_000, 1 << 20, 1.0, ("CAP_BPF", "CAP_PERFMON"))
START = StartRun(RunKey("j1", "h", 1), RunKind.TRACE, TOOL.name, TOOL.digest, {}, LIMITS, 60_000, "sre")
(ENVELOPE,) = sign_orders(KEY, Authority("d1", 1, "c1"), NOW_MS, START, [(START.run, CHALLENGE)])
POLICY = default_host_policy()
CEILINGS = {
    "max_events_per_s": POLICY.max_events_per_s,
    "max_map_bytes": POLICY.max_map_bytes,
    "max_cpu_pct": POLICY.max_cpu_pct,
    "max_child_cpu_pct": POLICY.max_child_cpu_pct,
    "max_child_rss_bytes": POLICY.max_child_rss_bytes,
}
assert set(CEILINGS) <= {field.name for field in fields(RunLimits)}


def _envelope(data: bytes) -> None:
    """Only what was signed is opened, to the last field."""
    message = link.SignedOrder()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return
    with suppress(Malformed):
        named_run(message)
    with suppress(Malformed, Refused):
        assert open_order(message, [KEY.public], "h", CHALLENGE).start == START


def _order(data: bytes) -> None:
    """Whatever a controller signs: the host's own ceilings hold for what gets through."""
    body = data
    with suppress(DecodeError):
        order = link.Order.FromString(data)
        order.targets, order.targets_root = 1, tree_root([ENVELOPE.target])
        body = order.SerializeToString()
    message = link.SignedOrder(order=signed_to_wire(KEY.sign(DOMAIN, body)), target=ENVELOPE.target)
    try:
        start = open_order(message, [KEY.public], "h", CHALLENGE).start
    except (Malformed, Refused):
        return
    assert start.run == START.run
    with suppress(FleettraceError):
        limits = check(
            POLICY, start, TOOL, now_ms=NOW_MS, running=0, own_name="h", available_capabilities=POLICY.capabilities
        )
        assert 0 < limits.duration_ms <= POLICY.max_duration_ms
        for name, ceiling in CEILINGS.items():
            assert 0 < getattr(limits, name) <= ceiling, name
        assert set(limits.capabilities) <= set(POLICY.capabilities)


def _approval(data: bytes) -> None:
    """A file that reads is one that is written again; none but the approver's signature makes it count."""
    try:
        _, signed = read_approval(data)
    except FleettraceError:
        return
    assert read_approval(write_approval(signed))[1] == signed
    good, _ = approving([signed], {APPROVERS.public.key_id: APPROVERS.public}, digest=TOOL.digest, now_ms=NOW_MS)
    assert all(one == APPROVED for one in good)


APPROVED = Approval(TOOL.name, TOOL.digest, {"scale": ("fine", "*")}, 0, 60_000)

TARGETS = {
    "envelope": Target(_envelope, lambda: [ENVELOPE.SerializeToString()]),
    "order": Target(_order, lambda: [ENVELOPE.order.body]),
    "approval": Target(_approval, lambda: [write_approval(sign_approval(APPROVERS, APPROVED)).encode(), b"[" * 3_000]),
}
