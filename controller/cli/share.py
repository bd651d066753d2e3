"""``fleettrace share``."""

from typing import Annotated

import typer
from rich.text import Text

from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, JobId, Json, connect, local_user
from controller.cli.terminal import Terminal
from controller.report.json import shares_document

__all__ = ["share"]


def share(
    job: JobId,
    *,
    team: Annotated[
        str, typer.Option("--with", metavar="TEAM", help="The team that is to see it.", show_default=False)
    ],
    unshare: Annotated[bool, typer.Option("--unshare", help="Let the team see it no longer.")] = False,
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Let another team see a job and its results.

    It sees all that the job's own team sees, and can neither end the job nor share it further.
    """
    with connect(controller) as client:
        teams = client.share(job, team, local_user(), unshare=unshare)
    told = f"job {job} is shared with {', '.join(teams)}" if teams else f"job {job} is shared with nobody"
    Terminal(as_json=as_json).show(Text(told), shares_document(job, teams))
    return ExitCode.OK
