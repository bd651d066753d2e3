"""What the audit log says of identities: each thing that was decided, and never a secret."""

from collections.abc import Mapping

from controller.identity.records import Enrolment, JoinTokenRecord, OperatorTokenRecord
from fleettrace.model.audit import AuditEntry

__all__ = [
    "host_enrolled",
    "host_returned",
    "host_revoked",
    "operator_added",
    "operator_revoked",
    "token_created",
    "token_revoked",
]


def token_created(token: JoinTokenRecord) -> AuditEntry:
    """A join token was made."""
    detail = {"labels": _labels(token.labels), "expires_at_ms": str(token.expires_at_ms)}
    hosts = (token.host,) if token.host else ()
    return AuditEntry(
        token.created_at_ms, token.created_by, "", "token.created", token.token_id, "created", "", detail, hosts
    )


def token_revoked(token_id: str, by: str, at_ms: int) -> AuditEntry:
    """A join token was made worthless."""
    return AuditEntry(at_ms, by, "", "token.revoked", token_id, "revoked")


def host_enrolled(enrolment: Enrolment, token: JoinTokenRecord) -> AuditEntry:
    """A join token was used, and a host is enrolled."""
    detail = {
        "token": enrolment.token_id,
        "enrolment": enrolment.enrolment_id,
        "labels": _labels(enrolment.labels),
    }
    return AuditEntry(
        enrolment.enrolled_at_ms,
        token.created_by,
        "",
        "host.enrolled",
        enrolment.host,
        "enrolled",
        "",
        detail,
        (enrolment.host,),
    )


def host_returned(enrolment: Enrolment, late_ms: int, at_ms: int) -> AuditEntry:
    """A host whose certificate was over got another one by it."""
    detail = {"enrolment": enrolment.enrolment_id, "late_s": str(late_ms // 1000)}
    return AuditEntry(at_ms, "", "", "host.returned", enrolment.host, "renewed", "", detail, (enrolment.host,))


def host_revoked(enrolment: Enrolment, reason: str, by: str, at_ms: int) -> AuditEntry:
    """A host may connect no more."""
    detail = {"enrolment": enrolment.enrolment_id, "reason": reason}
    return AuditEntry(at_ms, by, "", "host.revoked", enrolment.host, "revoked", "", detail, (enrolment.host,))


def operator_added(token: OperatorTokenRecord) -> AuditEntry:
    """A personal token was made."""
    detail = {
        "token": token.token_id,
        "teams": ",".join(token.teams),
        "scopes": ",".join(sorted(token.scopes)),
        "expires_at_ms": str(token.expires_at_ms),
    }
    return AuditEntry(token.created_at_ms, token.created_by, "", "operator.added", token.operator, "added", "", detail)


def operator_revoked(operator: str, by: str, at_ms: int) -> AuditEntry:
    """All personal tokens of an operator were made worthless."""
    return AuditEntry(at_ms, by, "", "operator.revoked", operator, "revoked")


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in labels.items())
