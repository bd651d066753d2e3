"""``fleettrace show``."""

from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode
from controller.cli.fetching import fetching
from controller.cli.options import Controller, JobId, Json, OneHost, connect
from controller.cli.terminal import Terminal
from controller.cli.watching_result import watch_result
from controller.report.json import job_document
from controller.report.text import render_host, render_job
from fleettrace.errors import BadInput

__all__ = ["show"]


def show(
    job: JobId,
    host: OneHost = "",
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Until it has ended: what has arrived, coverage, progress."),
    ] = False,
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Show a job's report, or its progress and what has arrived so far.

    Exits with 0 whatever became of the job. With `--watch --json` each line is one document, the last one of the ended
    job; Ctrl-C ends the watching and leaves the job alone.
    """
    if watch and host:
        raise BadInput("--watch shows all hosts: leave --host out")
    terminal = Terminal(as_json=as_json)
    with connect(controller) as client:
        if watch:
            return watch_result(client, job, terminal)
        with fetching(terminal) as waiting:
            result = waiting.job(client, job, host)
            # Rendered first in either form, so that a host without a part is an error in both.
            text = render_host(result, host) if host else render_job(result)
            document = job_document(result) if as_json else {}
    terminal.show(text, document)
    return ExitCode.OK
