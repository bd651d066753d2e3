"""What policies answer, as JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from controller.report.json.fields import Document, redact_fields
from fleettrace.model.policy import PolicyAnswer, PolicyCheck, PolicyDifference

__all__ = [
    "policy_answer_document",
    "policy_check_document",
    "policy_difference_document",
    "policy_reloaded_document",
]


def policy_check_document(checked: PolicyCheck) -> Document:
    """``fleettrace.policy-check/1``: a file and its tests."""
    return {
        "schema": "fleettrace.policy-check/1",
        "file": checked.origin,
        "version": checked.version,
        "grants": checked.grants,
        "passed": checked.passed,
        "tests": [asdict(case) for case in checked.cases],
    }


def policy_answer_document(answer: PolicyAnswer) -> Document:
    """``fleettrace.policy-answer/1``: a decision and why."""
    allowed = None
    if answer.verdict != "denied":
        allowed = {
            "duration_s": answer.duration_ms / 1000,
            "max_cpu_pct": answer.max_cpu_pct,
            "max_events_per_s": answer.max_events_per_s,
            "capabilities": list(answer.capabilities),
            "approval_wait_s": answer.approval_wait_ms / 1000 or None,
            "redact": redact_fields(answer.redact),
        }
    return {
        "schema": "fleettrace.policy-answer/1",
        "verdict": answer.verdict,
        "rule": answer.rule,
        "reason": answer.reason,
        "contact": answer.contact,
        "policy": {"origin": answer.origin, "version": answer.version},
        "hosts": answer.hosts,
        "grants": [asdict(one) for one in answer.grants],
        "allowed": allowed,
    }


def policy_difference_document(found: PolicyDifference) -> Document:
    """``fleettrace.policy-diff/1``: decisions that change."""
    changes = [{**asdict(change), "what": list(change.what), "hosts": list(change.hosts)} for change in found.changes]
    return {
        "schema": "fleettrace.policy-diff/1",
        "old": found.old,
        "new": found.new,
        "asked": found.asked,
        "left_out": found.left_out,
        "changes": changes,
    }


def policy_reloaded_document(origin: str, version: str, before: str, stopped: Sequence[str]) -> Document:
    """``fleettrace.policy-reloaded/1``: what holds now."""
    return {
        "schema": "fleettrace.policy-reloaded/1",
        "policy": {"origin": origin, "version": version},
        "before": before,
        "stopped": list(stopped),
    }
