"""``fleettrace approve`` and ``fleettrace deny``: a second person's word."""

from typing import Annotated

import typer
from rich.text import Text

from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, JobId, Json, connect, local_user
from controller.cli.terminal import Terminal
from controller.report.json import jobs_document

__all__ = ["approve", "deny"]

ForTeam = Annotated[
    str,
    typer.Option(
        "--team",
        envvar="FLEETTRACE_TEAM",
        metavar="TEAM",
        help="The team for which you approve; without it any of yours whose grant allows it.",
        show_default=False,
    ),
]


def approve(job: JobId, *, team: ForTeam = "", as_json: Json = False, controller: Controller = "") -> int:
    """Let a job go on that waits for a second person.

    The grant that it runs by asks for one, and another grant says who may approve. Nobody approves a job of their own.
    """
    with connect(controller) as client:
        approved = client.approve(job, team, local_user())
    text = f"job {job} of {approved.spec.operator} is approved: it is {approved.state.value}"
    Terminal(as_json=as_json).show(Text(text), jobs_document([approved]))
    return ExitCode.OK


def deny(
    job: JobId,
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="WHY", help="Why not; kept with the job.", show_default=False)
    ],
    team: ForTeam = "",
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """End a job that waits for a second person, with the reason."""
    with connect(controller) as client:
        denied = client.deny(job, team, local_user(), reason)
    text = f"job {job} of {denied.spec.operator} is {denied.state.value}: {denied.reason}"
    Terminal(as_json=as_json).show(Text(text), jobs_document([denied]))
    return ExitCode.OK
