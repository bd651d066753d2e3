"""How many humps a histogram has.

Two humps are told when there is a valley between them that chance does not explain (the valley test), and when no
distribution with a single hump fits nearly as well (the likelihood-ratio test). The dip test on bucket indexes takes
the steps between buckets for dips, and information criteria on normal mixtures take every skew for a second hump.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import NormalDist

from controller.analysis.chance import uniforms
from fleettrace.snapshot import LOG2, Histogram
from fleettrace.snapshot.histogram import fold

__all__ = ["Mode", "find_modes"]

APART_OCTAVES = 2
"""Peaks are at least so far apart."""
VALLEY_Z = 3.0
"""The lower peak stands above the valley by more standard deviations of their counts' sum than this."""
VALLEY_DEPTH = 0.9
"""The valley has at most so much of the lower peak."""
MINOR_SHARE = 0.005
"""Each side of the valley has at least so much of all values."""
MAX_MODES = 8

BOOTSTRAPS = 200
CERTAIN_RATIO = 36.0
"""Where a quarter of the samples does not come near so much, the others will not either."""
SIGNIFICANCE = 0.01
"""Of the likelihood-ratio test: so many of the fits' own samples may look as bimodal as the data."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A hump, by bucket indexes of the scheme ``log2``, both inclusive: its peak and its range, the part of all values
    in it (0..1), and how many octaves lie between its peak and the next one's (0 for the last).
    """

    peak: int
    first: int
    last: int
    weight: float
    gap_octaves: int


def find_modes(histogram: Histogram) -> tuple[Mode, ...]:
    """The humps from low to high; none of an empty histogram.

    Finer buckets are folded to octaves first. The answer depends on nothing but the counts: the bootstrap's chance is
    drawn from them.
    """
    if not histogram.counts:
        return ()
    octaves = fold(histogram, LOG2).counts
    start = octaves[0][0]
    counts = [0] * (octaves[-1][0] - start + 1)
    for index, count in octaves:
        counts[index - start] = count
    cuts = _valleys(counts)
    cuts = [cut for cut in cuts if _confirmed(counts, cut, cuts)]
    edges = [0, *(cut + 1 for cut in cuts), len(counts)]
    spans = list(pairwise(edges))
    peaks = [max(range(low, high), key=lambda place: counts[place]) for low, high in spans]
    total = sum(counts)
    modes = []
    for place, (low, high) in enumerate(spans):
        filled = [index for index in range(low, high) if counts[index]]
        gap = peaks[place + 1] - peaks[place] if place + 1 < len(peaks) else 0
        weight = sum(counts[low:high]) / total
        modes.append(Mode(start + peaks[place], start + filled[0], start + filled[-1], weight, gap))
    return tuple(modes)


def _valleys(counts: Sequence[int]) -> list[int]:
    """The last bucket before each valley that passes the valley test, ascending; the deepest are found first."""
    found: list[int] = []
    spans = [(0, len(counts))]
    while spans and len(found) < MAX_MODES - 1:
        low, high = spans.pop()
        cut = _valley(counts, low, high)
        if cut is not None:
            found.append(cut)
            spans += [(low, cut + 1), (cut + 1, high)]
    return sorted(found)


def _valley(counts: Sequence[int], low: int, high: int) -> int | None:
    """The best valley within a span, if it passes."""
    total = sum(counts)
    best: tuple[float, int] | None = None

    def higher(one: int, other: int) -> int:
        return other if counts[other] > counts[one] else one

    left_best = list(accumulate(range(low, high), higher))
    right_best = list(accumulate(range(high - 1, low - 1, -1), higher))[::-1]
    left_sums = list(accumulate(counts[low:high]))
    for valley in range(low + 1, high - 1):
        left, right = left_best[valley - 1 - low], right_best[valley + 1 - low]
        lower = min(counts[left], counts[right])
        mass = left_sums[valley - low]
        minor = min(mass, left_sums[-1] - mass)
        if right - left < APART_OCTAVES or counts[valley] > VALLEY_DEPTH * lower or minor < MINOR_SHARE * total:
            continue
        z = (lower - counts[valley]) / math.sqrt(lower + counts[valley] + 1)
        if z > VALLEY_Z and (best is None or z > best[0]):
            best = (z, valley)
    return best[1] if best is not None else None


def _confirmed(counts: Sequence[int], cut: int, cuts: Sequence[int]) -> bool:
    """Whether the two humps beside a cut are more than what a single hump between the cuts' neighbours explains."""
    place = cuts.index(cut)
    low = cuts[place - 1] + 1 if place else 0
    high = cuts[place + 1] + 1 if place + 1 < len(cuts) else len(counts)
    own = counts[low:high]
    split = cut + 1 - low
    fit = _unimodal(own)
    ratio = _log_likelihood(own, _two_humps(own, split)) - _log_likelihood(own, fit)
    stream = uniforms(",".join(map(str, own)))
    normal = NormalDist()
    looked_alike = 0
    for turn in range(BOOTSTRAPS):
        drawn = [_poisson(mean, next(stream), normal) for mean in fit]
        # The split is the drawn sample's best one, as the data's is theirs.
        best = max((_log_likelihood(drawn, _two_humps(drawn, at)) for at in _splits(drawn, split)), default=-math.inf)
        looked_alike += best - _log_likelihood(drawn, _unimodal(drawn)) >= ratio
        if looked_alike > SIGNIFICANCE * BOOTSTRAPS:
            return False
        if turn == BOOTSTRAPS // 4 and not looked_alike and ratio > CERTAIN_RATIO:
            return True
    return True


def _splits(counts: Sequence[int], split: int) -> range:
    return range(max(1, split - 2), min(len(counts), split + 3))


def _two_humps(counts: Sequence[int], split: int) -> list[float]:
    return [*_unimodal(counts[:split]), *_unimodal(counts[split:])]


def _unimodal(counts: Sequence[int]) -> list[float]:
    """The most likely means that rise to a peak and then fall (isotonic regressions to each side of the best peak)."""
    if len(counts) < 3:
        return [float(count) for count in counts]
    best: tuple[float, list[float]] | None = None
    top = max(counts)
    for peak, count in enumerate(counts):
        # The best peak is among the large ones; the rest need not be tried.
        if 4 * count < top:
            continue
        fit = [*_rising(counts[: peak + 1]), *_rising(counts[:peak:-1])[::-1]]
        likelihood = _log_likelihood(counts, fit)
        if best is None or likelihood > best[0]:
            best = (likelihood, fit)
    return best[1] if best is not None else [float(count) for count in counts]


def _rising(counts: Sequence[int]) -> list[float]:
    """Pool adjacent violators (Ayer et al. 1955): the most likely means that never fall."""
    blocks: list[tuple[float, int]] = []
    for count in counts:
        total, size = float(count), 1
        while blocks and blocks[-1][0] * size >= total * blocks[-1][1]:
            before, width = blocks.pop()
            total, size = total + before, size + width
        blocks.append((total, size))
    return [total / size for total, size in blocks for _ in range(size)]


def _log_likelihood(counts: Sequence[int], means: Sequence[float]) -> float:
    """Of Poisson counts, without what does not depend on the means."""
    return sum(count * math.log(mean) - mean if count else -mean for count, mean in zip(counts, means, strict=True))


def _poisson(mean: float, u: float, normal: NormalDist) -> int:
    """A Poisson deviate from a uniform one: by its sum when small, else by the root, which is nearly normal."""
    if mean > 50:
        root = math.sqrt(mean) + normal.inv_cdf(min(max(u, 1e-12), 1 - 1e-12)) / 2
        return max(0, round(root * root))
    value, share = 0, math.exp(-mean)
    total = share
    while u > total and share > 0:
        value += 1
        share *= mean / value
        total += share
    return value
