"""Rows of predicted beside measured costs: what counts, how errors are summed up, and that they can be kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.cost_rows import HEADINGS, Row, keep_row, median_error_pct, read_rows, summary, text_of

ROW = Row("runqlat", "light:round_trips", "at once", 4e5, 2_400, 600, 540, 660, 20, 480, 720, 510)


@pytest.mark.parametrize(("half_ns", "counts"), [(150, True), (151, False)])
def test_a_row_counts_whose_interval_is_a_quarter_of_its_value_or_less(half_ns: float, counts: bool) -> None:
    assert replace(ROW, low_ns=600 - half_ns, high_ns=600 + half_ns).counts is counts


def test_a_cost_that_is_no_more_than_noise_is_no_error_of_the_prediction() -> None:
    noise = replace(ROW, measured_ns=-5, low_ns=-60, high_ns=50)
    assert not noise.counts
    assert median_error_pct([ROW, noise]) == pytest.approx(20)
    assert "errors of 1 of 2 rows" in summary([ROW, noise])
    assert text_of([noise]).splitlines()[-1].count("noise") == 3


def test_a_line_has_a_cell_for_each_heading() -> None:
    heading, rule, line = text_of([ROW]).splitlines()
    assert heading.count("|") == rule.count("|") == line.count("|") == len(HEADINGS) + 1


def test_rows_are_kept_as_they_are(tmp_path: Path) -> None:
    for row in (ROW, replace(ROW, load="1,000/s")):
        keep_row(row, tmp_path / "rows")
    assert read_rows(tmp_path / "rows") == [ROW, replace(ROW, load="1,000/s")]
    assert read_rows(tmp_path / "none") == []
