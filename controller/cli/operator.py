"""``fleettrace operator``: who may command the controller over the network."""

from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, connect, local_user
from controller.cli.terminal import Terminal
from controller.report.json.access import operator_document, operators_document
from controller.report.text.access import render_operator, render_operators
from fleettrace.model.names import counted, parse_duration_ms

__all__ = ["operator"]

operator = typer.Typer(no_args_is_help=True, help="Who may command the controller over the network.")


@operator.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="How decisions and the audit log call the operator.")],
    *,
    team: Annotated[list[str], typer.Option("--team", metavar="TEAM", help="A team to act for. May be repeated.")],
    scope: Annotated[
        str, typer.Option("--scope", metavar="LIST", help="What the token may be used for: read,run,approve,admin.")
    ] = "read,run",
    ttl: Annotated[str, typer.Option("--ttl", metavar="TIME", help="How long it lives.")] = "30d",
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Print a personal token, with which the operator logs in. A name may have several."""
    scopes = [one.strip() for one in scope.split(",") if one.strip()]
    with connect(controller) as client:
        made, text = client.add_operator(name, team, scopes, parse_duration_ms(ttl), local_user())
    terminal = Terminal(as_json=as_json)
    terminal.say(text, operator_document(made, text))
    if not as_json:
        terminal.note("token", render_operator(made))
    return ExitCode.OK


@operator.command("list")
def list_operators(as_json: Json = False, controller: Controller = "") -> int:
    """List personal tokens, by operator. Their secrets are kept nowhere."""
    with connect(controller) as client:
        found = client.operators()
    Terminal(as_json=as_json).show(render_operators(found), operators_document(found))
    return ExitCode.OK


@operator.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The operator.")], controller: Controller = ""
) -> int:
    """Make every token of an operator worthless, at once."""
    with connect(controller) as client:
        revoked = client.revoke_operator(name, local_user())
    Terminal().note("revoked", f"{counted(revoked, 'personal token')} of {name}")
    return ExitCode.OK
