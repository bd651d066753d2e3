"""A job that has not ended, in the controller's memory."""

import asyncio

from controller.scheduler.draft import Execution
from fleettrace.model.job import HostPart, Job
from fleettrace.model.run import RunKey

__all__ = ["LiveJob"]


class LiveJob:
    """A job that has not ended, with the newest interim part of each run."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.lock = asyncio.Lock()
        self.interim: dict[RunKey, HostPart] = {}
        self.wake: asyncio.TimerHandle | None = None
        self.unsaved = False
        """Whether the execution is ahead of the store."""
        self.changed = asyncio.Event()

    @property
    def job(self) -> Job:
        """The job as it stands."""
        return self.execution.job

    def announce(self) -> None:
        """Wake the watchers."""
        self.changed.set()
        self.changed = asyncio.Event()
