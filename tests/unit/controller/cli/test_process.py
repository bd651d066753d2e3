"""The command as a process: streams, pipes, terminals, completion, start."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from controller.cli import completing, options
from controller.cli.app import _PANELS, PROGRAM, app
from controller.cli.exit_codes import _BY_STATE, ExitCode
from fleettrace import __version__
from fleettrace.errors import BadInput
from fleettrace.model.job import JobState
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl
from tests.unit.controller.report import samples

SCRIPT = "import sys; from controller.cli import main; sys.exit(main())"
LIMIT_S = 30


def start(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
    )


def test_run_as_a_process_keeps_stdout_to_the_document(control: FakeControl, address: str) -> None:
    ended = start("run", "runqlat", "--on", "role=api", "--json", FLEETTRACE_CONTROLLER=address)
    assert ended.returncode == ExitCode.HOSTS_MISSING
    assert json.loads(ended.stdout)["coverage"]["answered"] == 4
    assert "wave 2/2" in ended.stderr
    assert "\x1b" not in ended.stderr


def test_an_unreachable_controller_is_one_line_of_stderr() -> None:
    # GIVEN no controller, and gRPC as it logs by default
    ended = start("hosts", "--controller", "unix:/nonexistent/fleettrace.sock")
    # THEN its own log lines do not come between
    assert ended.returncode == ExitCode.UNREACHABLE
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_goes_away_ends_the_command_quietly(form: list[str], control: FakeControl, address: str) -> None:
    # GIVEN an answer larger than a pipe holds, and a reader that reads nothing
    control.job_list = [samples.done_job()] * 1_000
    arguments = [sys.executable, "-c", SCRIPT, "jobs", "--limit", "1000", "--controller", address, *form]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        # THEN it says nothing
        assert process.wait(LIMIT_S) == ExitCode.PIPE_CLOSED
        assert process.stderr.read() == b""


def test_a_stdout_that_knows_only_ascii_is_no_error(address: str) -> None:
    ended = start("show", "k3f9q2", "--controller", address, PYTHONIOENCODING="ascii")
    assert ended.returncode == ExitCode.OK
    assert "####" in ended.stdout


def test_version(command: Command) -> None:
    assert command("--version").stdout == f"fleettrace {__version__}\n"


def test_help_names_every_command_and_run_its_exit_codes() -> None:
    runner = CliRunner()
    overview = runner.invoke(app, ["--help"])
    assert overview.exit_code == 0
    for name in ("serve", "hosts", "tools", "run", "jobs", "show", "cancel"):
        assert f"│ {name} " in overview.stdout
    words = " ".join(runner.invoke(app, ["run", "--help"]).stdout.split())
    assert "fleettrace run runqlat --on role=api --for 5s" in words
    for code in ExitCode:
        told = code.told_of("run").replace("`", "")
        assert (f"• {code.value} {told}" in words) is bool(told)


@pytest.mark.parametrize(
    ("name", "example"),
    [(entry.name, example) for entries in _PANELS.values() for entry in entries for example in entry.examples],
)
def test_the_examples_of_the_help_are_what_a_command_takes(name: str, example: str) -> None:
    command = get_command(app)
    group = typer.Context(command, info_name=PROGRAM)
    context = command.commands[name].make_context(name, shlex.split(example), parent=group)  # type: ignore[attr-defined]
    assert context.params


def test_a_flag_has_no_type_and_a_value_has_one() -> None:
    words = " ".join(CliRunner().invoke(app, ["run", "--help"]).stdout.split())
    assert "--promote Go on" in words
    assert "<str>" not in words
    assert "--priority <routine|incident> An incident" in words


def test_every_way_in_which_a_job_ends_has_an_exit_code_of_its_own() -> None:
    codes = [_BY_STATE[state] for state in JobState if state.ended and state is not JobState.DONE]
    assert len({code.value for code in codes}) == len(codes)
    assert ExitCode.UNAUTHENTICATED not in codes


def test_no_command_is_the_help_and_bad_input(command: Command) -> None:
    outcome = command()
    assert outcome.code == ExitCode.BAD_INPUT
    assert "fleettrace: " not in outcome.stderr
    assert "Ask the fleet" in outcome.stdout + outcome.stderr


def test_the_shell_completes_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "_FLEETTRACE_COMPLETE": "complete_bash",
        "COMP_WORDS": "fleettrace run runqla",
        "COMP_CWORD": "2",
    }
    assert start(**environment).stdout.split() == ["runqlat"]


def test_the_shell_completes_commands() -> None:
    environment = {"_FLEETTRACE_COMPLETE": "complete_bash", "COMP_WORDS": "fleettrace can", "COMP_CWORD": "1"}
    assert start(**environment).stdout.split() == ["cancel"]


def test_completion_of_a_broken_catalogue_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise BadInput("the tool cannot be read")

    monkeypatch.setattr(completing, "builtin_tools", broken)
    assert completing.complete_tool("ru") == []


def test_an_account_without_a_name_is_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert options.local_user() == f"uid-{os.getuid()}"


@pytest.mark.parametrize(
    ("typed", "without"),
    [("--version", {"grpc", "asyncssh", "numpy"}), ("hosts --help", {"asyncssh", "numpy", "lark"})],
)
def test_a_command_loads_what_it_needs_alone(typed: str, without: set[str]) -> None:
    looking = (
        f"import sys; from controller.cli import main; main({typed.split()}); print(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", looking], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    loaded = set(ended.stderr.split())
    assert "controller.cli.lazy" in loaded
    assert not loaded & without


@pytest.mark.parametrize("arguments", [("hosts",), ("hosts", "--json"), ("show", "k3f9q2"), ("--help",)])
def test_a_full_disk_is_one_sentence(arguments: tuple[str, ...], address: str) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments],
            env={**os.environ, "FLEETTRACE_CONTROLLER": address},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    assert ended.returncode == ExitCode.BAD_INPUT
    assert ended.stderr == (
        "fleettrace: the output cannot be written (No space left on device): make room, or write it elsewhere\n"
    )


def test_what_is_no_terminal_gets_no_blanks_at_the_ends_of_lines(fleettrace: Command) -> None:
    for arguments in (("hosts",), ("jobs",), ("tools",), ("show", "k3f9q2")):
        lines = fleettrace(*arguments).stdout.splitlines()
        assert [line for line in lines if line != line.rstrip()] == []
