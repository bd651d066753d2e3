"""What one of two configurations costs more, from many short windows of the two in turns.

A machine that others use drifts by more than a probe costs; from one window to the next it hardly does. So each window
with is compared with the window without beside it, and the differences are summed up by what outliers do not move.
"""

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

__all__ = ["Estimate", "hodges_lehmann", "interleaved"]

Z_95 = statistics.NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The typical difference, and the bounds of its 95% confidence interval, in the unit of what was measured."""

    value: float
    low: float
    high: float
    pairs: int

    def within(self, share: float) -> bool:
        """Whether the interval reaches no further than this share of the value to either side, on average."""
        return self.value > 0 and self.high - self.low <= 2 * share * self.value


def hodges_lehmann(differences: Sequence[float]) -> Estimate:
    """The median of the means of all pairs, and the interval that the signed-rank test does not reject.

    Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd edition, 3.2 and 3.3, by its large-sample
    approximation. Differences of two windows in random order are symmetrical, which is what it rests on.
    """
    n = len(differences)
    means = sorted((a + b) / 2 for a, b in combinations_with_replacement(differences, 2))
    outside = int(n * (n + 1) / 4 - Z_95 * math.sqrt(n * (n + 1) * (2 * n + 1) / 24))
    outside = max(outside, 0)
    return Estimate(statistics.median(means), means[outside], means[-1 - outside], n)


def interleaved(
    without: Callable[[], float],
    with_it: Callable[[], float],
    rng: random.Random,
    enough: Callable[[Estimate, float], bool],
) -> Estimate:
    """Measure pairs of windows, either first by the toss of a coin, until the estimate is good enough.

    Args:
        without, with_it: take one window each.
        rng: tosses.
        enough: asked after every few pairs, with the estimate and the median of the windows without.
    """
    base: list[float] = []
    differences: list[float] = []
    while True:
        for _ in range(PAIRS_AT_ONCE):
            if rng.random() < 0.5:
                off = without()
                on = with_it()
            else:
                on = with_it()
                off = without()
            base.append(off)
            differences.append(on - off)
        estimate = hodges_lehmann(differences)
        if enough(estimate, statistics.median(base)):
            return estimate


PAIRS_AT_ONCE = 10
