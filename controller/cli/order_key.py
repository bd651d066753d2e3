"""``fleettrace order-key``: the key that a controller signs orders with."""

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode
from controller.cli.times import ahead_ms, now_ms
from controller.orders.key_file import read_order_key, rotate

__all__ = ["order_key"]

order_key = typer.Typer(no_args_is_help=True, help="Show or replace the key that a controller signs orders with.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="The key's file: `fleet.db.order-key` beside the database.")]


@order_key.command()
def show(file: File) -> int:
    """Print the public key, as `[orders] keys` of a host's agent.toml takes it."""
    typer.echo(str(read_order_key(file).key.public))
    return ExitCode.OK


@order_key.command("rotate")
def rotate_key(
    file: File,
    overlap: Annotated[
        str,
        typer.Option(
            "--overlap", metavar="WHEN", help="How long hosts that know the old key are led to the new one by it."
        ),
    ] = "30d",
) -> int:
    """Put a new key in the old one's place; the controller signs with it once it is started anew.

    Hosts that connect within the overlap follow by themselves. A host that was away for longer is enrolled again.
    """
    typer.echo(str(rotate(file, now_ms(), ahead_ms(overlap)).key.public))
    return ExitCode.OK
