"""run: submit, watch, report; the story is on stderr, the result on stdout, and the exit code says how it ended."""

import json
from collections.abc import Callable
from dataclasses import replace

import grpc
import pytest

from controller.cli.exit_codes import ExitCode
from controller.report.json import job_document
from fleettrace.errors import Unreachable
from fleettrace.model.job import JobState, RunState, Verdict
from fleettrace.model.run import RunKind
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import BREAK, FakeControl
from tests.unit.controller.report import samples

RUN = ("run", "runqlat", "--on", "role=api", "--for", "5s")


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.cli.follow.WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr("controller.cli.submitting.WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr("controller.cli.submitting.FIRST_WAITS_S", (0.0,))


def test_everything_that_was_typed_is_asked_for(fleettrace: Command, control: FakeControl) -> None:
    # WHEN every option is given
    fleettrace(
        *RUN,
        "--canary",
        "api-2",
        "--promote",
        "--despite-aborts",
        "--dry-run",
        "--team",
        "sre",
        "-p",
        "pid=7",
        "--param",
        "min_us=100",
    )
    # THEN the controller is asked for all of it
    (asked,) = control.requests(pb.SubmitJobRequest)
    assert (asked.tool, asked.selector, asked.duration_ms) == ("runqlat", "role=api", 5_000)
    assert (asked.canary, asked.promote, asked.despite_aborts, asked.dry_run) == ("api-2", True, True, True)
    assert asked.team == "sre"
    assert dict(asked.params) == {"pid": "7", "min_us": "100"}
    assert asked.operator


def test_what_is_left_out_is_the_controllers_to_choose(fleettrace: Command, control: FakeControl) -> None:
    fleettrace("run", "runqlat", "--on", "all")
    (asked,) = control.requests(pb.SubmitJobRequest)
    assert (asked.duration_ms, asked.canary, asked.promote, asked.team) == (0, "", False, "")


def test_each_run_is_a_request_of_its_own(fleettrace: Command, control: FakeControl) -> None:
    fleettrace(*RUN, "--detach")
    fleettrace(*RUN, "--detach")
    first, second = control.requests(pb.SubmitJobRequest)
    assert first.request_id
    assert first.request_id != second.request_id


def test_the_story_on_stderr(
    fleettrace: Command, control: FakeControl, same_as_golden: Callable[[str, str], None]
) -> None:
    # GIVEN a job that is checked, runs in two waves and loses a host
    done = samples.histogram_result().job
    live = samples.live_result().job
    checked = replace(
        live,
        state=JobState.CHECKING,
        canaries=(replace(samples.canary(), verdict=Verdict.PENDING, window_s=0.0, reason=""),),
        waves=(),
        decisions=live.decisions[:1],
        runs=samples.runs(samples.run("api-1", RunState.RUNNING, 300, RunKind.FREQUENCY_CHECK)),
    )
    control.watches = [[checked, checked, live, live, replace(done, runs=live.runs)]]
    # WHEN it is followed without a terminal
    outcome = fleettrace(*RUN)
    # THEN each thing is told once, in the order in which it became known
    same_as_golden("run.stderr.txt", outcome.stderr)
    assert outcome.code == ExitCode.HOSTS_MISSING


def test_json_is_the_result_alone(fleettrace: Command) -> None:
    outcome = fleettrace(*RUN, "--json")
    assert json.loads(outcome.stdout) == json.loads(json.dumps(job_document(samples.histogram_result())))
    assert "policy" in outcome.stderr


@pytest.mark.parametrize(
    ("state", "answered", "code"),
    [
        (JobState.DONE, 5, ExitCode.OK),
        (JobState.DONE, 4, ExitCode.HOSTS_MISSING),
        (JobState.CHECKED, 0, ExitCode.OK),
        (JobState.HELD, 0, ExitCode.HELD),
        (JobState.ABORTED, 1, ExitCode.ABORTED),
        (JobState.CANCELLED, 5, ExitCode.CANCELLED),
        (JobState.FAILED, 0, ExitCode.FAILED),
        (JobState.INTERRUPTED, 2, ExitCode.INTERRUPTED),
        (JobState.REFUSED, 0, ExitCode.REFUSED),
    ],
)
def test_exit_code_says_what_became_of_the_job(
    state: JobState, answered: int, code: ExitCode, fleettrace: Command, control: FakeControl
) -> None:
    control.result = samples.ended_result(state, answered)
    control.watches = [[control.result.job]]
    outcome = fleettrace(*RUN)
    assert outcome.code == code
    assert state.value in outcome.stdout


def test_every_ended_state_has_an_exit_code() -> None:
    tested = {"done", "checked", "held", "aborted", "cancelled", "failed", "interrupted", "refused", "preempted"}
    assert {state.value for state in JobState if state.ended} == tested


def test_detach_prints_the_id_and_does_not_watch(fleettrace: Command, control: FakeControl) -> None:
    outcome = fleettrace(*RUN, "--detach")
    assert (outcome.code, outcome.stdout, outcome.stderr) == (ExitCode.OK, "k3f9q2\n", "")
    assert control.requests(pb.WatchJobRequest) == []


def test_a_broken_stream_is_taken_up_again(fleettrace: Command, control: FakeControl) -> None:
    # GIVEN a stream that breaks twice
    live, done = samples.live_result().job, samples.done_job()
    control.watches = [[live, BREAK], [BREAK], [live, live, done]]
    # WHEN the job is followed
    outcome = fleettrace(*RUN)
    # THEN the report comes all the same, and nothing is told twice
    assert outcome.code == ExitCode.HOSTS_MISSING
    assert "runqlat on role=api for 5 s: done" in outcome.stdout
    assert outcome.stderr.count("broke, trying again") == 2
    assert outcome.stderr.count("answers again") == 1
    assert outcome.stderr.count("policy ") == 1


def test_a_stream_that_stays_broken_names_the_job_and_the_way_back(fleettrace: Command, control: FakeControl) -> None:
    control.watches = [[samples.live_result().job, BREAK], [BREAK]]
    outcome = fleettrace(*RUN)
    assert outcome.code == ExitCode.UNREACHABLE
    assert outcome.stdout == ""
    assert len(control.requests(pb.WatchJobRequest)) == 4
    assert outcome.stderr.splitlines()[-1].startswith("fleettrace: no controller answers at")
    assert "'fleettrace show k3f9q2' has it once the controller is back" in outcome.stderr


def test_a_stream_that_only_ever_begins_is_given_up(fleettrace: Command, control: FakeControl) -> None:
    # GIVEN a controller that sends one message and then breaks, each time
    control.watches = [[samples.live_result().job, BREAK]]
    # THEN the attempts are bounded
    assert fleettrace(*RUN).code == ExitCode.UNREACHABLE
    assert len(control.requests(pb.WatchJobRequest)) == 4


def test_a_stream_that_ends_before_the_job_is_taken_up_again(fleettrace: Command, control: FakeControl) -> None:
    control.watches = [[samples.live_result().job], [samples.done_job()]]
    assert fleettrace(*RUN).code == ExitCode.HOSTS_MISSING


def test_a_quiet_job_is_watched_on(fleettrace: Command, control: FakeControl, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a stream on which nothing happens for longer than a window
    monkeypatch.setattr("controller.client.WATCH_WINDOW_S", 0.1)
    control.watches = [[samples.live_result().job, grpc.StatusCode.DEADLINE_EXCEEDED], [samples.done_job()]]
    # WHEN the window is over
    outcome = fleettrace(*RUN)
    # THEN it is opened anew, without a word
    assert outcome.code == ExitCode.HOSTS_MISSING
    assert "broke" not in outcome.stderr


def test_a_lost_answer_to_the_submission_is_asked_for_again_with_the_same_id(
    fleettrace: Command, control: FakeControl
) -> None:
    control.errors = {"SubmitJob": Unreachable("the answer was lost")}
    outcome = fleettrace(*RUN)
    first, second = control.requests(pb.SubmitJobRequest)
    assert first.request_id == second.request_id
    assert outcome.code == ExitCode.UNREACHABLE
