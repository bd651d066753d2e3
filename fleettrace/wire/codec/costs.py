"""What a run has cost, on the wire, and how full its maps became."""

from fleettrace.model.calibration import HitKind
from fleettrace.model.run import MapFill, RunCost
from fleettrace.wire.codec.fields import parse_number, wire_text
from fleettrace.wire.v1 import types_pb2 as types

__all__ = ["map_fill_from_wire", "map_fill_to_wire", "run_cost_from_wire", "run_cost_to_wire"]

MAX_MAP_FILLS = 64
"""Maps of one run whose fill is taken in; a program has a handful."""
_HIT_KINDS = frozenset(HitKind)


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
