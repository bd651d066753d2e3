"""What runs without being granted, or ends though it is."""

from dataclasses import replace
from typing import Any

import pytest

import controller.approvals
import controller.jobs.intake
import controller.jobs.live
import controller.jobs.submission
import controller.scheduler.approving
import controller.scheduler.phases
from controller.jobs.judgement import Judgement
from controller.jobs.returning import Returning
from controller.scheduler.draft import Draft
from controller.scheduler.machine import begin

__all__ = [
    "dry_runs_trace",
    "hosts_are_not_waited_for",
    "nobody_is_asked_to_approve",
    "own_word_counts",
    "policy_changes_leave_jobs_alone",
    "restart_ends_what_waits",
]

Patch = pytest.MonkeyPatch


def own_word_counts(patch: Patch) -> None:
    for module in (controller.approvals, controller.scheduler.approving):
        patch.setattr(module, "same_operator", lambda one, other: one == other)


def nobody_is_asked_to_approve(patch: Patch) -> None:
    def at_once(spec: Any, *args: Any, **options: Any) -> Any:
        return begin(replace(spec, approve_by_ms=0), *args, **options)

    patch.setattr(controller.jobs.submission, "begin", at_once)


def policy_changes_leave_jobs_alone(patch: Patch) -> None:
    patch.setattr(Judgement, "no_longer_granted", lambda *_: None)


def dry_runs_trace(patch: Patch) -> None:
    advance = controller.scheduler.phases._advance_checking

    def real(draft: Draft) -> None:
        spec = draft.spec
        draft.spec = replace(spec, dry_run=False)
        advance(draft)
        draft.spec = replace(draft.spec, dry_run=spec.dry_run)

    patch.setattr(controller.scheduler.phases, "_advance_checking", real)


def hosts_are_not_waited_for(patch: Patch) -> None:
    patch.setattr(Returning, "awaited", lambda *_: "")


def restart_ends_what_waits(patch: Patch) -> None:
    for module in (controller.jobs.intake, controller.jobs.live):
        patch.setattr(module, "WAITING", frozenset())
