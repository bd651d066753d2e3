"""The policy for operators: read again from its file, and explained as it stands."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.fleet import Fleet
from controller.jobs.asking import Asked, plan_job
from controller.jobs.coordinator import Coordinator
from controller.jobs.submission import request_of
from controller.policy.explaining import explain
from controller.policy.model import Policy
from controller.policy.parse import load_policy
from fleettrace.errors import BadInput, FleettraceError
from fleettrace.model.host import Host
from fleettrace.model.policy import PolicyAnswer

__all__ = ["Policing", "Reloaded"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What holds now, what held before, and the jobs that were stopped for it."""

    origin: str
    version: str
    before: str
    stopped: tuple[str, ...]


class Policing:
    """``file`` None: the built-in policy holds, and there is nothing to read again."""

    def __init__(self, coordinator: Coordinator, fleet: Fleet, file: Path | None) -> None:
        self._coordinator = coordinator
        self._fleet = fleet
        self._file = file
        self._reading = asyncio.Lock()

    async def reload(self, operator: str) -> Reloaded:
        """Read the file again and hold to it.

        Raises:
            BadInput: it cannot be read or understood, or is not what its own tests say: the old policy still holds,
                and the audit log says that this one was refused.
        """
        async with self._reading:
            before = self._coordinator.policy.version
            try:
                policy = await asyncio.to_thread(self._read)
            except BadInput as error:
                await self._coordinator.refuse_policy(str(self._file or "built in"), str(error), operator)
                raise
            stopped = await self._coordinator.change_policy(policy, operator)
            told = "policy %s from %s holds, instead of %s; jobs stopped: %d"
            _log.warning(told, policy.version, policy.origin, before, len(stopped))
            return Reloaded(policy.origin, policy.version, before, tuple(stopped))

    async def reload_told(self) -> None:
        """The same for a signal, which nobody answers: what is wrong is in the log."""
        try:
            await self.reload("SIGHUP")
        except FleettraceError as error:
            _log.error("the policy was not changed: %s", error)

    def _read(self) -> Policy:
        if self._file is None:
            raise BadInput("the built-in policy holds, which does not change: start the controller with --policy FILE")
        return load_policy(self._file)

    async def explain(self, asked: Asked, may_see: Callable[[Host], bool]) -> PolicyAnswer:
        """What policy would answer to a request, on the hosts that there are for who asks; nothing is recorded.

        Raises:
            BadInput, NoHostMatches: as :func:`controller.jobs.asking.plan_job`.
        """
        plan = plan_job(asked, list(filter(may_see, self._fleet.hosts())), able=False)
        used = await self._coordinator.jobs_today(asked.team)
        return explain(self._coordinator.policy, request_of(plan, jobs_today=used))
