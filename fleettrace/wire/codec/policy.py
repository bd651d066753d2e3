"""What a policy answers, on the wire."""

from fleettrace.model.policy import GrantAnswer, PolicyAnswer
from fleettrace.wire.codec.fields import parse_amount, parse_number, wire_text
from fleettrace.wire.codec.redaction import rules_from_wire, rules_to_wire
from fleettrace.wire.v1 import control_pb2 as control

__all__ = ["policy_answer_from_wire", "policy_answer_to_wire"]


def policy_answer_to_wire(answer: PolicyAnswer) -> control.PolicyAnswer:
    """An answer with what each of the team's grants says."""
    return control.PolicyAnswer(
        verdict=answer.verdict,
        rule=wire_text(answer.rule),
        reason=wire_text(answer.reason),
        contact=wire_text(answer.contact),
        origin=wire_text(answer.origin),
        version=answer.version,
        hosts=answer.hosts,
        grants=[
            control.GrantAnswer(grant=wire_text(one.grant), covers=one.covers, reason=wire_text(one.reason))
            for one in answer.grants
        ],
        duration_ms=answer.duration_ms,
        max_cpu_pct=answer.max_cpu_pct,
        max_events_per_s=answer.max_events_per_s,
        capabilities=answer.capabilities,
        approval_wait_ms=answer.approval_wait_ms,
        redact=rules_to_wire(answer.redact),
    )


def policy_answer_from_wire(message: control.PolicyAnswer) -> PolicyAnswer:
    """Raises :class:`Malformed` for numbers that are none."""
    return PolicyAnswer(
        verdict=message.verdict,
        rule=message.rule,
        reason=message.reason,
        contact=message.contact,
        origin=message.origin,
        version=message.version,
        hosts=message.hosts,
        grants=tuple(GrantAnswer(one.grant, one.covers, one.reason) for one in message.grants),
        duration_ms=message.duration_ms,
        max_cpu_pct=parse_amount(message.max_cpu_pct, "limit in percent"),
        max_events_per_s=parse_number(message.max_events_per_s, "limit of events"),
        capabilities=tuple(message.capabilities),
        approval_wait_ms=parse_number(message.approval_wait_ms, "wait for approval"),
        redact=rules_from_wire(message.redact),
    )
