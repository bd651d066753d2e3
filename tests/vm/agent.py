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
    "socket_of",
    "start_agent",
    "wheel",
]

AGENT = f"/{AGENT_HOME}/bin/fleettrace-agent"
STATE_DIRECTORY = "/var/lib/fleettrace"
UNIT = "fleettrace-agent"
RELAY = Path(__file__).with_name("relay.py")
SOCKET = "/run/controller.sock"
RELAY_PORT = 7000
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
    with _relay(f"127.0.0.1:{(port := _free_port())}", controller):
        _relay_in(guest, f"unix:{SOCKET}", f"{CONTROLLER_HOST}:{port}")
        guest.run(f"until [ -S {SOCKET} ]; do sleep 0.2; done")
        yield f"unix:{SOCKET}"


@contextmanager
def socket_of(guest: Guest, path: str) -> Iterator[str]:
    """A Unix socket of the guest, as this machine has it: here commands start in no time."""
    _relay_in(guest, f"0.0.0.0:{RELAY_PORT}", f"unix:{path}")
    guest.qemu.forward(port := _free_port(), RELAY_PORT)
    with short_folder() as folder, _relay(f"unix:{folder}/c.sock", f"127.0.0.1:{port}"):
        yield f"unix:{folder}/c.sock"


@contextmanager
def _relay(source: str, target: str) -> Iterator[None]:
    command = [sys.executable, "-I", str(RELAY), source, target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as relay:
        try:
            assert relay.stdout is not None
            assert relay.stdout.readline() == "ready\n"
            yield
        finally:
            relay.terminate()


def _relay_in(guest: Guest, source: str, target: str) -> None:
    guest.push("/run/relay.py", RELAY.read_bytes())
    guest.run(f"systemd-run --quiet --unit=relay -- python3 -I /run/relay.py {source} {target}")


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
