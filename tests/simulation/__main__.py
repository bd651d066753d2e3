"""``python -m tests.simulation --count N --seed S``: scenarios from seed S on; stops at the first that fails."""

import argparse
import logging
import sys
import time
from collections import Counter

from tests.simulation.scenario import run_scenario


def main() -> int:
    """0 when everything held in every scenario."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000, metavar="N", help="scenarios to run (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first seed (default: 0)")
    parser.add_argument("--story", action="store_true", help="print the story of each scenario")
    parser.add_argument("--story-only", action="store_true", help="print nothing but the stories")
    parser.add_argument("--keep-going", action="store_true", help="count failures instead of stopping at the first")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    started_s = time.perf_counter()
    steps, virtual_s, failures = 0, 0.0, 0
    faults: Counter[str] = Counter()
    states: Counter[str] = Counter()
    broken: dict[str, list[int]] = {}
    for seed in range(options.seed, options.seed + options.count):
        outcome = run_scenario(seed)
        steps, virtual_s = steps + outcome.steps, virtual_s + outcome.virtual_s
        faults.update(outcome.faults)
        states.update(outcome.states)
        if options.story or options.story_only or (outcome.violations and not options.keep_going):
            print(f"seed {seed}\n{outcome.story}")
        if outcome.violations:
            failures += 1
            for violation in outcome.violations:
                broken.setdefault(violation.split(":")[0], []).append(seed)
            if not options.keep_going:
                print(f"\nseed {seed} breaks: {'; '.join(outcome.violations)}")
                break
    if options.story_only:
        return 1 if failures else 0
    took_s = time.perf_counter() - started_s
    done = seed - options.seed + 1
    print(
        f"{done} scenarios in {took_s:.1f} s ({done / took_s:.1f}/s): {steps:,} steps ({steps / took_s:,.0f}/s), "
        f"{virtual_s / 3600:.1f} h of virtual time, {failures} failed"
    )
    print("jobs: ", ", ".join(f"{state} {count}" for state, count in states.most_common()))
    print("faults:", ", ".join(f"{name} {count}" for name, count in faults.most_common()))
    for name, seeds in sorted(broken.items()):
        print(f"broken: {name}: {len(seeds)} scenarios, first {seeds[:5]}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
