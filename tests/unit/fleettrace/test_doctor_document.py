"""A doctor's report as JSON, and back."""

from typing import Any

import pytest
from hypothesis import given

from fleettrace.errors import Malformed
from fleettrace.inspection.document import MAX_ENTRIES, MAX_TEXT_CHARS, doctor_document, report_of_document
from fleettrace.model.inspection import Check, DoctorReport, Grade, HostAnswer
from tests.unit.fleettrace import strategies

GOOD = doctor_document(HostAnswer("h", DoctorReport((Check("kernel", Grade.OK, "6.1"),), ())))


@given(strategies.host_answers)
def test_a_report_comes_back_as_it_was(answer: HostAnswer) -> None:
    if isinstance(answer.finding, DoctorReport):
        assert report_of_document(doctor_document(answer)) == answer.finding


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"checks": [], "tools": None},
        {"checks": [{"check": "kernel"}], "tools": []},
        {**GOOD, "checks": [{**GOOD["checks"][0], "grade": "splendid"}]},
        {**GOOD, "checks": [{**GOOD["checks"][0], "found": 7}]},
        {**GOOD, "checks": GOOD["checks"] * (MAX_ENTRIES + 1)},
    ],
)
def test_what_is_no_report_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        report_of_document(wrong)


def test_a_long_text_is_cut() -> None:
    long = {**GOOD, "checks": [{**GOOD["checks"][0], "found": "x" * (MAX_TEXT_CHARS + 1)}]}
    assert len(report_of_document(long).checks[0].found) == MAX_TEXT_CHARS
