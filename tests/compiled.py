"""Programs that tests compile, so that what is in them is known."""

import shutil
import subprocess
from pathlib import Path

import pytest


def compile_c(path: Path, source: str, *flags: str) -> Path:
    """Compile a C program, or C++ where the flags say ``-x c++``; skips where there is no compiler."""
    compiler = "g++" if "c++" in flags else "gcc"
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed; apt-get install {compiler}")
    language = () if "c++" in flags else ("-x", "c")
    command = [compiler, "-O1", "-fno-omit-frame-pointer", "-g0", *language, *flags, "-o", str(path), "-"]
    subprocess.run(command, input=source, text=True, check=True)
    return path


def stripped(binary: Path, *flags: str) -> Path:
    """A copy without its symbol table."""
    copy = binary.with_name(f"{binary.name}-stripped")
    subprocess.run(["strip", *flags, "-o", str(copy), str(binary)], check=True)
    return copy
