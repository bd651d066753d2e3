"""The agent in a guest, as a host has it: our wheel in an environment of its own, started by systemd."""

import io
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.vm.folders import short_folder
from tests.vm.guest import Guest
from tests.vm.image import AGENT_HOME, REPOSITORY

__all__ = [
    "AGENT",
    "STATE_DIRECTORY",
    "UNIT",
    "agent_log",
    "controller_socket",
    "install_agent",
    "start_agent",
    "wheel",
]

AGENT = f"/{AGENT_HOME}/bin/fleettrace-agent"
STATE_DIRECTORY = "/var/lib/fleettrace"
UNIT = "fleettrace-agent"
RELAY = Path(__file__).with_name("relay.py")
SOCKET = "/run/controller.sock"
CONTROLLER_HOST = "10.0.2.2"
"""This machine's loopback, as a guest sees it."""


def wheel() -> bytes:
    """This checkout's wheel, unpacked as pip unpacks it, as a tar archive of ``site-packages`` and ``bin``."""
    with short_folder() as folder:
        packages = folder / "site-packages"
        command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
        subprocess.run([*command, "--no-deps", "--target", str(packages), str(REPOSITORY)], check=True)
        for script in packages.glob("bin/fleettrace*"):
            body = script.read_text().partition("\n")[2]  # after the line that names this machine's Python
            script.write_text(f"#!/{AGENT_HOME}/bin/python\n{body}")
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path in sorted(packages.iterdir()):
                tar.add(path, "bin" if path.name == "bin" else f"site-packages/{path.name}")
        return archive.getvalue()


def install_agent(guest: Guest, archive: bytes) -> None:
    """Put the wheel into the guest."""
    home = f"/{AGENT_HOME}"
    guest.push("/tmp/wheel.tar", archive)
    guest.run(
        f'cd {home} && tar -x -f /tmp/wheel.tar --transform "s,^site-packages,$(echo lib/python3*/site-packages),"'
        f" && rm /tmp/wheel.tar && mkdir -p {STATE_DIRECTORY}"
    )


@contextmanager
def controller_socket(guest: Guest, controller: str) -> Iterator[str]:
    """The controller's Unix socket, as the guest has it: an agent that reaches it so needs no certificate."""
    here = [sys.executable, "-I", str(RELAY), f"127.0.0.1:{(port := _free_port())}", controller]
    with subprocess.Popen(here, stdout=subprocess.PIPE, text=True) as relay:
        try:
            assert relay.stdout is not None
            assert relay.stdout.readline() == "ready\n"
            guest.push("/run/relay.py", RELAY.read_bytes())
            there = f"python3 -I /run/relay.py unix:{SOCKET} {CONTROLLER_HOST}:{port}"
            guest.run(f"systemd-run --quiet --unit=relay -- {there}; until [ -S {SOCKET} ]; do sleep 0.2; done")
            yield f"unix:{SOCKET}"
        finally:
            relay.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def start_agent(guest: Guest, name: str, controller: str, *arguments: str) -> None:
    """Start it as a service."""
    command = [AGENT, "--controller", controller, "--name", name, *arguments]
    guest.run(f"systemd-run --quiet --unit={UNIT} -- {' '.join(command)}")


def agent_log(guest: Guest) -> str:
    """What the agent said."""
    return guest.run(f"journalctl --no-pager --output=cat --unit={UNIT} | tail -n 40", check=False).out
