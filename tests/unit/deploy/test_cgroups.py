"""The demonstration's cgroups, on directories that look like both kinds of machines."""

from pathlib import Path

import pytest

from deploy.demo_fleet.cgroups import PREFIX, HostGroups, find_cpu_v1_mount, sweep
from fleettrace.errors import Unfit

HYBRID = """\
tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0
cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
"""
UNIFIED = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n"
NOBODY = 4_194_304
"""One above the highest process id that the kernel gives."""


def populate(directory: Path, *pids: int) -> None:
    """What the kernel puts into a new cgroup."""
    (directory / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))


def test_cpu_v1_is_found_on_hybrid_machines_alone() -> None:
    assert find_cpu_v1_mount(HYBRID) == Path("/sys/fs/cgroup/cpu,cpuacct")
    assert find_cpu_v1_mount(UNIFIED) is None


def test_hosts_are_cgroups_below_one_of_the_demonstration(tmp_path: Path) -> None:
    groups = HostGroups(tmp_path, None, "demo")

    made = [groups.make(host) for host in ("api-1", "db-1")]

    assert made == [tmp_path / "demo" / "api-1", tmp_path / "demo" / "db-1"]
    assert groups.remove() == []
    assert list(tmp_path.iterdir()) == []


def test_a_quota_on_a_unified_machine(tmp_path: Path) -> None:
    # GIVEN a host on a machine with cgroup v2 alone
    groups = HostGroups(tmp_path, None, "demo")
    host = groups.make("api-1")

    # WHEN it gets a quota
    limit = groups.limit_cpu("api-1", 1_500, 60_000)

    # THEN each level above hands the cpu controller down, and the host is limited
    assert (limit, limit.read_text()) == (host / "cpu.max", "1500 60000")
    for parent in (tmp_path, tmp_path / "demo"):
        assert (parent / "cgroup.subtree_control").read_text() == "+cpu"


def test_a_quota_on_a_hybrid_machine_moves_the_hosts_processes_along(tmp_path: Path) -> None:
    # GIVEN a host with processes, on a machine whose cpu controller is v1's
    v2, v1 = tmp_path / "unified", tmp_path / "cpu"
    v2.mkdir()
    v1.mkdir()
    groups = HostGroups(v2, v1, "demo")
    populate(groups.make("api-1"), 101, 102)

    # WHEN it gets a quota
    limit = groups.limit_cpu("api-1", 1_500, 60_000)

    # THEN a cgroup of v1 has the quota and the processes (on a plain directory the last one written stays)
    assert limit == v1 / "demo" / "api-1" / "cpu.cfs_quota_us"
    assert limit.read_text() == "1500"
    assert limit.with_name("cpu.cfs_period_us").read_text() == "60000"
    assert limit.with_name("cgroup.procs").read_text() == "102"


def test_a_machine_that_allows_no_quota_is_unfit(tmp_path: Path) -> None:
    groups = HostGroups(tmp_path, None, "demo")
    groups.make("api-1")
    (tmp_path / "cgroup.subtree_control").mkdir()

    with pytest.raises(Unfit, match="no CPU quota can be set"):
        groups.limit_cpu("api-1", 1_500, 60_000)


def test_a_cgroup_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="nowhere/demo cannot be made: No such file or directory"):
        HostGroups(tmp_path / "nowhere", None, "demo").make("api-1")


def test_what_cannot_be_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.demo_fleet.cgroups.REMOVAL_LIMIT_S", 0.0)
    groups = HostGroups(tmp_path, None, "demo")
    populate(groups.make("api-1"), 101)

    assert groups.remove() == [tmp_path / "demo", tmp_path / "demo" / "api-1"]


def test_sweeping_removes_what_demonstrations_that_were_killed_have_left(tmp_path: Path) -> None:
    # GIVEN cgroups and directories of a demonstration that is gone, of one that lives and of one that was kept running
    mount, temporary = tmp_path / "cgroup", tmp_path / "tmp"
    gone, alive, kept = (f"{PREFIX}{pid}" for pid in (NOBODY, 1, NOBODY + 1))
    for name in (gone, alive, kept):
        (mount / name / "api-1").mkdir(parents=True)
        (temporary / f"{name}-x_y" / "agents").mkdir(parents=True)
    populate(mount / kept / "api-1", 101)
    (mount / "system.slice").mkdir()

    # WHEN they are swept
    removed = sweep(mount, None, temporary)

    # THEN what is of the first is removed, and nothing else
    assert removed == [mount / gone, temporary / f"{gone}-x_y"]
    assert sorted(path.name for path in mount.iterdir()) == sorted([alive, kept, "system.slice"])
    assert sorted(path.name for path in temporary.iterdir()) == sorted([f"{alive}-x_y", f"{kept}-x_y"])
