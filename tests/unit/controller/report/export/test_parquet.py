"""Parquet, read back by pyarrow."""

import io
import sys
from datetime import UTC, datetime

import pytest

from controller.report.export.csv import rows_and_columns
from controller.report.export.parquet import to_parquet
from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult
from fleettrace.snapshot import LOG2, Histogram, Snapshot
from tests.unit.controller.report import samples

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: deploy/setup --dev")

RESULTS = {
    "histogram": samples.histogram_result,
    "stacks": samples.stacks_result,
    "counts": samples.counts_result,
    "events": samples.events_result,
    "keyed": samples.keyed_result,
}


@pytest.mark.parametrize("name", RESULTS)
def test_every_row_comes_back(name: str) -> None:
    # GIVEN a result WHEN it is written and read
    result = RESULTS[name]()
    table = pq.read_table(io.BytesIO(to_parquet(result)))
    # THEN all rows are there, with null where there is no such column
    rows, columns = rows_and_columns(result)
    assert table.column_names == columns
    for row, read in zip(rows, table.to_pylist(), strict=True):
        at = {"at": datetime.fromtimestamp(int(row["at"]) / 1000, UTC)} if "at" in row else {}
        assert {column: value for column, value in read.items() if value is not None} == {**row, **at}


def test_the_last_bucket_and_the_metadata() -> None:
    last = samples.part("api-1", Snapshot(histograms=(Histogram((), "us", LOG2, ((63, 1),)),)))
    result = JobResult(samples.done_job(), samples.histogram_result().coverage, last.part.snapshot, (last,))
    table = pq.read_table(io.BytesIO(to_parquet(result)))
    assert table.to_pylist()[0]["high"] == 2**64 - 1
    assert table.schema.metadata[b"fleettrace.job"] == b"k3f9q2"
    assert table.schema.metadata[b"fleettrace.hosts_answered"] == b"4"


def test_without_pyarrow_there_is_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BadInput, match=r"pip install fleettrace\[parquet\]"):
        to_parquet(samples.histogram_result())
