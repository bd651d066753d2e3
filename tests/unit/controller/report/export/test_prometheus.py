"""Prometheus' text, read back with the parser of prometheus_client."""

import math

import pytest

from controller.report.export.prometheus import to_prometheus
from fleettrace.model.job import JobResult
from fleettrace.snapshot import bucket_bounds
from tests.unit.controller.report import hostile, samples

parser = pytest.importorskip(
    "prometheus_client.parser", reason="prometheus_client is not installed: deploy/setup --dev"
)


def families(result: JobResult) -> dict[str, list[tuple[str, dict[str, str], float]]]:
    text = to_prometheus(result).decode()
    return {
        family.name: [(sample.name, sample.labels, sample.value) for sample in family.samples]
        for family in parser.text_string_to_metric_families(text)
    }


def test_buckets_are_cumulative_and_end_with_the_count() -> None:
    result = samples.histogram_result()
    found = families(result)["fleettrace_runqlat_us"]
    for part in result.hosts:
        mine = [(name, labels, value) for name, labels, value in found if labels["host"] == part.part.run.host]
        (histogram,) = part.part.snapshot.histograms
        counts = dict(histogram.counts)
        below = 0
        for index, (_, labels, value) in enumerate(mine[:-2]):
            below += counts.get(index, 0)
            assert float(labels["le"]) == bucket_bounds("log2", index)[1]
            assert value == below
        assert mine[-2][1]["le"] == "+Inf"
        assert mine[-2][2] == mine[-1][2] == histogram.total
        assert mine[-1][0].endswith("_count")


def test_no_sum_is_invented() -> None:
    assert b"_sum" not in to_prometheus(samples.histogram_result())


def test_every_host_has_the_same_buckets_so_that_they_can_be_added_up() -> None:
    found = families(samples.histogram_result())["fleettrace_runqlat_us"]
    bounds: dict[str, list[str]] = {}
    for _, labels, _ in found:
        bounds.setdefault(labels["host"], []).append(labels.get("le", ""))

    assert len(bounds) == 4
    assert len({tuple(own) for own in bounds.values()}) == 1


def test_bounds_that_no_double_can_hold_are_left_to_infinity() -> None:
    found = families(hostile.widest_histogram())["fleettrace_profile_ns"]
    buckets = {labels["le"]: value for name, labels, value in found if name.endswith("_bucket")}

    assert max(float(bound) for bound in buckets if bound != "+Inf") == 2**53 - 1
    assert buckets[str(2**53 - 1)] == 3
    assert buckets["+Inf"] == 15
    assert all(math.isinf(float(bound)) or int(float(bound)) == int(bound) for bound in buckets)


def test_counts_are_counters_and_hostile_labels_stay_labels() -> None:
    found = families(hostile.hostile_keys())["fleettrace_odd_tool"]

    expected = {frame.encode(errors="backslashreplace").decode() for frame in hostile.FRAMES}
    assert {labels["process"] for _, labels, _ in found} == expected
    assert {labels["exported_host"] for _, labels, _ in found} == expected
    assert {labels["host"] for _, labels, _ in found} == {"api-1"}


def test_how_much_of_the_fleet_it_speaks_for_is_in_it() -> None:
    found = families(samples.histogram_result())

    assert [value for _, _, value in found["fleettrace_hosts_targeted"]] == [5]
    assert [value for _, _, value in found["fleettrace_hosts_answered"]] == [4]
    assert [value for _, _, value in found["fleettrace_events_lost"]] == [17]


def test_an_empty_job_is_coverage_alone() -> None:
    assert set(families(hostile.unanswered_result())) == {
        "fleettrace_hosts_targeted",
        "fleettrace_hosts_answered",
        "fleettrace_events_lost",
    }


def test_hosts_that_recorded_finer_are_folded_and_not_left_out() -> None:
    found = families(hostile.mixed_schemes())["fleettrace_profile_us"]

    counts = {labels["host"]: value for name, labels, value in found if name.endswith("_count")}
    assert counts == {"api-1": 11, "api-2": 7}
    bounds = {
        host: [labels["le"] for _, labels, _ in found if labels["host"] == host and "le" in labels] for host in counts
    }
    assert bounds["api-1"] == bounds["api-2"]
    assert bounds["api-1"][:4] == ["1", "3", "7", "15"]
