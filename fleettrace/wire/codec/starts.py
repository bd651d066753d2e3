"""The order to run on the wire, with what the run may take."""

from fleettrace.errors import Malformed
from fleettrace.model.run import OneLinerBounds, RunLimits, StartRun
from fleettrace.wire.codec.fields import parse_amount, parse_id, parse_number, wire_text
from fleettrace.wire.codec.orders import signed_from_wire, signed_to_wire
from fleettrace.wire.codec.params import params_from_wire, params_to_wire
from fleettrace.wire.codec.redaction import redaction_from_wire, redaction_to_wire
from fleettrace.wire.codec.runs import run_key_from_wire, run_key_to_wire, run_kind_from_wire, run_kind_to_wire
from fleettrace.wire.v1 import agent_link_pb2 as link

__all__ = ["run_limits_from_wire", "run_limits_to_wire", "start_run_from_wire", "start_run_to_wire"]

MAX_APPROVALS = 8


def run_limits_to_wire(limits: RunLimits) -> link.RunLimits:
    """What a run may take."""
    bounds = limits.one_liner
    return link.RunLimits(
        duration_ms=limits.duration_ms,
        max_events_per_s=limits.max_events_per_s,
        max_map_bytes=limits.max_map_bytes,
        max_cpu_pct=limits.max_cpu_pct,
        capabilities=limits.capabilities,
        one_liner=None if bounds is None else _bounds_to_wire(bounds),
        max_child_cpu_pct=limits.max_child_cpu_pct,
        max_child_rss_bytes=limits.max_child_rss_bytes,
    )


def run_limits_from_wire(message: link.RunLimits) -> RunLimits:
    """Raises :class:`Malformed` for no duration, or a CPU limit that is no number of percent."""
    if message.duration_ms < 1:
        raise Malformed("a run needs a duration of at least 1 ms")
    return RunLimits(
        duration_ms=message.duration_ms,
        max_events_per_s=parse_number(message.max_events_per_s, "limit of events"),
        max_map_bytes=parse_number(message.max_map_bytes, "limit of the maps' size"),
        max_cpu_pct=parse_amount(message.max_cpu_pct, "limit of CPU in percent"),
        capabilities=tuple(message.capabilities),
        one_liner=_bounds_from_wire(message.one_liner) if message.HasField("one_liner") else None,
        max_child_cpu_pct=parse_amount(message.max_child_cpu_pct, "limit of the child's CPU in percent"),
        max_child_rss_bytes=parse_number(message.max_child_rss_bytes, "limit of the child's memory"),
    )


def _bounds_to_wire(bounds: OneLinerBounds) -> link.OneLinerBounds:
    return link.OneLinerBounds(
        max_probes=bounds.max_probes, max_keys=bounds.max_keys, max_printed_per_s=bounds.max_printed_per_s
    )


def _bounds_from_wire(message: link.OneLinerBounds) -> OneLinerBounds:
    return OneLinerBounds(
        max_probes=message.max_probes,
        max_keys=message.max_keys,
        max_printed_per_s=parse_amount(message.max_printed_per_s, "limit of printed events"),
    )


def start_run_to_wire(start: StartRun) -> link.StartRun:
    """The order to run."""
    return link.StartRun(
        run=run_key_to_wire(start.run),
        kind=run_kind_to_wire(start.kind),
        tool=start.tool,
        digest=start.digest,
        params=params_to_wire(start.params),
        limits=run_limits_to_wire(start.limits),
        expires_at_ms=start.expires_at_ms,
        team=wire_text(start.team),
        operator=wire_text(start.operator),
        program=wire_text(start.program),
        program_scale=start.program_scale,
        start_at_ms=start.start_at_ms,
        tool_approvals=[signed_to_wire(one) for one in start.tool_approvals],
        redaction=redaction_to_wire(start.redaction),
        approved_by=wire_text(start.approved_by),
        break_glass=wire_text(start.break_glass),
    )


def start_run_from_wire(message: link.StartRun) -> StartRun:
    """Raises :class:`Malformed` when it does not say what to run, for how long, or for which run."""
    if len(message.tool_approvals) > MAX_APPROVALS:
        raise Malformed(f"an order carries at most {MAX_APPROVALS} approvals, not {len(message.tool_approvals)}")
    return StartRun(
        run=run_key_from_wire(message.run),
        kind=run_kind_from_wire(message.kind),
        tool=parse_id(message.tool, "tool's name"),
        digest=parse_id(message.digest, "tool's digest"),
        params=params_from_wire(message.params),
        limits=run_limits_from_wire(message.limits),
        expires_at_ms=message.expires_at_ms,
        team=message.team,
        operator=message.operator,
        program=message.program,
        program_scale=parse_amount(message.program_scale, "scale of the program's cost"),
        start_at_ms=parse_number(message.start_at_ms, "time to start"),
        tool_approvals=tuple(signed_from_wire(one) for one in message.tool_approvals),
        redaction=redaction_from_wire(message.redaction),
        approved_by=message.approved_by,
        break_glass=message.break_glass,
    )
