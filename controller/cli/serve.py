"""``fleettrace serve``: the controller."""

import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode
from fleettrace.errors import BadInput
from fleettrace.identity.lives import MAX_LATE_RENEWAL_MS
from fleettrace.model.names import parse_duration_ms

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
        typer.Option(
            "--listen",
            metavar="ADDR",
            help="Where to listen for commands: `host:port` or `unix:PATH`. May be repeated.",
        ),
    ],
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="The policy (TOML); without it the built-in one holds."),
    ] = None,
    *,
    listen_agents: Annotated[
        list[str] | None,
        typer.Option(
            "--listen-agents",
            metavar="HOST:PORT",
            help="Where agents with certificates are taken. May be repeated.",
            show_default=False,
        ),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(
            "--ca",
            metavar="DIR",
            help="The authority, of `fleettrace ca init`; what is TCP needs it.",
            show_default=False,
        ),
    ] = None,
    reachable_as: Annotated[
        list[str] | None,
        typer.Option(
            "--reachable-as",
            metavar="NAME",
            help="A name or number by which the controller is reached, for its certificate; its addresses, "
            "its machine's "
            "name and `localhost` are in it already. May be repeated.",
            show_default=False,
        ),
    ] = None,
    oidc: Annotated[
        Path | None,
        typer.Option(
            "--oidc",
            metavar="FILE",
            help="An identity provider of operators (TOML, docs/identity.md).",
            show_default=False,
        ),
    ] = None,
    order_key: Annotated[
        Path | None,
        typer.Option(
            "--order-key",
            metavar="FILE",
            help="The key that orders to hosts are signed with; without it FILE.order-key beside the database.",
        ),
    ] = None,
    tool_approvals: Annotated[
        Path | None,
        typer.Option(
            "--tool-approvals",
            metavar="DIR",
            help="Approvals (`*.approval`) for hosts that ask for them; see `fleettrace approver`.",
        ),
    ] = None,
    epoch: Annotated[
        int,
        typer.Option(
            "--epoch", min=1, metavar="N", help="Begin at least with this epoch: after a database was restored."
        ),
    ] = 1,
    late_renewal: Annotated[
        str,
        typer.Option(
            "--late-renewal",
            metavar="DURATION",
            help="Let a host whose certificate is over for no longer than this get another one by it (`7d`; at most "
            "`30d`); without it such a host needs a join token.",
        ),
    ] = "",
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="How much to tell on stderr.")] = LogLevel.INFO,
) -> int:
    """Run the controller.

    It ends on Ctrl-C or SIGTERM. Over TCP everything is encrypted and everybody proves who they are; a Unix socket
    lets in whom its file's rights do. Jobs of an earlier controller that wait for approval or for their hosts wait on;
    those that ran are kept as interrupted, with the parts that had arrived.
    """
    logging.basicConfig(level=log_level.name, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # The server and its store are for this command alone; the others start without them.
    from controller import app  # noqa: PLC0415

    settings = app.Settings(
        db=db,
        listen=listen,
        listen_agents=listen_agents or (),
        policy=policy,
        authority=ca,
        names=reachable_as or (),
        oidc=oidc,
        orders=app.OrderSettings(order_key, tool_approvals, epoch),
        late_renewal_ms=_late_renewal_ms(late_renewal),
    )
    app.serve(settings, on_ready=_announce)
    return ExitCode.OK


def _late_renewal_ms(text: str) -> int:
    if not text:
        return 0
    allowed_ms = parse_duration_ms(text)
    if allowed_ms > MAX_LATE_RENEWAL_MS:
        raise BadInput(f"--late-renewal {text} is more than {MAX_LATE_RENEWAL_MS // 86_400_000}d: name less")
    return allowed_ms


def _announce(addresses: list[str]) -> None:
    for address in addresses:
        typer.echo(f"listening on {address}", err=True)
