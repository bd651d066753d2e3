"""Scenarios by the thousand: what must always hold does, and a seed tells the same story every time."""

import logging
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.simulation.faults import FAULTS
from tests.simulation.many import CHUNK, run_chunk
from tests.simulation.scenario import run_scenario

SCENARIOS = 3_000
ENOUGH_S = 105.0
"""On a busy machine, fewer scenarios are run than that: never fewer than a tenth."""

QUIET_ENDS = {"done", "checked", "held", "aborted", "cancelled", "failed", "refused"}
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def silent_log() -> None:
    logging.getLogger("controller").setLevel(logging.CRITICAL)


@pytest.mark.timeout(400)
def test_what_must_always_hold_does() -> None:
    started_s = time.monotonic()
    states: Counter[str] = Counter()
    faults: set[str] = set()
    # Processes that are started anew: a fork would take this one's threads for its own.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        chunks = [processes.submit(run_chunk, first) for first in range(0, SCENARIOS, CHUNK)]
        for number, chunk in enumerate(chunks):
            ended, met, broken = chunk.result()
            assert not broken, broken
            states += ended
            faults |= met
            if number * CHUNK >= SCENARIOS // 10 and time.monotonic() - started_s > ENOUGH_S:
                processes.shutdown(cancel_futures=True)
                break
    # The scenarios are worth something: jobs end in every way, most of them with an answer, and every fault is met.
    ways = {"done", "checked", "held", "aborted", "cancelled", "failed", "interrupted", "preempted", "refused"}
    assert ways <= set(states)
    assert states["done"] > sum(states.values()) / 4
    assert faults == {name for name, _ in FAULTS}


def test_a_quiet_world_always_answers() -> None:
    quiet = [outcome for outcome in map(run_scenario, range(60)) if not outcome.faults]
    assert quiet
    assert all(state in QUIET_ENDS for one in quiet for state in one.states)


@pytest.mark.parametrize("seed", [3, 5])
def test_a_seed_tells_the_same_story_to_the_byte(seed: int) -> None:
    # GIVEN processes that order their sets differently
    def story(hash_seed: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--count", "1", "--seed", str(seed), "--story-only"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout

    # THEN they tell the same
    first = story("1")
    assert len(first.splitlines()) > 20
    assert story("2") == first
