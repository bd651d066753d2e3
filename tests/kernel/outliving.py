"""How long a probe outlives its deadline when the agent, its tracing child, or both are killed or frozen."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.kernel.agent_process import order_text
from tests.kernel.support import REPOSITORY, loaded, programs_of

__all__ = ["ACTIONS", "LOOK_S", "Trial", "attempt"]

ACTIONS = tuple((who, what) for who in ("agent", "child", "both") for what in (signal.SIGKILL, signal.SIGSTOP))
LOOK_S = 0.01
GIVEN_UP_S = 6.0
"""After the deadline: what is there by then is there for good."""


@dataclass(frozen=True)
class Trial:
    """One run that was interfered with: what was done, when after the attached probes, and how long they stayed.

    ``outlived_s`` counts from the deadline: below zero, they were gone before it.
    """

    who: str
    what: signal.Signals
    after_s: float
    outlived_s: float


def attempt(state: Path, rng: random.Random, duration_s: float, action: tuple[str, signal.Signals]) -> Trial:
    """Start a run on the real kernel, interfere at a random moment of its duration, and watch its programs go."""
    who, what = action
    agent = subprocess.Popen(
        [sys.executable, "-m", "tests.kernel.agent_process", str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert agent.stdin is not None
    assert agent.stdout is not None
    child = 0
    try:
        print(order_text("syscount", duration_ms=int(duration_s * 1000)), file=agent.stdin, flush=True)
        said = json.loads(agent.stdout.readline())
        attached_s, child = said["attached_s"], said["child"]
        programs = programs_of(child)
        assert programs, "the child holds no program"
        after_s = rng.uniform(0.0, duration_s * 0.95)
        time.sleep(max(0.0, attached_s + after_s - time.monotonic()))
        for target in [child] * (who != "agent") + [agent.pid] * (who != "child"):
            os.kill(target, what)
        deadline_s = attached_s + duration_s
        while loaded(programs) and time.monotonic() < deadline_s + GIVEN_UP_S:
            time.sleep(LOOK_S)
        return Trial(who, what, after_s, time.monotonic() - deadline_s)
    finally:
        for pid in [agent.pid] + [child] * bool(child):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        agent.wait()
        agent.stdin.close()
        agent.stdout.close()
