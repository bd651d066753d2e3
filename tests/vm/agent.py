"""The agent in a guest, as a host has it: our wheel in an environment of its own, started by systemd."""

import io
import subprocess
import sys
import tarfile

from tests.vm.folders import short_folder
from tests.vm.guest import Guest
from tests.vm.image import AGENT_HOME, REPOSITORY

__all__ = ["AGENT", "STATE_DIRECTORY", "UNIT", "agent_log", "install_agent", "start_agent", "wheel"]

AGENT = f"/{AGENT_HOME}/bin/fleettrace-agent"
STATE_DIRECTORY = "/var/lib/fleettrace"
UNIT = "fleettrace-agent"
CONTROLLER_HOST = "10.0.2.2"
"""This machine's loopback, as a guest sees it."""


def wheel() -> bytes:
    """This checkout's wheel, unpacked as pip unpacks it, as a tar archive of ``site-packages`` and ``bin``."""
    with short_folder() as folder:
        packages = folder / "site-packages"
        command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
        subprocess.run([*command, "--no-deps", "--target", str(packages), str(REPOSITORY)], check=True)
        (script,) = packages.glob("bin/fleettrace-agent")
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


def start_agent(guest: Guest, name: str, port: int, *arguments: str) -> None:
    """Start it as a service that dials this machine."""
    command = [AGENT, "--controller", f"{CONTROLLER_HOST}:{port}", "--name", name, *arguments]
    guest.run(f"systemd-run --quiet --unit={UNIT} -- {' '.join(command)}")


def agent_log(guest: Guest) -> str:
    """What the agent said."""
    return guest.run(f"journalctl --no-pager --output=cat --unit={UNIT} | tail -n 40", check=False).out
