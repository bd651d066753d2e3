"""The queue of jobs that wait for their hosts: who begins now, who gives way, and who stands where."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from controller.fleet import Fleet
from controller.jobs.live_job import LiveJob
from controller.scheduler.events import Admitted, Event, Preempted, Waits
from controller.scheduler.ledger import Room, plan_admission
from controller.scheduler.queueing import claim_of
from fleettrace.model.job import JobState

__all__ = ["Admitting"]


class Admitting:
    """``live``: every job that has not ended, by id; ``clock_ms`` gives Unix milliseconds.

    ``room_of`` says what a host bears; ``handle`` lets an event change a job, and says whether that was kept; ``later``
    runs something beside what goes on.
    """

    def __init__(
        self,
        fleet: Fleet,
        live: Mapping[str, LiveJob],
        clock_ms: Callable[[], int],
        *,
        room_of: Callable[[str], Room],
        handle: Callable[[str, Event], Awaitable[bool]],
        later: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._fleet = fleet
        self._live = live
        self._clock_ms = clock_ms
        self._room_of = room_of
        self._handle = handle
        self._later = later
        self._admitting = asyncio.Lock()
        self._due = False
        self.closed = False
        """Nothing begins any more."""

    def look(self) -> None:
        """Look at the queue, when there is one, once whoever looks at it now is done."""
        queued = any(live.job.state is JobState.QUEUED for live in self._live.values())
        if queued and not self.closed and not self._due:
            self._due = True
            self._later(self.admit())

    async def admit(self) -> None:
        """Begin what has room on its hosts now, stop what must give way, and tell the rest their places."""
        async with self._admitting:
            self._due = False
            claims = [(live.job.state, claim_of(live.execution)) for live in self._live.values()]
            held = [claim for state, claim in claims if state not in {JobState.AWAITING, JobState.QUEUED}]
            waiting = [claim for state, claim in claims if state is JobState.QUEUED]
            admission = plan_admission(held, waiting, self._room_of)
            now_ms = self._clock_ms()
            for victim, by in admission.preempt.items():
                await self._handle(victim, Preempted(now_ms, by))
            for job_id in admission.admit:
                # Who could not begin for the store tries again in a while, and nobody passes meanwhile.
                if self.closed or not await self._handle(job_id, Admitted(now_ms, self._absent(job_id))):
                    return
            for job_id, place in admission.places.items():
                await self._handle(job_id, Waits(now_ms, place.position, place.reason))

    def _absent(self, job_id: str) -> dict[str, str]:
        """Hosts of a job that went away while it waited, with the reasons."""
        live = self._live.get(job_id)
        absent = {}
        for name in live.execution.classes if live is not None else ():
            host = self._fleet.host(name)
            if host is None or not host.connected:
                absent[name] = (host.missing_reason if host is not None else "") or "its agent is not connected"
            elif host.facts.dirty_reason:
                absent[name] = f"it is dirty: {host.facts.dirty_reason}"
        return absent
