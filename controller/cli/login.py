"""``fleettrace login``, ``logout`` and ``whoami``."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from controller.access_client import AccessClient
from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, connect
from controller.cli.terminal import Terminal
from controller.login import Login, Logins, login_file
from controller.report.json.access import caller_document
from controller.report.text.access import render_caller
from fleettrace.errors import BadInput
from fleettrace.identity.pem import MAX_CERTIFICATE_BYTES, certificate_der, certificate_pem
from fleettrace.wire.address import UnixAddress, parse_address

__all__ = ["login", "logout", "whoami"]

MAX_TOKEN_CHARACTERS = 16 * 1024


def login(
    ca: Annotated[
        Path, typer.Option("--ca", metavar="FILE", help="Whom to trust: `authority.pem` of the controller's authority.")
    ],
    token_file: Annotated[
        str,
        typer.Option(
            "--token-file", metavar="FILE", help="Holds the token; `-` is stdin. Without it, it is asked for."
        ),
    ] = "",
    controller: Controller = "",
) -> int:
    """Log in to a controller over the network: later commands use it by default.

    The token is a personal one (`fleettrace operator add`) or an ID token of the identity provider that the controller
    believes. It is tried, and then kept in a file for your user alone.
    """
    if not controller:
        raise BadInput("say where: --controller HOST:PORT")
    address = parse_address(controller)
    if isinstance(address, UnixAddress):
        raise BadInput(f"{address} needs no login: its file's rights say whom it lets in")
    made = Login(str(address), _authority(ca), _token(token_file))
    with AccessClient(made.controller, made) as client:
        caller = client.who_am_i()
    Logins.load().with_login(made).save()
    terminal = Terminal()
    terminal.note("logged in", f"at {made.controller} as {caller.operator}, of {', '.join(caller.teams)}")
    terminal.note("kept", f"in {login_file()}")
    return ExitCode.OK


def logout(controller: Controller = "") -> int:
    """Forget the token of a controller. It stays valid until it expires or is revoked."""
    logins = Logins.load()
    address = controller or logins.current
    if logins.find(address) is None:
        raise BadInput(f"nobody is logged in at {address}" if address else "nobody is logged in anywhere")
    logins.without(address).save()
    Terminal().note("logged out", f"of {address}")
    return ExitCode.OK


def whoami(as_json: Json = False, controller: Controller = "") -> int:
    """Show who the controller takes you for, and what proves it."""
    with connect(controller) as client:
        caller = client.who_am_i()
    Terminal(as_json=as_json).show(render_caller(client.address, caller), caller_document(client.address, caller))
    return ExitCode.OK


def _authority(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            pem = opened.read(4 * MAX_CERTIFICATE_BYTES)
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror}): give --ca the controller's authority.pem") from error
    return certificate_pem(certificate_der(pem)).decode()


def _token(file: str) -> str:
    try:
        if file and file != "-":
            with Path(file).open() as opened:
                text = opened.read(MAX_TOKEN_CHARACTERS + 1)
        elif file == "-" or not sys.stdin.isatty():
            text = sys.stdin.read(MAX_TOKEN_CHARACTERS + 1)
        else:
            text = getpass.getpass("token: ")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the token cannot be read from {file or 'stdin'}: give --token-file FILE") from error
    token = text.strip()
    if not token or len(token) > MAX_TOKEN_CHARACTERS or not token.isascii() or not token.isprintable() or " " in token:
        raise BadInput("this is no token: give all of it, in one piece, on stdin or with --token-file FILE")
    return token
