"""``fleettrace approver``: keys that no controller has, and what they approve. Needs no controller."""

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.completing import complete_tool
from controller.cli.exit_codes import ExitCode
from controller.cli.options import Json, parse_params
from controller.cli.output import write_output
from controller.cli.program import read_program
from controller.cli.terminal import Terminal
from controller.cli.times import ahead_ms, now_ms
from controller.report.json import approval_document
from controller.report.text import render_approval
from fleettrace.catalog import ToolDefinition, find_tool
from fleettrace.errors import BadInput
from fleettrace.oneliner import read_one_liner
from fleettrace.orders.approvals import ANY, MAX_FILE_BYTES, Approval, read_approval, sign_approval, write_approval
from fleettrace.orders.key_pem import read_private, write_private
from fleettrace.orders.keys import SigningKey, new_secret

__all__ = ["approver"]

approver = typer.Typer(
    no_args_is_help=True,
    help="Approve programs with a key that no controller has: hosts that ask for it run nothing else.",
)

Key = Annotated[Path, typer.Option("--key", metavar="FILE", help="The approver's private key.")]
Passphrase = Annotated[bool, typer.Option("--passphrase", help="The key is encrypted: ask for its passphrase.")]


@approver.command()
def init(key: Key, passphrase: Passphrase = False) -> int:
    """Make a key, and print the public one as a host's agent.toml takes it."""
    secret = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True) if passphrase else ""
    made = SigningKey(new_secret())
    write_private(key, made, passphrase=secret)
    typer.echo(str(made.public))
    return ExitCode.OK


@approver.command()
def sign(
    tool: Annotated[
        str, typer.Argument(metavar="TOOL", help="A tool of the catalogue.", autocompletion=complete_tool)
    ] = "",
    *,
    program: Annotated[
        str | None,
        typer.Option("-e", "--program", metavar="PROGRAM", help="A one-liner instead, `@FILE`, or `-` for stdin."),
    ] = None,
    key: Key,
    until: Annotated[str, typer.Option("--until", metavar="WHEN", help="When it ends: `30d`, or `2026-12-31` (UTC).")],
    params: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            "--param",
            metavar="NAME=VALUE",
            help="What a parameter of the tool's own may be, `*` for anything; without it its default alone. Filters "
            "are free. May be repeated.",
        ),
    ] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for people.")] = "",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write to this file, `*.approval`; else to stdout."),
    ] = None,
    passphrase: Passphrase = False,
) -> int:
    """Approve a tool as it is in this version, or a one-liner. Give the file to `serve --tool-approvals`."""
    if bool(tool) == (program is not None):
        raise BadInput("name a tool, or give a program with -e: one of the two")
    definition = read_one_liner(read_program(program)).tool if program is not None else find_tool(tool)
    secret = typer.prompt("Passphrase", hide_input=True, err=True) if passphrase else ""
    approval = Approval(
        definition.name,
        definition.digest,
        _allowed(definition, params or []),
        from_ms=now_ms(),
        until_ms=ahead_ms(until),
        note=note,
    )
    signed = sign_approval(read_private(key, passphrase=secret), approval)
    write_output(write_approval(signed).encode(), output, Terminal())
    return ExitCode.OK


@approver.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An approval.")],
    as_json: Json = False,
) -> int:
    """Say what a file approves. Whether its signature counts is for each host to say, by the keys that it trusts."""
    try:
        with file.open("rb") as opened:
            approval, signed = read_approval(opened.read(MAX_FILE_BYTES + 1))
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from error
    except BadInput as error:
        raise BadInput(f"{file}: {error}") from error
    Terminal(as_json=as_json).show(
        render_approval(approval, signed.key_id.hex(), now_ms()), approval_document(approval, signed.key_id.hex())
    )
    return ExitCode.OK


def _allowed(tool: ToolDefinition, items: list[str]) -> dict[str, tuple[str, ...]]:
    """The values that each named parameter may have, as the controller will send them."""
    own = {param.name for param in tool.params}
    allowed: dict[str, tuple[str, ...]] = {}
    for item in items:
        ((name, value),) = parse_params([item]).items()
        if name not in own:
            known = f"its own are {', '.join(sorted(own))}" if own else "it has none of its own"
            raise BadInput(f"{tool.name} has no parameter {name} that an approval could bound: {known}")
        text = value if value == ANY else str(tool.parse_params({name: value})[name])
        allowed[name] = (*allowed.get(name, ()), text)
    return allowed
