"""Prometheus' text format 0.0.4: classic histograms and counters by host, and how much of the fleet they speak for.

``le`` is the largest integer of a bucket, which is exact because values are integers. There is no ``_sum``: buckets do
not say what their values add up to, and a guess would be taken for a measurement. Sums that were measured are counters.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from controller.report.contents import by_host, title_of
from controller.report.export.buckets import common_bounds
from fleettrace.model.job import JobResult
from fleettrace.snapshot import Key, Snapshot

__all__ = ["to_prometheus"]

_RESERVED = frozenset({"le", "host", "job_id", "tool"})
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def to_prometheus(result: JobResult) -> bytes:
    """UTF-8; hosts and labels in order, so that one result gives one file."""
    spec = result.job.spec
    common = {"tool": spec.tool, "job_id": spec.job_id}
    hosts = by_host(result)
    lines = [
        *_coverage(result, common),
        *_histograms(result, hosts, common),
        *_counts(result, hosts, common),
    ]
    return ("\n".join(lines) + "\n").encode(errors="backslashreplace")


def _coverage(result: JobResult, common: Mapping[str, str]) -> Iterator[str]:
    coverage = result.coverage
    for name, value, meaning in (
        ("hosts_targeted", coverage.targeted, "Hosts that the job was asked for."),
        ("hosts_answered", coverage.answered, "Hosts whose part is in the result."),
        ("events_lost", coverage.lost_events, "Events that were seen and are not in the result."),
    ):
        yield from _family(f"fleettrace_{name}", "gauge", meaning)
        yield f"fleettrace_{name}{_labels(common)} {value}"


def _histograms(result: JobResult, hosts: Mapping[str, Snapshot], common: Mapping[str, str]) -> Iterator[str]:
    for unit, bounds in common_bounds(result.merged.histograms).items():
        name = f"fleettrace_{_name(result.job.spec.tool)}_{_name(unit)}"
        yield from _family(name, "histogram", f"{title_of(result)}, in {unit}.")
        for host, snapshot in hosts.items():
            for histogram in snapshot.histograms:
                if histogram.unit != unit:
                    continue
                labels = {**common, "host": host, **_key(histogram.key)}
                rows = zip((*map(str, bounds.upper), "+Inf"), bounds.cumulative(histogram), strict=True)
                for bound, count in rows:
                    yield f"{name}_bucket{_labels({**labels, 'le': bound})} {count}"
                yield f"{name}_count{_labels(labels)} {histogram.total}"


def _counts(result: JobResult, hosts: Mapping[str, Snapshot], common: Mapping[str, str]) -> Iterator[str]:
    if not result.merged.counts:
        return
    name = f"fleettrace_{_name(result.job.spec.tool)}_total"
    yield from _family(name, "counter", f"{title_of(result)}, events.")
    for host, snapshot in hosts.items():
        for counter in snapshot.counts:
            yield f"{name}{_labels({**common, 'host': host, **_key(counter.key)})} {counter.count}"
    for unit in sorted({unit for counter in result.merged.counts for unit, _ in counter.sums}):
        name = f"fleettrace_{_name(result.job.spec.tool)}_{_name(unit)}_total"
        yield from _family(name, "counter", f"{title_of(result)}, what the events add up to, in {unit}.")
        for host, snapshot in hosts.items():
            for counter in snapshot.counts:
                labels = _labels({**common, "host": host, **_key(counter.key)})
                yield from (f"{name}{labels} {value}" for own, value in counter.sums if own == unit)


def _family(name: str, kind: str, meaning: str) -> Iterable[str]:
    meaning = meaning.replace("\\", r"\\").replace("\n", r"\n")
    return (f"# HELP {name} {meaning}", f"# TYPE {name} {kind}")


def _key(key: Key) -> dict[str, str]:
    """Labels of our own names are renamed as Prometheus itself does it."""
    return {f"exported_{name}" if name in _RESERVED else name: value for name, value in key}


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items()) + "}"


def _name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", text)
