"""CSV, read back with a CSV reader."""

import csv
from io import StringIO

from controller.report.export.csv import to_csv
from fleettrace.model.job import JobResult
from tests.unit.controller.report import hostile, samples


def rows(result: JobResult) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(to_csv(result).decode(), newline="")))


def test_a_histogram_is_a_row_for_each_bucket_and_host() -> None:
    found = rows(samples.histogram_result())

    assert list(found[0]) == ["host", "kind", "low", "high", "value", "unit"]
    assert found[0] == {"host": "api-1", "kind": "bucket", "low": "0", "high": "1", "value": "120", "unit": "us"}
    assert sum(int(row["value"]) for row in found) == samples.histogram_result().merged.total


def test_keys_are_columns() -> None:
    found = rows(samples.counts_result(2))

    assert list(found[0])[:6] == ["host", "kind", "key.process", "key.syscall", "value", "unit"]
    assert {row["key.process"] for row in found} == {"worker-00", "worker-01"}


def test_hostile_text_stays_in_its_field() -> None:
    result = hostile.hostile_keys()

    found = [row for row in rows(result) if row["kind"] == "count"]

    expected = {frame.encode(errors="backslashreplace").decode() for frame in hostile.FRAMES}
    assert {row["key.process"] for row in found} == expected
    assert {row["key.host"] for row in found} == expected
    assert {row["host"] for row in found} == {"api-1"}


def test_stacks_and_events() -> None:
    assert {row["kind"] for row in rows(samples.stacks_result())} == {"stack"}
    event = rows(samples.events_result())[0]
    assert event["at"] == "2026-01-02T02:13:20.000Z"
    assert event["key.path"] == "/etc/passwd"
