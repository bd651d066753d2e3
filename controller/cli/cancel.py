"""``fleettrace cancel``."""

from typing import Annotated

import typer
from rich.text import Text

from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, connect, local_user
from controller.cli.terminal import Terminal
from controller.report.json import jobs_document
from fleettrace.model.job import Job, JobState

__all__ = ["cancel"]


def cancel(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The id of the job, as `fleettrace jobs` lists it.")],
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """End a job now.

    Every connected host is told to stop, and what was measured until then is kept. Cancelling a job that has ended
    changes nothing.
    """
    with connect(controller) as client:
        cancelled = client.cancel(job, local_user())
    Terminal(as_json=as_json).show(Text(_outcome(cancelled)), jobs_document([cancelled]))
    return ExitCode.OK


def _outcome(job: Job) -> str:
    job_id = job.spec.job_id
    if not job.state.ended:
        return (
            f"job {job_id} is {job.state.value}: its hosts were told to stop; 'fleettrace show {job_id}' has the result"
        )
    if job.state is JobState.CANCELLED:
        return f"job {job_id} is cancelled; 'fleettrace show {job_id}' has what was measured"
    return f"job {job_id} had already ended: {job.state.value}"
