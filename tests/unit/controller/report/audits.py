"""Entries of an audit log, as a controller would give them."""

from fleettrace.model.audit import AuditEntry


def audit_entries() -> list[tuple[int, AuditEntry]]:
    """Newest first: a gate's decision, a grant on many hosts, and what one without a team did."""
    hosts = tuple(f"api-{number}" for number in range(1, 13))
    at_ms = 1_767_320_000_000
    return [
        (
            9,
            AuditEntry(
                at_ms + 60_000,
                "",
                "sre",
                "job.wave",
                "k3f9q2",
                "abort",
                'grant "sre"',
                {"reason": "too costly"},
                hosts[:1],
            ),
        ),
        (
            8,
            AuditEntry(
                at_ms,
                "ann",
                "sre",
                "job.policy",
                "k3f9q2",
                "granted",
                'grant "sre"',
                {"reason": 'grant "sre" lets team sre run runqlat', "tool": "runqlat"},
                hosts,
            ),
        ),
        (3, AuditEntry(at_ms - 60_000, "kim", "", "token.created", "t1", "done")),
    ]
