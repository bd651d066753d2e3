"""What the doctor found on a host, in sentences."""

from controller.install.doctor import MAX_SHOWN, fatal, shown
from fleettrace.model.inspection import Check, DoctorReport, Grade, ToolTrial, TrialOutcome

FINE = Check("kernel", Grade.OK, "6.1 x86_64")
LOW = Check("tracefs", Grade.WARNING, "may not be read", "mount -o remount,gid=tracing /sys/kernel/tracing")
BLIND = Check("BTF", Grade.FAULT, "there are no types")
WORKS = ToolTrial("runqlat", TrialOutcome.WORKS)
FAILS = ToolTrial("profile", TrialOutcome.FAILS, reason="no perf events", mend="sysctl kernel.perf_event_paranoid=2")


def test_what_is_fine_is_told_in_a_few_words() -> None:
    assert shown(DoctorReport((FINE,), (WORKS,))) == ("doctor: fine: 1 of 1 tools work",)


def test_each_finding_has_the_line_that_mends_it() -> None:
    assert shown(DoctorReport((FINE, LOW), (WORKS, FAILS))) == (
        "doctor: works in part: 1 of 2 tools work",
        "doctor: profile: no perf events (mend: sysctl kernel.perf_event_paranoid=2)",
        "doctor: tracefs: may not be read (mend: mount -o remount,gid=tracing /sys/kernel/tracing)",
    )


def test_of_very_many_findings_the_gravest_are_told_and_how_many_more_there_are() -> None:
    many = tuple(Check(f"c{number}", Grade.WARNING, "so") for number in range(MAX_SHOWN + 3))
    told = shown(DoctorReport((*many, BLIND), (WORKS,)))
    assert told[1] == "doctor: BTF: there are no types"
    assert (len(told), told[-1]) == (MAX_SHOWN + 2, "doctor: 4 more findings: fleettrace doctor")


def test_a_host_that_cannot_trace_is_refused_in_one_sentence() -> None:
    report = DoctorReport((FINE, BLIND, LOW), ())
    assert not report.can_trace
    assert fatal(report) == (
        "nothing can be traced on it, and no agent was started: BTF: there are no types; tracefs: may not be read "
        "(mend: mount -o remount,gid=tracing /sys/kernel/tracing)"
    )
