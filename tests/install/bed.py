"""A site of one kernel: a controller's machine, and hosts that it reaches over the network alone.

A host is a network, mount and UTS namespace with an SSH server of Debian in it. Its /etc, /opt, /var, /root, /home and
/usr/local are overlays whose upper layers show what has changed, its /run and /tmp are its own, and all its processes
are in one cgroup. The namespaces have no names: they go with their last process, whatever becomes of the test.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from node_agent.kernel.cgroups import find_cgroup2_mount
from tests.fakes.waiting import wait_for

__all__ = ["CONTROLLER_IP", "Host", "Site", "View"]

CONTROLLER_IP = "10.77.255.1"
LAYERED = ("etc", "opt", "var", "root", "home", "usr/local")
CGROUP = "fleettrace-install"
SSHD = "/usr/sbin/sshd"

_NAMESPACE = "mount --make-rprivate / && echo ready && exec sleep infinity"
_HOST = """
set -eu
hostname {name}
mount -t tmpfs tmpfs /mnt
for layer in {layers}; do
    mkdir -p /mnt/upper/$layer /mnt/work/$layer
    mount -t overlay overlay -o lowerdir=/$layer,upperdir=/mnt/upper/$layer,workdir=/mnt/work/$layer /$layer
done
# What an agent of this very machine has put there is no concern of the host's.
rm -rf /etc/fleettrace /opt/fleettrace /var/lib/fleettrace
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/sshd
echo {name} >/etc/hostname
echo "127.0.1.1 {name}" >>/etc/hosts
echo >/etc/resolv.conf
ip link set lo up
# useradd takes the highest free number: on one kernel, two hosts' users of one number would own each other's processes.
sed -i -E 's/^#?(SYS_[UG]ID_MAX).*/\\1 {uid}/' /etc/login.defs
"""
_SSHD = """\
Port 22
HostKey /run/sshd/host_key
AuthorizedKeysFile /run/sshd/authorized_keys
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
MaxStartups 200
"""


@dataclass(frozen=True)
class View:
    """What a host consists of: files that are not the machine's, processes, mounts, users."""

    files: Mapping[str, str]
    processes: tuple[str, ...]
    mounts: tuple[str, ...]


@dataclass
class Host:
    """One of the hosts."""

    name: str
    ip: str
    holder: subprocess.Popen[str]
    cgroup: Path
    servers: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def sshd(self) -> Path:
        """The folder of its SSH server."""
        return self.seen("/run/sshd")

    def enter(self, *command: str) -> list[str]:
        """The command, for this host."""
        inside = ["nsenter", "--target", str(self.holder.pid), "--net", "--mount", "--uts", "--wd=/"]
        return ["sh", "-c", 'echo $$ >"$0"/cgroup.procs && exec "$@"', str(self.cgroup), *inside, *command]

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command on this host; its output."""
        ended = subprocess.run(self.enter(*command), capture_output=True, text=True, check=False)
        assert not check or ended.returncode == 0, f"{command}: {ended.stderr}"
        return ended.stdout

    def start_sshd(self) -> None:
        """Serve SSH with the host's key."""
        command = self.enter("setpriv", "--pdeathsig", "KILL", SSHD, "-D", "-e", "-f", "/run/sshd/sshd_config")
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        self.servers.append(server)
        wait_for(f"sshd of {self.name}", lambda: ":0016 " in self.run("cat", "/proc/net/tcp"))

    def new_key(self) -> None:
        """Give the host another key."""
        for path in self.sshd.glob("host_key*"):
            path.unlink()
        make_key(self.sshd / "host_key")

    def stop_sshd(self) -> None:
        """End the server and every connection to it."""
        for server in self.servers:
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            for pid in [*map(int, children), server.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            server.wait(10)
        self.servers.clear()

    def processes(self, part: str) -> list[int]:
        """The processes whose command has ``part`` in it."""
        return [pid for pid, command in self._commands() if part in command]

    def end_processes(self, part: str) -> None:
        """End these."""
        for pid in self.processes(part):
            os.kill(pid, signal.SIGTERM)

    def status_of(self, part: str) -> dict[str, str]:
        """What /proc says of the one such process."""
        (pid,) = self.processes(part)[-1:]
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def view(self) -> View:
        """What is there now; what the SSH server itself is or makes is left out."""
        return View(self._files(), self._processes(), self._mounts())

    def seen(self, path: str) -> Path:
        """A path of the host, as it is reached from here."""
        return Path(f"/proc/{self.holder.pid}/root{path}")

    def _files(self) -> dict[str, str]:
        found = {}
        for root, lower in [
            *((self.seen(f"/mnt/upper/{layer}"), Path("/", layer)) for layer in LAYERED),
            (self.seen("/run"), None),
            (self.seen("/tmp"), None),
        ]:
            for path in sorted(root.rglob("*")):
                inside = path.relative_to(root)
                at = str((lower or Path("/", root.name)) / inside)
                # Folders are copied up when something in them changes; backups and locks are useradd's, not ours.
                copied_up = lower is not None and path.is_dir() and (lower / inside).is_dir()
                unchanged = lower is not None and path.is_file() and _same(path, lower / inside)
                if (
                    copied_up
                    or unchanged
                    or at.startswith(("/run/sshd", "/run/mount"))
                    or (at.startswith("/etc/") and at.endswith(("-", ".lock")))
                ):
                    continue
                found[at] = _digest(path)
        return found

    def _processes(self) -> tuple[str, ...]:
        return tuple(sorted(command for _, command in self._commands() if not command.startswith("sshd")))

    def _commands(self) -> Iterator[tuple[int, str]]:
        for pid in map(int, self.cgroup.joinpath("cgroup.procs").read_text().split()):
            with contextlib.suppress(OSError):
                yield pid, Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()

    def _mounts(self) -> tuple[str, ...]:
        return tuple(sorted(Path(f"/proc/{self.holder.pid}/mounts").read_text().splitlines()))


class Site:
    """The controller's machine and its hosts; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts: dict[str, Host] = {}
        mount = find_cgroup2_mount()
        assert mount is not None
        self._cgroup = Path(mount) / f"{CGROUP}-{os.getpid()}"
        self._holders: list[subprocess.Popen[str]] = []
        self.holder: subprocess.Popen[str]

    def __enter__(self) -> Self:
        _remove_what_killed_tests_left(self._cgroup.parent)
        self._cgroup.mkdir()
        self.holder = self._hold()
        self._ip("link", "set", "lo", "up")
        self._ip("address", "add", f"{CONTROLLER_IP}/32", "dev", "lo")
        key = self.folder / "home" / ".ssh" / "id_ed25519"
        key.parent.mkdir(parents=True, mode=0o700)
        make_key(key)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        cgroups = [*(host.cgroup for host in self.hosts.values()), self._cgroup]
        for cgroup in cgroups:
            (cgroup / "cgroup.kill").write_text("1")
        for process in [*self._holders, *(server for host in self.hosts.values() for server in host.servers)]:
            process.kill()
            process.wait()
        for cgroup in cgroups:
            wait_for(f"the end of {cgroup}", partial(_removed, cgroup))

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def key(self) -> Path:
        return self.home / ".ssh" / "id_ed25519"

    def enter(self, *command: str) -> list[str]:
        """The command, on the controller's machine: its network, and the files of this one."""
        return ["nsenter", "--target", str(self.holder.pid), "--net", *command]

    def add(self, name: str, *, behind: str = "", known: bool = True) -> Host:
        """A new host with its SSH server, next to the controller's machine or reached from another host alone."""
        number = len(self.hosts) + 1
        cgroup = self._cgroup / name
        cgroup.mkdir()
        host = Host(name, f"10.77.{number}.2", self._hold(), cgroup)
        self.hosts[name] = host
        host.run("sh", "-c", _HOST.format(name=name, layers=" ".join(LAYERED), uid=900 - number))
        (host.sshd / "sshd_config").write_text(_SSHD)
        shutil.copy(self.key.with_suffix(".pub"), host.sshd / "authorized_keys")
        make_key(host.sshd / "host_key")
        gateway = self.hosts[behind].holder if behind else self.holder
        self._link(number, gateway, host)
        host.start_sshd()
        if known:
            self.know(host)
        return host

    def know(self, host: Host) -> None:
        """Add the host's key to the known ones."""
        words = (host.sshd / "host_key.pub").read_text().split()
        with (self.home / ".ssh" / "known_hosts").open("a") as file:
            file.write(f"{host.ip} {words[0]} {words[1]}\n")

    def environment(self, **more: str) -> dict[str, str]:
        """Of a command: its own home, no agent unless it is given."""
        kept = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
        return {**kept, "HOME": str(self.home), **more}

    def _link(self, number: int, gateway: subprocess.Popen[str], host: Host) -> None:
        here = ["nsenter", "--target", str(gateway.pid), "--net", "ip"]
        ends = ("name", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", str(host.holder.pid))
        _call([*here, "link", "add", *ends])
        _call([*here, "address", "add", f"10.77.{number}.1/24", "dev", f"v{number}"])
        _call([*here, "link", "set", f"v{number}", "up"])
        host.run("ip", "address", "add", f"{host.ip}/24", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        host.run("ip", "route", "add", "default", "via", f"10.77.{number}.1")

    def _hold(self) -> subprocess.Popen[str]:
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--uts", "sh", "-c", _NAMESPACE]
        holder = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert holder.stdout is not None
        with holder.stdout as output:
            assert output.readline() == "ready\n"
        self._holders.append(holder)
        return holder

    def _ip(self, *words: str) -> None:
        _call(self.enter("ip", *words))


def _remove_what_killed_tests_left(cgroups: Path) -> None:
    for old in cgroups.glob(f"{CGROUP}-*"):
        if not Path("/proc", old.name.rpartition("-")[2]).exists():
            (old / "cgroup.kill").write_text("1")
            for cgroup in (*(one for one in old.iterdir() if one.is_dir()), old):
                wait_for(f"the end of {cgroup}", partial(_removed, cgroup))


def _call(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)


def make_key(path: Path) -> None:
    _call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)])


def _removed(cgroup: Path) -> bool:
    try:
        cgroup.rmdir()
    except OSError:
        return False
    return True


def _same(path: Path, lower: Path) -> bool:
    return lower.is_file() and _digest(path) == _digest(lower)


def _digest(path: Path) -> str:
    kept = path.lstat()
    if path.is_symlink():
        return f"link {path.readlink()}"
    if path.is_file():
        return f"file {kept.st_mode:o} {kept.st_uid} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return f"{kept.st_mode:o} {kept.st_uid}"
