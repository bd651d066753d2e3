"""The cgroups that stand for hosts: one below a common parent in cgroup v2, and where needed in v1's cpu hierarchy."""

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from fleettrace.errors import Unfit

__all__ = ["PREFIX", "HostGroups", "find_cpu_v1_mount", "sweep"]

PREFIX = "fleettrace-demo-"
REMOVAL_LIMIT_S = 2.0
"""The kernel gives a cgroup up a moment after its last process was reaped."""


def find_cpu_v1_mount(mounts: str | None = None) -> Path | None:
    """Where cgroup v1's cpu controller is mounted (hybrid machines), from the text of /proc/self/mounts; or None."""
    for line in (mounts if mounts is not None else Path("/proc/self/mounts").read_text()).splitlines():
        _, directory, kind, options, *_ = line.split()
        if kind == "cgroup" and "cpu" in options.split(","):
            return Path(directory)
    return None


@dataclass(slots=True)
class HostGroups:
    """The cgroups of one demonstration; ``name`` makes it unlike another one on the same machine.

    Methods raise :class:`~fleettrace.errors.Unfit` when the machine does not let them.
    """

    v2_mount: Path
    cpu_v1_mount: Path | None
    name: str
    directories: list[Path] = field(default_factory=list)
    """What was made, parents first."""

    def make(self, host: str) -> Path:
        """Make the host's cgroup in v2, and return it."""
        for directory in (self.v2_mount / self.name, self.v2_mount / self.name / host):
            self._make(directory)
        return self.v2_mount / self.name / host

    def limit_cpu(self, host: str, quota_us: int, period_us: int) -> Path:
        """Let the host run for ``quota_us`` in each ``period_us``; returns the file that says so."""
        try:
            if self.cpu_v1_mount is not None:
                return self._limit_v1(self.cpu_v1_mount, host, quota_us, period_us)
            return self._limit_v2(host, quota_us, period_us)
        except OSError as error:
            raise Unfit(f"no CPU quota can be set on a cgroup of this machine: {error}") from error

    def move(self, host: str, pids: list[int]) -> None:
        """Put processes into the host's cgroups; children that they start later follow by themselves."""
        for directory in self.directories:
            if directory.name == host:
                for pid in pids:
                    (directory / "cgroup.procs").write_text(str(pid))

    def pids(self, host: str) -> list[int]:
        """The processes of a host."""
        return [int(pid) for pid in (self.v2_mount / self.name / host / "cgroup.procs").read_text().split()]

    def remove(self) -> list[Path]:
        """Remove what was made, and return what could not be removed in time."""
        deadline = time.monotonic() + REMOVAL_LIMIT_S
        while self.directories:
            self.directories = [made for made in reversed(self.directories) if not _removed(made)][::-1]
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return self.directories

    def _limit_v1(self, mount: Path, host: str, quota_us: int, period_us: int) -> Path:
        for directory in (mount / self.name, mount / self.name / host):
            self._make(directory)
        quota = mount / self.name / host / "cpu.cfs_quota_us"
        quota.with_name("cpu.cfs_period_us").write_text(str(period_us))
        quota.write_text(str(quota_us))
        self.move(host, self.pids(host))
        return quota

    def _limit_v2(self, host: str, quota_us: int, period_us: int) -> Path:
        # A controller is there for a group when each group above it hands it down.
        for directory in (self.v2_mount, self.v2_mount / self.name):
            (directory / "cgroup.subtree_control").write_text("+cpu")
        limit = self.v2_mount / self.name / host / "cpu.max"
        limit.write_text(f"{quota_us} {period_us}")
        return limit

    def _make(self, directory: Path) -> None:
        if directory in self.directories:
            return
        try:
            directory.mkdir()
        except OSError as error:
            raise Unfit(f"the cgroup {directory} cannot be made: {error.strerror}; run this as root") from error
        self.directories.append(directory)


def sweep(v2_mount: Path, cpu_v1_mount: Path | None, temporary: Path) -> list[Path]:
    """Remove what is left of demonstrations that were killed before they could; returns what was removed.

    One that was kept has ended too, but its cgroups are in use; its directory in ``temporary`` stays with them.
    """
    mounts = [v2_mount] if cpu_v1_mount is None else [v2_mount, cpu_v1_mount]
    stale = [top for mount in mounts for top in mount.glob(f"{PREFIX}*") if not _alive(top.name) and not _used(top)]
    removed = [top for top in stale if all(_removed(directory) for directory in [*top.glob("*/"), top])]
    for directory in temporary.glob(f"{PREFIX}*-*"):
        name = directory.name.rpartition("-")[0]
        if directory.lstat().st_uid == os.geteuid() and not _alive(name) and not (v2_mount / name).exists():
            shutil.rmtree(directory, ignore_errors=True)
            removed.append(directory)
    return removed


def _alive(name: str) -> bool:
    return Path("/proc", name.removeprefix(PREFIX)).exists()


def _used(top: Path) -> bool:
    return any(procs.read_text().strip() for procs in top.rglob("cgroup.procs"))


def _removed(directory: Path) -> bool:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
