"""Work that does next to nothing but fire probes, at a rate that it is told, and takes the time of each operation.

An operation of these costs a few microseconds where that of a program written for people costs a hundred, so that
what a probe adds can be seen; and of many operations the middle half tells what one takes, whatever interrupted the
others (``operations.c``). Between two operations the process computes, over more data and more code than its CPU's own
caches hold (``own_work.h``), as one does that has something else to do. ``programs`` are started by a program without a
library that starts itself again, with no fork between (``chain.c``).
"""

from pathlib import Path

from tests.compiled import compile_c

__all__ = ["LIGHT", "compile_light", "light_command"]

LIGHT = "light:"
"""Before the name of an operation."""

_SOURCES = Path(__file__).parent
_INCLUDE = f"-I{_SOURCES}"


def compile_light(directory: Path) -> Path:
    """Both programs; the path of the one that waits for numbers."""
    compile_c(
        directory / "chain",
        (_SOURCES / "chain.c").read_text(),
        _INCLUDE,
        "-static",
        "-nostdlib",
        "-ffreestanding",
        "-fno-stack-protector",
        "-fno-pie",
        "-no-pie",
    )
    return compile_c(directory / "light", (_SOURCES / "operations.c").read_text(), _INCLUDE)


def light_command(name: str, light: Path) -> list[str]:
    """The whole command of an operation, such as ``light:disk_reads``."""
    return [str(light), name.removeprefix(LIGHT), str(light.with_name("chain"))]
