"""Hosts on the wire."""

from fleettrace.errors import Malformed
from fleettrace.model.calibration import Calibration, HitKind
from fleettrace.model.host import Host, HostFacts
from fleettrace.wire.codec.fields import parse_amount, parse_host_name, parse_labels, parse_number, wire_text
from fleettrace.wire.v1 import control_pb2 as control
from fleettrace.wire.v1 import types_pb2 as types

__all__ = ["host_facts_from_wire", "host_facts_to_wire", "host_from_wire", "host_to_wire"]


def host_facts_to_wire(facts: HostFacts) -> types.HostFacts:
    """What an agent says of its machine."""
    return types.HostFacts(
        kernel_release=wire_text(facts.kernel_release),
        kernel_build=wire_text(facts.kernel_build),
        arch=wire_text(facts.arch),
        cpu_count=facts.cpu_count,
        btf_sha256=facts.btf_sha256,
        backend=facts.backend,
        agent_version=facts.agent_version,
        capabilities=facts.capabilities,
        scope=wire_text(facts.scope),
        tools=facts.tools,
        boot_id=facts.boot_id,
        unfit_reason=wire_text(facts.unfit_reason),
        questions=facts.questions,
        max_runs=facts.max_runs,
        dirty_reason=wire_text(facts.dirty_reason),
        run_kinds=facts.run_kinds,
        calibration=_calibration_to_wire(facts.calibration) if facts.calibration is not None else None,
        redacts=facts.redacts,
    )


def host_facts_from_wire(message: types.HostFacts) -> HostFacts:
    """Raises :class:`Malformed` unless there is at least one CPU."""
    if message.cpu_count < 1:
        raise Malformed("a host has at least one CPU, and its agent must say how many")
    return HostFacts(
        kernel_release=message.kernel_release,
        kernel_build=message.kernel_build,
        arch=message.arch,
        cpu_count=message.cpu_count,
        btf_sha256=message.btf_sha256,
        backend=message.backend,
        agent_version=message.agent_version,
        capabilities=tuple(message.capabilities),
        scope=message.scope,
        tools=dict(message.tools),
        boot_id=message.boot_id,
        unfit_reason=message.unfit_reason,
        questions=tuple(message.questions),
        dirty_reason=message.dirty_reason,
        max_runs=message.max_runs if message.HasField("max_runs") else None,
        run_kinds=tuple(message.run_kinds),
        calibration=_calibration_from_wire(message.calibration) if message.HasField("calibration") else None,
        redacts=message.redacts,
    )


def _calibration_to_wire(calibration: Calibration) -> types.Calibration:
    return types.Calibration(
        hit_ns={kind.value: ns for kind, ns in calibration.hit_ns.items()},
        empty_run_time_ns=calibration.empty_run_time_ns,
        spread_pct=calibration.spread_pct,
        cpu_model=wire_text(calibration.cpu_model),
        measured_at_ms=calibration.measured_at_ms,
    )


def _calibration_from_wire(message: types.Calibration) -> Calibration:
    """Kinds that this version does not know are left out: a newer agent may know more."""
    known = set(HitKind)
    return Calibration(
        hit_ns={
            HitKind(kind): parse_amount(message.hit_ns[kind], "cost of a probe in ns")
            for kind in sorted(message.hit_ns)
            if kind in known
        },
        empty_run_time_ns=parse_amount(message.empty_run_time_ns, "run time of a program in ns"),
        spread_pct=parse_amount(message.spread_pct, "spread in percent"),
        cpu_model=message.cpu_model,
        measured_at_ms=parse_number(message.measured_at_ms, "time of the calibration"),
    )


def host_to_wire(host: Host) -> control.Host:
    """A host as the controller knows it; its class is written for the reader's convenience."""
    return control.Host(
        name=host.name,
        labels=host.labels,
        facts=host_facts_to_wire(host.facts),
        connected=host.connected,
        last_seen_ms=host.last_seen_ms,
        missing_reason=wire_text(host.missing_reason),
        host_class=wire_text(host.host_class),
    )


def host_from_wire(message: control.Host) -> Host:
    """Raises :class:`Malformed` for a bad name, bad labels or bad facts; the class is derived again from the facts."""
    return Host(
        name=parse_host_name(message.name),
        labels=parse_labels(message.labels),
        facts=host_facts_from_wire(message.facts),
        connected=message.connected,
        last_seen_ms=parse_number(message.last_seen_ms, "time that it was last seen"),
        missing_reason=message.missing_reason,
    )
