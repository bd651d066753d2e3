"""``fleettrace cancel``."""

from typing import Annotated

import typer
from rich.text import Text

from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, JobId, Json, connect, local_user
from controller.cli.terminal import Terminal
from controller.report.json import jobs_document
from fleettrace.errors import BadInput, Unreachable
from fleettrace.model.job import Job, JobState
from fleettrace.wire.limits import LEASE_MS

__all__ = ["cancel"]


def cancel(
    job: JobId = "",
    *,
    all_jobs: Annotated[bool, typer.Option("--all", help="Every job of the controller that has not ended.")] = False,
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """End a job now, or with --all every job.

    Every connected host is told to stop, and what was measured until then is kept. Cancelling a job that has ended
    changes nothing.
    """
    if bool(job) == all_jobs:
        raise BadInput("name one job, as 'fleettrace jobs' lists it, or give --all and none")
    try:
        with connect(controller) as client:
            jobs = client.cancel_all(local_user()) if all_jobs else [client.cancel(job, local_user())]
    except Unreachable as error:
        raise Unreachable(
            f"{error}; hosts that hear nothing of their controller end what they trace after {LEASE_MS // 1000} s"
        ) from error
    outcomes = [_outcome(cancelled) for cancelled in jobs] or ["no job was running"]
    Terminal(as_json=as_json).show(Text("\n".join(outcomes)), jobs_document(jobs))
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
