"""Operators: they ask for jobs, again when they got no answer, approve, cancel and change the policy at any moment."""

import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from controller.approvals import Approvals
from controller.jobs.asking import Asked
from controller.jobs.coordinator import Coordinator
from controller.jobs.requests import Submitted
from fleettrace.errors import FleettraceError, StoreFailed, Unreachable
from fleettrace.model.job import Job, JobState
from tests.simulation.controller import ControllerSite
from tests.simulation.loop import WORLD, VirtualLoop
from tests.simulation.policies import Variant
from tests.simulation.watching import Watcher

__all__ = ["Operators"]

Result = TypeVar("Result")
RETRY_S = 0.7
MAX_TRIES = 60


class Operators:
    """``acknowledged`` maps a request to the job that was named in its answer."""

    def __init__(self, loop: VirtualLoop, rng: random.Random, site: ControllerSite, watcher: Watcher) -> None:
        self._loop = loop
        self._rng = rng
        self._site = site
        self._watcher = watcher
        self.acknowledged: dict[str, str] = {}
        self.refused: set[str] = set()
        self.waiting = 0

    def submit(self, asked: Asked) -> None:
        """Ask, and ask again until there is an answer."""
        self.waiting += 1
        self._try(asked, 1, lambda coordinator: coordinator.submit(asked), self._submitted, asked.request_id)

    def hang_up(self, asked: Asked, after_s: float) -> None:
        """Ask, and be gone before there is an answer."""
        if self._site.coordinator is None:
            return
        self._watcher.tell("operator: asks and hangs up")
        asking = self._site.process.spawn(_unheard(self._site.coordinator, asked), "an operator who hangs up")
        self._loop.call_later(after_s, asking.cancel, context=WORLD)

    def cancel(self, request_id: str) -> None:
        """Cancel the job of a request, when there is one."""
        if (job_id := self.acknowledged.get(request_id)) is not None:
            self.cancel_job(job_id)

    def cancel_job(self, job_id: str) -> None:
        """Cancel a job."""
        self.waiting += 1
        self._watcher.tell(f"operator: cancels {job_id}")
        self._try(
            job_id,
            1,
            lambda coordinator: coordinator.cancel(job_id, "ann"),
            lambda *_: self._cancelled(job_id),
            job_id,
            # Whatever became of the record, what runs has to stop.
            lambda: self._over(job_id),
        )

    def change_policy(self, in_force: Callable[[Variant], None]) -> None:
        """Have the policy file read, as it is then."""
        self.waiting += 1
        read: list[Variant] = []

        def reload(coordinator: Coordinator) -> Coroutine[Any, Any, list[str]]:
            read.append(self._site.variant)
            return coordinator.change_policy(read[-1].policy, "root")

        def answered(ended: list[str], _: str) -> None:
            self._watcher.tell(f"operator: policy {read[-1].name} is in force, and ends {', '.join(ended) or 'no job'}")
            for job_id in ended:
                self._over(job_id)
            in_force(read[-1])

        self._try("policy", 1, reload, answered, "the policy")

    def approve(self, job_id: str, operator: str, team: str, denied: bool = False) -> None:
        """Have a word on a job that waits for a second person."""
        self.waiting += 1
        name = f"the word of {operator} on {job_id}"

        def word(coordinator: Coordinator) -> Coroutine[Any, Any, Job]:
            assert self._site.fleet is not None
            approvals = Approvals(coordinator, self._site.fleet, self._site.clock_ms)
            if denied:
                return approvals.deny(job_id, operator, [team], "not now")
            return approvals.approve(job_id, operator, [team])

        def answered(job: Job, _: str) -> None:
            self._watcher.tell(f"operator: {name} is heard: {job_id} is {job.state}")
            if self._watcher.jobs.durable[job_id].state is JobState.AWAITING:
                self._watcher.story.fail("I5 acknowledged means durable", f"{name} is acknowledged and not on disk")

        self._try(job_id, 1, word, answered, name)

    def _try(
        self,
        what: Any,
        tries: int,
        call: Callable[[Coordinator], Coroutine[Any, Any, Any]],
        answered: Callable[[Any, str], None],
        name: str,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        """Call the controller; when it fails or dies, call again a little later."""
        site, generation = self._site, self._site.generation
        over = False

        def again(why: str) -> None:
            nonlocal over
            if over:
                return
            over = True
            if tries >= MAX_TRIES:
                self.waiting -= 1
                self._watcher.story.fail("an operator gets an answer", f"{name}: {why}")
                return
            self._loop.call_later(
                RETRY_S * self._rng.uniform(0.5, 1.5),
                self._try,
                what,
                tries + 1,
                call,
                answered,
                name,
                failed,
                context=WORLD,
            )

        if site.coordinator is None:
            again("the controller does not answer")
            return

        async def perform(coordinator: Coordinator) -> None:
            nonlocal over
            try:
                result = await call(coordinator)
            except (StoreFailed, Unreachable) as error:
                self._watcher.tell(f"operator: {name}: {error}")
                failed()
                self._loop.call_soon(again, str(error), context=WORLD)
            except FleettraceError as error:
                over = True
                self.waiting -= 1
                self.refused.add(name)
                self._watcher.tell(f"operator: {name} is refused: {error}")
            else:
                over = True
                self.waiting -= 1
                answered(result, name)

        site.process.spawn(perform(site.coordinator), f"operator {name}")

        def look() -> None:
            if not over and site.generation == generation and site.process.alive:
                self._loop.call_later(1.0, look, context=WORLD)
            elif not over:
                again("the connection to the controller is lost")

        self._loop.call_later(1.0, look, context=WORLD)

    def _submitted(self, submitted: Submitted, request_id: str) -> None:
        job_id = submitted.job_id
        self._watcher.tell(f"operator: request {request_id} is job {job_id}")
        if job_id not in self._watcher.jobs.durable:
            self._watcher.story.fail("I5 acknowledged means durable", f"job {job_id} is named and not on disk")
        known = self.acknowledged.setdefault(request_id, job_id)
        if known != job_id:
            self._watcher.story.fail("a repeated request is the same job", f"{request_id} is {known} and {job_id}")

    def _cancelled(self, job_id: str) -> None:
        self._watcher.tell(f"operator: {job_id} is cancelled")
        self._over(job_id)

    def _over(self, job_id: str) -> None:
        self._watcher.over_since_s.setdefault(job_id, self._loop.time())


async def _unheard(coordinator: Coordinator, asked: Asked) -> None:
    with suppress(FleettraceError):
        await coordinator.submit(asked)
