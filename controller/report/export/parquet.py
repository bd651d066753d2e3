"""Parquet: the rows of the CSV, typed. It needs pyarrow, which is large and therefore an extra of its own."""

import importlib
from io import BytesIO
from typing import Any

from controller.report.export.csv import rows_and_columns
from fleettrace.errors import BadInput
from fleettrace.model.job import JobResult

__all__ = ["to_parquet"]

_UNSIGNED = frozenset({"low", "high", "value", "events"})
"""The upper bound of the last bucket needs all 64 bits."""


def to_parquet(result: JobResult) -> bytes:
    """One table, sorted by host; null where a kind of row has no such column. Its metadata name the job and coverage.

    Raises:
        BadInput: pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    rows, columns = rows_and_columns(result)
    fields = [arrow.field(name, _type(arrow, name)) for name in columns]
    coverage, spec = result.coverage, result.job.spec
    about = {
        "fleettrace.job": spec.job_id,
        "fleettrace.tool": spec.tool,
        "fleettrace.hosts_targeted": str(coverage.targeted),
        "fleettrace.hosts_answered": str(coverage.answered),
        "fleettrace.events_lost": str(coverage.lost_events),
    }
    schema = arrow.schema(fields, metadata=about)
    cells = {name: [_cell(row.get(name)) for row in rows] for name in columns}
    file = BytesIO()
    parquet.write_table(arrow.table(cells, schema=schema), file, compression="zstd")
    return file.getvalue()


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise BadInput(
            "parquet needs pyarrow, which is not installed: 'pip install fleettrace[parquet]', or use --format csv"
        ) from error


def _type(arrow: Any, name: str) -> Any:
    if name in _UNSIGNED or name.startswith("sum."):
        return arrow.uint64()
    return arrow.timestamp("ms", tz="UTC") if name == "at" else arrow.string()


def _cell(value: object) -> object:
    """Text as UTF-8 has it."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
