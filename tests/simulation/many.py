"""Many scenarios, a chunk to a process."""

import gc
import logging
from collections import Counter

from tests.simulation.scenario import run_scenario

__all__ = ["CHUNK", "run_chunk"]

CHUNK = 20
"""Scenarios that one process runs in a row."""


def run_chunk(first: int) -> tuple[Counter[str], set[str], str]:
    """States and faults of some scenarios, and the story of the first that broke; in a process of its own."""
    logging.getLogger("controller").setLevel(logging.CRITICAL)
    # What was imported is never garbage, and what a scenario leaves is, once it is over.
    gc.freeze()
    gc.disable()
    states: Counter[str] = Counter()
    faults: set[str] = set()
    for seed in range(first, first + CHUNK):
        outcome = run_scenario(seed)
        if outcome.violations:
            return states, faults, f"python -m tests.simulation --count 1 --seed {seed}\n{outcome.story}"
        states.update(outcome.states)
        faults |= outcome.faults
        gc.collect()
    return states, faults, ""
