"""Cgroups v2: what "this host" may be narrowed to."""

from dataclasses import dataclass
from pathlib import Path

from fleettrace.errors import BadInput, Unfit

__all__ = ["Scope", "find_cgroup2_mount", "resolve_scope"]

_MOUNTS = Path("/proc/self/mountinfo")
_ROOT_CGROUP_ID = 1  # the kernel gives its root cgroup inode 1; another number is a namespace's root


@dataclass(frozen=True, slots=True)
class Scope:
    """One cgroup with all its descendants.

    ``cgroup_id`` is what bpf helpers call the id: the directory's inode number (``kernfs_node.id``). ``level``
    counts from the root cgroup, which is 0 and stands for the whole machine.
    """

    path: Path
    cgroup_id: int
    level: int


def find_cgroup2_mount(mounts: str | None = None) -> Path:
    """Where the cgroup v2 hierarchy is mounted whole.

    Args:
        mounts: the text of /proc/self/mountinfo; read from there when None.

    Raises:
        Unfit: it is not mounted.
    """
    for line in (mounts if mounts is not None else _MOUNTS.read_text()).splitlines():
        # 36 35 98:0 /root /mount/point options [optional fields] - type source options
        own, _, filesystem = line.partition(" - ")
        fields = own.split()
        if filesystem.split()[:1] == ["cgroup2"] and fields[3] == "/":
            return Path(fields[4].encode().decode("unicode_escape"))
    raise Unfit("cgroup v2 is not mounted here; mount -t cgroup2 none /sys/fs/cgroup/unified, or leave --scope out")


def resolve_scope(path: str | Path) -> Scope:
    """The cgroup at a path: a directory below the mount point, or named relative to it (``system.slice/x``, ``/pod``).

    Raises:
        BadInput: there is no such cgroup, or the path leads out of the hierarchy.
        Unfit: cgroup v2 is not mounted, or this process sees only a namespace of it.
    """
    mount = find_cgroup2_mount().resolve()
    given = Path(path)
    below_mount = given if given.is_relative_to(mount) else mount / str(given).lstrip("/")
    directory = below_mount.resolve()
    if not directory.is_relative_to(mount):
        raise BadInput(f"{path} is not a cgroup: it leads out of {mount}")
    if not directory.is_dir():
        raise BadInput(f"there is no cgroup {directory}; name one below {mount}")
    if mount.stat().st_ino != _ROOT_CGROUP_ID:
        raise Unfit("this process is in a cgroup namespace, where ids cannot be told; run the agent in the host's")
    level = len(directory.relative_to(mount).parts)
    return Scope(directory, directory.stat().st_ino, level)
