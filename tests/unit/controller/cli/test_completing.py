"""What TAB gives, in real shells on a terminal, each as ``--install-completion`` has set it up."""

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

from fleettrace.catalog import builtin_tools
from fleettrace.errors import Refused
from tests.unit.controller.cli.fake_control import FakeControl

BIN = Path(sys.executable).parent
LIMIT_S = 30.0
CLEAR_LINE = "\x15"
TELL_LINE = "\x07"
READY = "ready$"
SETTINGS = {
    "bash": (".bashrc", f"""bind -x '"\\C-g": printf "<%s>" "$READLINE_LINE"'; PS1='{READY}'"""),
    "zsh": (".zshrc", f"""tell() {{ print -rn -- "<$BUFFER>" }}; zle -N tell; bindkey '^G' tell; PS1='{READY}'"""),
    "fish": (
        ".config/fish/config.fish",
        f"""bind \\cg 'printf "<%s>" (commandline)'; function fish_prompt; printf '{READY}'; end""",
    ),
}
"""By shell: the file that it reads when it starts, and what has a key print the line as it stands."""


class Shell:
    """An interactive shell that completes fleettrace."""

    def __init__(self, name: str, home: Path, controller: str) -> None:
        self.environment = {**os.environ, "HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "xterm"}
        self.environment |= {"FLEETTRACE_CONTROLLER": controller, "XDG_CONFIG_HOME": str(home / ".config")}
        settings, line = SETTINGS[name]
        # What installs looks at which shell has started it.
        self._run(
            name,
            "fleettrace --install-completion; exit $status"
            if name == "fish"
            else "fleettrace --install-completion; exit $?",
        )
        (home / settings).parent.mkdir(parents=True, exist_ok=True)
        with (home / settings).open("a") as file:
            file.write(f"{line}\n")
        self._home = home
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(home)
            os.execvpe(name, [name, "-i"], self.environment)
        self._read_until(re.escape(READY))

    def _run(self, name: str, command: str) -> str:
        ended = subprocess.run(
            [name, "-c", command], env=self.environment, capture_output=True, text=True, check=True, timeout=LIMIT_S
        )
        return ended.stdout

    def close(self) -> None:
        os.close(self._fd)  # the terminal hangs up, which ends it
        os.waitpid(self._pid, 0)

    def after_tab(self, line: str) -> str:
        """The line once TAB was pressed at its end."""
        os.write(self._fd, f"{CLEAR_LINE}{line}\t{TELL_LINE}".encode())
        return self._read_until(r"<([^<>]*fleettrace [^<>]*)>")

    def _read_until(self, wanted: str) -> str:
        read, deadline_s = "", time.monotonic() + LIMIT_S
        while not (told := re.search(wanted, read)):
            if not select.select([self._fd], [], [], max(0.0, deadline_s - time.monotonic()))[0]:
                raise AssertionError(f"the shell told nothing of the line: {read!r}")
            read += os.read(self._fd, 4096).decode(errors="replace")
        return str(told[told.lastindex or 0])


@pytest.fixture(params=SETTINGS)
def shell(request: pytest.FixtureRequest, address: str, tmp_path: Path) -> Iterator[Shell]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "hosts.toml").touch()
    started = Shell(request.param, home, address)
    yield started
    started.close()


FAR_HOST = "database-primary-7.eu-west-1.example.net "
COMPLETED = {
    "fleettrace find-o": "fleettrace find-outlier ",
    "fleettrace run runqla": "fleettrace run runqlat ",
    "fleettrace run runqlat --on api-1": "fleettrace run runqlat --on api-1 ",
    "fleettrace run runqlat --on role=a": "fleettrace run runqlat --on role=api ",
    "fleettrace run runqlat --on=role=a": "fleettrace run runqlat --on=role=api ",
    "fleettrace run runqlat --on 'role=a": "fleettrace run runqlat --on 'role=api' ",
    "fleettrace run runqlat --on role=api,zo": "fleettrace run runqlat --on role=api,zone=a ",
    "fleettrace run runqlat --canary datab": "fleettrace run runqlat --canary " + FAR_HOST,
    "true; fleettrace compare k3f9q2 j9": "true; fleettrace compare k3f9q2 j9d8c7b6a ",
    "fleettrace export k3f9q2 --format=pp": "fleettrace export k3f9q2 --format=pprof ",
    "fleettrace upgrade --inventory hos": "fleettrace upgrade --inventory hosts.toml ",
    "fleettrace upgrade --inventory=hos": "fleettrace upgrade --inventory=hosts.toml ",
}


@pytest.mark.timeout(180)
def test_tab_completes(shell: Shell) -> None:
    assert {typed: shell.after_tab(typed) for typed in COMPLETED} == COMPLETED


def test_a_controller_that_is_named_is_asked(shell: Shell, address: str) -> None:
    for named in (f"--controller {address}", f"--controller={address}"):
        line = f"fleettrace show {named} j9"
        assert shell.after_tab(line) == f"{line}d8c7b6a "


def test_what_cannot_be_had_completes_to_nothing(shell: Shell, control: FakeControl) -> None:
    control.errors["ListJobs"] = Refused("ada may not look at jobs", "scope")
    assert shell.after_tab("fleettrace show j9") == "fleettrace show j9"
    assert shell.after_tab("fleettrace show --controller unix:/nobody.sock j9").endswith("nobody.sock j9")


def test_in_a_narrow_terminal_words_alone_are_offered() -> None:
    # GIVEN tools whose questions are longer than the terminal is wide
    script = subprocess.run(
        ["bash", "--norc", "-c", "fleettrace --show-completion; exit $?"],
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=LIMIT_S,
    ).stdout
    assert any(len(tool.question) > 80 for tool in builtin_tools().values())
    # WHEN bash asks for what may come
    asking = (
        'COMP_LINE="fleettrace run " COMP_POINT=15; _fleettrace_completion fleettrace; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    offered = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{asking}"],
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=LIMIT_S,
    )
    # THEN it is the tools, and no second line of what one of them means
    assert offered.stdout.split("\n") == [*builtin_tools(), ""]
