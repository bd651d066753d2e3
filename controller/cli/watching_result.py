"""Watching a job's result while it is measured: what has arrived, coverage and progress, again and again."""

import json
import sys
import time
from contextlib import suppress

from rich.live import Live

from controller.cli.exit_codes import ExitCode
from controller.cli.narration import Narration
from controller.cli.retry import WAITS_S, retrying
from controller.cli.terminal import Terminal
from controller.cli.watching import Interrupted, Watching
from controller.client import Client
from controller.report.contents import events_of
from controller.report.json import job_document
from controller.report.text import Safe, render_job, render_live
from fleettrace.errors import Unreachable
from fleettrace.model.job import Job, JobResult
from fleettrace.model.names import counted

__all__ = ["watch_result"]

INTERVAL_S = 1.0
"""Hosts send about once a second what they have so far; asking more often would show nothing new."""


def watch_result(client: Client, job_id: str, terminal: Terminal) -> ExitCode:
    """Show a job until it has ended: on a terminal as a picture that changes, otherwise as lines; with ``--json`` as
    one document a line. Ctrl-C ends the watching and nothing else.

    Raises:
        NotFound: there is no such job.
        Unreachable: the controller went away and did not come back in time.
    """
    shown = _Shown(client, job_id, terminal)
    with Watching(client, job_id, WAITS_S) as watching, watching.interrupts(), shown:
        for item in watching.items():
            if isinstance(item, Interrupted):
                terminal.note("job", f"{job_id} goes on: 'fleettrace show {job_id}' has what it measures")
                return ExitCode.LEFT_RUNNING
            if isinstance(item, str):
                terminal.note("controller", item)
            elif not item.state.ended:
                shown.update(item)
    result = retrying(lambda: client.job(job_id), WAITS_S)
    if terminal.as_json:
        _write_line(result)
    else:
        terminal.show(render_job(result), {})
    return ExitCode.OK


class _Shown:
    """What stands on the screen, or the lines that were written."""

    def __init__(self, client: Client, job_id: str, terminal: Terminal) -> None:
        self._client = client
        self._job_id = job_id
        self._terminal = terminal
        self._narration = Narration()
        self._next_s = 0.0
        self._live = Live(
            console=terminal.out,
            transient=True,
            auto_refresh=False,
            vertical_overflow="crop",
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> None:
        if self._is_picture:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @property
    def _is_picture(self) -> bool:
        return self._terminal.out.is_terminal and not self._terminal.as_json

    def update(self, job: Job) -> None:
        """Tell of a change; fetch what has arrived when enough time has passed."""
        if not self._is_picture and not self._terminal.as_json:
            for label, text in self._narration.new_lines(job):
                self._terminal.note(label, text)
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + INTERVAL_S
        # The stream says when the controller is gone, and takes care of it.
        with suppress(Unreachable):
            self._show(self._client.job(self._job_id))

    def _show(self, result: JobResult) -> None:
        if self._terminal.as_json:
            _write_line(result)
        elif self._is_picture:
            self._live.update(Safe(render_live(result)), refresh=True)
        elif result.merged.total:
            recorded = sum(events_of(host.part) for host in result.hosts)
            arrived = f"{recorded:,} events of {counted(len(result.hosts), 'host')}"
            self._terminal.note("so far", f"{arrived}; {result.coverage.answered:,} ended; {result.statement}")


def _write_line(result: JobResult) -> None:
    sys.stdout.write(json.dumps(job_document(result)) + "\n")
    sys.stdout.flush()
