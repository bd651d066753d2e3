"""Histograms of one key over all hosts, and the order in which pictures show hosts."""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.report.contents import by_host
from fleettrace.model.job import JobResult
from fleettrace.model.names import natural_order
from fleettrace.snapshot import LOG2, Histogram, bucket_bounds, key_text
from fleettrace.snapshot.histogram import fold

__all__ = ["MAX_FAMILIES", "Family", "families", "hosts_by_score"]

MAX_FAMILIES = 3
"""Of more keys the largest are drawn."""


@dataclass(frozen=True, slots=True)
class Family:
    """One histogram of the merged result with the same of each host, those that stand out first."""

    merged: Histogram
    hosts: Sequence[tuple[str, Histogram]]

    @property
    def name(self) -> str:
        """What it is about; empty when there is only one."""
        return key_text(self.merged.key)

    @property
    def indexes(self) -> range:
        """The buckets between the first and the last that hold something."""
        filled = [index for index, _ in self.merged.counts]
        return range(filled[0], filled[-1] + 1)

    def coarse(self, most: int) -> "Family":
        """The same in whole octaves, unless it has at most so many buckets."""
        if len(self.indexes) <= most:
            return self
        return Family(fold(self.merged, LOG2), [(host, fold(histogram, LOG2)) for host, histogram in self.hosts])

    def bounds_text(self, index: int) -> str:
        """``[16, 31] us``."""
        low, high = bucket_bounds(self.merged.scheme, index)
        return f"[{low}, {high}] {self.merged.unit}"

    def upper(self, index: int) -> int:
        """The largest value of a bucket."""
        return bucket_bounds(self.merged.scheme, index)[1]


def families(result: JobResult) -> tuple[list[Family], int]:
    """The largest keys, and how many there are besides."""
    filled = [histogram for histogram in result.merged.histograms if histogram.counts]
    largest = sorted(filled, key=lambda histogram: (-histogram.total, histogram.key))
    return [Family(merged, _of_hosts(result, merged)) for merged in largest[:MAX_FAMILIES]], max(
        len(largest) - MAX_FAMILIES, 0
    )


def hosts_by_score(result: JobResult) -> list[str]:
    """Suspects, then the ranking, then the others by name."""
    ranked = [suspect.host for suspect in result.suspects]
    return list(dict.fromkeys([*ranked, *sorted(by_host(result), key=natural_order)]))


def _of_hosts(result: JobResult, merged: Histogram) -> list[tuple[str, Histogram]]:
    snapshots = by_host(result)
    return [
        (host, fold(histogram, merged.scheme))
        for host in hosts_by_score(result)
        if host in snapshots
        for histogram in snapshots[host].histograms
        if histogram.key == merged.key and histogram.counts
    ]
