"""Frame pointers are found by looking at code, in binaries of which is known how they were built."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleettrace.model.inspection import Grade
from node_agent.inspection import frame_pointers
from node_agent.inspection.frame_pointers import (
    MIN_SAMPLED,
    MOSTLY,
    busiest_executables,
    check_frame_pointers,
    share_with_frame_pointers,
)
from node_agent.kernel.binaries import open_binary
from tests.compiled import compile_c, stripped

# Functions that call, and are large enough to be sampled.
SOURCE = "#include <stdio.h>\n" + "\n".join(
    f"""
__attribute__((noinline)) int f{number}(int n) {{
    volatile int cells[16];
    for (int i = 0; i < 16; i++) cells[i] = n * {number} + i;
    if (n > 3) printf("%d %d\\n", cells[n & 15], n);
    return puts("f{number}") + cells[3];
}}"""
    for number in range(40)
)
SOURCE += "\nint main(int argc, char **argv) { return " + " + ".join(f"f{number}(argc)" for number in range(40)) + "; }"

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="only x86-64 code is looked at")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frames")


def share(path: Path) -> tuple[float, int]:
    with open_binary(str(path)) as binary:
        return share_with_frame_pointers(binary)


def test_builds_with_and_without_are_told_apart(folder: Path) -> None:
    for level in ("-O0", "-O2"):
        with_frames = compile_c(folder / f"with{level}", SOURCE, level, "-fno-omit-frame-pointer")
        without = compile_c(folder / f"without{level}", SOURCE, level, "-fomit-frame-pointer")
        found, sampled = share(with_frames)
        assert found >= MOSTLY
        assert sampled >= 40
        assert share(without)[0] <= 0.1


def test_a_stripped_program_is_not_judged(folder: Path) -> None:
    program = stripped(compile_c(folder / "plain", SOURCE, "-O2"))
    assert share(program)[1] < MIN_SAMPLED


def test_what_was_looked_at_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeps = compile_c(folder / "keeps", SOURCE, "-O2", "-fno-omit-frame-pointer")
    omits = compile_c(folder / "omits", SOURCE, "-O2", "-fomit-frame-pointer")
    monkeypatch.setattr(frame_pointers, "_libc", dict)
    monkeypatch.setattr(
        frame_pointers, "busiest_executables", lambda _: {str(path): os.getpid() for path in (keeps, omits)}
    )
    check = check_frame_pointers()
    assert check.grade is Grade.NOTE
    assert "keeps 100%" in check.found or "keeps 9" in check.found
    assert check.found.endswith("User stacks through omits are cut short")
    assert "-fno-omit-frame-pointer" in check.mend


def test_the_busiest_executables_are_those_with_most_cpu_time(tmp_path: Path) -> None:
    for pid, ticks, exe in ((7, 100, "/usr/bin/a"), (8, 90, "/usr/bin/b"), (9, 30, "/usr/bin/b")):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(f"{pid} (a ) 1 (b) S " + "0 " * 10 + f"{ticks} 5 0 0\n")
        (folder / "exe").symlink_to(exe)
    (tmp_path / "10").mkdir()
    (tmp_path / "self").mkdir()
    assert list(busiest_executables(tmp_path)) == ["/usr/bin/b", "/usr/bin/a"]
    assert list(busiest_executables(tmp_path, 1)) == ["/usr/bin/b"]


def test_this_interpreter_can_be_looked_at() -> None:
    done = subprocess.run([sys.executable, "-c", "pass"], check=True)
    assert done.returncode == 0
    found, sampled = share(Path(os.path.realpath(sys.executable)))
    assert 0 <= found <= 1
    assert sampled == frame_pointers.MAX_SAMPLED
