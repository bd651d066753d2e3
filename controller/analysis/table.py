"""Shares of all hosts by category, on the scale on which they are compared: a = sqrt(c / n).

Its sampling variance is about 1/(4n) whatever the share (the square root that stabilises the variance of counts:
Bartlett 1936, Anscombe 1948). Categories that less than half of the hosts have anything of are kept apart: the others'
0 are their median. Ten thousand hosts have a million cells, which are numpy's work.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from controller.analysis.samples import Category, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_MEASURED", "Cells", "Table", "Tail", "cells_of", "evenly", "tabulate"]

MOST_MEASURED = 1001
"""What is typical of more hosts is typical of so many of them, evenly taken: more would tell no more."""


class Tail(NamedTuple):
    """All values in buckets below a bucket (``side`` "below"), or in it and above it ("from")."""

    side: str
    bucket: int


@dataclass(frozen=True, slots=True)
class Table:
    """``rows`` has the roots of each host (hosts x categories), in the order of ``categories``.

    ``sparse`` has (host's place, root) by category, for categories that less than half of the hosts have.
    """

    categories: tuple[Category, ...]
    rows: "NDArray[Any]"
    sparse: dict[Category, list[tuple[int, float]]]


class Cells(NamedTuple):
    """What hosts have anything of: the place of each cell's host and of its category, and the host's share."""

    categories: list[Category]
    host: "NDArray[Any]"
    category: "NDArray[Any]"
    share: "NDArray[Any]"


def evenly(hosts: Sequence[Sample]) -> Sequence[Sample]:
    """At most 1,001 of them, evenly taken."""
    return hosts[:: max(1, -(-len(hosts) // MOST_MEASURED))]


def cells_of(samples: Sequence[Sample]) -> Cells:
    """Host by host; none of the samples is empty."""
    # Imported where needed: a tenth of a second, which the command line would spend each time it starts.
    import numpy as np  # noqa: PLC0415

    every = [*chain.from_iterable(sample.weights for sample in samples)]
    categories = [*dict.fromkeys(every)]
    places = dict(zip(categories, range(len(categories)), strict=True))
    category = np.fromiter(map(places.__getitem__, every), np.int64, len(every))
    weights = np.fromiter(chain.from_iterable(sample.weights.values() for sample in samples), np.float64, len(every))
    host = np.repeat(np.arange(len(samples)), [len(sample.weights) for sample in samples])
    totals = np.array([sample.total for sample in samples], np.float64)
    return Cells(categories, host, category, weights / totals[host])


def tabulate(samples: Sequence[Sample]) -> Table:
    """The roots of samples, none of them empty."""
    import numpy as np  # noqa: PLC0415

    cells = cells_of(samples)
    roots = np.sqrt(cells.share)
    is_dense = 2 * np.bincount(cells.category, minlength=len(cells.categories)) >= len(samples)
    column = np.cumsum(is_dense) - 1
    dense = is_dense[cells.category]
    rows = np.zeros((len(samples), int(is_dense.sum())))
    rows[cells.host[dense], column[cells.category[dense]]] = roots[dense]
    sparse: dict[Category, list[tuple[int, float]]] = {}
    thin = (cells.category[~dense].tolist(), cells.host[~dense].tolist(), roots[~dense].tolist())
    for category, host, root in zip(*thin, strict=True):
        sparse.setdefault(cells.categories[category], []).append((host, root))
    names, tails = _tails(samples)
    own = [category for category, there in zip(cells.categories, is_dense.tolist(), strict=True) if there]
    return Table((*own, *names), np.hstack([rows, tails]), sparse)


def _tails(samples: Sequence[Sample]) -> "tuple[list[Tail], NDArray[Any]]":
    """Slowness spreads over many buckets, each of which tells little; what they have in common is their side.

    Of the two sides of a bound the one that most hosts have less of tells more; it is the lower one up to some bound.
    """
    import numpy as np  # noqa: PLC0415

    indexes = sorted(set(chain.from_iterable(sample.buckets for sample in samples)))
    if len(indexes) < 2:
        return [], np.zeros((len(samples), 0))
    measured = evenly(samples)
    halves = sorted(
        next(index for index, seen in _below(sample, indexes) if 2 * seen > sample.total) for sample in measured
    )
    # Of most hosts at least half lies below what follows this bucket.
    turn = indexes.index(halves[(len(halves) - 1) // 2])
    counts = chain.from_iterable(map(sample.buckets.get, indexes, repeat(0)) for sample in samples)
    cells = np.fromiter(counts, np.float64, len(samples) * len(indexes)).reshape(len(samples), -1)
    below = np.cumsum(cells, axis=1)
    totals = np.array([[sample.total] for sample in samples], np.float64)
    sides = np.hstack([below[:, :turn], totals - below[:, turn:-1]])
    names = [
        Tail("below" if place < turn else "from", following) for place, (_, following) in enumerate(pairwise(indexes))
    ]
    return names, np.sqrt(np.maximum(sides, 0.0) / totals)


def _below(sample: Sample, indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip(indexes, accumulate(map(sample.buckets.get, indexes, repeat(0))), strict=True)
