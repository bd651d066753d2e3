"""What should end and goes on."""

from dataclasses import replace
from typing import Any

import pytest

import controller.jobs.coordinator
import controller.jobs.results
import controller.rpc.agent_link
import controller.scheduler.machine
import controller.scheduler.phases
import node_agent.child.breaker
import node_agent.guard
import node_agent.link
import node_agent.outbox
import node_agent.runner
import node_agent.session
from controller.jobs.live import LiveJobs
from controller.scheduler.draft import Draft
from fleettrace.model.job import RunState
from node_agent.live_run import LiveRun
from node_agent.runner import Runner
from node_agent.session import KillChild

__all__ = [
    "agent_stretches_the_duration",
    "breaker_never_opens",
    "cancel_needs_the_disk",
    "cancel_only_marks",
    "closing_stops_nothing",
    "greeted_runs_go_on",
    "lease_never_ends",
    "lost_runs_go_on",
    "stubborn_children_live",
]

Patch = pytest.MonkeyPatch


def cancel_only_marks(patch: Patch) -> None:
    stop = Draft.stop

    def mute(self: Draft, ending: Any, reason: str) -> None:
        before = len(self.instructions)
        stop(self, ending, reason)
        del self.instructions[before:]

    patch.setattr(Draft, "stop", mute)
    _tell_nobody_ahead(patch)


def cancel_needs_the_disk(patch: Patch) -> None:
    patch.setattr(LiveJobs, "_stop_in_doubt", lambda *_: None)
    _tell_nobody_ahead(patch)


def _tell_nobody_ahead(patch: Patch) -> None:
    """A cancel is told once it is written down, and not before."""
    tell = LiveJobs.tell_to_stop

    def patient(self: LiveJobs, job_ids: Any, reason: str) -> None:
        if not reason.startswith("cancelled"):
            tell(self, job_ids, reason)

    patch.setattr(LiveJobs, "tell_to_stop", patient)


def lost_runs_go_on(patch: Patch) -> None:
    def silent(draft: Draft) -> None:
        for run in draft.live_runs():
            if draft.at_ms >= run.deadline_ms:
                draft.put(replace(run, state=RunState.LOST, reason="no part came in time"))

    patch.setattr(controller.scheduler.machine, "_expire", silent)


def greeted_runs_go_on(patch: Patch) -> None:
    perform = LiveJobs.perform

    def deaf(self: LiveJobs, instruction: Any) -> None:
        if getattr(instruction, "reason", "") != "its job has ended":
            perform(self, instruction)

    patch.setattr(LiveJobs, "perform", deaf)


def closing_stops_nothing(patch: Patch) -> None:
    perform = LiveJobs.perform

    def deaf(self: LiveJobs, instruction: Any) -> None:
        if getattr(instruction, "reason", "") != "the controller is stopping":
            perform(self, instruction)

    patch.setattr(LiveJobs, "perform", deaf)


def lease_never_ends(patch: Patch) -> None:
    patch.setattr(node_agent.link, "LEASE_MS", 10**9)


def stubborn_children_live(patch: Patch) -> None:
    perform = LiveRun._perform

    def gentle(self: Any, instruction: Any) -> None:
        if not isinstance(instruction, KillChild):
            perform(self, instruction)

    def reluctant(self: Any, number: Any) -> None:
        if self._process is not None and number != 9:
            self._process.signal(number)

    patch.setattr(LiveRun, "_perform", gentle)
    patch.setattr(LiveRun, "_signal", reluctant)


def breaker_never_opens(patch: Patch) -> None:
    patch.setattr(node_agent.child.breaker.Breaker, "judge", lambda *_: "")


def agent_stretches_the_duration(patch: Patch) -> None:
    plan = Runner._plan

    def long(self: Runner, order: Any, limits: Any, way: Any) -> Any:
        planned = plan(self, order, limits, way)
        return replace(planned, duration_ms=planned.duration_ms + 1_500)

    patch.setattr(Runner, "_plan", long)
