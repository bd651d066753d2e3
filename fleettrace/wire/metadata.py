"""Metadata of calls: what proves who calls, and trailing, why a call was refused."""

__all__ = ["AUTHORIZATION_KEY", "BEARER", "CODE_KEY", "JOIN", "LATE", "RULE_KEY"]

CODE_KEY = "fleettrace-code"
"""The error's stable code (:mod:`fleettrace.errors`)."""

RULE_KEY = "fleettrace-rule"
"""The policy rule that refused."""

AUTHORIZATION_KEY = "authorization"
"""As in HTTP (RFC 9110): a scheme, a space, and the credential."""

BEARER = "Bearer"
"""The scheme of an operator: a personal token, or an ID token (RFC 6750)."""

JOIN = "Join"
"""The scheme of a host that enrols: its join token's number, a dot, and its secret in hex."""

LATE = "Late"
"""The scheme of a host whose certificate is over: that certificate, DER in base64."""
