"""``fleettrace serve``: the controller."""

import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode

__all__ = ["serve"]


class LogLevel(StrEnum):
    """How much the controller tells on stderr."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(
    db: Annotated[Path, typer.Option("--db", metavar="FILE", help="The SQLite database; made when it is not there.")],
    listen: Annotated[
        list[str],
        typer.Option("--listen", metavar="ADDR", help="Where to listen: `host:port` or `unix:PATH`. May be repeated."),
    ],
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="The policy (TOML); without it the built-in one holds."),
    ] = None,
    allow_plaintext: Annotated[
        bool,
        typer.Option(
            "--allow-plaintext", help="Listen beyond loopback although nothing is encrypted or authenticated there."
        ),
    ] = False,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="How much to tell on stderr.")] = LogLevel.INFO,
) -> int:
    """Run the controller.

    It ends on Ctrl-C or SIGTERM. Agents and commands reach it at any of its addresses. Jobs of an earlier controller
    that had not ended are kept as interrupted, with the parts that had arrived.
    """
    logging.basicConfig(level=log_level.name, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # The server and its store are for this command alone; the others start without them.
    from controller import app  # noqa: PLC0415

    app.serve(db, listen, policy, allow_plaintext=allow_plaintext, on_ready=_announce)
    return ExitCode.OK


def _announce(addresses: list[str]) -> None:
    for address in addresses:
        typer.echo(f"listening on {address}", err=True)
