"""Ctrl-C on run: cancel, leave running, or go on."""

import os
import pty
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from io import StringIO

import pytest

from controller.cli import follow
from controller.cli.exit_codes import ExitCode
from controller.cli.follow import Choice, ask
from controller.cli.terminal import Terminal
from controller.client import Client, JobRequest
from fleettrace.model.job import JobResult, JobState
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl
from tests.unit.controller.report import samples

RUN = ("run", "runqlat", "--on", "role=api")
LIMIT_S = 20


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def asked() -> threading.Event:
    """Set once the operator was asked."""
    return threading.Event()


@pytest.fixture
def interrupted(control: FakeControl, asked: threading.Event) -> FakeControl:
    """A controller whose job is live when Ctrl-C comes, and done some time after the question."""
    live = samples.live_result().job
    control.watches = [[live, live, press_ctrl_c, lambda: wait_for(asked), samples.done_job()]]
    return control


def wait_for(event: threading.Event) -> None:
    event.wait(LIMIT_S)


def choose(choice: Choice, asked: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(terminal: Terminal, job_id: str) -> Choice:
        asked.set()
        return choice

    monkeypatch.setattr(follow, "ask", chosen)


def test_go_on_watches_on_and_repeats_nothing(
    interrupted: FakeControl, asked: threading.Event, fleettrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(Choice.GO_ON, asked, monkeypatch)
    outcome = fleettrace(*RUN)
    assert outcome.code == ExitCode.HOSTS_MISSING
    assert outcome.stderr.count("wave 2/2    tracing on 4 hosts") == 1
    assert interrupted.requests(pb.CancelJobRequest) == []


def test_cancel_cancels_and_shows_what_was_measured(
    interrupted: FakeControl, asked: threading.Event, fleettrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a job that is cancelled on Ctrl-C
    cancelled = samples.ended_result(JobState.CANCELLED, answered=2)
    interrupted.cancelled = replace(cancelled.job, state=JobState.STOPPING, finished_at_ms=0)
    interrupted.watches = [[*interrupted.watches[0][:-1], cancelled.job]]
    interrupted.result = cancelled
    choose(Choice.CANCEL, asked, monkeypatch)
    # WHEN it is run
    outcome = fleettrace(*RUN)
    # THEN its end is awaited and its report shown
    assert outcome.code == ExitCode.CANCELLED
    assert len(interrupted.requests(pb.CancelJobRequest)) == 1
    assert "cancelled, 2 of 5 hosts answered" in outcome.stdout


def test_leave_says_how_to_see_and_how_to_cancel_the_job(
    interrupted: FakeControl, asked: threading.Event, fleettrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(Choice.LEAVE, asked, monkeypatch)
    interrupted.watches = [[*interrupted.watches[0][:-1], interrupted.hold]]
    outcome = fleettrace(*RUN)
    assert outcome.code == ExitCode.LEFT_RUNNING
    assert outcome.stdout == ""
    assert "k3f9q2 goes on: 'fleettrace show k3f9q2', 'fleettrace cancel k3f9q2'" in outcome.stderr
    assert interrupted.requests(pb.CancelJobRequest) == []


def test_ctrl_c_while_the_job_is_submitted_says_how_to_find_out(
    fleettrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Client, request: JobRequest) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "submit", interrupted)
    outcome = fleettrace(*RUN)
    assert outcome.code == ExitCode.LEFT_RUNNING
    assert outcome.stderr == "interrupted 'fleettrace jobs' tells whether the job was started\n"


def test_ctrl_c_while_the_result_is_fetched_says_where_it_is(
    fleettrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Client, job_id: str, host: str = "", **_: object) -> JobResult:
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "job", interrupted)
    outcome = fleettrace(*RUN)
    assert outcome.code == ExitCode.LEFT_RUNNING
    assert "the job has ended, 'fleettrace show k3f9q2' has its result" in outcome.stderr


def test_without_a_person_the_job_is_left_running(
    interrupted: FakeControl, fleettrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted.watches = [[*interrupted.watches[0][:-2], interrupted.hold]]
    monkeypatch.setattr("sys.stdin", StringIO())
    assert fleettrace(*RUN, "--json").code == ExitCode.LEFT_RUNNING
    assert interrupted.requests(pb.CancelJobRequest) == []


@pytest.mark.parametrize(
    ("answers", "choice"),
    [
        (["c"], Choice.CANCEL),
        (["L"], Choice.LEAVE),
        (["go on"], Choice.GO_ON),
        (["", "what?", " c "], Choice.CANCEL),
        ([KeyboardInterrupt], Choice.LEAVE),
        ([EOFError], Choice.LEAVE),
    ],
)
def test_answers(
    answers: list[str | type[BaseException]],
    choice: Choice,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # GIVEN a person who types these
    given = iter(answers)

    def answer() -> str:
        typed = next(given)
        if isinstance(typed, str):
            return typed
        raise typed

    monkeypatch.setattr("builtins.input", answer)
    keyboard = StringIO()
    monkeypatch.setattr(keyboard, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", keyboard)
    # WHEN they are asked
    chosen = ask(Terminal(as_json=True), "k3f9q2")
    # THEN the first answer that is one counts, and the question was not on stdout
    assert chosen is choice
    written = capfd.readouterr()
    assert written.out == ""
    assert "[c]ancel it, [l]eave it running, [g]o on watching?" in written.err


def test_ctrl_c_at_a_real_terminal(control: FakeControl, address: str) -> None:
    # GIVEN a command whose stdin and stderr are a terminal
    seen, cancel_asked = threading.Event(), threading.Event()
    cancelled = samples.ended_result(JobState.CANCELLED, answered=2)
    live = samples.live_result().job
    control.watches = [[live, live, seen.set, lambda: wait_for(cancel_asked), cancelled.job]]
    control.result, control.cancelled = cancelled, cancelled.job
    control.on_cancel = cancel_asked.set
    ours, theirs = pty.openpty()
    script = "import sys; from controller.cli import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", script, *RUN, "--controller", address],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
        text=True,
    ) as process:
        os.close(theirs)
        try:
            assert seen.wait(LIMIT_S)
            # WHEN Ctrl-C is pressed and the question answered
            read_until(ours, b"wave 2/2")
            process.send_signal(signal.SIGINT)
            read_until(ours, b"[g]o on watching?")
            os.write(ours, b"c\n")
            stdout, _ = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()  # or leaving the context would wait for it, whatever the test's time-out says
    os.close(ours)
    # THEN the job is cancelled and the report is alone on stdout
    assert process.returncode == ExitCode.CANCELLED
    assert stdout.startswith("runqlat on role=api for 5 s: cancelled, 2 of 5 hosts answered")
    assert len(control.requests(pb.CancelJobRequest)) == 1


def read_until(terminal: int, wanted: bytes) -> None:
    """Read what a terminal shows until it is there; the test's time-out bounds it."""
    text = b""
    while wanted not in text:
        text += os.read(terminal, 4096)
