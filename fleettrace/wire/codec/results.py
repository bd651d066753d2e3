"""A job's results on the wire: coverage, hosts' parts, and what was found."""

from fleettrace.errors import Malformed
from fleettrace.model.job import Coverage, HostPart
from fleettrace.wire.codec.fields import parse_host_name, parse_labels, wire_text
from fleettrace.wire.codec.parts import part_from_wire, part_to_wire
from fleettrace.wire.v1 import control_pb2 as control

__all__ = [
    "coverage_from_wire",
    "coverage_to_wire",
    "host_part_from_wire",
    "host_part_to_wire",
]


def coverage_to_wire(coverage: Coverage) -> control.Coverage:
    """How much of the fleet the answer speaks for."""
    return control.Coverage(
        targeted=coverage.targeted,
        answered=coverage.answered,
        missing=[control.MissingHost(host=host, reason=wire_text(reason)) for host, reason in coverage.missing],
        partial=[control.MissingHost(host=host, reason=wire_text(reason)) for host, reason in coverage.partial],
        lost_events=coverage.lost_events,
        truncated_stacks=coverage.truncated_stacks,
        window_skew_ms=coverage.window_skew_ms,
        wave_skew_ms=coverage.wave_skew_ms,
        wave_skew_uncertainty_ms=coverage.wave_skew_uncertainty_ms,
        replayed_hosts=coverage.replayed,
        imported_hosts=coverage.imported,
        left_out=[control.MissingHost(host=host, reason=wire_text(reason)) for host, reason in coverage.left_out],
        notes=[control.MissingHost(host=host, reason=wire_text(note)) for host, note in coverage.notes],
    )


def coverage_from_wire(message: control.Coverage) -> Coverage:
    """Raises :class:`Malformed` for names that no host can have, and for more answers than targets."""
    if message.answered > message.targeted:
        raise Malformed(f"{message.answered} hosts cannot have answered where {message.targeted} were asked")
    return Coverage(
        targeted=message.targeted,
        answered=message.answered,
        missing=tuple((parse_host_name(missing.host), missing.reason) for missing in message.missing),
        partial=tuple((parse_host_name(partial.host), partial.reason) for partial in message.partial),
        lost_events=message.lost_events,
        truncated_stacks=message.truncated_stacks,
        window_skew_ms=message.window_skew_ms,
        wave_skew_ms=message.wave_skew_ms,
        wave_skew_uncertainty_ms=message.wave_skew_uncertainty_ms,
        replayed=tuple(parse_host_name(host) for host in message.replayed_hosts),
        imported=tuple(parse_host_name(host) for host in message.imported_hosts),
        left_out=tuple((parse_host_name(host.host), host.reason) for host in message.left_out),
        notes=tuple((parse_host_name(host.host), host.reason) for host in message.notes),
    )


def host_part_to_wire(host_part: HostPart) -> control.HostPart:
    """A part with what is known of its host."""
    return control.HostPart(
        part=part_to_wire(host_part.part),
        labels=host_part.labels,
        host_class=wire_text(host_part.host_class),
    )


def host_part_from_wire(message: control.HostPart) -> HostPart:
    """Raises :class:`Malformed` for a bad part or bad labels."""
    return HostPart(
        part=part_from_wire(message.part), labels=parse_labels(message.labels), host_class=message.host_class
    )
