"""What TAB gives, in a real bash on a terminal."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleettrace.errors import Refused
from tests.unit.controller.cli.fake_control import FakeControl

BIN = Path(sys.executable).parent
LIMIT_S = 30.0
CLEAR_LINE = "\x15"
TELL_LINE = "\x07"


class Bash:
    """An interactive bash that completes fleettrace; a key has it print the line as it stands."""

    def __init__(self, script: Path, controller: str) -> None:
        environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PS1": "", "TERM": "dumb"}
        environment["FLEETTRACE_CONTROLLER"] = controller
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], environment)
        self._type(f'source {script}; bind -x \'"\\C-g": printf "<%s>" "$READLINE_LINE"\'\n')

    def close(self) -> None:
        os.close(self._fd)  # the terminal hangs up, which ends it
        os.waitpid(self._pid, 0)

    def after_tab(self, line: str) -> str:
        """The line once TAB was pressed at its end."""
        self._type(f"{CLEAR_LINE}{line}\t{TELL_LINE}")
        read, deadline_s = "", time.monotonic() + LIMIT_S
        while not (told := re.findall(r"<(fleettrace [^>]*)>", read)):
            if not select.select([self._fd], [], [], max(0.0, deadline_s - time.monotonic()))[0]:
                raise AssertionError(f"bash told nothing of the line: {read!r}")
            read += os.read(self._fd, 4096).decode()
        return str(told[-1])

    def _type(self, text: str) -> None:
        os.write(self._fd, text.encode())


def completion_script() -> str:
    """What ``--show-completion`` prints in bash."""
    printing = "from controller.cli import main; main(['--show-completion'])"
    command = ["bash", "--norc", "-c", f'"{sys.executable}" -c "{printing}"; exit $?']
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT_S).stdout


@pytest.fixture
def bash(address: str, tmp_path: Path) -> Iterator[Bash]:
    script = tmp_path / "completion.sh"
    script.write_text(completion_script())
    shell = Bash(script, address)
    yield shell
    shell.close()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("fleettrace find-o", "fleettrace find-outlier "),
        ("fleettrace run runqla", "fleettrace run runqlat "),
        ("fleettrace run runqlat --on api-1", "fleettrace run runqlat --on api-1 "),
        ("fleettrace run runqlat --on role=a", "fleettrace run runqlat --on role=api "),
        ("fleettrace run runqlat --on role=api,zo", "fleettrace run runqlat --on role=api,zone=a "),
        ("fleettrace run runqlat --on role=api --canary datab", "database-primary-7.eu-west-1.example.net "),
        ("fleettrace show j9", "fleettrace show j9d8c7b6a "),
        ("fleettrace compare k3f9q2 j9", "fleettrace compare k3f9q2 j9d8c7b6a "),
        ("fleettrace hosts revoke api-1", "fleettrace hosts revoke api-1 "),
        ("fleettrace export k3f9q2 --format pp", "fleettrace export k3f9q2 --format pprof "),
    ],
)
def test_tab_completes(bash: Bash, typed: str, completed: str) -> None:
    assert bash.after_tab(typed).endswith(completed)


def test_a_controller_that_is_named_is_asked(bash: Bash, address: str) -> None:
    line = f"fleettrace show --controller {address} j9"
    assert bash.after_tab(line) == f"{line}d8c7b6a "


def test_what_cannot_be_had_completes_to_nothing(bash: Bash, control: FakeControl) -> None:
    control.errors["ListJobs"] = Refused("ada may not look at jobs", "scope")
    assert bash.after_tab("fleettrace show j9") == "fleettrace show j9"
    assert bash.after_tab("fleettrace show --controller unix:/nobody.sock j9").endswith("nobody.sock j9")
