"""hosts, tools, jobs, cancel."""

import json
from dataclasses import replace

import pytest

from controller.cli.exit_codes import ExitCode
from fleettrace.catalog import builtin_tools
from fleettrace.model.job import JobState
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl
from tests.unit.controller.report import samples

JSON_COMMANDS = {
    "fleettrace.hosts/1": ["hosts"],
    "fleettrace.tools/1": ["tools"],
    "fleettrace.jobs/1": ["jobs"],
    "fleettrace.job/1": ["show", "k3f9q2"],
    "fleettrace.submitted/1": ["run", "runqlat", "--on", "all", "--detach"],
}


@pytest.mark.parametrize("schema", JSON_COMMANDS)
def test_json_is_alone_on_stdout(schema: str, fleettrace: Command) -> None:
    # WHEN a command that prints data is asked for JSON
    outcome = fleettrace(*JSON_COMMANDS[schema], "--json")
    # THEN stdout is one document in one line
    assert outcome.code == ExitCode.OK
    assert json.loads(outcome.stdout)["schema"] == schema
    assert outcome.stdout.count("\n") == 1


@pytest.mark.parametrize("arguments", [["hosts"], ["tools"], ["tools", "runqlat"], ["jobs"], ["show", "k3f9q2"]])
def test_data_comes_on_stdout_and_nothing_on_stderr(arguments: list[str], fleettrace: Command) -> None:
    outcome = fleettrace(*arguments)
    assert outcome.code == ExitCode.OK
    assert outcome.stdout.strip()
    assert outcome.stderr == ""


def test_hosts_hands_on_the_selector(fleettrace: Command, control: FakeControl) -> None:
    outcome = fleettrace("hosts", "--on", "role=api, zone!=b")
    (request,) = control.requests(pb.ListHostsRequest)
    assert request.selector == "role=api,zone!=b"
    assert "1 of 3 hosts ready" in outcome.stdout


def test_tools_explains_one(fleettrace: Command) -> None:
    outcome = fleettrace("tools", "runqlat")
    assert "-p pid=" in outcome.stdout
    assert "70 ns a hit" in outcome.stdout


def test_tools_before_there_is_a_controller_are_those_of_this_version(command: Command) -> None:
    outcome = command("tools", "--json")
    assert outcome.code == 0
    assert {tool["tool"] for tool in json.loads(outcome.stdout)["tools"]} == set(builtin_tools())
    assert "for no controller is named" in outcome.stderr
    assert command("tools", "runqlat").stdout.startswith("runqlat")
    assert command("tools", "runqlatt").stderr.splitlines()[-1].startswith("fleettrace: there is no tool 'runqlatt'")


def test_tools_as_json_gives_the_one_that_is_named(fleettrace: Command) -> None:
    document = json.loads(fleettrace("tools", "syscount", "--json").stdout)
    assert [tool["tool"] for tool in document["tools"]] == ["syscount"]


def test_jobs_hands_on_the_limit(fleettrace: Command, control: FakeControl) -> None:
    fleettrace("jobs", "--limit", "7")
    (request,) = control.requests(pb.ListJobsRequest)
    assert request.limit == 7


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (JobState.STOPPING, "job k3f9q2 is stopping: its hosts were told to stop"),
        (JobState.CANCELLED, "job k3f9q2 is cancelled"),
        (JobState.DONE, "job k3f9q2 had already ended: done"),
    ],
)
def test_cancel_says_what_became_of_the_job(
    state: JobState, said: str, fleettrace: Command, control: FakeControl
) -> None:
    control.cancelled = replace(samples.done_job(), state=state)
    outcome = fleettrace("cancel", "k3f9q2")
    (request,) = control.requests(pb.CancelJobRequest)
    assert request.operator
    assert outcome.code == ExitCode.OK
    assert outcome.stdout.startswith(said)


def test_cancel_as_json_is_the_job(fleettrace: Command, control: FakeControl) -> None:
    control.cancelled = replace(samples.done_job(), state=JobState.CANCELLED)
    document = json.loads(fleettrace("cancel", "k3f9q2", "--json").stdout)
    assert document["schema"] == "fleettrace.jobs/1"
    assert [job["state"] for job in document["jobs"]] == ["cancelled"]


def test_cancel_all_says_what_became_of_each(fleettrace: Command, control: FakeControl) -> None:
    control.job_list = [
        replace(samples.done_job(), state=JobState.STOPPING),
        replace(samples.done_job(), state=JobState.CANCELLED),
    ]
    outcome = fleettrace("cancel", "--all")
    (request,) = control.requests(pb.CancelAllJobsRequest)
    assert request.operator
    said = " ".join(outcome.stdout.split())
    assert said.startswith("job k3f9q2 is stopping: its hosts were told to stop")
    assert "job k3f9q2 is cancelled; 'fleettrace show k3f9q2'" in said


def test_cancel_all_where_nothing_runs(fleettrace: Command, control: FakeControl) -> None:
    control.job_list = []
    assert fleettrace("cancel", "--all").stdout == "no job was running\n"
    assert json.loads(fleettrace("cancel", "--all", "--json").stdout)["jobs"] == []


@pytest.mark.parametrize("arguments", [[], ["k3f9q2", "--all"]])
def test_cancel_wants_a_job_or_all(arguments: list[str], fleettrace: Command, control: FakeControl) -> None:
    outcome = fleettrace("cancel", *arguments)
    assert outcome.code == ExitCode.BAD_INPUT
    assert "name one job" in outcome.stderr
    assert control.requests(pb.CancelJobRequest) == control.requests(pb.CancelAllJobsRequest) == []
