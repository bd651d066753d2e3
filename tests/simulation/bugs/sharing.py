"""Hosts that take more than they bear, queues that are passed or stand still, waves that fall apart, leftovers."""

from dataclasses import replace
from typing import Any

import pytest

import controller.jobs.admitting
import controller.jobs.submission
import controller.scheduler.ledger
from controller.jobs.admitting import Admitting
from controller.scheduler.ledger import Claim
from controller.scheduler.queueing import claim_of
from node_agent.controller_clock import ControllerClock
from node_agent.leftovers import Leftovers
from node_agent.runner import Runner
from node_agent.session import CommonStart

__all__ = [
    "dirty_hosts_run",
    "every_job_has_room",
    "half_of_the_trip_is_forgotten",
    "incidents_end_incidents",
    "jobs_pass_in_the_queue",
    "measured_jobs_cost_nothing",
    "nobody_looks_at_the_queue",
    "other_questions_share_a_job",
    "waves_do_not_wait",
]

Patch = pytest.MonkeyPatch


def every_job_has_room(patch: Patch) -> None:
    plan = controller.scheduler.ledger.plan_admission
    patch.setattr(
        controller.jobs.admitting, "plan_admission", lambda held, waiting, room_of: plan([], waiting, room_of)
    )


def measured_jobs_cost_nothing(patch: Patch) -> None:
    patch.setattr(controller.jobs.admitting, "claim_of", lambda execution: replace(claim_of(execution), cpu_pct={}))


def jobs_pass_in_the_queue(patch: Patch) -> None:
    # The youngest first, whatever its priority.
    patch.setattr(Claim, "order", property(lambda claim: (0, -claim.asked_at_ms, claim.job_id)))


def incidents_end_incidents(patch: Patch) -> None:
    def any_of_them(claim: Claim, staying: list[Claim], room_of: Any) -> list[str]:
        return [one.job_id for one in staying if set(one.cpu_pct) & set(claim.cpu_pct)]

    patch.setattr(controller.scheduler.ledger, "_victims", any_of_them)


def nobody_looks_at_the_queue(patch: Patch) -> None:
    patch.setattr(Admitting, "look", lambda _: None)


def other_questions_share_a_job(patch: Patch) -> None:
    patch.setattr(controller.jobs.submission, "_question", lambda spec: spec.tool)


def waves_do_not_wait(patch: Patch) -> None:
    def at_once(self: Runner, _: Any) -> CommonStart:
        return CommonStart(0.0, self.clock.offset_ms, self.clock.uncertainty_ms)

    patch.setattr(Runner, "_common_start", at_once)


def half_of_the_trip_is_forgotten(patch: Patch) -> None:
    def late(self: ControllerClock, sent_s: float, answered_at_ms: int, now_s: float) -> None:
        self._samples.append(((now_s - sent_s) * 1000, answered_at_ms - now_s * 1000))

    patch.setattr(ControllerClock, "heard", late)


def dirty_hosts_run(patch: Patch) -> None:
    patch.setattr(Leftovers, "check_clean", lambda *_: None)
