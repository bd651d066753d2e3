"""A job that waits for a second person, and one that a changed policy no longer grants."""

from dataclasses import replace

import pytest

from controller.scheduler.approving import same_operator
from controller.scheduler.events import (
    Admitted,
    Approved,
    CancelAsked,
    Disapproved,
    RunProgressed,
    SendStart,
    SendStop,
    TimePassed,
    Withdrawn,
)
from controller.scheduler.machine import Transition, apply, begin, next_wake_ms
from controller.scheduler.restarting import interrupt
from fleettrace.model.job import JobState
from fleettrace.model.redaction import RedactAs, RedactedField, Redaction
from fleettrace.model.run import RunCost, RunKind, StartRun

from . import jobs
from .jobs import START_MS, opened, run_of, spec, terms

WAIT_MS = 60_000
GRANT = 'grant "leads".approves'


def waiting() -> Transition:
    return jobs.waiting({"a": "C"})


def state(transition: Transition) -> JobState:
    return transition.execution.job.state


def test_it_waits_and_starts_nothing() -> None:
    now = waiting()
    assert state(now) is JobState.AWAITING
    assert now.instructions == ()
    assert next_wake_ms(now.execution) == START_MS + WAIT_MS
    (decision,) = now.execution.job.decisions
    assert (decision.kind, decision.verdict) == ("policy", "awaiting approval")
    # Room on its hosts changes nothing.
    assert state(apply(now.execution, Admitted(START_MS, {}))) is JobState.AWAITING


def test_once_approved_it_queues_from_then_on_and_its_orders_say_by_whom() -> None:
    now = apply(waiting().execution, Approved(START_MS + 50_000, "bea", GRANT))
    assert state(now) is JobState.QUEUED
    job = now.execution.job
    assert (job.approved_by, job.decisions[-1].operator, job.decisions[-1].rule) == ("bea", "bea", GRANT)
    # The wait for room counts from the approval, and not from the request.
    assert next_wake_ms(now.execution) == START_MS + 50_000 + 600_000
    assert state(apply(now.execution, TimePassed(START_MS + 640_000))) is JobState.QUEUED
    begun = apply(now.execution, Admitted(START_MS + 51_000, {}))
    assert state(begun) is JobState.CHECKING
    assert [order.approved_by for order in orders(begun)] == ["bea"]


@pytest.mark.parametrize("same", ["o", "O", " o ", "\uff4f"])
def test_never_by_the_one_who_asked_however_the_name_is_typed(same: str) -> None:
    for event in (Approved(START_MS, same, GRANT), Disapproved(START_MS, same, GRANT, "no")):
        now = apply(waiting().execution, event)
        assert state(now) is JobState.AWAITING
        assert not now.durable
    assert same_operator(same, "o")
    assert not same_operator("o", "oo")


def test_denied_it_ends_as_refused_with_who_and_why() -> None:
    now = apply(waiting().execution, Disapproved(START_MS + 1, "bea", GRANT, "not at night"))
    job = now.execution.job
    assert (job.state, job.reason) == (JobState.REFUSED, "bea did not approve it: not at night")
    assert job.decisions[-1].verdict == "denied"


def test_nobody_in_time_ends_it_and_a_late_word_is_none() -> None:
    for event in (TimePassed(START_MS + WAIT_MS), Approved(START_MS + WAIT_MS, "bea", GRANT)):
        job = apply(waiting().execution, event).execution.job
        assert (job.state, job.decisions[-1].verdict) == (JobState.REFUSED, "expired")
        assert job.reason.startswith("nobody approved it within 60 s")
        assert not job.runs


def test_what_waits_can_be_cancelled_and_interrupted() -> None:
    assert state(apply(waiting().execution, CancelAsked(START_MS, "o"))) is JobState.CANCELLED
    job = interrupt(waiting().execution.job, START_MS)
    assert (job.state, "nothing was started" in job.reason) == (JobState.INTERRUPTED, True)


def test_approval_of_what_does_not_wait_changes_nothing() -> None:
    running = opened({"a": "C"})
    for event in (Approved(START_MS, "bea", GRANT), Disapproved(START_MS, "bea", GRANT, "no")):
        assert apply(running.execution, event).execution == running.execution


def test_a_changed_policy_stops_what_runs_and_keeps_its_parts() -> None:
    running = opened({"a": "C"})
    key = run_of(running, "a", RunKind.FREQUENCY_CHECK).key
    running = apply(running.execution, RunProgressed(START_MS, key, 10, RunCost()))
    now = apply(running.execution, Withdrawn(START_MS, "v2", "no grant", "no grant is for team t", "root"))
    reason = "policy v2 no longer grants it: no grant is for team t"
    assert now.instructions == (SendStop(key, reason),)
    job = now.execution.job
    assert (job.state, job.reason) == (JobState.STOPPING, reason)
    assert (job.decisions[-1].verdict, job.decisions[-1].rule) == ("withdrawn", "no grant")
    ended = apply(now.execution, TimePassed(START_MS + 10_000)).execution.job
    assert ended.state is JobState.CANCELLED


def test_a_changed_policy_ends_what_waits() -> None:
    now = apply(waiting().execution, Withdrawn(START_MS, "v2", "no grant", "no"))
    assert state(now) is JobState.CANCELLED


def test_orders_carry_what_is_to_be_hidden_and_why_the_glass_was_broken() -> None:
    redaction = Redaction(((RedactedField.PATHS, RedactAs.HASH),), b"k" * 32)
    asked = replace(spec(("a",)), break_glass="it burns", redact=redaction.rules)
    queued = begin(asked, terms(redaction=redaction), {"a": "C"}, {"C": "a"}, "granted")
    (order,) = orders(apply(queued.execution, Admitted(START_MS, {})))
    assert (order.redaction, order.break_glass) == (redaction, "it burns")
    assert "kkk" not in repr(order)


def orders(transition: Transition) -> list[StartRun]:
    return [one.order for one in transition.instructions if isinstance(one, SendStart)]
