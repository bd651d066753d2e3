"""``fleettrace token``: one-time tokens with which hosts enrol."""

from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, connect, local_user
from controller.cli.terminal import Terminal
from controller.report.json.access import join_token_document, join_tokens_document
from controller.report.text.access import render_join_token, render_join_tokens
from fleettrace.identity.lives import join_token_life_ms
from fleettrace.model.names import parse_duration_ms, parse_labels

__all__ = ["token"]

token = typer.Typer(no_args_is_help=True, help="One-time tokens with which hosts enrol.")


@token.command()
def create(
    host: Annotated[
        str, typer.Option("--host", metavar="NAME", help="For this host alone; also one that was revoked.")
    ] = "",
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            metavar="NAME=VALUE",
            help="A label that the host will have. May be repeated. Without --host, for any host that is new.",
            show_default=False,
        ),
    ] = None,
    ttl: Annotated[str, typer.Option("--ttl", metavar="TIME", help="How long it may wait to be used.")] = "10m",
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Print a token with which one host enrols, once.

    On the host: `fleettrace-agent --controller HOST:PORT --join @FILE`, with the token in the file.
    """
    labels, lifetime_ms = parse_labels(label or ()), join_token_life_ms(parse_duration_ms(ttl))
    with connect(controller) as client:
        made, text = client.create_join_token(host, labels, lifetime_ms, local_user())
    terminal = Terminal(as_json=as_json)
    terminal.say(text, join_token_document(made, text))
    if not as_json:
        terminal.note("token", render_join_token(made))
    return ExitCode.OK


@token.command("list")
def list_tokens(as_json: Json = False, controller: Controller = "") -> int:
    """List join tokens, the newest first. Their secrets are kept nowhere."""
    with connect(controller) as client:
        found = client.join_tokens()
    Terminal(as_json=as_json).show(render_join_tokens(found), join_tokens_document(found))
    return ExitCode.OK


@token.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN_ID", help="Its number, from `token list`.")],
    controller: Controller = "",
) -> int:
    """Make a token worthless that was not used yet."""
    with connect(controller) as client:
        client.revoke_join_token(token_id, local_user())
    Terminal().note("revoked", f"join token {token_id}")
    return ExitCode.OK
