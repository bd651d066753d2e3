"""The tracing child as a process: what the runner needs of it, and the real one."""

import asyncio
import os
import signal
from collections.abc import Collection
from typing import Protocol

from node_agent.child.protocol import MAX_LINE_BYTES
from node_agent.kernel.own_cgroups import DelegatedCgroup, RunCgroup
from node_agent.launcher import launch

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


async def start_child(capabilities: Collection[str], *, cgroups: DelegatedCgroup | None = None) -> ChildProcess:
    """Start a tracing child that begins with these capabilities, in a cgroup of its own where one can be made.

    Raises:
        OSError: the system gives no process.
        Unfit: the agent does not have one of the capabilities.
    """
    process = await launch(
        "-m",
        "node_agent.child.main",
        capabilities=capabilities,
        stdin=asyncio.subprocess.PIPE,
        limit=MAX_LINE_BYTES,
    )
    if cgroups is None:
        return _Started(process)
    try:
        # It waits for its plan: whatever it does then, it does in there.
        cgroup = cgroups.make()
        cgroup.enter(process.pid)
    except OSError:
        process.kill()
        raise
    return _Started(process, cgroup)


class _Started:
    def __init__(self, process: asyncio.subprocess.Process, cgroup: RunCgroup | None = None) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._cgroup = cgroup
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr

    def tell(self, plan: bytes) -> None:
        self._stdin.write(plan)
        self._stdin.close()

    async def readline(self) -> bytes:
        return await self._stdout.readline()

    async def exited(self) -> tuple[int, str]:
        stderr = await self._stderr.read(MAX_STDERR_BYTES)
        status = await self._process.wait()
        if self._cgroup is not None:
            # Whatever it has left behind ends with it.
            await asyncio.to_thread(self._cgroup.remove)
        return status, stderr.decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            try:
                # The group: a compiler that the child started ends with it.
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return
        if number is signal.SIGKILL and self._cgroup is not None:
            self._cgroup.kill()
