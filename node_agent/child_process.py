"""The tracing child as a process: what the runner needs of it, and the real one."""

import asyncio
import os
import signal
import sys
from typing import Protocol

from node_agent.child.protocol import MAX_LINE_BYTES

__all__ = ["ChildProcess", "start_child"]

MAX_STDERR_BYTES = 1 << 16


class ChildProcess(Protocol):
    """One started child. It reads one line and answers with lines until it exits."""

    def tell(self, plan: bytes) -> None:
        """Write its one line of input, and close that."""

    async def readline(self) -> bytes:
        """The next line of its output, empty at the end; ValueError when it is longer than any may be."""

    async def exited(self) -> tuple[int, str]:
        """Wait for its end: the status as of ``subprocess``, and what it wrote to its standard error."""

    def signal(self, number: signal.Signals) -> None:
        """Signal its process group; one that is gone hears nothing."""


async def start_child() -> ChildProcess:
    """Start a tracing child. Raises OSError when the system gives no process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "node_agent.child.main",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
        # A group of its own: Ctrl-C on the agent's terminal is the agent's to handle.
        start_new_session=True,
    )
    return _Started(process)


class _Started:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr

    def tell(self, plan: bytes) -> None:
        self._stdin.write(plan)
        self._stdin.close()

    async def readline(self) -> bytes:
        return await self._stdout.readline()

    async def exited(self) -> tuple[int, str]:
        stderr = await self._stderr.read(MAX_STDERR_BYTES)
        return await self._process.wait(), stderr.decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            try:
                # The group: a compiler that the child started ends with it.
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return
