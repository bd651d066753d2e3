from pathlib import Path

import pytest

from fleettrace.errors import BadInput, Unfit
from node_agent.kernel import cgroups
from node_agent.kernel.cgroups import find_cgroup2_mount, resolve_scope

UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
HYBRID = """\
31 23 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
33 31 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"""
PART_OF_IT = "30 23 0:26 /system.slice /mnt rw - cgroup2 cgroup2 rw"


def test_the_mount_is_found_on_unified_and_hybrid_systems() -> None:
    assert find_cgroup2_mount(UNIFIED) == Path("/sys/fs/cgroup")
    assert find_cgroup2_mount(HYBRID) == Path("/sys/fs/cgroup/unified")


def test_spaces_in_a_mount_point_are_escaped() -> None:
    assert find_cgroup2_mount(UNIFIED.replace("/sys/fs/cgroup", r"/a\040b")) == Path("/a b")


@pytest.mark.parametrize("mounts", ["", PART_OF_IT], ids=["none", "a subtree, whose levels would be wrong"])
def test_without_the_whole_hierarchy_there_is_no_scope(mounts: str) -> None:
    with pytest.raises(Unfit, match="cgroup v2 is not mounted"):
        find_cgroup2_mount(mounts)


@pytest.fixture
def hierarchy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that stands for the mount, with a/b in it."""
    (tmp_path / "mount/a/b").mkdir(parents=True)
    monkeypatch.setattr(cgroups, "find_cgroup2_mount", lambda: tmp_path / "mount")
    monkeypatch.setattr(cgroups, "_ROOT_CGROUP_ID", (tmp_path / "mount").stat().st_ino)
    return tmp_path / "mount"


def test_a_scope_can_be_named_in_three_ways(hierarchy: Path) -> None:
    scopes = {resolve_scope(name) for name in ("a/b", "/a/b", str(hierarchy / "a/b"))}
    assert [(scope.path, scope.level) for scope in scopes] == [(hierarchy / "a/b", 2)]
    assert scopes.pop().cgroup_id == (hierarchy / "a/b").stat().st_ino


def test_the_root_is_the_whole_machine(hierarchy: Path) -> None:
    assert resolve_scope("/") == resolve_scope(hierarchy)
    assert resolve_scope("/").level == 0


def test_a_missing_cgroup_is_named(hierarchy: Path) -> None:
    with pytest.raises(BadInput, match=f"there is no cgroup {hierarchy}/nope"):
        resolve_scope("nope")


@pytest.mark.parametrize("path", ["../elsewhere", "a/../../elsewhere"])
def test_a_path_cannot_lead_out(hierarchy: Path, path: str) -> None:
    (hierarchy.parent / "elsewhere").mkdir()
    with pytest.raises(BadInput, match="leads out"):
        resolve_scope(path)


def test_in_a_namespace_ids_cannot_be_told(hierarchy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_ROOT_CGROUP_ID", hierarchy.stat().st_ino + 1)
    with pytest.raises(Unfit, match="namespace"):
        resolve_scope("a")
