"""How long probes outlive their deadline, over many runs that are killed or frozen at random.

    python -m tests.bench.deadlines [--count 60] [--seed 0] [--duration 1.0] [--state DIRECTORY]

Each run is performed by the agent's own runner with a real child and real probes; at a random moment of its duration
the agent, the child, or both get SIGKILL or SIGSTOP. Needs root. Ends with 1 when a probe outlived its deadline by two
seconds.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from node_agent.backends.bcc.prepare import prepare
from tests.kernel.outliving import ACTIONS, LOOK_S, Trial, attempt

GOAL_P999_S = 0.5
MAX_S = 2.0


def percentile(values: list[float], share: float) -> float:
    """The value that this share of all does not exceed; of few values the largest."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def row(table: Table, name: str, trials: list[Trial]) -> None:
    """One line: what was done, and how long probes stayed beyond their deadline."""
    late = [max(trial.outlived_s, 0.0) for trial in trials]
    before = sum(trial.outlived_s <= 0 for trial in trials)
    numbers = (statistics.median(late), percentile(late, 0.99), percentile(late, 0.999), max(late))
    table.add_row(name, str(len(trials)), str(before), *(f"{value * 1000:.0f}" for value in numbers))


def main() -> int:
    """Run the trials and print the distribution."""
    parser = argparse.ArgumentParser(description="How long probes outlive their deadline, on the real kernel.")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--duration", type=float, default=1.0, help="seconds of each run")
    parser.add_argument("--state", type=Path, default=None, help="where compiled programs are kept")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as made:
        state = options.state or Path(made)
        prepare(state)
        trials = [
            attempt(state, rng, options.duration, ACTIONS[number % len(ACTIONS)]) for number in range(options.count)
        ]
    table = Table(title=f"ms beyond the deadline (looked every {LOOK_S * 1000:.0f}), load {os.getloadavg()[0]:.1f}")
    for column in ("what", "trials", "gone before it", "median", "p99", "p99.9", "largest"):
        table.add_column(column)
    for who, what in ACTIONS:
        if chosen := [trial for trial in trials if (trial.who, trial.what) == (who, what)]:
            row(table, f"{what.name} {who}", chosen)
    row(table, "all", trials)
    late = [max(trial.outlived_s, 0.0) for trial in trials]
    goal = f"goal: p99.9 {GOAL_P999_S:g} s, here {percentile(late, 0.999):.2f} s"
    table.caption = f"{goal}; at most {MAX_S:g} s, here {max(late):.2f} s"
    Console(width=120).print(table)
    return 1 if max(late) > MAX_S else 0


if __name__ == "__main__":
    sys.exit(main())
