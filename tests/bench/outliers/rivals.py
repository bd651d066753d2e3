"""The usual methods, each as a score per host: greater is odder. They get the same hosts as ours: of one class, with
data.

They need numpy, scipy and scikit-learn, which nothing else does: ``pip install -e .[bench]``.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

# Not among the project's dependencies, so that a type checker may not find them.
np: Any = import_module("numpy")
jensenshannon: Any = import_module("scipy.spatial.distance").jensenshannon
kstwobign: Any = import_module("scipy.stats").kstwobign
DBSCAN: Any = import_module("sklearn.cluster").DBSCAN

__all__ = ["FOR_BUCKETS", "FOR_ITEMS", "USUAL_THRESHOLDS", "matrix"]

MAD_TO_SIGMA = 1.4826
NEIGHBOURS = 4
EPS_FACTORS = [1.1**step for step in range(1, 60)]


def matrix(counts: Sequence[Mapping[Any, int]]) -> Any:
    """Hosts x items; the columns of buckets ascend."""
    items = sorted({item for own in counts for item in own})
    return np.array([[own.get(item, 0) for item in items] for own in counts], dtype=float)


def _robust_z(values: Any) -> Any:
    centre = np.median(values)
    spread = MAD_TO_SIGMA * np.median(np.abs(values - centre))
    return np.abs(values - centre) / max(spread, 1e-9)


def _shares(counts: Any) -> Any:
    return counts / counts.sum(axis=1, keepdims=True)


def _others(shares: Any) -> Any:
    return (shares.sum(axis=0) - shares) / (len(shares) - 1)


def p99_mad(counts: Any) -> Any:
    """|z| of the p99 (in octaves, interpolated within its bucket), by median and MAD."""
    cumulative = np.cumsum(_shares(counts), axis=1)
    places = []
    for row in cumulative:
        index = int(np.searchsorted(row, 0.99))
        index = min(index, len(row) - 1)
        below = row[index - 1] if index else 0.0
        places.append(index + (0.99 - below) / max(row[index] - below, 1e-12))
    values = np.array(places)
    centre = np.median(values)
    # The usual floor: without one, hosts whose p99 is in one bucket have no spread at all.
    spread = max(MAD_TO_SIGMA * np.median(np.abs(values - centre)), 0.1)
    return np.abs(values - centre) / spread


def wasserstein_mad(counts: Any) -> Any:
    """The Wasserstein distance to the mean of the others, as a z by median and MAD over the hosts."""
    shares = _shares(counts)
    gaps = np.abs(np.cumsum(shares, axis=1) - np.cumsum(_others(shares), axis=1)).sum(axis=1)
    return _one_sided(gaps)


def _one_sided(values: Any) -> Any:
    centre = np.median(values)
    return (values - centre) / max(MAD_TO_SIGMA * np.median(np.abs(values - centre)), 1e-9)


def ks(counts: Any) -> Any:
    """-log10 of the two-sample Kolmogorov-Smirnov test's p against the others' pooled events, times the hosts."""
    sizes = counts.sum(axis=1)
    rest = counts.sum(axis=0) - counts
    rest_sizes = rest.sum(axis=1)
    distance = np.abs(np.cumsum(counts, axis=1) / sizes[:, None] - np.cumsum(rest, axis=1) / rest_sizes[:, None]).max(
        axis=1
    )
    effective = sizes * rest_sizes / (sizes + rest_sizes)
    log_p = kstwobign.logsf(np.sqrt(effective) * distance) / np.log(10)
    return -(log_p + np.log10(len(counts)))


def jsd_mad(counts: Any) -> Any:
    """The Jensen-Shannon distance to the mean of the others, as a z by median and MAD over the hosts."""
    shares = _shares(counts)
    return _one_sided(jensenshannon(shares, _others(shares), axis=1))


def dbscan(counts: Any) -> Any:
    """In the space of roots of shares (Hellinger): the least eps, in units of the typical distance to the 4th
    neighbour, at which the host is no noise.
    """
    roots = np.sqrt(_shares(counts))
    squares = (roots**2).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * roots @ roots.T, 0))
    unit = max(np.median(np.sort(apart, axis=1)[:, min(NEIGHBOURS, len(apart) - 1)]), 1e-9)
    score = np.full(len(apart), EPS_FACTORS[-1])
    open_hosts = np.ones(len(apart), dtype=bool)
    for factor in EPS_FACTORS:
        labels = DBSCAN(eps=factor * unit, min_samples=NEIGHBOURS, metric="precomputed").fit(apart).labels_
        settled = open_hosts & (labels >= 0)
        score[settled] = factor
        open_hosts &= ~settled
        if not open_hosts.any():
            break
    return score


FOR_BUCKETS: dict[str, Callable[[Any], Any]] = {
    "MAD-z on p99": p99_mad,
    "Wasserstein + MAD": wasserstein_mad,
    "KS": ks,
    "JSD + MAD": jsd_mad,
    "DBSCAN": dbscan,
}
FOR_ITEMS: dict[str, Callable[[Any], Any]] = {"JSD + MAD": jsd_mad, "DBSCAN": dbscan}

USUAL_THRESHOLDS = {
    "MAD-z on p99": 3.5,
    "Wasserstein + MAD": 3.5,
    "KS": 2.0,  # p = 0.01 after Bonferroni
    "JSD + MAD": 3.5,
    "DBSCAN": 2.0,
}
