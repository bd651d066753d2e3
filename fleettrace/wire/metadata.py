"""Trailing metadata of a call that was refused."""

__all__ = ["CODE_KEY", "RULE_KEY"]

CODE_KEY = "fleettrace-code"
"""The error's stable code (:mod:`fleettrace.errors`)."""

RULE_KEY = "fleettrace-rule"
"""The policy rule that refused."""
