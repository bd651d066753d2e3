"""Trials: in a process of their own, whatever becomes of it."""

import os
import signal
import time

from fleettrace.errors import AttachFailed, Unfit
from fleettrace.model.inspection import ToolTrial, TrialOutcome
from node_agent.inspection.trials import in_child


def perform(action: object) -> ToolTrial:
    def act() -> ToolTrial:
        if isinstance(action, Exception):
            raise action
        assert callable(action)
        action()
        return ToolTrial("x", TrialOutcome.WORKS, f"as {os.getpid() != parent}")

    parent = os.getpid()
    return in_child("x", act, limit_s=0.2)


def test_a_trial_that_works_comes_back_from_another_process() -> None:
    assert perform(lambda: None) == ToolTrial("x", TrialOutcome.WORKS, "as True")


def test_a_trial_that_is_refused_says_why() -> None:
    assert perform(Unfit("no BTF")) == ToolTrial("x", TrialOutcome.FAILS, reason="no BTF")
    missing = perform(AttachFailed("this kernel has no tracepoint y"))
    assert (missing.outcome, "nothing on this kernel" in missing.mend) == (TrialOutcome.FAILS, True)
    assert "ZeroDivisionError" in perform(ZeroDivisionError("x")).reason


def test_a_trial_that_hangs_or_dies_is_over_and_says_so() -> None:
    assert perform(lambda: time.sleep(60)).reason == "it was not attached within 0.2 s"
    assert "no verdict" in perform(lambda: os.kill(os.getpid(), signal.SIGTERM)).reason
    assert "no verdict" in perform(lambda: os._exit(3)).reason
