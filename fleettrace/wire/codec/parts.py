"""The result of a run on the wire."""

from fleettrace.errors import Malformed
from fleettrace.model.run import Part
from fleettrace.wire.codec.costs import run_cost_from_wire, run_cost_to_wire
from fleettrace.wire.codec.fields import MAX_NUMBER, parse_number, wire_text
from fleettrace.wire.codec.runs import (
    run_key_from_wire,
    run_key_to_wire,
    run_kind_from_wire,
    run_kind_to_wire,
    run_outcome_from_wire,
    run_outcome_to_wire,
)
from fleettrace.wire.codec.snapshots import snapshot_from_wire, snapshot_to_wire
from fleettrace.wire.v1 import types_pb2 as types

__all__ = ["part_from_wire", "part_to_wire"]


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
