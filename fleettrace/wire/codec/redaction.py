"""What is hidden of a result, on the wire."""

from collections.abc import Iterable

from fleettrace.errors import Malformed
from fleettrace.model.redaction import KEY_BYTES, RedactAs, RedactedField, Redaction, Rule, strictest
from fleettrace.wire.codec.fields import parse_choice
from fleettrace.wire.v1 import agent_link_pb2 as link
from fleettrace.wire.v1 import types_pb2 as types

__all__ = ["redaction_from_wire", "redaction_to_wire", "rules_from_wire", "rules_to_wire"]


def rules_to_wire(rules: Iterable[Rule]) -> list[types.RedactRule]:
    """Rules without the key."""
    return [types.RedactRule(field=field.value, way=way.value) for field, way in rules]


def rules_from_wire(messages: Iterable[types.RedactRule]) -> tuple[Rule, ...]:
    """Raises :class:`Malformed` for a field or a way that is not known: what cannot be hidden must not run."""
    return strictest(
        (
            parse_choice(RedactedField, message.field, "field to hide"),
            parse_choice(RedactAs, message.way, "way to hide a field"),
        )
        for message in messages
    )


def redaction_to_wire(redaction: Redaction) -> link.Redaction | None:
    """Rules with the job's key; None for nothing."""
    if not redaction.rules:
        return None
    return link.Redaction(rules=rules_to_wire(redaction.rules), key=redaction.key)


def redaction_from_wire(message: link.Redaction) -> Redaction:
    """Raises :class:`Malformed` for unknown rules, and for a key that is no key where there are rules."""
    rules = rules_from_wire(message.rules)
    if rules and len(message.key) != KEY_BYTES:
        raise Malformed(f"a key to hide fields with has {KEY_BYTES} bytes, not {len(message.key)}")
    return Redaction(rules, message.key if rules else b"")
