"""JSON documents. docs/json.md describes every field.

A ``schema`` changes when a field goes away or changes its meaning; new fields may come without. Times are ISO 8601 in
UTC, durations seconds; what is not known is null.
"""

from controller.report.json.approval import approval_document
from controller.report.json.audit import audit_document, audit_head_document, audit_verified_document
from controller.report.json.comparison import changes_document, comparison_document
from controller.report.json.inspection import doctors_document, probes_document
from controller.report.json.job import job_document
from controller.report.json.lists import (
    hosts_document,
    imported_document,
    jobs_document,
    shares_document,
    submitted_document,
    tools_document,
)
from controller.report.json.outlier import outlier_document
from controller.report.json.policy import (
    policy_answer_document,
    policy_check_document,
    policy_difference_document,
    policy_reloaded_document,
)

__all__ = [
    "approval_document",
    "audit_document",
    "audit_head_document",
    "audit_verified_document",
    "changes_document",
    "comparison_document",
    "doctors_document",
    "hosts_document",
    "imported_document",
    "job_document",
    "jobs_document",
    "outlier_document",
    "policy_answer_document",
    "policy_check_document",
    "policy_difference_document",
    "policy_reloaded_document",
    "probes_document",
    "shares_document",
    "submitted_document",
    "tools_document",
]
