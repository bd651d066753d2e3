"""Waiting for an agent: an installation is done when the controller sees it."""

import asyncio
import time
from dataclasses import dataclass

from controller.install.host import RemoteHost
from controller.install.port import Control
from fleettrace.model.host import Host
from fleettrace.model.names import duration_text

__all__ = ["AwaitedAgent"]

LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class AwaitedAgent:
    """The agent of one host, as the controller sees it."""

    control: Control
    remote: RemoteHost
    name: str
    wait_ms: int

    async def seen(self, version: str) -> Host | None:
        """The host, once the controller is connected to this version of its agent; None: not within the limit."""
        deadline = time.monotonic() + self.wait_ms / 1000
        while True:
            host = await self.control.host(self.name)
            if host is not None and host.connected and host.facts.agent_version == version:
                return host
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(LOOK_AGAIN_S)

    async def silence(self) -> str:
        """Why it may not be seen, in one sentence with the way out."""
        log = str((await self.remote.state()).get("log", ""))[-600:]
        said = f"its agent says: {log}" if log else "its agent says nothing"
        return (
            f"its agent was started as {self.name}, and the controller has not seen it within "
            f"{duration_text(self.wait_ms)} ({said}): can the host reach it (--dial)? Otherwise use --tunnel"
        )
