"""``python -m tests.bench.outliers.humps``: how often a histogram is told to have as many humps as it was drawn with.

The drawn number is of curves and not of visible humps: some of the second curves are too small or too near to be seen.
"""

from collections import Counter
from random import Random

from controller.analysis.modes import find_modes
from tests.bench.outliers.draws import multinomial
from tests.bench.outliers.fleet import of_buckets
from tests.bench.outliers.synthetic import shares_of, workload

EVENTS = (300, 3_000, 30_000, 1_000_000)
DRAWN = 60
SEED = 4


def main() -> None:
    """Print the table."""
    print("| drawn | values | told one | told two | told more |\n|---|---|---|---|---|")
    single: list[Counter[int]] = []
    pairs: list[Counter[int]] = []
    for family, curves in (("log-normal", 1), ("heavy tail", 1), ("bimodal", 2)):
        for events in EVENTS:
            told: Counter[int] = Counter()
            for turn in range(DRAWN):
                random = Random(f"{SEED} {family} {events} {turn}")
                shares = shares_of(workload(random, family)[:curves])
                (histogram,) = of_buckets("h", multinomial(random, events, shares)).part.snapshot.histograms
                told[min(len(find_modes(histogram)), 3)] += 1
            (single if curves == 1 else pairs).append(told)
            print(f"| {family} | {events:,} | {told[1]} | {told[2]} | {told[3]} |")
    false, seen = sum(own[2] + own[3] for own in single), sum(own[2] + own[3] for own in pairs)
    print(f"\nof one hump, told more: {100 * false / (DRAWN * len(single)):.1f}%")
    print(f"of two curves, told two or more: {100 * seen / (DRAWN * len(pairs)):.1f}%")


if __name__ == "__main__":
    main()
