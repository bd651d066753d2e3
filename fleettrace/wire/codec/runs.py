"""Runs on the wire: their identity, orders, cost and parts."""

from fleettrace.errors import Malformed
from fleettrace.model.calibration import HitKind
from fleettrace.model.run import (
    MapFill,
    OneLinerBounds,
    Part,
    RunCost,
    RunKey,
    RunKind,
    RunLimits,
    RunOutcome,
    StartRun,
)
from fleettrace.wire.codec.fields import MAX_NUMBER, parse_amount, parse_host_name, parse_id, parse_number, wire_text
from fleettrace.wire.codec.orders import signed_from_wire, signed_to_wire
from fleettrace.wire.codec.params import params_from_wire, params_to_wire
from fleettrace.wire.codec.redaction import redaction_from_wire, redaction_to_wire
from fleettrace.wire.codec.snapshots import snapshot_from_wire, snapshot_to_wire
from fleettrace.wire.v1 import agent_link_pb2 as link
from fleettrace.wire.v1 import types_pb2 as types

__all__ = [
    "map_fill_from_wire",
    "map_fill_to_wire",
    "part_from_wire",
    "part_to_wire",
    "run_cost_from_wire",
    "run_cost_to_wire",
    "run_key_from_wire",
    "run_key_to_wire",
    "run_kind_from_wire",
    "run_kind_to_wire",
    "run_limits_from_wire",
    "run_limits_to_wire",
    "run_outcome_from_wire",
    "run_outcome_to_wire",
    "start_run_from_wire",
    "start_run_to_wire",
]

MAX_APPROVALS = 8

_KINDS = {
    RunKind.FREQUENCY_CHECK: types.RUN_KIND_FREQUENCY_CHECK,
    RunKind.TRACE: types.RUN_KIND_TRACE,
    RunKind.TRIAL: types.RUN_KIND_TRIAL,
}
MAX_MAP_FILLS = 64
"""Maps of one run whose fill is taken in; a program has a handful."""
_HIT_KINDS = frozenset(HitKind)
_KIND_OF = {value: kind for kind, value in _KINDS.items()}
_OUTCOMES = {
    RunOutcome.COMPLETE: types.RUN_OUTCOME_COMPLETE,
    RunOutcome.PARTIAL: types.RUN_OUTCOME_PARTIAL,
    RunOutcome.FAILED: types.RUN_OUTCOME_FAILED,
}
_OUTCOME_OF = {value: outcome for outcome, value in _OUTCOMES.items()}


def run_kind_to_wire(kind: RunKind) -> "types.RunKind.ValueType":
    """The enum's number."""
    return _KINDS[kind]


def run_kind_from_wire(value: "types.RunKind.ValueType") -> RunKind:
    """Raises :class:`Malformed` for 0 (not given) and numbers that this version does not know."""
    if value not in _KIND_OF:
        raise Malformed(f"{value} is no kind of run that this version knows")
    return _KIND_OF[value]


def run_outcome_to_wire(outcome: RunOutcome) -> "types.RunOutcome.ValueType":
    """The enum's number."""
    return _OUTCOMES[outcome]


def run_outcome_from_wire(value: "types.RunOutcome.ValueType") -> RunOutcome:
    """Raises :class:`Malformed` for 0 (not given) and numbers that this version does not know."""
    if value not in _OUTCOME_OF:
        raise Malformed(f"{value} is no outcome of a run that this version knows")
    return _OUTCOME_OF[value]


def run_key_to_wire(key: RunKey) -> types.RunKey:
    """The identity of a run."""
    return types.RunKey(job_id=key.job_id, host=key.host, attempt=key.attempt)


def run_key_from_wire(message: types.RunKey) -> RunKey:
    """Raises :class:`Malformed` for an empty job id, a name that no host can have, and attempt 0."""
    if message.attempt < 1:
        raise Malformed("a run's attempts are counted from 1")
    return RunKey(parse_id(message.job_id, "job id"), parse_host_name(message.host), message.attempt)


def run_cost_to_wire(cost: RunCost) -> types.RunCost:
    """What a run has cost."""
    return types.RunCost(
        hits=cost.hits,
        events=cost.events,
        events_per_cpu=cost.events_per_cpu,
        lost_events=cost.lost_events,
        truncated_stacks=cost.truncated_stacks,
        map_bytes=cost.map_bytes,
        child_cpu_us=cost.child_cpu_us,
        child_peak_rss_bytes=cost.child_peak_rss_bytes,
        bpf_run_time_ns=cost.bpf_run_time_ns,
        traps=cost.traps,
        printing_events=cost.printing_events,
        bpf_run_count=cost.bpf_run_count,
        attached_cpu_us=cost.attached_cpu_us,
        hits_by_kind={kind.value: hits for kind, hits in cost.hits_by_kind.items()},
        map_fills=[map_fill_to_wire(fill) for fill in cost.map_fills],
    )


def run_cost_from_wire(message: types.RunCost) -> RunCost:
    """Raises :class:`Malformed` for a number beyond :data:`~fleettrace.wire.codec.MAX_NUMBER`."""
    return RunCost(
        hits=parse_number(message.hits, "number of hits"),
        events=parse_number(message.events, "number of events"),
        events_per_cpu=tuple(parse_number(events, "number of events") for events in message.events_per_cpu),
        lost_events=parse_number(message.lost_events, "number of lost events"),
        truncated_stacks=parse_number(message.truncated_stacks, "number of truncated stacks"),
        map_bytes=parse_number(message.map_bytes, "maps' size in bytes"),
        child_cpu_us=parse_number(message.child_cpu_us, "child's CPU time in us"),
        child_peak_rss_bytes=parse_number(message.child_peak_rss_bytes, "child's memory in bytes"),
        bpf_run_time_ns=parse_number(message.bpf_run_time_ns, "programs' run time in ns"),
        traps=parse_number(message.traps, "number of traps"),
        printing_events=parse_number(message.printing_events, "number of events that print"),
        bpf_run_count=parse_number(message.bpf_run_count, "number of the programs' runs"),
        attached_cpu_us=parse_number(message.attached_cpu_us, "child's CPU time in us"),
        hits_by_kind={
            HitKind(kind): parse_number(message.hits_by_kind[kind], "number of hits")
            for kind in sorted(message.hits_by_kind)
            if kind in _HIT_KINDS
        },
        map_fills=tuple(map_fill_from_wire(fill) for fill in message.map_fills[:MAX_MAP_FILLS]),
    )


def map_fill_to_wire(fill: MapFill) -> types.MapFill:
    """How full a map is."""
    return types.MapFill(
        name=wire_text(fill.name),
        used=fill.used,
        max_entries=fill.max_entries,
        at_ms=fill.at_ms,
        early_used=fill.early_used,
        early_at_ms=fill.early_at_ms,
    )


def map_fill_from_wire(message: types.MapFill) -> MapFill:
    """Raises :class:`Malformed` for a number beyond :data:`~fleettrace.wire.codec.MAX_NUMBER`."""
    return MapFill(
        message.name,
        parse_number(message.used, "number of entries"),
        parse_number(message.max_entries, "number of entries"),
        parse_number(message.at_ms, "time of a look in ms"),
        parse_number(message.early_used, "number of entries"),
        parse_number(message.early_at_ms, "time of a look in ms"),
    )


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


def part_to_wire(part: Part) -> types.Part:
    """The result of a run."""
    return types.Part(
        run=run_key_to_wire(part.run),
        kind=run_kind_to_wire(part.kind),
        outcome=run_outcome_to_wire(part.outcome),
        reason=wire_text(part.reason),
        backend=part.backend,
        started_at_ms=part.started_at_ms,
        duration_ms=part.duration_ms,
        cost=run_cost_to_wire(part.cost),
        snapshot=snapshot_to_wire(part.snapshot),
        final=part.final,
        alternative=part.alternative,
        notes=[wire_text(note) for note in part.notes],
        build_id=part.build_id,
        started_at_controller_ms=part.started_at_controller_ms,
        clock_uncertainty_ms=part.clock_uncertainty_ms,
    )


def part_from_wire(message: types.Part) -> Part:
    """Raises :class:`Malformed` for a bad key, kind, outcome, cost or snapshot, and for counts no machine reaches."""
    part = Part(
        run=run_key_from_wire(message.run),
        kind=run_kind_from_wire(message.kind),
        outcome=run_outcome_from_wire(message.outcome),
        reason=message.reason,
        backend=message.backend,
        started_at_ms=parse_number(message.started_at_ms, "start in Unix ms"),
        duration_ms=parse_number(message.duration_ms, "duration in ms"),
        cost=run_cost_from_wire(message.cost),
        snapshot=snapshot_from_wire(message.snapshot),
        final=message.final,
        alternative=message.alternative,
        notes=tuple(message.notes),
        build_id=message.build_id,
        started_at_controller_ms=parse_number(message.started_at_controller_ms, "start by the controller's clock"),
        clock_uncertainty_ms=message.clock_uncertainty_ms,
    )
    if part.snapshot.total > MAX_NUMBER:
        raise Malformed(f"a part's counts add up to {part.snapshot.total}, more than {MAX_NUMBER}")
    return part
