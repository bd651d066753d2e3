"""Keeps the host's certificate fresh, and dials with the newest."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from fleettrace.errors import BadInput, FleettraceError, Unauthenticated
from fleettrace.wire.limits import CHANNEL_OPTIONS
from fleettrace.wire.v1.agent_link_pb2_grpc import AgentLinkStub
from node_agent.identity.credential import Credential
from node_agent.identity.enrolment import channel_credentials, renew
from node_agent.link import Connect

__all__ = ["Renewal"]

LOOK_S = 60.0
"""The clock is looked at this often: a machine that slept, or whose clock was set, notices."""
FIRST_RETRY_S = 5.0
MAX_RETRY_S = 600.0


class Renewal:
    """Holds the credential; ``run`` renews it, keeps it in ``folder`` and then has the stream dialled anew."""

    def __init__(
        self,
        credential: Credential,
        folder: Path,
        say: Callable[[str], None],
        *,
        ask: Callable[[Credential], Awaitable[Credential]] = renew,
        clock_ms: Callable[[], int] = lambda: int(time.time() * 1000),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.credential = credential
        self._folder = folder
        self._say = say
        self._ask = ask
        self._clock_ms = clock_ms
        self._sleep = sleep
        self._jitter = jitter

    @asynccontextmanager
    async def dial(self, address: str) -> AsyncIterator[Connect]:
        """Reach the controller with the newest certificate, as long as the context lasts."""
        credentials = channel_credentials(self.credential)
        async with grpc.aio.secure_channel(address, credentials, options=CHANNEL_OPTIONS) as channel:
            yield AgentLinkStub(channel).Connect

    async def run(self, redial: Callable[[], Awaitable[None]]) -> None:
        """Renew until it is cancelled.

        Raises:
            Unauthenticated: this host may come no more, or came too late with a certificate that is over.
        """
        failures = 0
        while True:
            # Hosts that enrolled together do not come back together.
            due_ms = self.credential.renew_at_ms + self._jitter() * self._spread_ms()
            if failures == 0 and self._clock_ms() < due_ms:
                await self._sleep(min(LOOK_S, max(0.1, (due_ms - self._clock_ms()) / 1000)))
                continue
            try:
                self.credential = await self._ask(self.credential)
            except Unauthenticated:
                # With a certificate that is over no handshake would tell the stream so: it would dial for ever.
                raise
            except FleettraceError as error:
                failures += 1
                wait_s = min(MAX_RETRY_S, FIRST_RETRY_S * 2 ** min(failures - 1, 16)) * (0.5 + self._jitter() / 2)
                self._say(f"the certificate is not renewed yet: {error}; trying again")
                # A certificate that is over has no time left to be in a hurry for.
                left_s = self._left_ms() / 1000
                await self._sleep(min(wait_s, max(1.0, left_s / 4)) if left_s > 0 else wait_s)
                continue
            failures = 0
            self._keep()
            await redial()

    def _keep(self) -> None:
        try:
            self.credential.save(self._folder)
        except BadInput as error:
            # This process goes on with it, and the next one finds the one of before.
            self._say(f"the renewed certificate cannot be kept: {error}")

    def _spread_ms(self) -> float:
        """A tenth of the life that is left when it is due."""
        return max(0, self.credential.not_after_ms - self.credential.renew_at_ms) / 10

    def _left_ms(self) -> int:
        return self.credential.not_after_ms - self._clock_ms()
