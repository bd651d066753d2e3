"""OTLP metrics, parsed by OpenTelemetry's own messages."""

from typing import Any

import pytest
from google.protobuf import json_format

from controller.report.export.otlp import to_otlp
from fleettrace.model.job import JobResult
from tests.unit.controller.report import hostile, samples

service = pytest.importorskip(
    "opentelemetry.proto.collector.metrics.v1.metrics_service_pb2",
    reason="opentelemetry-proto is not installed: deploy/setup --dev",
)


def request_of(result: JobResult) -> Any:
    return json_format.Parse(to_otlp(result), service.ExportMetricsServiceRequest())


def test_a_resource_for_each_host_with_its_histogram() -> None:
    result = samples.histogram_result()

    resources = request_of(result).resource_metrics

    assert [resource.resource.attributes[0].value.string_value for resource in resources] == [
        "api-1",
        "api-2",
        "api-3",
        "api-4",
    ]
    for resource, part in zip(resources, result.hosts, strict=True):
        (metric,) = resource.scope_metrics[0].metrics
        (point,) = metric.histogram.data_points
        assert (metric.name, metric.unit) == ("fleettrace.runqlat", "us")
        assert point.count == sum(point.bucket_counts) == part.part.snapshot.total
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
        assert list(point.explicit_bounds[:3]) == [1, 3, 7]
        assert not point.HasField("sum")
        assert point.time_unix_nano - point.start_time_unix_nano == 5_003_000_000


def test_counts_are_delta_sums() -> None:
    metric = request_of(samples.counts_result(3)).resource_metrics[0].scope_metrics[0].metrics[0]

    assert metric.sum.is_monotonic
    assert metric.sum.aggregation_temporality == 1
    assert [point.as_int for point in metric.sum.data_points] == [90_000, 45_000, 30_000]


@pytest.mark.parametrize("result", [hostile.hostile_keys(), hostile.widest_histogram()])
def test_hostile_values_arrive(result: JobResult) -> None:
    metrics = request_of(result).resource_metrics[0].scope_metrics[0].metrics

    assert sum(len(metric.histogram.data_points) + len(metric.sum.data_points) for metric in metrics) == len(
        result.merged.counts + result.merged.histograms
    )


def test_hosts_that_recorded_finer_are_folded_and_not_left_out() -> None:
    points = [
        resource.scope_metrics[0].metrics[0].histogram.data_points[0]
        for resource in request_of(hostile.mixed_schemes()).resource_metrics
    ]

    assert [point.count for point in points] == [11, 7]
    assert points[0].explicit_bounds == points[1].explicit_bounds


def test_what_was_measured_by_hand_is_as_old_as_its_job() -> None:
    result = hostile.with_import(samples.histogram_result())
    (metric,) = request_of(result).resource_metrics[-1].scope_metrics[0].metrics
    assert metric.histogram.data_points[0].start_time_unix_nano == samples.START_MS * 1_000_000
