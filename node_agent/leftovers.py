"""After each run: whether anything of it is left in the kernel. If so, the host takes no run until somebody has looked.

The mark is a file in the state directory, so that it outlives the agent; it does not outlive the kernel's start.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fleettrace.errors import FleettraceError, Refused, Unfit
from fleettrace.model.run import RunKey
from node_agent.kernel.boot import boot_id
from node_agent.kernel.capabilities import permitted_capabilities
from node_agent.kernel.holdings import still_there, take_away_events
from node_agent.launcher import launch

__all__ = ["LOOK_LIMIT_S", "Leftovers", "look"]

LOOK_LIMIT_S = 2.0
"""How long the kernel may take to give up what a process held: programs go after a grace period of its own."""
CHILD_LIMIT_S = 10.0
"""How long the process that looks may take in all."""
LOOK_INTERVAL_S = 0.05
MAX_TOLD = 8
"""Things that a reason names; the others are counted."""


class Leftovers:
    """What was found, kept in ``state_directory``; where that cannot be written, as long as the agent lives."""

    def __init__(self, state_directory: Path) -> None:
        self._file = state_directory / "dirty.json"
        self._unwritten: dict[str, Any] = {}
        self.unknown = ""
        """Why it could not be seen whether the last run has left anything; empty: it could."""
        self.on_change: Callable[[], None] = lambda: None
        self._clearing: set[asyncio.Task[None]] = set()

    @property
    def reason(self) -> str:
        """Why this host takes no run; empty: it is clean."""
        kept = self._read()
        left = [str(thing) for thing in kept.get("left", ())]
        if not left or kept.get("boot_id") != boot_id():
            return ""
        more = f" and {len(left) - MAX_TOLD} more" if len(left) > MAX_TOLD else ""
        return f"the run {kept.get('run')} has left behind: {', '.join(left[:MAX_TOLD])}{more}"

    def check_clean(self, name: str) -> None:
        """Raises :class:`Unfit` on a dirty host."""
        if reason := self.reason:
            raise Unfit(f"{name} takes no run: {reason}; look at it, then 'fleettrace hosts clear {name}'")

    async def look_after(self, key: RunKey, held: Sequence[str]) -> None:
        """Look whether what a run held is gone, and mark the host as dirty otherwise."""
        left, unknown = await look(held)
        self.unknown = unknown[0] if unknown else ""
        if left:
            kept = {"boot_id": boot_id(), "run": str(key), "left": left, "held": list(held), "at": int(time.time())}
            try:
                self._write(kept)
            except OSError:  # a full disk is no reason to trace on
                self._unwritten = kept
            self.on_change()

    def _write(self, kept: dict[str, Any]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(".new")
        temporary.write_text(json.dumps(kept))
        temporary.replace(self._file)

    def clear_soon(self) -> None:
        """Like :meth:`clear`; what comes of it is told."""
        task = asyncio.get_running_loop().create_task(self._clear_and_tell())
        self._clearing.add(task)
        task.add_done_callback(self._clearing.discard)

    async def _clear_and_tell(self) -> None:
        with suppress(Refused):
            await self.clear()
        self.on_change()

    async def clear(self) -> str:
        """Take runs again: somebody has looked. Gives what that means, in words.

        Raises:
            Refused: what was left is still there, or its mark cannot be removed.
        """
        kept = self._read()
        left, _ = await look([str(thing) for thing in kept.get("held", ())])
        if left:
            raise Refused(
                f"this host stays dirty, still there: {', '.join(left)}; end what holds it first", "host.dirty"
            )
        try:
            self._file.unlink(missing_ok=True)
        except NotADirectoryError:
            pass
        except OSError as error:
            raise Refused(
                f"this host stays dirty: {self._file} cannot be removed ({error.strerror}); remove it by hand",
                "host.dirty",
            ) from error
        self._unwritten = {}
        return "this host takes runs again" if kept else "this host is clean"

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return self._unwritten
        return self._unwritten or (kept if isinstance(kept, dict) else {})


async def look(held: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is left of these things after a moment, and what could not be looked for, with the reasons.

    A process of its own looks: to find things by their ids takes CAP_SYS_ADMIN, and the agent uses no capability.
    """
    if not held:
        return [], []
    capabilities = {"CAP_SYS_ADMIN"} & permitted_capabilities()
    try:
        process = await launch("-m", "node_agent.leftovers", *held, capabilities=capabilities)
        async with asyncio.timeout(CHILD_LIMIT_S):
            output, _ = await process.communicate()
        left, unknown = json.loads(output)
    except (OSError, ValueError, TimeoutError, FleettraceError) as error:
        return [], [f"nobody could look: {error!r}"]
    return [str(thing) for thing in left], [str(thing) for thing in unknown]


def main() -> int:
    """Look for the things that are named as arguments until they are gone, or the time is over; print what is left.

    Events that a killed program has left in tracefs do not go by themselves: they are taken away.
    """
    until_s = time.monotonic() + LOOK_LIMIT_S
    left, unknown = still_there(sys.argv[1:])
    while left and time.monotonic() < until_s:
        time.sleep(LOOK_INTERVAL_S)
        left, unknown = still_there(sys.argv[1:])
    taken = take_away_events(left)
    left = [thing for thing in left if thing not in taken]
    print(json.dumps([left, unknown]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
