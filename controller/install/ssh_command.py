"""Running a command on a host that is connected: what goes in, what comes out, and its end, all bounded."""

import asyncio
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from controller.install.outcome import Fault, HostFailed

__all__ = ["Reply", "reason_of", "run_command"]

MAX_OUTPUT_BYTES = 256 * 1024
"""What is kept of what a command says; more of it ends the command."""
KEPT_ERROR_BYTES = 4 * 1024
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """How a command ended: its exit status (-1: a signal), all that it printed, the end of what it complained of."""

    status: int
    out: bytes
    err: str


async def run_command(
    connection: asyncssh.SSHClientConnection, command: str, *, feed: Sequence[bytes | Path] = (), limit_s: float
) -> Reply:
    """Run a command to its end; ``feed`` goes to its standard input, files by and by.

    Raises:
        HostFailed: it did not end in time, it said more than is kept, or the connection was lost.
    """
    shown = shlex.split(command)[0] if command.strip() else ""
    try:
        async with asyncio.timeout(limit_s):
            process = await connection.create_process(command, encoding=None)
            async with process:
                feeding = asyncio.ensure_future(_feed(process, feed))
                out, err = await asyncio.gather(_read_all(process.stdout), _read_tail(process.stderr))
                await feeding
                completed = await process.wait()
    except TimeoutError as error:
        raise HostFailed(
            Fault.TIME_OUT, f"what was started there ({shown}) did not end within {limit_s:.0f} s: is it overloaded?"
        ) from error
    except (asyncssh.Error, ConnectionError) as error:
        raise HostFailed(
            Fault.CONNECTION_LOST, f"the connection was lost in the middle ({reason_of(error)}): try again"
        ) from error
    return Reply(completed.exit_status if completed.exit_status is not None else -1, out, err)


async def _feed(process: asyncssh.SSHClientProcess[bytes], feed: Sequence[bytes | Path]) -> None:
    # A command that ends early closes its input; how it ended says why.
    with suppress(BrokenPipeError, ConnectionResetError):
        for piece in feed:
            if isinstance(piece, bytes):
                process.stdin.write(piece)
                continue
            with piece.open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    process.stdin.write(chunk)
                    await process.stdin.drain()
        await process.stdin.drain()
        process.stdin.write_eof()


async def _read_all(stream: asyncssh.SSHReader[bytes]) -> bytes:
    kept = b""
    while chunk := await stream.read(CHUNK_BYTES):
        kept += chunk
        if len(kept) > MAX_OUTPUT_BYTES:
            raise HostFailed(Fault.COMMAND, f"it said more than {MAX_OUTPUT_BYTES >> 10} KiB: what does its login run?")
    return kept


async def _read_tail(stream: asyncssh.SSHReader[bytes]) -> str:
    kept = b""
    while chunk := await stream.read(CHUNK_BYTES):
        kept = (kept + chunk)[-KEPT_ERROR_BYTES:]
    return kept.decode(errors="replace")


def reason_of(error: Exception) -> str:
    """What went wrong with a connection, in a few words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return getattr(error, "reason", "") or str(error) or type(error).__name__
