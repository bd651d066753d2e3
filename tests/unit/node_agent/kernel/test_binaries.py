import os
import struct
from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from node_agent.kernel.binaries import HOST_ROOT, open_binary, root_of_process
from tests.compiled import stripped


def opened(name: str, root: Path = HOST_ROOT) -> str:
    with open_binary(name, root) as binary:
        return binary.build_id


def test_a_build_is_known_by_its_id_whatever_its_path(program: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(program.read_bytes())
    assert len(opened(str(program))) == 40
    assert opened(str(tmp_path / "copy")) == opened(str(program)) == opened(str(stripped(program)))


def test_a_path_is_looked_for_below_its_root(program: Path) -> None:
    with open_binary("/server", program.parent) as binary:
        assert (binary.name, binary.kernel_path) == ("/server", program)


def test_what_is_no_binary_is_refused_with_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/usr/bin/env python3\nprint()\n")
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").touch()
    for name, said in (
        ("none", "is not on this host"),
        ("script", "a script; its interpreter, /usr/bin/env,"),
        ("text", "not an ELF file"),
        ("empty", "empty"),
        ("", "a directory"),
    ):
        with pytest.raises(BadInput, match=said):
            opened(str(tmp_path / name))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="no regular file"):
        opened(str(tmp_path / "pipe"))


def test_a_binary_of_another_machine_is_refused(program: Path, tmp_path: Path) -> None:
    data = bytearray(program.read_bytes())
    struct.pack_into("<H", data, 18, 243)
    (tmp_path / "foreign").write_bytes(data)
    with pytest.raises(BadInput, match="is built for riscv and this host is"):
        opened(str(tmp_path / "foreign"))
    data[4] = 1  # ELFCLASS32
    (tmp_path / "short").write_bytes(data)
    with pytest.raises(BadInput, match="not a 64-bit"):
        opened(str(tmp_path / "short"))


def test_a_process_that_ended_has_no_root() -> None:
    assert root_of_process(os.getpid()) == HOST_ROOT
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)
    with pytest.raises(BadInput, match=f"process {pid} is not on this host, or has ended"):
        root_of_process(pid)
