"""Errors: one sentence with the way out, a documented exit code, nothing on stdout, never a traceback."""

import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from controller.cli.exit_codes import ExitCode
from fleettrace import errors
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl

RUN = ("run", "runqlat", "--on", "all")


def classes(base: type[errors.FleettraceError]) -> Iterator[type[errors.FleettraceError]]:
    yield base
    for child in base.__subclasses__():
        yield from classes(child)


def test_every_error_of_the_tree_has_a_documented_exit_code() -> None:
    assert {error.exit_code for error in classes(errors.FleettraceError)} <= set(ExitCode)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give --controller ADDR, set FLEETTRACE_CONTROLLER, or log in"),
        (("--controller", "nonsense"), "'nonsense' is not an address: use host:port, or unix:PATH"),
        (("--controller", "host:99999"), "is not an address"),
        (("--controller", "unix:"), "is not an address"),
        (("--controller", f"unix:/{'x' * 110}"), "at most 107 bytes"),
    ],
)
def test_no_usable_address(arguments: tuple[str, ...], sentence: str, command: Command) -> None:
    outcome = command("hosts", *arguments)
    assert outcome.code == ExitCode.BAD_INPUT
    assert sentence in outcome.stderr


MORE = "; hosts that hear nothing of their controller end what they trace after 10 s"


@pytest.mark.parametrize(
    "arguments", [["hosts"], ["jobs"], ["show", "x"], ["cancel", "x"], ["cancel", "--all"], [*RUN], ["tools"]]
)
def test_unreachable_controller(arguments: list[str], command: Command, tmp_path: Path) -> None:
    # GIVEN an address where nobody listens
    nobody = f"unix:{tmp_path}/nobody.sock"
    # WHEN any command is given it
    outcome = command(*arguments, "--controller", nobody)
    # THEN one sentence names the address and the way out
    assert outcome.code == ExitCode.UNREACHABLE
    assert outcome.stdout == ""
    assert outcome.stderr == (
        f"fleettrace: no controller answers at {nobody}: start one there with 'fleettrace serve --listen {nobody}', "
        f"or name the right address with --controller{MORE if arguments[0] == 'cancel' else ''}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "runqlat", "--on", ""), "is not a selector: write all, role=api,zone!=b, or host names"),
        (("run", "runqlat", "--on", "role=a,,b"), "is not a selector"),
        ((*RUN, "--for", "5"), "'5' is not a duration: use a number with its unit, such as 500ms, 5s or 2m"),
        ((*RUN, "--for", "0s"), "is not a duration"),
        ((*RUN, "--for", "9999999h"), "9999999h is longer than any job may take"),
        ((*RUN, "-p", "pid"), "pid is not of the form name=value"),
        ((*RUN, "-p", "=7"), "is not of the form name=value"),
        ((*RUN, "-p", "pid=1", "-p", "pid=2"), "pid is given twice"),
        (("hosts", "--on", "all,role=x"), "'all' stands alone"),
    ],
)
def test_bad_input_is_found_before_anything_is_asked(
    arguments: tuple[str, ...], sentence: str, fleettrace: Command, control: FakeControl
) -> None:
    outcome = fleettrace(*arguments)
    assert outcome.code == ExitCode.BAD_INPUT
    assert sentence in outcome.stderr
    assert control.asked == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "runqlat"], "missing option '--on': see 'fleettrace run --help'"),
        (
            ["run", "--on", "all", "--controller", "unix:/x"],
            "Name a tool ('fleettrace tools' lists them), or give a program",
        ),
        (["run", "runqlat", "-e", "x", "--on", "all"], "both runqlat and a program are given: leave one of them out"),
        (["run", "-e", " ", "--on", "all", "--controller", "unix:/x"], "-e needs a program, such as"),
        (["run", "-e", "@/none/x.bt", "--on", "all", "--controller", "unix:/x"], "/none/x.bt cannot be read (No such"),
        (["walk"], "no such command 'walk': see 'fleettrace --help'"),
        (["jobs", "--limit", "0"], "invalid value for '--limit'"),
        (["jobs", "--limit", "many"], "invalid value for '--limit'"),
        (["hosts", "--colour"], "no such option: --colour"),
        (["serve", "--db", "x.db"], "missing option '--listen'"),
    ],
)
def test_usage_errors(arguments: list[str], sentence: str, command: Command) -> None:
    outcome = command(*arguments)
    assert outcome.code == ExitCode.BAD_INPUT
    assert outcome.stdout == ""
    assert re.fullmatch(r"fleettrace: .*\n", outcome.stderr)
    assert sentence in outcome.stderr


@pytest.mark.parametrize(
    "error",
    [
        errors.NoHostMatches("no host matches 'role=web'; 4 hosts are known: see 'fleettrace hosts'"),
        errors.BadDuration("90 s is longer than the 60 s that policy allows: ask for less"),
        errors.NotFound("there is no job 'x'; see 'fleettrace jobs'"),
        errors.StoreFailed("the database is read-only: give the controller one that it may write"),
        errors.DigestMismatch("api-1 has another version of runqlat: install the same on both"),
        errors.Malformed("a snapshot holds at most 100000 entries"),
    ],
    ids=lambda error: error.code,
)
def test_the_controllers_errors_arrive_as_they_were(
    error: errors.FleettraceError, fleettrace: Command, control: FakeControl
) -> None:
    control.errors = {"SubmitJob": error}
    outcome = fleettrace(*RUN)
    assert outcome.code == error.exit_code
    assert outcome.stderr == f"fleettrace: {error}\n"
    assert outcome.stdout == ""


def test_a_refusal_names_its_rule_once(fleettrace: Command, control: FakeControl) -> None:
    control.errors = {"SubmitJob": errors.Refused("web-1 is outside the hosts: leave it out", 'grant "sre".hosts')}
    outcome = fleettrace(*RUN)
    assert outcome.code == ExitCode.REFUSED
    assert outcome.stderr == 'fleettrace: web-1 is outside the hosts: leave it out (rule: grant "sre".hosts)\n'
    control.errors = {"SubmitJob": errors.Refused("limits.max_hosts allows 3: narrow the selector", "limits.max_hosts")}
    assert "(rule:" not in fleettrace(*RUN).stderr


@pytest.mark.parametrize("arguments", [("run", "runqlatt", "--on", "all"), ("tools", "runqlatt")])
def test_an_unknown_tool_comes_with_the_one_that_was_meant(
    arguments: tuple[str, ...], fleettrace: Command, control: FakeControl
) -> None:
    control.errors = {"SubmitJob": errors.UnknownTool("there is no tool 'runqlatt'")}
    outcome = fleettrace(*arguments)
    assert outcome.code == ExitCode.BAD_INPUT
    assert outcome.stderr == (
        "fleettrace: there is no tool 'runqlatt': did you mean 'runqlat'? 'fleettrace tools' explains them\n"
    )


def test_a_tool_like_no_other_comes_with_all_there_are(fleettrace: Command) -> None:
    assert "there are runqlat, syscount; 'fleettrace tools'" in fleettrace("tools", "zzz").stderr


@pytest.mark.parametrize(
    ("code", "exit_code", "sentence"),
    [
        (grpc.StatusCode.UNIMPLEMENTED, ExitCode.INTERNAL, "is not a controller of this version: check the address"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ExitCode.INTERNAL, "ask for one host's part with --host"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, ExitCode.UNREACHABLE, "did not answer in time"),
        (grpc.StatusCode.UNKNOWN, ExitCode.INTERNAL, "failed (UNKNOWN: canned): see its log"),
    ],
)
def test_statuses_without_an_error_of_the_tree(
    code: grpc.StatusCode, exit_code: int, sentence: str, fleettrace: Command, control: FakeControl
) -> None:
    control.errors = {"GetJob": code}
    outcome = fleettrace("show", "k3f9q2")
    assert outcome.code == exit_code
    assert sentence in outcome.stderr


def test_an_answer_of_another_version_is_one_sentence(fleettrace: Command, control: FakeControl) -> None:
    control.foreign_jobs = [pb.Job(job_id="x", state="dreaming")]
    outcome = fleettrace("jobs")
    assert outcome.code == ExitCode.INTERNAL
    assert outcome.stdout == ""
    assert "use the same version of fleettrace on both sides" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_defect_is_one_sentence_and_a_traceback_on_demand(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a defect
    def broken(address: str) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("controller.cli.hosts.connect", broken)
    # WHEN a command meets it
    outcome = command("hosts")
    # THEN one sentence says so
    assert outcome.code == ExitCode.INTERNAL
    assert outcome.stderr == (
        "fleettrace: unexpected ZeroDivisionError: by zero; FLEETTRACE_DEBUG=1 shows where it came from\n"
    )
    # AND the traceback comes when it is asked for
    monkeypatch.setenv("FLEETTRACE_DEBUG", "1")
    assert "Traceback (most recent call last)" in command("hosts").stderr


def test_an_interrupted_command_says_so(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(address: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("controller.cli.hosts.connect", interrupted)
    outcome = command("hosts")
    assert outcome.code == ExitCode.LEFT_RUNNING
    assert "Traceback" not in outcome.stderr


def test_control_characters_of_a_message_do_not_reach_the_terminal(fleettrace: Command, control: FakeControl) -> None:
    control.errors = {"ListHosts": errors.NotFound("no \x1b[2J host\nanywhere")}
    assert fleettrace("hosts").stderr == "fleettrace: no ?[2J host anywhere\n"


def test_nothing_is_sent_through_a_proxy_of_the_environment(
    fleettrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert fleettrace("hosts").code == ExitCode.OK
