"""What hosts answered to questions besides traces, as a person reads it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.report.text import render_doctor, render_probes
from fleettrace.model.inspection import AskedHost, DoctorReport, HostAnswer, ProbeList, Unanswered
from tests.unit.controller.report import inspections
from tests.unit.controller.report.rendering import rendered, squeezed


@pytest.mark.parametrize("width", [80, 120])
def test_reports_look_as_approved(width: int, same_as_golden: Callable[[str, str], None]) -> None:
    same_as_golden(f"doctor-{width}.txt", rendered(render_doctor(inspections.doctors()), width))
    same_as_golden(f"doctor-alone-{width}.txt", rendered(render_doctor(inspections.doctors()[2:3]), width))
    probes = render_probes(inspections.ASKED, inspections.probe_answers(), "sched*", 3)
    same_as_golden(f"probes-{width}.txt", rendered(probes, width))


def test_no_width_loses_a_mend() -> None:
    text = squeezed(rendered(render_doctor(inspections.doctors()), 30))
    assert squeezed("mount -t tracefs nodev /sys/kernel/tracing") in text
    assert squeezed("web-1: its agent is not connected") in text


def test_hosts_that_are_alike_but_for_figures_and_notes_stand_together() -> None:
    # GIVEN fifty hosts of which each has something else to note
    first = inspections.doctors()[0]
    report = first.finding
    assert isinstance(report, DoctorReport)
    answers = [
        replace(
            first,
            host=f"api-{number:02}",
            finding=replace(
                report, checks=(*report.checks, replace(inspections.KPROBES, name="frames", found=f"{number}%"))
            ),
        )
        for number in range(50)
    ]
    # THEN they are one block, that says that they differ
    text = rendered(render_doctor(answers), 100)
    assert "+38 more: fine" in " ".join(text.split())
    assert "frames: differs between these hosts" in text
    assert len(text.splitlines()) < 20


def test_a_control_character_of_a_host_does_not_reach_the_terminal() -> None:
    hostile = HostAnswer("web-1", Unanswered("\x1b[2Jgone"))
    assert "?[2Jgone" in rendered(render_doctor([hostile]))


def test_probes_of_one_kernel_name_the_hosts_that_differ() -> None:
    asked = (AskedHost("a", "6.1 x"), AskedHost("b", "6.1 x"))
    probe = inspections.probe_answers()[0].finding
    assert isinstance(probe, ProbeList)
    answers = [HostAnswer("a", probe), HostAnswer("b", ProbeList(probe.probes[:2], 2))]
    text = " ".join(rendered(render_probes(asked, answers, "", 0), 120).split())
    assert "only on kernel 6.1 x (a), not on kernel 6.1 x (b)" in text


def test_a_host_speaks_for_no_other_about_a_binary() -> None:
    asked = [AskedHost("api-1", "6.1 x86_64", ("api-2",)), AskedHost("db-1", "6.6 x86_64", ("db-2",))]
    nothing = HostAnswer("db-1", Unanswered("/nope is not on this host"))
    answers = [HostAnswer("api-1", ProbeList((), 0)), nothing]
    text = " ".join(rendered(render_probes(asked, answers, "x", 0, of_programs=True), 120).split())
    assert "0 probes match 'x' on kernel 6.1 x86_64 (api-1)" in text
    assert "others may have another binary: --each-host asks all" in text
    assert "no answer db-1: /nope" in text
    kernel = " ".join(rendered(render_probes(asked, answers, "x", 0), 120).split())
    assert "(api-1 answered for 2 hosts)" in kernel
    assert "no answer db-1, db-2: /nope" in kernel
