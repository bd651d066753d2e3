"""``fleettrace find-outlier``: the scan, the second look, and what is said and returned."""

import json
from dataclasses import replace

import pytest

from controller.cli.exit_codes import ExitCode
from fleettrace.errors import Refused
from fleettrace.model.job import HostPart, JobResult, JobState
from fleettrace.model.params import Param
from fleettrace.snapshot import merge
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl
from tests.unit.controller.report import samples
from tests.unit.controller.report.tool_samples import tools

QUICK = (300, 900, 1500, 800, 200, 60)
SLOW = (*QUICK, 0, 0, 0, 700, 600, 200)


def result(*slow: str, hosts: int = 10) -> JobResult:
    parts: list[HostPart] = []
    for number in range(1, hosts + 1):
        name = f"api-{number}"
        parts.append(samples.part(name, samples.latencies(*(SLOW if name in slow else QUICK))))
    whole = samples.waits_result("k3f9q2", {1: 1}, hosts)
    merged = merge(each.part.snapshot for each in parts)
    return replace(whole, hosts=tuple(parts), merged=merged, statement=f"{slow or 'nobody'} stands out")


def submitted(control: FakeControl) -> list[pb.SubmitJobRequest]:
    return control.requests(pb.SubmitJobRequest)


def test_confirmed_when_a_second_run_beside_controls_says_the_same(control: FakeControl, fleettrace: Command) -> None:
    # GIVEN a scan in which api-3 is slow, and is slow again beside its controls
    control.earlier_results = [result("api-3")]
    control.result = result("api-3", hosts=4)
    fine = Param("fine", 0, 0, 4, "finer")
    control.tool_list = [replace(tools()[0], params=(fine,))]
    # WHEN it is hunted for
    outcome = fleettrace("find-outlier", "runqlat", "pid=7", "--on", "role=api", "--for", "2s", "--json")
    # THEN two runs are enough
    document = json.loads(outcome.stdout)
    assert outcome.code == 0
    assert (document["verdict"], document["host"], document["votes"]) == ("confirmed", "api-3", 2)
    assert document["controls"] == ["api-1", "api-10", "api-2"]
    scan, again = submitted(control)
    assert (scan.selector, dict(scan.params), scan.duration_ms) == ("role=api", {"pid": "7"}, 2000)
    assert again.selector.split(",")[0] == "api-3"
    assert len(again.selector.split(",")) == 4
    assert dict(again.params) == {"pid": "7", "fine": "2"}
    assert scan.request_id != again.request_id
    assert "api-3 stands out: running again beside" in outcome.stderr


def test_what_decides_whether_it_may_run_holds_for_every_run(control: FakeControl, fleettrace: Command) -> None:
    control.earlier_results = [result("api-3")]
    control.result = result("api-3", hosts=4)
    urgent = ("--priority", "incident", "--break-glass", "checkout is down", "--canary", "api-9")
    fleettrace("find-outlier", "runqlat", "--on", "role=api", *urgent)
    scan, again = submitted(control)
    assert (scan.priority, scan.break_glass, scan.canary) == ("incident", "checkout is down", "api-9")
    assert (again.priority, again.break_glass, again.canary) == ("incident", "checkout is down", "")


def test_not_confirmed_after_three_runs_is_said_plainly(control: FakeControl, fleettrace: Command) -> None:
    control.earlier_results = [result("api-3")]
    control.result = result(hosts=4)
    outcome = fleettrace("find-outlier", "runqlat", "--on", "role=api")
    assert outcome.code == ExitCode.NOT_CONFIRMED
    assert len(submitted(control)) == 3
    assert outcome.stdout.startswith("NOT CONFIRMED: api-3 stood out in 1 of 3 runs; at first")
    assert "run 3       job k3f9q2, beside 3 controls: not again" in outcome.stdout


def test_two_of_three_are_enough(control: FakeControl, fleettrace: Command) -> None:
    control.earlier_results = [result("api-3"), result(hosts=4)]
    control.result = result("api-3", hosts=4)
    outcome = fleettrace("find-outlier", "runqlat", "--on", "role=api")
    assert outcome.code == 0
    assert outcome.stdout.startswith("confirmed in 2 of 3 runs")


def test_nobody_stands_out(control: FakeControl, fleettrace: Command) -> None:
    control.result = result()
    outcome = fleettrace("find-outlier", "runqlat", "--on", "role=api", "--json")
    assert outcome.code == ExitCode.NOBODY_STANDS_OUT
    assert json.loads(outcome.stdout)["verdict"] == "none"
    assert len(submitted(control)) == 1


def test_without_controls_nothing_is_run_again(
    control: FakeControl, fleettrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.cli.find_outlier.matched_controls", lambda *_: ("api-1",))
    control.result = result("api-3")
    outcome = fleettrace("find-outlier", "runqlat", "--on", "role=api", "--json")
    assert outcome.code == ExitCode.NOT_CONFIRMED
    assert len(submitted(control)) == 1
    document = json.loads(outcome.stdout)
    assert document["verdict"] == "not confirmed"
    assert document["obstacle"].endswith("enough events, and there are 1")


def test_a_scan_that_was_held_ends_as_run_does(control: FakeControl, fleettrace: Command) -> None:
    held = samples.held_result()
    control.result, control.watches = held, [[held.job]]
    assert fleettrace("find-outlier", "runqlat", "--on", "all").code == ExitCode.HELD
    assert len(submitted(control)) == 1


def test_a_run_that_fails_is_no_vote(control: FakeControl, fleettrace: Command) -> None:
    control.earlier_results = [result("api-3")]
    failed = result("api-3", hosts=4)
    control.result = replace(failed, job=replace(failed.job, state=JobState.ABORTED, reason="too costly"))
    outcome = fleettrace("find-outlier", "runqlat", "--on", "all")
    assert outcome.code == ExitCode.NOT_CONFIRMED
    assert "not again: its job ended as aborted: too costly" in outcome.stderr


def test_policy_and_bad_parameters_are_sentences(control: FakeControl, fleettrace: Command) -> None:
    assert "is not of the form name=value" in fleettrace("find-outlier", "runqlat", "pid", "--on", "all").stderr
    control.errors["SubmitJob"] = Refused("no grant covers it", "grants")
    refused = fleettrace("find-outlier", "runqlat", "--on", "all")
    assert (refused.code, refused.stderr) == (3, "fleettrace: no grant covers it (rule: grants)\n")
