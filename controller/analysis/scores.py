"""How far each host's shares lie from the others', in robust standard deviations.

The centre is a median, and the spread a median absolute deviation or the standard deviation of those near the centre,
whichever is larger: a minority of odd hosts can move neither.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from controller.analysis.deviates import normal_deviate
from controller.analysis.samples import Category, Sample
from controller.analysis.shifts import shift_deviates
from controller.analysis.table import MOST_MEASURED, Table, Tail, tabulate
from fleettrace.snapshot import LOG2

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Centre", "Score", "Scores", "score_few_hosts", "score_hosts"]

MAD_TO_SIGMA = 1.4826
"""A normal distribution's standard deviation in units of its median absolute deviation."""
NEAR_SIGMAS = 3.0
"""A host is near the centre when it is within so many standard deviations."""
TRIM_CORRECTION = 1.03
"""The variance of a normal distribution in units of that of its part within three standard deviations."""

PRIOR_HOSTS = 8
"""The usual spread weighs as much as so many hosts: a spread that is estimated from few is sometimes far too small by
chance, but on this scale it is much the same everywhere (the moderated variance of Smyth 2004)."""
EFFICIENCY = 0.8
"""Of the robust spread, in degrees of freedom a host."""

SHIFT_PART = 2 / 3
"""Of a histogram's squared score; the rest is of its oddest bucket or tail, ..."""
SINGLE_PART = 0.92
"""... which alone makes so much of a score: what is odd need not be a shift."""

ROUNDING = 1e-9
WELL_FILLED_EVENTS = 5
"""Categories where the typical host has at least so many events have a spread worth knowing."""


@dataclass(frozen=True, slots=True)
class Centre:
    """What is usual in a column: the median root and the variance between hosts.

    ``freedom`` is of the part of the variance that was estimated; ``sampling`` is the part that is known.
    """

    median: float
    variance: float
    sampling: float
    freedom: float

    def deviate(self, value: float, own_sampling: float) -> float:
        """A host's deviation as a normal deviate that is as improbable; ``own_sampling`` is its own sampling
        variance."""
        own = self.variance + own_sampling
        return math.copysign(self.calibrated((value - self.median) ** 2 / own, own), value - self.median)

    def calibrated(self, square: float, own_variance: float) -> float:
        """The normal deviate of a squared t deviate (Wallace 1959), with Satterthwaite's degrees of freedom."""
        estimated = self.variance - self.sampling
        if estimated <= 0:
            return math.sqrt(square)
        freedom = self.freedom * (own_variance / estimated) ** 2
        return normal_deviate(square, freedom)


@dataclass(frozen=True, slots=True)
class Score:
    """How odd a host is, and where it deviates most; positive: the host has more of it."""

    z: float
    category: Category


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of samples in their order, and what is usual by category; what is not there has the usual spread.

    ``slower`` (of many histograms only) says for each sample how well longer values explain what is odd about it.
    """

    of_hosts: tuple[Score, ...]
    centres: dict[Category, Centre]
    elsewhere: Centre
    slower: tuple[float, ...] = ()

    def z(self, sample: Sample, category: Category) -> float:
        """A host's deviation in a category of its own."""
        return self.centres.get(category, self.elsewhere).deviate(
            math.sqrt(sample.share(category)), 1 / (4 * sample.events)
        )


def score_hosts(samples: Sequence[Sample], scheme: str = LOG2) -> Scores:
    """The scores of many samples, none of them empty; ``scheme`` is of their buckets, where they have any."""
    table = tabulate(samples)
    typical_events = median(sample.events for sample in samples)
    sampling = 1 / (4 * typical_events)
    stride = max(1, -(-len(samples) // MOST_MEASURED))
    measured = dict(zip(table.categories, _measure(table.rows[::stride], sampling), strict=True))
    filled = [
        variance
        for category, (centre, variance) in measured.items()
        if not isinstance(category, Tail) and centre**2 * typical_events >= WELL_FILLED_EVENTS
    ]
    for category, cells in table.sparse.items():
        measured[category] = _measure_sparse(cells, len(samples), sampling)
    usual = median(filled) if filled else 0.0
    prior = PRIOR_HOSTS * usual
    others = len(samples) - 1
    freedom = EFFICIENCY * others + PRIOR_HOSTS

    def centre_of(middle: float, variance: float) -> Centre:
        shrunk = (others * variance + prior) / (others + PRIOR_HOSTS)
        return Centre(middle, max(shrunk, sampling), sampling, freedom)

    centres = {category: centre_of(*both) for category, both in measured.items()}
    scores = _largest(table, centres, samples)
    slower: tuple[float, ...] = ()
    if all(sample.buckets for sample in samples):
        shifts = shift_deviates(samples, scheme, [abs(score.z) for score in scores], usual)
        slower = tuple(shifts.longer)
        scores = tuple(
            replace(score, z=math.copysign(_with_shift(abs(score.z), shift), score.z))
            for score, shift in zip(scores, shifts.either, strict=True)
        )
    return Scores(scores, centres, centre_of(0.0, 0.0), slower)


def _with_shift(single: float, shift: float) -> float:
    return max(SINGLE_PART * single, math.hypot(math.sqrt(1 - SHIFT_PART) * single, math.sqrt(SHIFT_PART) * shift))


def score_few_hosts(samples: Sequence[Sample]) -> Scores:
    """The scores of two or more samples, each against the others alone, by what sampling would explain.

    Among a few hosts, one that is in the median hides itself. How much the others differ cannot be estimated from so
    few either, so that a high score says that a difference is real, and not that it is unusual.
    """
    columns = _columns(tabulate(samples), len(samples))
    scores = []
    for host, sample in enumerate(samples):
        sampling = 1 / (4 * median([other.events for place, other in enumerate(samples) if place != host]))
        best = Score(0.0, None)
        for category, roots in columns.items():
            centre = Centre(median([*roots[:host], *roots[host + 1 :]]), sampling, sampling, math.inf)
            best = _larger(best, Score(centre.deviate(roots[host], 1 / (4 * sample.events)), category))
        scores.append(best)
    sampling = 1 / (4 * median(sample.events for sample in samples))
    centres = {category: Centre(median(roots), sampling, sampling, math.inf) for category, roots in columns.items()}
    return Scores(tuple(scores), centres, Centre(0.0, sampling, sampling, math.inf))


def _columns(table: Table, hosts: int) -> dict[Category, Sequence[float]]:
    columns: dict[Category, Sequence[float]] = dict(zip(table.categories, table.rows.T.tolist(), strict=True))
    for category, cells in table.sparse.items():
        roots = [0.0] * hosts
        for place, root in cells:
            roots[place] = root
        columns[category] = roots
    return columns


def _measure(rows: "NDArray[Any]", sampling: float) -> list[tuple[float, float]]:
    """The median root of each column and the variance between hosts."""
    import numpy as np  # noqa: PLC0415

    centres = np.median(rows, axis=0)
    squares = (rows - centres) ** 2
    spread = reference = MAD_TO_SIGMA**2 * np.median(squares, axis=0)
    for _ in range(2):
        near = squares <= NEAR_SIGMAS**2 * np.maximum(reference, sampling)
        inside = np.sum(squares, axis=0, where=near)
        reference = np.maximum(spread, TRIM_CORRECTION * inside / np.maximum(near.sum(axis=0) - 1, 1))
    return [*zip(centres.tolist(), reference.tolist(), strict=True)]


def _measure_sparse(cells: Sequence[tuple[int, float]], hosts: int, sampling: float) -> tuple[float, float]:
    """The same where less than half have any: the median is 0, and so is the median deviation."""
    near = [root * root for _, root in cells if root * root <= NEAR_SIGMAS**2 * sampling]
    return 0.0, TRIM_CORRECTION * sum(near) / max(hosts - len(cells) + len(near) - 1, 1)


def _largest(table: Table, centres: dict[Category, Centre], samples: Sequence[Sample]) -> tuple[Score, ...]:
    import numpy as np  # noqa: PLC0415

    own = [centres[category] for category in table.categories]
    scores = [Score(0.0, None)] * len(samples)
    if own:
        apart = table.rows - np.array([centre.median for centre in own])
        own_sampling = np.array([[1 / (4 * sample.events)] for sample in samples])
        totals = np.array([centre.variance for centre in own]) + own_sampling
        squares = apart**2 / totals
        firsts = squares.argmax(axis=1).tolist()
        for host, first in enumerate(firsts):
            row = squares[host]
            largest = float(row[first])
            if not largest:
                continue
            least = own[first].calibrated(largest, float(totals[host, first])) ** 2 * (1 - ROUNDING)
            # Calibrating only makes a square smaller: what is below the best so far need not be.
            for place in np.flatnonzero(row >= least).tolist():
                size = own[place].calibrated(float(row[place]), float(totals[host, place]))
                z = math.copysign(size, float(apart[host, place]))
                scores[host] = _larger(scores[host], Score(z, table.categories[place]))
    for category, cells in table.sparse.items():
        centre = centres[category]
        for place, root in cells:
            sampling = 1 / (4 * samples[place].events)
            # As above: what is below the best so far before it is calibrated is below it afterwards.
            if (root - centre.median) ** 2 >= scores[place].z ** 2 * (1 - ROUNDING) * (centre.variance + sampling):
                scores[place] = _larger(scores[place], Score(centre.deviate(root, sampling), category))
    return tuple(scores)


def _larger(one: Score, other: Score) -> Score:
    # Dictionaries have the order of the hosts: of equals the first by name, so that the answer is always the same.
    if abs(other.z) > abs(one.z) or (abs(other.z) == abs(one.z) and repr(other.category) < repr(one.category)):
        return other
    return one
