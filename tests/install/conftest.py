"""A site with a controller in it, and the commands that people type on its machine."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from controller.install.download import Kind
from controller.install.wheelhouse import Wheelhouse
from tests.fakes.waiting import wait_for
from tests.install.bed import CONTROLLER_IP, SSHD, Host, Site

BIN = Path(sys.executable).parent
DIAL = f"{CONTROLLER_IP}:7070"
STREAM = f"{CONTROLLER_IP}:7071"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "install" in Path(item.path).parts and "bed" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(180))


class Bed:
    """A site whose controller runs; a context manager."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.cache = cache
        self.site = Site(folder)
        self.address = f"unix:{folder}/c.sock"
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        self.site.__enter__()
        ca = str(self.folder / "ca")
        assert self.run("ca", "init", "--dir", ca)[0] == 0
        listen = ("--listen", self.address, "--listen", DIAL, "--listen-agents", STREAM)
        self.start("serve", "--db", str(self.folder / "db"), "--ca", ca, *listen)
        wait_for("the controller", lambda: self.run("hosts")[0] == 0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for process in self._started:
            process.terminate()
        for process in self._started:
            process.wait(20)
        self.site.__exit__(kind, error, tb)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a ``fleettrace`` command on the controller's machine; it ends with the test."""
        command = self.site.enter("setpriv", "--pdeathsig", "KILL", str(BIN / "fleettrace"), *arguments)
        with self.said(arguments[0]).open("w") as said:
            process = subprocess.Popen(
                command, env=self._environment(**environment), stdin=subprocess.DEVNULL, stderr=said, text=True
            )
        self._started.append(process)
        return process

    def said(self, command: str) -> Path:
        """Where such a command's standard error goes."""
        return self.folder / f"{command}.log"

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run a ``fleettrace`` command on the controller's machine: exit code, stdout, stderr."""
        command = self.site.enter(str(BIN / "fleettrace"), *arguments)
        ended = subprocess.run(
            command, env=self._environment(**environment), capture_output=True, text=True, check=False, timeout=150
        )
        return ended.returncode, ended.stdout, ended.stderr

    def done(self, *arguments: str, code: int = 0, **environment: str) -> dict[str, dict[str, Any]]:
        """What a command says with ``--json`` that it did, by host; it must end with ``code``."""
        status, out, err = self.run(*arguments, "--json", **environment)
        assert status == code, f"exit {status}: {err}"
        document = json.loads(out)
        assert document["schema"] == "fleettrace.hosts-done/1"
        return {host["host"]: host for host in document["hosts"]}

    def install(self, *hosts: str, more: tuple[str, ...] = (), code: int = 0, **environment: str) -> dict[str, Any]:
        """Install agents that play recordings, which start in a second."""
        options = ("--on", ",".join(hosts), "--dial", DIAL, "--backend", "replay", *more)
        return self.done("install", *options, code=code, **environment)

    def hosts(self) -> dict[str, dict[str, Any]]:
        """What the controller says of its hosts."""
        _, out, _ = self.run("hosts", "--json")
        return {host["host"]: host for host in json.loads(out)["hosts"]}

    def connected(self) -> set[str]:
        """The hosts that the controller is connected to."""
        return {name for name, host in self.hosts().items() if host["connected"]}

    def host(self, name: str) -> Host:
        """A host by its name, made when it is first asked for."""
        return self.site.hosts.get(name) or self.site.add(name)

    def _environment(self, **more: str) -> dict[str, str]:
        return self.site.environment(FLEETTRACE_CONTROLLER=self.address, XDG_CACHE_HOME=str(self.cache), **more)


def at(host: Host, user: str = "root") -> str:
    """The host's address."""
    return f"ssh://{user}@{host.ip}"


@pytest.fixture(scope="session")
def package_cache() -> Path:
    """Packages for this machine's own kind of host, fetched before the site is entered, which reaches no index."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    kind = Kind(os.uname().machine, sys.version_info[:2])
    asyncio.run(Wheelhouse(cache / "fleettrace" / "install").bundle(kind))
    return cache


@pytest.fixture(scope="module")
def bed(package_cache: Path) -> Iterator[Bed]:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    if not Path(SSHD).exists():
        pytest.skip(f"there is no {SSHD}: deploy/setup --dev installs it")
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, Bed(Path(folder), package_cache) as live:
        yield live
