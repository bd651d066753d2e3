"""The agent as a service: systemd's where that is process 1, else its supervisor's."""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path

from controller.install.on_host.commands import Failed, run
from controller.install.on_host.layout import CURRENT, LOG, RUN, SETTINGS, USER

__all__ = ["AS_AGENT", "SERVICE", "has_systemd", "is_running", "last_words", "restart", "stop"]

SERVICE = "fleettrace-agent.service"
PID_FILE = RUN / "supervisor.pid"
STOP_S = 20.0
"""An agent hands in what it has before it ends; after this it is killed."""
LOG_LINES = 5
CAPABILITIES = ("bpf", "perfmon", "syslog", "sys_ptrace")
"""What the agent may hand to the children that trace, as in its unit; it uses none itself."""
_GIVEN = ",".join(f"+{name}" for name in CAPABILITIES)
AS_AGENT = (
    *("setpriv", "--reuid", USER, "--regid", USER, "--init-groups", "--no-new-privs", "--pdeathsig", "TERM"),
    *("--bounding-set", f"-all,{_GIVEN}", "--inh-caps", f"-all,{_GIVEN}", "--ambient-caps", f"-all,{_GIVEN}"),
)
"""What makes of root's command one of the agent's user, with what its unit gives it."""
_SUPERVISED = (
    *("--pid-file", str(PID_FILE), "--log", str(LOG / "agent.log")),
    *("--environment", str(SETTINGS / "agent.env")),
    *("--", *AS_AGENT, str(CURRENT / "bin" / "fleettrace-agent")),
)
"""How an agent is started where there is no systemd; what its unit says there."""


def has_systemd() -> bool:
    """Whether units are of use here."""
    return Path("/run/systemd/system").is_dir() and Path("/proc/1/comm").read_text().strip() == "systemd"


def restart() -> None:
    """Start the agent, and end the one that runs.

    Raises:
        Failed: it does not start, or the other does not end.
    """
    if has_systemd():
        run("systemctl", "enable", SERVICE)
        run("systemctl", "restart", SERVICE)
        return
    stop()
    # Its own session and no open file of this one: it outlives the connection.
    subprocess.Popen(
        [str(CURRENT / "bin" / "python"), "-I", "-m", "node_agent.supervisor", *_SUPERVISED],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + STOP_S
    while not is_running():
        if time.monotonic() > deadline:
            raise Failed("command", f"the agent's supervisor did not start; its last words: {last_words()}")
        time.sleep(0.05)


def stop() -> None:
    """End the agent, if it runs.

    Raises:
        Failed: it does not end.
    """
    if has_systemd():
        run("systemctl", "stop", SERVICE, check=False)
        return
    for number, limit_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, 5.0)):
        if not is_running():
            return
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(PID_FILE.read_text()), number)
        deadline = time.monotonic() + limit_s
        while is_running() and time.monotonic() < deadline:
            time.sleep(0.05)
    raise Failed("command", "the agent's supervisor does not end: look for it there")


def is_running() -> bool:
    """Whether the agent is kept running."""
    if has_systemd():
        return subprocess.run(["systemctl", "is-active", "--quiet", SERVICE], check=False).returncode == 0
    try:
        with PID_FILE.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # the supervisor holds it as long as it lives
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def last_words() -> str:
    """The end of the agent's log."""
    if has_systemd():
        command = ["journalctl", "--quiet", "--unit", SERVICE, "--lines", str(LOG_LINES), "--output", "cat"]
        lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    else:
        try:
            with (LOG / "agent.log").open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
    return " / ".join(lines[-LOG_LINES:])
