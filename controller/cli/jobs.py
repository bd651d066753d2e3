"""``fleettrace jobs``."""

from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, connect
from controller.cli.terminal import Terminal
from controller.report.json import jobs_document
from controller.report.text import render_jobs

__all__ = ["jobs"]


def jobs(
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, metavar="N", help="How many, counted from the newest.")
    ] = 20,
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """List jobs, the newest first."""
    with connect(controller) as client:
        found = client.jobs(limit)
    Terminal(as_json=as_json).show(render_jobs(found), jobs_document(found))
    return ExitCode.OK
