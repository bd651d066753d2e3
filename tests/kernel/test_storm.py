"""A host that gets far busier than its canary was ends its run by itself."""

import os
import random
from pathlib import Path
from statistics import median

import pytest

from tests.bench.breaker import GOAL_S, ONE_LINER, attempt
from tests.kernel.bpftrace.support import require_bpftrace
from tests.kernel.support import temporary_cgroup

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

STORMS = 3
LATEST_S = 2.0
"""How many of a hundred storms are cut off in time is told by tests/bench/breaker.py; here the machine may be busy."""


@pytest.mark.parametrize(("tool", "program"), [("syscount", ""), ("one-liner", ONE_LINER)], ids=["tool", "one-liner"])
def test_a_storm_a_hundred_times_the_ceiling_is_cut_off(state: Path, tool: str, program: str) -> None:
    if program:
        require_bpftrace()
    chance = random.Random(7)
    with temporary_cgroup(f"fleettrace-storm-{os.getpid()}") as scope:
        took_s = [attempt(state, chance, scope.path, tool, program) for _ in range(STORMS)]
    assert median(took_s) <= GOAL_S
    assert max(took_s) <= LATEST_S
