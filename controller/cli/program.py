"""The program of a one-liner, from what was typed after ``-e``."""

import sys
from pathlib import Path

from fleettrace.errors import BadInput, BadProgram
from fleettrace.oneliner.limits import MAX_PROGRAM_BYTES

__all__ = ["read_program"]

STDIN = "-"
FILE = "@"


def read_program(typed: str) -> str:
    """The text itself, that of ``@FILE``, or that of standard input for ``-``; neither can begin a program.

    Raises:
        BadProgram: it is empty, larger than any program may be, or no text.
        BadInput: the file cannot be read.
    """
    if typed == STDIN:
        return _text(sys.stdin.buffer.read(MAX_PROGRAM_BYTES + 1), "standard input")
    if typed.startswith(FILE):
        path = Path(typed.removeprefix(FILE))
        try:
            with path.open("rb") as file:
                return _text(file.read(MAX_PROGRAM_BYTES + 1), str(path))
        except OSError as error:
            raise BadInput(
                f"-e {typed}: {path} cannot be read ({error.strerror}): name a file with a program"
            ) from error
    if not typed.strip():
        raise BadProgram("-e needs a program, such as -e 'tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }'")
    return typed


def _text(data: bytes, origin: str) -> str:
    if len(data) > MAX_PROGRAM_BYTES:
        raise BadProgram(f"{origin} has more than the {MAX_PROGRAM_BYTES} bytes that a program may have: shorten it")
    if not data.strip():
        raise BadProgram(f"{origin} is empty: a program is written PROBE {{ ACTION }}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadProgram(f"{origin} is no UTF-8 text (byte {error.start + 1}): write the program as text") from error
