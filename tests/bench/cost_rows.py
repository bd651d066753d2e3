"""What was predicted beside what was measured: rows, their errors, the table."""

import json
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

__all__ = ["GOAL_PCT", "RESOLVED", "Row", "median_error_pct", "read_rows", "table_of", "text_of"]

GOAL_PCT = 25.0
RESOLVED = 0.25
"""A row counts where the 95% confidence interval of what was measured reaches no further than this share of it."""

WAYS: tuple[tuple[str, Callable[["Row"], float]], ...] = (
    ("predicted", lambda row: row.predicted_ns),
    ("the manifest alone", lambda row: row.manifest_ns),
    ("run time alone", lambda row: row.run_time_ns),
)


@dataclass(frozen=True)
class Row:
    """One tool over one workload under one load; times in ns for an operation of the workload.

    ``operations_per_s`` is how often they came without the tool, as the clock has it; ``work_ns`` is what one takes
    without the tool, ``measured_ns`` what the tool adds, ``low_ns`` and ``high_ns`` the bounds of its 95% confidence
    interval; the last three are what was predicted, in three ways.
    """

    name: str
    work: str
    load: str
    operations_per_s: float
    work_ns: float
    measured_ns: float
    low_ns: float
    high_ns: float
    pairs: int
    predicted_ns: float
    manifest_ns: float
    run_time_ns: float

    @property
    def half_ns(self) -> float:
        """Half of the confidence interval."""
        return (self.high_ns - self.low_ns) / 2

    @property
    def counts(self) -> bool:
        """Whether what was measured can be told from noise well enough to judge a prediction by it."""
        return self.measured_ns > 0 and self.half_ns <= RESOLVED * self.measured_ns


def read_rows(path: Path | None) -> list[Row]:
    """Those that were kept, one JSON object a line."""
    if path is None or not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]


def keep_row(row: Row, path: Path) -> None:
    """Append it."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def error_pct(predicted_ns: float, row: Row) -> float:
    return abs(predicted_ns - row.measured_ns) / row.measured_ns * 100


def median_error_pct(rows: Sequence[Row]) -> float:
    """Of the prediction, over the rows that count."""
    return statistics.median(error_pct(row.predicted_ns, row) for row in rows if row.counts)


def summary(rows: Sequence[Row]) -> str:
    """The errors of each way to predict, in a sentence."""
    counting = [row for row in rows if row.counts]
    tools = {row.name.split()[0] for row in counting}
    told = []
    for way, predicted in WAYS:
        errors = sorted(error_pct(predicted(row), row) for row in counting)
        p90 = errors[min(len(errors) - 1, int(0.9 * len(errors)))]
        told.append(f"{way}: median {statistics.median(errors):.0f}%, p90 {p90:.0f}%")
    return (
        f"errors of {len(counting)} of {len(rows)} rows, {len(tools)} tools (goal: median {GOAL_PCT:g}%); "
        f"{'; '.join(told)}"
    )


def cells(row: Row) -> list[str]:
    """A line of the table."""
    found = [
        *(row.name, row.work, row.load, f"{row.operations_per_s:,.0f}", f"{row.work_ns:,.0f}"),
        *(f"{row.measured_ns:,.0f}", f"{row.half_ns:,.0f}", str(row.pairs)),
    ]
    for _, predicted in WAYS:
        found += [f"{predicted(row):,.0f}", f"{error_pct(predicted(row), row):.0f}%" if row.counts else "noise"]
    return found


HEADINGS = (
    *("tool", "work", "load", "a second", "an operation", "measured", "+-", "pairs"),
    *("predicted", "error", "manifest alone", "error", "run time alone", "error"),
)


def table_of(rows: Sequence[Row]) -> Table:
    """For a terminal."""
    table = Table(title=f"ns of CPU time that tools add to an operation of a workload, load {os.getloadavg()[0]:.1f}")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading in {"tool", "work", "load"} else "right")
    for row in rows:
        table.add_row(*cells(row))
    table.caption = summary(rows)
    return table


def text_of(rows: Sequence[Row]) -> str:
    """For a page."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + " --- |" * 3 + " ---: |" * (len(HEADINGS) - 3)]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    return "\n".join(lines)
