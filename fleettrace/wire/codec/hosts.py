"""Hosts on the wire."""

from fleettrace.errors import Malformed
from fleettrace.model.host import Host, HostFacts
from fleettrace.wire.codec.fields import parse_host_name, parse_labels, parse_number, wire_text
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
        max_runs=message.max_runs if message.HasField("max_runs") else None,
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
