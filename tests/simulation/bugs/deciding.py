"""Gates and waves that let too much through."""

from dataclasses import replace
from typing import Any

import pytest

import controller.jobs.coordinator
import controller.jobs.results
import controller.rpc.agent_link
import controller.scheduler.checking
import controller.scheduler.gate
import controller.scheduler.machine
import controller.scheduler.phases
from controller.scheduler.draft import Draft
from fleettrace.model.job import RunState, Verdict
from fleettrace.model.run import RunKind

__all__ = [
    "all_waves_start_at_once",
    "canary_over_budget_passes",
    "decisions_are_dropped",
    "every_wave_passes",
    "silence_passes",
    "trials_are_skipped",
    "trials_that_failed_pass",
    "waves_do_not_settle",
]

Patch = pytest.MonkeyPatch


def canary_over_budget_passes(patch: Patch) -> None:
    judge = controller.scheduler.gate.judge_canary

    def lax(*args: Any, **options: Any) -> Any:
        judged = judge(*args, **options)
        return replace(judged, verdict=Verdict.PROMOTE) if judged.verdict is Verdict.ABORT else judged

    patch.setattr(controller.scheduler.checking, "judge_canary", lax)


def silence_passes(patch: Patch) -> None:
    judge = controller.scheduler.gate.judge_canary

    def lax(*args: Any, **options: Any) -> Any:
        judged = judge(*args, **options)
        return replace(judged, verdict=Verdict.PROMOTE) if judged.verdict is Verdict.HOLD else judged

    patch.setattr(controller.scheduler.checking, "judge_canary", lax)


def trials_are_skipped(patch: Patch) -> None:
    patch.setattr(controller.scheduler.checking, "_start_trials", lambda *_: False)


def trials_that_failed_pass(patch: Patch) -> None:
    judged = controller.scheduler.checking._judged

    def lax(draft: Draft, check: Any) -> Any:
        runs = dict(draft.runs)
        draft.runs = {
            key: replace(run, state=RunState.COMPLETE) if run.kind is RunKind.TRIAL and run.state.ended else run
            for key, run in runs.items()
        }
        try:
            return judged(draft, check)
        finally:
            draft.runs = runs

    patch.setattr(controller.scheduler.checking, "_judged", lax)


def every_wave_passes(patch: Patch) -> None:
    patch.setattr(controller.scheduler.phases, "judge_wave", lambda *_, **__: (Verdict.PROMOTE, "looks fine"))


def waves_do_not_settle(patch: Patch) -> None:
    patch.setattr(controller.scheduler.phases, "_settled", lambda *_, **__: True)


def all_waves_start_at_once(patch: Patch) -> None:
    start = controller.scheduler.phases._start_wave

    def start_all(draft: Draft, index: int) -> None:
        for later in range(index, len(draft.waves)):
            start(draft, later)

    patch.setattr(controller.scheduler.phases, "_start_wave", start_all)


def decisions_are_dropped(patch: Patch) -> None:
    decide = Draft.decide

    def quiet(self: Draft, kind: str, *rest: Any, **options: Any) -> None:
        if kind != "wave":
            decide(self, kind, *rest, **options)

    patch.setattr(Draft, "decide", quiet)
