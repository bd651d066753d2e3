"""show: the same report as run, and one host's part."""

import json

from controller.cli.exit_codes import ExitCode
from controller.report.text import render_job
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl
from tests.unit.controller.report import samples
from tests.unit.controller.report.rendering import rendered


def unpadded(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def test_shows_the_report_that_run_ends_with(fleettrace: Command) -> None:
    shown, run = fleettrace("show", "k3f9q2"), fleettrace("run", "runqlat", "--on", "role=api")
    # What was decided was told while it ran, and is not repeated.
    told, _, decided = shown.stdout.partition("How it was decided")
    assert told == run.stdout
    assert "granted" in decided
    assert unpadded(shown.stdout) == rendered(render_job(samples.histogram_result()))


def test_shows_progress_of_a_live_job(fleettrace: Command, control: FakeControl) -> None:
    control.result = samples.live_result()
    outcome = fleettrace("show", "k3f9q2")
    assert outcome.code == ExitCode.OK
    assert "tracing, 5 hosts" in outcome.stdout
    assert "4 hosts: 2 running, 1 starting, 1 lost" in outcome.stdout


def test_shows_one_host(fleettrace: Command, control: FakeControl) -> None:
    outcome = fleettrace("show", "k3f9q2", "--host", "api-3")
    (request,) = control.requests(pb.GetJobRequest)
    assert (request.job_id, request.host) == ("k3f9q2", "api-3")
    assert "api-3: 5,766 events, in us" in outcome.stdout


def test_a_host_without_a_part_is_not_found_in_either_form(fleettrace: Command) -> None:
    for form in ([], ["--json"]):
        outcome = fleettrace("show", "k3f9q2", "--host", "api-5", *form)
        assert outcome.code == ExitCode.NOT_FOUND
        assert outcome.stdout == ""
        assert outcome.stderr.startswith("fleettrace: api-5 has no part in job k3f9q2: not connected since")


def test_json_of_a_live_job_says_its_state(fleettrace: Command, control: FakeControl) -> None:
    control.result = samples.live_result()
    document = json.loads(fleettrace("show", "k3f9q2", "--json").stdout)
    assert document["job"]["state"] == "tracing"
    assert document["job"]["finished_at"] is None
