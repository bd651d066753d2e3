"""Random draws that the standard library lacks, from a seeded generator."""

import math
from collections.abc import Hashable, Mapping
from random import Random
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)

SMALL_MEAN = 12


def binomial(random: Random, n: int, p: float) -> int:
    """Exact: by counting gaps when the mean is small, else Hormann's BTRS (1993)."""
    if p > 0.5:
        return n - binomial(random, n, 1 - p)
    if n <= 0 or p <= 0:
        return 0
    if n * p < SMALL_MEAN:
        count, trials, log_q = 0, 0.0, math.log1p(-p)
        while True:
            trials += math.floor(math.log(1.0 - random.random()) / log_q) + 1
            if trials > n:
                return count
            count += 1
    spread = math.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    centre = n * p + 0.5
    v_r = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * spread
    log_odds = math.log(p / (1 - p))
    mode = math.floor((n + 1) * p)
    height = math.lgamma(mode + 1) + math.lgamma(n - mode + 1)
    while True:
        u, v = random.random() - 0.5, random.random()
        us = 0.5 - abs(u)
        if us <= 0:
            continue
        k = math.floor((2 * a / us + b) * u + centre)
        if k < 0 or k > n:
            continue
        if us >= 0.07 and v <= v_r:
            return k
        v = math.log(max(v, 1e-300) * alpha / (a / (us * us) + b))
        if v <= height - math.lgamma(k + 1) - math.lgamma(n - k + 1) + (k - mode) * log_odds:
            return k


def multinomial(random: Random, n: int, shares: Mapping[Item, float]) -> dict[Item, int]:
    """So many independent events; only the items that got some."""
    counts: dict[Item, int] = {}
    left, mass = n, sum(shares.values())
    for item, share in sorted(shares.items(), key=lambda pair: -pair[1]):
        if left <= 0 or mass <= 0:
            break
        drawn = binomial(random, left, min(1.0, share / mass))
        if drawn:
            counts[item] = drawn
        left -= drawn
        mass -= share
    return counts


def log_uniform(random: Random, low: float, high: float) -> float:
    """Evenly over octaves."""
    return math.exp(random.uniform(math.log(low), math.log(high)))


def scattered(random: Random, shares: Mapping[Item, float], sigma: float) -> dict[Item, float]:
    """Each share times a log-normal factor of its own; they add up to 1 again."""
    drawn = {item: share * math.exp(random.gauss(0, sigma)) for item, share in shares.items()}
    total = sum(drawn.values())
    return {item: share / total for item, share in drawn.items()}
