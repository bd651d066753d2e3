"""A doctor's report in words: the same for the agent and the controller."""

import pytest

from fleettrace.inspection.clock import check_clock
from fleettrace.inspection.text import headline, report_rows, report_text
from fleettrace.model.inspection import Check, ClockOffset, DoctorReport, Grade, ToolTrial, TrialOutcome

OK = Check("BTF", Grade.OK, "there")
WARNING = Check("tracefs", Grade.WARNING, "not mounted", "mount it")
FAULT = Check("capabilities", Grade.FAULT, "none", "run as root")
WORKS = ToolTrial("runqlat", TrialOutcome.WORKS)
FAILS = ToolTrial("profile", TrialOutcome.FAILS, reason="profile needs more")
UNTRIED = ToolTrial("usdt", TrialOutcome.UNTRIED, reason="it needs to be told what")


@pytest.mark.parametrize(
    ("report", "words", "can_trace", "all_fine"),
    [
        (DoctorReport((OK,), (WORKS,)), "fine: 1 of 1 tools work", True, True),
        (DoctorReport((OK, WARNING), (WORKS, UNTRIED)), "works, with 1 warning: 1 of 1 tools work", True, True),
        (DoctorReport((OK,), (WORKS, FAILS)), "works in part: 1 of 2 tools work", True, False),
        (DoctorReport((FAULT,), (FAILS, UNTRIED)), "CANNOT TRACE: 0 of 1 tools work", False, False),
        (DoctorReport((WARNING,), ()), "works, with 1 warning: no tool was tried", True, True),
        (DoctorReport((FAULT,), ()), "CANNOT TRACE: no tool was tried", False, False),
    ],
)
def test_a_report_in_a_few_words(report: DoctorReport, words: str, can_trace: bool, all_fine: bool) -> None:
    assert (headline(report), report.can_trace, report.all_fine) == (words, can_trace, all_fine)


def test_the_gravest_comes_first_and_what_fails_alike_is_named_together() -> None:
    other = ToolTrial("biotop", TrialOutcome.FAILS, reason="biotop needs more")
    rows = report_rows(DoctorReport((OK, WARNING, FAULT), (WORKS, FAILS, other, UNTRIED)))
    assert [(row.label, row.text) for row in rows] == [
        ("FAULT", "capabilities: none"),
        ("  mend", "run as root"),
        ("FAILS", "profile, biotop: needs more"),
        ("warning", "tracefs: not mounted"),
        ("  mend", "mount it"),
        ("untried", "usdt: it needs to be told what"),
        ("works", "runqlat"),
        ("ok", "BTF: there"),
    ]


def test_lines_are_as_wide_as_asked_and_cannot_move_a_cursor() -> None:
    long = Check("BTF", Grade.OK, "\x1b[2J" + "words " * 40)
    lines = report_text("api-1", DoctorReport((long,), ()), 60)
    assert all(len(line) <= 60 for line in lines)
    assert "\x1b" not in "".join(lines)
    assert lines[2].startswith("ok       BTF: ?[2J")


@pytest.mark.parametrize(
    ("offset_us", "uncertainty_us", "grade", "words"),
    [
        (-240, 900, Grade.OK, "-240 us from the controller's, to within 900 us"),
        (1_500_000, 600_000, Grade.OK, "+1.5 s from the controller's, to within 600.0 ms"),
        (-4_200_000, 12_000, Grade.WARNING, "-4.2 s from the controller's, to within 12.0 ms: times"),
    ],
)
def test_a_clock_is_off_only_when_its_uncertainty_leaves_no_other_way(
    offset_us: int, uncertainty_us: int, grade: Grade, words: str
) -> None:
    check = check_clock(ClockOffset(offset_us, uncertainty_us))
    assert (check.grade, check.found.startswith(words)) == (grade, True)
