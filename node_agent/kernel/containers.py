"""Containers: which cgroup holds one, in the layouts of Docker, containerd, CRI-O and Podman, and of Kubernetes.

The last part of a container's cgroup is its id of 64 hexadecimal digits, bare (``/docker/ID``,
``/kubepods/burstable/podUID/ID``) or as a systemd scope (``docker-ID.scope``, ``cri-containerd-ID.scope``,
``crio-ID.scope``, ``libpod-ID.scope``). A name is on no cgroup: it is looked for as the host name within the container,
which is the pod's in Kubernetes, where this process may read it.
"""

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fleettrace.errors import BadInput
from node_agent.kernel.cgroups import Scope, find_cgroup2_mount, resolve_scope

__all__ = ["container_id", "find_container", "first_process"]

_ID = re.compile(r"(?:[a-z0-9-]+-)?([0-9a-f]{64})(?:\.scope)?")
_ID_PREFIX = re.compile(r"[0-9a-f]{6,64}")
_MAX_CGROUPS = 20_000
_MAX_NAME_BYTES = 256


def container_id(directory_name: str) -> str:
    """The id of the container whose cgroup has this name; empty: it is no container's."""
    match = _ID.fullmatch(directory_name)
    return match[1] if match else ""


def find_container(wanted: str, mount: Path | None = None, proc: Path = Path("/proc")) -> Scope:
    """The cgroup of the container with this id, beginning of an id, or name.

    Raises:
        BadInput: no container here is called so, or several are.
        Unfit: cgroup v2 is not mounted, or this process sees only a namespace of it.
    """
    mount = mount or find_cgroup2_mount()
    containers = dict(_containers(mount))
    found = [path for path, own in containers.items() if _ID_PREFIX.fullmatch(wanted) and own.startswith(wanted)]
    if not found:
        found = [path for path in containers if wanted in _names(path, proc)]
    if len(found) != 1:
        how_many = "no container here is" if not found else f"{len(found)} containers here are"
        raise BadInput(f"{how_many} called {wanted!r}: give the first digits of one container's id, or its cgroup")
    return resolve_scope(found[0])


def first_process(cgroup: Path) -> int:
    """The oldest process of a container, by its cgroup or one below: it sees the container's files.

    Raises:
        BadInput: nothing runs there.
    """
    for directory, _, _ in islice(os.walk(cgroup), _MAX_CGROUPS):
        pids = [int(pid) for pid in (Path(directory) / "cgroup.procs").read_text().split()]
        if pids:
            return min(pids)
    raise BadInput(f"nothing runs in {cgroup}: its files cannot be looked at")


def _containers(mount: Path) -> Iterator[tuple[Path, str]]:
    for directory, below, _ in islice(os.walk(mount), _MAX_CGROUPS):
        if own := container_id(Path(directory).name):
            yield Path(directory), own
            below.clear()  # what a container makes of its own cgroup is its business


def _names(cgroup: Path, proc: Path) -> set[str]:
    """The host name that the first process of a container sees; nothing where this process may not look.

    The file is the container's, which may have made it anything: it is not waited for.
    """
    try:
        file = proc / str(first_process(cgroup)) / "root/etc/hostname"
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, BadInput):
        return set()
    try:
        return {os.read(fd, _MAX_NAME_BYTES).decode(errors="replace").strip()} - {""}
    except OSError:
        return set()
    finally:
        os.close(fd)
