import os
from dataclasses import replace
from pathlib import Path

import pytest

from fleettrace.errors import Unfit
from node_agent.backends.bcc import object_cache
from node_agent.backends.bcc.object_cache import ObjectCache, object_directory
from node_agent.backends.bcc.source import ProgramSource
from node_agent.backends.bcc.target import TargetKernel
from node_agent.kernel.bpf_object import BpfObject, ProgramCode
from node_agent.kernel.maps import MapDefinition

SOURCE = ProgramSource("small", "int f;", ("pid",))
OBJECT = BpfObject((MapDefinition("m", 1, 4, 8, 16),), {"f": ProgramCode("f", b"\x95" + bytes(7), (), ())})


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[ProgramSource]:
    """What was compiled, on a machine whose kernel and compiler do not matter."""
    done: list[ProgramSource] = []

    def compile_in_child(source: ProgramSource, kernel: TargetKernel) -> BpfObject:
        done.append(source)
        return OBJECT

    monkeypatch.setattr(object_cache, "compile_in_child", compile_in_child)
    monkeypatch.setattr(object_cache, "btf_sha256", lambda file: "b" * 64)
    monkeypatch.setattr(object_cache, "_compiler_version", lambda: "1")
    return done


def test_what_was_compiled_once_is_kept(tmp_path: Path, compiled: list[ProgramSource]) -> None:
    assert ObjectCache(tmp_path).get(SOURCE) == OBJECT
    assert ObjectCache(tmp_path).get(SOURCE) == OBJECT
    assert compiled == [SOURCE]


@pytest.mark.parametrize(
    ("name", "value"),
    [("btf_sha256", lambda file: "c" * 64), ("_compiler_version", lambda: "2"), ("FORMAT_VERSION", 99)],
)
def test_another_kernel_or_compiler_compiles_anew(
    tmp_path: Path, compiled: list[ProgramSource], monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    cache = ObjectCache(tmp_path)
    before = cache.path_of(SOURCE)
    monkeypatch.setattr(object_cache, name, value)
    assert cache.path_of(SOURCE) != before


def test_another_text_or_other_parameters_compile_anew(tmp_path: Path, compiled: list[ProgramSource]) -> None:
    cache = ObjectCache(tmp_path)
    paths = {cache.path_of(s) for s in (SOURCE, replace(SOURCE, text="int g;"), replace(SOURCE, params=("pid", "x")))}
    assert len(paths) == 3


def test_a_damaged_file_is_compiled_again(tmp_path: Path, compiled: list[ProgramSource]) -> None:
    cache = ObjectCache(tmp_path)
    cache.get(SOURCE)
    cache.path_of(SOURCE).write_text('{"maps": ')
    assert cache.get(SOURCE) == OBJECT
    assert len(compiled) == 2
    assert ObjectCache(tmp_path).get(SOURCE) == OBJECT


def test_a_failed_compile_leaves_nothing(
    tmp_path: Path, compiled: list[ProgramSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: ProgramSource, kernel: TargetKernel) -> BpfObject:
        raise Unfit("it does not compile")

    monkeypatch.setattr(object_cache, "compile_in_child", fail)
    with pytest.raises(Unfit, match="does not compile"):
        ObjectCache(tmp_path).get(SOURCE)
    assert [path.name for path in tmp_path.iterdir()] == ["compile.lock"]


def test_old_objects_are_removed(tmp_path: Path, compiled: list[ProgramSource]) -> None:
    for number in range(80):
        path = tmp_path / f"old-{number:02}.json"
        path.touch()
        os.utime(path, (number, number))
    ObjectCache(tmp_path).get(SOURCE)
    kept = sorted(path.name for path in tmp_path.glob("*.json"))
    assert len(kept) == 64
    assert kept[0] == "old-17.json"


def test_a_directory_that_others_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects").chmod(0o777)
    with pytest.raises(Unfit, match="no one else can write"):
        ObjectCache(object_directory(tmp_path))


def test_a_link_to_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "objects").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(Unfit, match="no one else can write"):
        ObjectCache(object_directory(tmp_path))


def test_a_place_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unfit, match="cannot be used: Not a directory"):
        ObjectCache(tmp_path / "file/objects")


def test_a_machine_without_the_compiler_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Unfit, match="apt-get install python3-bpfcc"):
        ObjectCache(tmp_path).get(SOURCE)
