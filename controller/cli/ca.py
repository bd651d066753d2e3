"""``fleettrace ca``: the private authority."""

import time
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode
from controller.cli.options import Json
from controller.cli.terminal import Terminal
from controller.report.json.access import authority_document
from controller.report.text.access import render_authority

__all__ = ["ca"]

ca = typer.Typer(no_args_is_help=True, help="The private authority, which signs for the controller and for hosts.")


@ca.callback()
def _group() -> None:
    pass  # keeps `init` a command of its own, although it is the only one


@ca.command()
def init(
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where to make it; the controller's user owns it.")
    ],
    as_json: Json = False,
) -> int:
    """Make a private authority. One that is there is never overwritten.

    `authority.key` is the secret on which everything rests: keep it where the controller runs and nowhere else.
    `authority.pem` is for everybody; operators log in with it.
    """
    # What signs is for this command and the controller alone; the others start without it.
    from controller.identity.authority import CERTIFICATE_FILE, KEY_FILE, Authority  # noqa: PLC0415

    Authority.create(folder, time.time_ns() // 1_000_000)
    key, certificate = folder / KEY_FILE, folder / CERTIFICATE_FILE
    Terminal(as_json=as_json).show(render_authority(folder), authority_document(key, certificate))
    return ExitCode.OK
