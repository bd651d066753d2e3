"""Waiting for a result: what has come of it and what is done with it, on the terminal of who waits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from controller.cli.terminal import Terminal
from controller.client import Client
from controller.streams import Arrived
from fleettrace.model.job import JobResult, JobTotals
from fleettrace.model.names import counted

__all__ = ["Fetching", "fetching"]

PATIENCE_S = 0.7
"""What takes no longer is shown without a word before it."""


class Fetching:
    """What is waited for. A line on a terminal, which is gone in the end; elsewhere, and with ``--json``, nothing."""

    def __init__(self, terminal: Terminal) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(24),
            TextColumn("{task.fields[come]}"),
            TimeElapsedColumn(),
            console=terminal.err,
            transient=True,
            disable=terminal.as_json or not terminal.err.is_interactive,
        )
        self._task = self._progress.add_task("", total=None, come="")
        self._patience = threading.Timer(PATIENCE_S, self._progress.start)

    def begin(self) -> None:
        """Show it, once it takes long."""
        self._patience.daemon = True
        self._patience.start()

    def end(self) -> None:
        """Take it away."""
        self._patience.cancel()
        self._patience.join()
        if self._progress.live.is_started:
            self._progress.stop()

    def job(self, client: Client, job_id: str, host: str = "") -> JobResult:
        """Fetch a result. Raises what :meth:`Client.job` does."""
        self.stage(f"the controller puts job {job_id} together")
        result = client.job(job_id, host, tell=self._tell)
        self.stage("putting the answer together")
        return result

    def totals(self, client: Client, job_id: str) -> JobTotals:
        """Fetch what all hosts have measured together. Raises what :meth:`Client.totals` does."""
        self.stage(f"the controller looks job {job_id} up")
        totals = client.totals(job_id, tell=self._tell)
        self.stage("putting the answer together")
        return totals

    def stage(self, what: str) -> None:
        """Say what is done from now on, nobody knows for how long."""
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task(what, total=None, come="")

    def _tell(self, arrived: Arrived) -> None:
        come = f"{arrived.bytes / 1e6:,.1f} MB, parts of {arrived.hosts:,} of {counted(arrived.of_hosts, 'host')}"
        self._progress.update(
            self._task,
            description="receiving",
            come=come,
            total=max(arrived.of_hosts, arrived.hosts) or None,
            completed=arrived.hosts,
        )


@contextmanager
def fetching(terminal: Terminal) -> Iterator[Fetching]:
    """Around all that makes a person wait, but for what writes to the terminal."""
    shown = Fetching(terminal)
    shown.begin()
    try:
        yield shown
    finally:
        shown.end()
