"""OTLP metrics as JSON (opentelemetry-proto 1.x, ``ExportMetricsServiceRequest``): POST it to ``/v1/metrics``.

Delta histograms with explicit bounds and delta sums, a resource for each host. The optional ``sum``, ``min`` and
``max`` of a histogram are left out: buckets do not say them.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from controller.report.contents import by_host, started_at_ms, title_of
from controller.report.export.buckets import Bounds, common_bounds
from fleettrace import __version__
from fleettrace.model.job import JobResult
from fleettrace.snapshot import Snapshot

__all__ = ["to_otlp"]

_DELTA = 1  # AGGREGATION_TEMPORALITY_DELTA
_UCUM = {"us": "us", "ns": "ns", "ms": "ms", "s": "s", "bytes": "By"}
"""Units as OpenTelemetry writes them; others stand in braces, as UCUM wants of its annotations."""

Document = dict[str, Any]


def to_otlp(result: JobResult) -> bytes:
    """One line of ASCII JSON; 64-bit integers are strings, as protobuf's JSON has them."""
    bounds = common_bounds(result.merged.histograms)
    resources = [
        {
            "resource": {"attributes": _attributes([("host.name", host)])},
            "scopeMetrics": [
                {
                    "scope": {"name": "fleettrace", "version": __version__},
                    "metrics": _metrics(result, snapshot, bounds, _window(result, host)),
                }
            ],
        }
        for host, snapshot in by_host(result).items()
    ]
    return (json.dumps({"resourceMetrics": resources}) + "\n").encode()


def _metrics(result: JobResult, snapshot: Snapshot, bounds: Mapping[str, Bounds], window: Document) -> list[Document]:
    tool, job = result.job.spec.tool, [("fleettrace.job_id", result.job.spec.job_id)]
    metrics: list[Document] = []
    for unit, common in bounds.items():
        points = [
            {
                "attributes": _attributes([*job, *histogram.key]),
                **window,
                "count": str(histogram.total),
                "bucketCounts": [str(count) for count in common.counts(histogram)],
                "explicitBounds": list(common.upper),
            }
            for histogram in snapshot.histograms
            if histogram.unit == unit
        ]
        if points:
            data = {"histogram": {"aggregationTemporality": _DELTA, "dataPoints": points}}
            metrics.append(_metric(f"fleettrace.{tool}", title_of(result), _spelled(unit), data))
    counted: dict[str, list[Document]] = {}
    for counter in snapshot.counts:
        attributes = _attributes([*job, *counter.key])
        for unit, value in (("", counter.count), *counter.sums):
            counted.setdefault(unit, []).append({"attributes": attributes, **window, "asInt": str(value)})
    for unit, points in counted.items():
        data = {"sum": {"aggregationTemporality": _DELTA, "isMonotonic": True, "dataPoints": points}}
        name, spelled = (f"fleettrace.{tool}.{unit}", _spelled(unit)) if unit else (f"fleettrace.{tool}", "{event}")
        metrics.append(_metric(name, title_of(result), spelled, data))
    return metrics


def _spelled(unit: str) -> str:
    return _UCUM.get(unit, f"{{{unit}}}")


def _metric(name: str, description: str, unit: str, data: Document) -> Document:
    return {"name": name, "description": description, "unit": unit, **data}


def _window(result: JobResult, host: str) -> Document:
    """From the first start to the last end of the host's windows, Unix ns."""
    parts = [item.part for item in result.hosts if item.part.run.host == host]
    start_ms = min(started_at_ms(result, part) for part in parts)
    end_ms = max(started_at_ms(result, part) + part.duration_ms for part in parts)
    return {"startTimeUnixNano": str(start_ms * 1_000_000), "timeUnixNano": str(end_ms * 1_000_000)}


def _attributes(pairs: Iterable[tuple[str, str]]) -> list[Document]:
    # A lone surrogate is no Unicode: protobuf would refuse the whole document for it.
    return [{"key": name, "value": {"stringValue": _unicode(value)}} for name, value in pairs]


def _unicode(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
