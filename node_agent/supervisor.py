"""Keeps an agent running on a host whose init is not systemd; ``python -m node_agent.supervisor``.

It outlives the login that started it, starts its command again when that ends, and ends with its command on SIGTERM, or
when the command ends with a status that needs a person first. It does not start itself after a reboot.

While it lives it holds a lock on its pid file, which tells a living supervisor from a number that another process has
been given since.
"""

import argparse
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from fleettrace.errors import BadInput, Refused, Unauthenticated

__all__ = ["FINAL_STATUSES", "Log", "main", "next_pause_s", "parse_environment"]

FIRST_PAUSE_S = 1.0
MAX_PAUSE_S = 60.0
STEADY_S = 60.0
"""A command that ran this long did not fail at its start: the next pause is the first one again."""
FINAL_STATUSES = frozenset({BadInput.exit_code, Refused.exit_code, Unauthenticated.exit_code})
"""Of the agent: settings, a refusal by the controller and an enrolment do not mend themselves; its unit says the same.
All else may: a controller that does not answer comes back."""
STOP_S = 10.0
"""After this a command that was told to end is killed."""
ARGUMENTS = "FLEETTRACE_ARGUMENTS"
"""The variable that holds arguments of the command, as the agent's unit has it."""
MAX_LOG_BYTES = 1 << 20
"""Of the log, and of the one before it, which is kept beside it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command until told to end."""
    options = _parser().parse_args(arguments)
    # The descriptor is not inherited by the command: the lock ends with this process.
    descriptor = os.open(options.pid_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("supervisor: one is running already")
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    sys.exit(Supervisor(options.command, options.environment, Log(options.log)).run())


class Log:
    """A file that begins anew when it is full; the full one is kept beside it."""

    def __init__(self, path: Path, max_bytes: int = MAX_LOG_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes

    def write(self, line: str) -> None:
        """Add a line. A disk that is full loses it: the agent goes on."""
        try:
            if self._path.exists() and self._path.stat().st_size + len(line) > self._max_bytes:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            with self._path.open("a") as file:
                file.write(line if line.endswith("\n") else f"{line}\n")
        except OSError:
            return


def next_pause_s(pause_s: float, ran_s: float) -> float:
    """How long to wait before the next start, after a pause of ``pause_s`` and a run of ``ran_s``; at most 60 s."""
    return FIRST_PAUSE_S if ran_s >= STEADY_S or not pause_s else min(pause_s * 2, MAX_PAUSE_S)


def parse_environment(text: str) -> dict[str, str]:
    """The variables of a file of ``NAME=VALUE`` lines, as systemd's EnvironmentFile has them, without quotes."""
    lines = (line.strip() for line in text.splitlines())
    return dict(line.partition("=")[::2] for line in lines if "=" in line and not line.startswith("#"))


class Supervisor:
    """One command, started again whenever it ends."""

    def __init__(self, command: Sequence[str], environment: Path, log: Log) -> None:
        self._command = command
        self._environment = environment
        self._log = log
        self._ended = threading.Event()
        self._process: subprocess.Popen[str] | None = None

    def run(self) -> int:
        """Until SIGTERM or SIGINT, when the command is ended first, or until its status is a final one: that one."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        pause_s = 0.0
        while not self._ended.is_set():
            started = time.monotonic()
            status = self._run_once()
            if self._ended.is_set():
                break
            if status in FINAL_STATUSES:
                self._log.write(f"supervisor: the agent ended with {status}, and is not started again by itself")
                return status
            pause_s = next_pause_s(pause_s, time.monotonic() - started)
            self._log.write(f"supervisor: the agent ended with {status}; it starts again in {pause_s:.0f} s")
            self._ended.wait(pause_s)
        return 0

    def _run_once(self) -> int:
        try:
            settings = parse_environment(self._environment.read_text())
            process = subprocess.Popen(
                [*self._command, *settings.pop(ARGUMENTS, "").split()],
                env={"PATH": os.defpath, **settings},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as error:
            self._log.write(f"supervisor: the agent cannot be started: {error}")
            return -1
        self._process = process
        if self._ended.is_set():  # told to end in between
            process.terminate()
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                self._log.write(line[:4096])
        return process.wait()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ended.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            killer = threading.Timer(STOP_S, process.kill)
            killer.daemon = True
            killer.start()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m node_agent.supervisor", description=__doc__)
    parser.add_argument("--pid-file", type=Path, required=True, metavar="FILE")
    parser.add_argument("--log", type=Path, required=True, metavar="FILE")
    parser.add_argument("--environment", type=Path, required=True, metavar="FILE", help="NAME=VALUE lines")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="after --: the agent and its arguments")
    return parser


if __name__ == "__main__":
    main()
