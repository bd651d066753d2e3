"""A job that needs a second person: it waits for a bounded time, and begins to queue once somebody else approves it."""

import unicodedata

from controller.scheduler.draft import Draft
from controller.scheduler.events import Approved, Disapproved, Withdrawn
from fleettrace.model.job import JobState
from fleettrace.model.names import duration_text

__all__ = ["give_up_approval", "same_operator", "settle_approval", "withdraw"]


def same_operator(one: str, other: str) -> bool:
    """Whether two names are of one person, however they were typed: width, case and blanks make nobody another."""
    return _name(one) == _name(other)


def _name(operator: str) -> str:
    return unicodedata.normalize("NFKC", operator).casefold().strip()


def settle_approval(draft: Draft, event: Approved | Disapproved) -> None:
    """What a second person says; whose own job it is says nothing."""
    late = draft.at_ms >= draft.spec.approve_by_ms
    if draft.state is not JobState.AWAITING or late or same_operator(event.operator, draft.spec.operator):
        return
    match event:
        case Approved(_, operator, rule):
            draft.decide("approval", "approved", f"approved by {operator}", rule, operator)
            draft.approved_by, draft.queued_at_ms = operator, draft.at_ms
            draft.move(JobState.QUEUED)
        case Disapproved(_, operator, rule, reason):
            told = f"{operator} did not approve it: {reason}"
            draft.decide("approval", "denied", told, rule, operator)
            draft.end(JobState.REFUSED, told)


def give_up_approval(draft: Draft) -> None:
    """End a job that nobody approved in time."""
    if draft.state is JobState.AWAITING and draft.at_ms >= draft.spec.approve_by_ms:
        waited = duration_text(draft.spec.approve_by_ms - draft.spec.created_at_ms)
        reason = f"nobody approved it within {waited}: ask again, and somebody who may approve it beforehand"
        draft.decide("approval", "expired", reason, draft.terms.rule)
        draft.end(JobState.REFUSED, reason)


def withdraw(draft: Draft, event: Withdrawn) -> None:
    """Stop what a changed policy no longer grants; parts are kept."""
    if draft.state is not JobState.STOPPING:
        reason = f"policy {event.policy_version} no longer grants it: {event.reason}"
        draft.decide("policy", "withdrawn", reason, event.rule, event.operator)
        draft.stop(JobState.CANCELLED, reason)
