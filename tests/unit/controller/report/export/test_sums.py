"""Values with the number of events behind them: both are handed on."""

import csv
import gzip
import json
from io import StringIO

from controller.report.export.csv import to_csv
from controller.report.export.otlp import to_otlp
from controller.report.export.pprof import to_pprof
from controller.report.export.profile_pb2 import Profile
from controller.report.export.prometheus import to_prometheus
from fleettrace.snapshot import Count, Snapshot, Stack
from tests.unit.controller.report import hostile

OFF_CPU = hostile.result_of(Snapshot(stacks=(Stack(("web", "wait"), 900, "us", events=3),)))
BYTES = hostile.result_of(
    Snapshot(counts=(Count((("process", "web"),), 3, (("bytes", 4096), ("us", 17))),)), tool="files"
)


def test_pprof_has_events_beside_times() -> None:
    profile = Profile()
    profile.ParseFromString(gzip.decompress(to_pprof(OFF_CPU)))

    texts = profile.string_table
    assert [(texts[kind.type], texts[kind.unit]) for kind in profile.sample_type] == [
        ("events", "count"),
        ("time", "microseconds"),
    ]
    assert list(profile.sample[0].value) == [3, 900]
    assert texts[profile.default_sample_type] == "time"


def test_csv_has_columns_for_them() -> None:
    (stack,) = csv.DictReader(StringIO(to_csv(OFF_CPU).decode(), newline=""))
    (count,) = csv.DictReader(StringIO(to_csv(BYTES).decode(), newline=""))

    assert (stack["value"], stack["unit"], stack["events"]) == ("900", "us", "3")
    assert (count["value"], count["sum.bytes"], count["sum.us"]) == ("3", "4096", "17")


def test_prometheus_has_a_counter_for_each_unit() -> None:
    lines = to_prometheus(BYTES).decode().splitlines()

    labels = '{tool="files",job_id="k3f9q2",host="api-1",process="web"}'
    assert f"fleettrace_files_total{labels} 3" in lines
    assert f"fleettrace_files_bytes_total{labels} 4096" in lines
    assert f"fleettrace_files_us_total{labels} 17" in lines


def test_otlp_has_a_sum_for_each_unit() -> None:
    metrics = json.loads(to_otlp(BYTES))["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]

    assert [(metric["name"], metric["unit"], metric["sum"]["dataPoints"][0]["asInt"]) for metric in metrics] == [
        ("fleettrace.files", "{event}", "3"),
        ("fleettrace.files.bytes", "By", "4096"),
        ("fleettrace.files.us", "us", "17"),
    ]
