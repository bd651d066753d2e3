"""Many hosts at once: at most so many, each with its own end, whatever becomes of the others."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from controller.install.outcome import Fault, HostFailed, HostOutcome, Step
from controller.install.target import Target
from fleettrace.errors import FleettraceError

__all__ = ["MAX_JOBS", "Ended", "Tell", "Work", "for_each"]

MAX_JOBS = 200
"""Hosts at once; each is a connection, and a copy of the packages on its way."""

Tell = Callable[[Target, Step], None]
Ended = Callable[[HostOutcome], None]
Work = Callable[[Target], Awaitable[HostOutcome]]


async def for_each(targets: Sequence[Target], jobs: int, work: Work, ended: Ended) -> list[HostOutcome]:
    """Do the work on every host, ``jobs`` of them at once; their ends, in the order of the hosts.

    ``ended`` is told of each as it ends.
    """
    gate = asyncio.Semaphore(jobs)

    async def one(target: Target) -> HostOutcome:
        async with gate:
            started = time.monotonic()
            outcome = await _to_its_end(target, work)
            outcome = replace(outcome, elapsed_ms=int((time.monotonic() - started) * 1000))
            ended(outcome)
            return outcome

    return list(await asyncio.gather(*map(one, targets)))


async def _to_its_end(target: Target, work: Work) -> HostOutcome:
    try:
        return await work(target)
    except HostFailed as error:
        return HostOutcome(str(target.address), target.title, fault=error.fault, reason=str(error))
    except FleettraceError as error:  # the controller or the packages, and for this host alone
        return HostOutcome(str(target.address), target.title, fault=Fault.COMMAND, reason=str(error))
