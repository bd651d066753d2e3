"""Step 5: who may come in: tokens to join with, enrolled hosts, operators' tokens."""

from sqlite_utils import Database

__all__ = ["apply"]


def apply(db: Database, /) -> None:
    """Make the three tables."""
    db.create_table(
        "join_tokens",
        {
            "token_id": str,
            "secret_sha256": bytes,
            "host": str,
            "labels": str,
            "created_by": str,
            "created_at_ms": int,
            "expires_at_ms": int,
            "used_at_ms": int,
            "used_by": str,
            "revoked_at_ms": int,
        },
        pk="token_id",
        not_null={
            *("secret_sha256", "host", "labels", "created_by", "created_at_ms", "expires_at_ms"),
            *("used_at_ms", "used_by", "revoked_at_ms"),
        },
        strict=True,
    )
    db.create_table(
        "enrolments",
        {
            "host": str,
            "enrolment_id": str,
            "labels": str,
            "token_id": str,
            "enrolled_at_ms": int,
            "revoked_at_ms": int,
            "revoked_reason": str,
        },
        pk="host",
        not_null={"enrolment_id", "labels", "token_id", "enrolled_at_ms", "revoked_at_ms", "revoked_reason"},
        strict=True,
    )
    db.create_table(
        "operator_tokens",
        {
            "token_id": str,
            "secret_sha256": bytes,
            "operator": str,
            "teams": str,
            "scopes": str,
            "created_by": str,
            "created_at_ms": int,
            "expires_at_ms": int,
            "revoked_at_ms": int,
        },
        pk="token_id",
        not_null={
            *("secret_sha256", "operator", "teams", "scopes", "created_by", "created_at_ms", "expires_at_ms"),
            "revoked_at_ms",
        },
        strict=True,
    )
