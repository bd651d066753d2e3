"""CSV (RFC 4180, UTF-8): a row for each bucket, stack, count and event of each host.

Columns that no row uses are left out. Labels of keys and fields of events are columns of their own, ``key.process``,
and so are what counts add up to, ``sum.bytes``. Frames are joined as in the folded format. Text is what the host gave:
a spreadsheet may take it for a formula.
"""

import csv
from collections.abc import Iterator
from io import StringIO

from controller.report.contents import by_host
from controller.report.export.folded import folded_frame
from controller.report.json.fields import time_text
from fleettrace.model.job import JobResult
from fleettrace.snapshot import Key, Snapshot, bucket_bounds

__all__ = ["rows_and_columns", "to_csv"]

_FIRST = ("host", "kind")
_LAST = ("low", "high", "frames", "at", "value", "unit", "events")

Row = dict[str, str | int]


def to_csv(result: JobResult) -> bytes:
    """A header and rows, sorted by host; sums are left to the reader."""
    rows, columns = rows_and_columns(result)
    text = StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows({**row, "at": time_text(int(row["at"])) or ""} if "at" in row else row for row in rows)
    return text.getvalue().encode(errors="backslashreplace")


def rows_and_columns(result: JobResult) -> tuple[list[Row], list[str]]:
    """The rows of each host, and the columns that any of them uses, in order; ``at`` is in Unix ms."""
    rows: list[Row] = [{"host": host, **row} for host, snapshot in by_host(result).items() for row in _rows(snapshot)]
    used = {column for row in rows for column in row}
    keys, sums = (sorted(column for column in used if column.startswith(kind)) for kind in ("key.", "sum."))
    return rows, [*_FIRST, *keys, *(column for column in _LAST if column in used), *sums]


def _rows(snapshot: Snapshot) -> Iterator[Row]:
    for histogram in snapshot.histograms:
        for index, count in histogram.counts:
            low, high = bucket_bounds(histogram.scheme, index)
            own: Row = {"kind": "bucket", "low": low, "high": high, "value": count, "unit": histogram.unit}
            yield {**own, **_columns(histogram.key)}
    for stack in snapshot.stacks:
        frames = ";".join(map(folded_frame, stack.frames))
        events: Row = {"events": stack.events} if stack.events else {}
        yield {"kind": "stack", "frames": frames, "value": stack.value, "unit": stack.unit, **events}
    for counter in snapshot.counts:
        sums: Row = {f"sum.{unit}": value for unit, value in counter.sums}
        yield {"kind": "count", "value": counter.count, "unit": "events", **_columns(counter.key), **sums}
    for event in snapshot.events:
        yield {
            "kind": "event",
            "at": event.at_ms,
            "value": 1,
            "unit": "events",
            **_columns(event.fields),
        }


def _columns(key: Key) -> Row:
    return {f"key.{name}": value for name, value in key}
