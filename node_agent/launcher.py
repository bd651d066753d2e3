"""Starts the agent's children: each begins with the capabilities that it is given, and the agent itself uses none.

The agent keeps in its *permitted* set what it may hand on (:func:`node_agent.kernel.capabilities.put_down`), whether
that came from a service manager's ambient capabilities or from those of the interpreter's file. One child at a time is
given its own by way of the ambient set.
"""

import asyncio
import os
import sys
from collections.abc import Collection
from pathlib import Path
from weakref import WeakKeyDictionary

from node_agent.kernel.capabilities import handing_on

__all__ = ["interpreter", "launch"]

_FILE_CAPABILITIES = "security.capability"
_one_at_a_time: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""Two children that were started at once would begin with what both were given."""


def interpreter() -> str:
    """The Python that children run by: this one, or the plain one beside it when this one's file has capabilities.

    The kernel takes from a program whose file has some those that its parent hands on.
    """
    try:
        os.getxattr(sys.executable, _FILE_CAPABILITIES)
    except OSError:
        return sys.executable
    return str(Path(sys.prefix) / "bin" / "python3")


async def launch(
    *arguments: str, capabilities: Collection[str], stdin: int | None = None, limit: int = 1 << 16
) -> asyncio.subprocess.Process:
    """Start ``python -I ARGUMENTS`` in a process group of its own, with these capabilities; outputs are pipes.

    Args:
        arguments: of the interpreter.
        capabilities: what it begins with; as root it begins with all that the agent may hand on, and confines itself.
        stdin: as of ``subprocess``.
        limit: the longest line that is read from it, in bytes.

    Raises:
        OSError: the system gives no process.
        Unfit: the agent does not have one of the capabilities.
    """
    async with _one_at_a_time.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        with handing_on(capabilities):
            return await asyncio.create_subprocess_exec(
                interpreter(),
                "-I",
                *arguments,
                stdin=stdin,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=limit,
                # A group of its own: Ctrl-C on the agent's terminal is the agent's to handle.
                start_new_session=True,
            )
