"""Where a file that a command makes goes: ``-o FILE``, or stdout."""

import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.terminal import Terminal, end_on_closed_pipe
from fleettrace.errors import BadInput
from fleettrace.model.job import Job

__all__ = ["Output", "note_unfinished", "write_lines", "write_output"]

Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="Write to this file; without it to stdout.", show_default=False
    ),
]


def write_output(data: bytes, output: Path | None, terminal: Terminal, *, binary: bool = False) -> None:
    """Write all of a file or nothing of it, and say where it is.

    Raises:
        BadInput: the file cannot be written, or ``binary`` data were about to go to a terminal.
    """
    if output is None and binary and sys.stdout.isatty():
        raise BadInput("this format is not text and would garble the terminal: give -o FILE, or pipe it")
    write_lines([data], output, terminal)


def write_lines(pieces: Iterable[bytes], output: Path | None, terminal: Terminal) -> None:
    """The same piece by piece, for what is too large to be held as one."""
    if output is None:
        try:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            end_on_closed_pipe()
        return
    if output.exists() and not output.is_file():  # /dev/stdout, a named pipe: nothing to replace there
        try:
            with output.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
        except OSError as error:
            raise _cannot(output, error) from error
        return
    # Written beside it and moved, so that a full disk leaves no half of a file and the one of before.
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as file:
            written = sum(file.write(piece) for piece in pieces)
        part.replace(output)
    except OSError as error:
        raise _cannot(output, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    terminal.note("written", f"{output}, {written:,} bytes")


def note_unfinished(job: Job, terminal: Terminal) -> None:
    """Say that a job still runs, for its file will not."""
    if not job.state.ended:
        terminal.note("job", f"{job.spec.job_id} is still {job.state.value}: this is what had arrived")


def _cannot(path: Path, error: OSError) -> BadInput:
    return BadInput(f"{path} cannot be written ({error.strerror}): name another file with -o")
