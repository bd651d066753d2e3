"""Containers by id, beginning of an id, or name, in the layouts of the engines."""

import os
from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from node_agent.kernel import containers
from node_agent.kernel.cgroups import Scope
from node_agent.kernel.containers import container_id, find_container

ONE, TWO, THREE = "1a" * 32, "1b" * 32, "2c" * 32
LAYOUTS = {
    ONE: f"docker/{ONE}",
    TWO: f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx.slice/cri-containerd-{TWO}.scope",
    THREE: f"kubepods/besteffort/pod1-2-3/{THREE}",
}


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in LAYOUTS.values():
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "cgroup.procs").write_text("")
    (tmp_path / "system.slice/nginx.service").mkdir(parents=True)
    monkeypatch.setattr(containers, "resolve_scope", lambda path: Scope(path, 1, 1))
    return tmp_path


@pytest.mark.parametrize(("own", "path"), LAYOUTS.items())
def test_a_container_is_found_by_its_id_in_every_layout(mount: Path, own: str, path: str) -> None:
    assert find_container(own, mount).path == mount / path


def test_the_first_digits_are_enough_when_they_are_one_containers(mount: Path) -> None:
    assert find_container("2c2c2c", mount).path == mount / LAYOUTS[THREE]


@pytest.mark.parametrize(
    ("wanted", "words"), [("1a1b1c", "no container here is called '1a1b1c'"), ("nginx.service", "no container")]
)
def test_what_is_not_here_is_said(mount: Path, wanted: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        find_container(wanted, mount)


def test_two_that_begin_alike_are_refused(mount: Path) -> None:
    (mount / f"docker/{ONE[:6]}{'0' * 58}").mkdir()
    with pytest.raises(BadInput, match="2 containers here are called '1a1a1a': give the first digits"):
        find_container(ONE[:6], mount)


def test_a_name_is_the_host_name_that_the_container_sees(mount: Path, tmp_path: Path) -> None:
    (mount / LAYOUTS[TWO] / "cgroup.procs").write_text("17\n18\n")
    (tmp_path / "proc/17/root/etc").mkdir(parents=True)
    (tmp_path / "proc/17/root/etc/hostname").write_text("api-7f9c\n")
    assert find_container("api-7f9c", mount, tmp_path / "proc").path == mount / LAYOUTS[TWO]


def test_a_container_whose_processes_are_in_groups_of_its_own_has_its_name_too(mount: Path, tmp_path: Path) -> None:
    own = mount / LAYOUTS[ONE] / "init.scope"
    own.mkdir()
    (own / "cgroup.procs").write_text("21\n")
    (tmp_path / "proc/21/root/etc").mkdir(parents=True)
    (tmp_path / "proc/21/root/etc/hostname").write_text("db-0\n")
    assert find_container("db-0", mount, tmp_path / "proc").path == mount / LAYOUTS[ONE]


def test_a_container_that_makes_its_host_name_a_pipe_keeps_nobody_waiting(mount: Path, tmp_path: Path) -> None:
    (mount / LAYOUTS[ONE] / "cgroup.procs").write_text("21\n")
    (tmp_path / "proc/21/root/etc").mkdir(parents=True)
    os.mkfifo(tmp_path / "proc/21/root/etc/hostname")
    with pytest.raises(BadInput, match="no container here is called 'db-0'"):
        find_container("db-0", mount, tmp_path / "proc")


def test_what_an_engine_runs_beside_is_no_container() -> None:
    assert container_id("docker.service") == container_id("user-1000.slice") == container_id("f" * 63) == ""
    assert container_id(f"crio-{ONE}.scope") == container_id(f"libpod-{ONE}.scope") == ONE
