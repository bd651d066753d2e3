"""doctor and probes."""

import json

import pytest

from controller.cli.exit_codes import ExitCode
from fleettrace.errors import NoHostMatches
from fleettrace.model.inspection import AskedHost, HostAnswer
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl
from tests.unit.controller.report import inspections


def answering(control: FakeControl, *answers: HostAnswer) -> None:
    control.asked_hosts = [AskedHost(answer.host, "6.1") for answer in answers]
    control.answers = answers


def test_a_doctor_who_finds_nothing_ends_with_0(fleettrace: Command, control: FakeControl) -> None:
    answering(control, *inspections.doctors()[:2])
    outcome = fleettrace("doctor", "--on", "role=api")
    assert outcome.code == ExitCode.OK
    assert "2 of 2 hosts can run every tool" in outcome.stdout
    assert "answered    api-2 (1 of 2)" in outcome.stderr
    (request,) = control.requests(pb.AskHostsRequest)
    assert (request.selector, request.about.WhichOneof("kind"), request.one_of_each_kernel) == (
        "role=api",
        "doctor",
        False,
    )


@pytest.mark.parametrize(
    ("hosts", "code"),
    [
        ({"api-1", "db-1"}, ExitCode.OK),  # warnings are no fault
        ({"api-1", "web-1"}, ExitCode.HOSTS_MISSING),
        ({"api-1", "old-1"}, ExitCode.UNFIT),  # one tool of one host
        ({"db-2", "web-1"}, ExitCode.UNFIT),
    ],
)
def test_the_doctors_exit_code(hosts: set[str], code: ExitCode, fleettrace: Command, control: FakeControl) -> None:
    answering(control, *(answer for answer in inspections.doctors() if answer.host in hosts))
    assert fleettrace("doctor", "--json").code == code


def test_probes_ask_one_host_of_each_kernel_unless_told(fleettrace: Command, control: FakeControl) -> None:
    control.asked_hosts, control.answers = inspections.ASKED, inspections.probe_answers()
    outcome = fleettrace("probes", "sched*", "--on", "all", "--binary", "/usr/bin/app", "--limit", "1")
    assert outcome.code == ExitCode.HOSTS_MISSING
    assert "+3 more" in outcome.stdout
    fleettrace("probes", "--on", "all", "--each-host", "--pid", "7", "--usdt")
    first, second = control.requests(pb.AskHostsRequest)
    assert first.one_of_each_kernel
    assert not second.one_of_each_kernel
    assert (first.about.probes.pattern, first.about.probes.binary) == ("sched*", "/usr/bin/app")
    assert (second.about.probes.pid, second.about.probes.usdt) == (7, True)


@pytest.mark.parametrize("arguments", [["doctor"], ["probes", "--on", "all"]])
def test_json_is_alone_on_stdout(arguments: list[str], fleettrace: Command, control: FakeControl) -> None:
    control.asked_hosts, control.answers = inspections.ASKED, inspections.probe_answers()
    if arguments[0] == "doctor":
        answering(control, *inspections.doctors())
    outcome = fleettrace(*arguments, "--json")
    assert json.loads(outcome.stdout)["schema"] == f"fleettrace.{arguments[0]}/1"
    assert outcome.stdout.count("\n") == 1


def test_usdt_needs_to_know_whose(fleettrace: Command) -> None:
    outcome = fleettrace("probes", "--on", "all", "--usdt")
    assert outcome.code == ExitCode.BAD_INPUT
    assert "--binary PATH or --pid PID" in outcome.stderr


def test_a_selector_without_hosts_and_a_controller_that_leaves_hosts_out(
    fleettrace: Command, control: FakeControl
) -> None:
    control.asked_hosts = [AskedHost("a", "6.1")]
    outcome = fleettrace("doctor")
    assert outcome.code == ExitCode.INTERNAL
    assert "did not answer for every host" in outcome.stderr
    control.errors["AskHosts"] = NoHostMatches("no host matches 'x'")
    assert fleettrace("doctor", "--on", "x").code == ExitCode.BAD_INPUT
