"""Options that several commands share, and what is parsed from them."""

import os
import pwd
from collections.abc import Iterable
from typing import Annotated

import typer

from controller.access_client import AccessClient
from controller.login import Logins
from fleettrace.catalog import builtin_tools
from fleettrace.errors import BadInput, BadParameter, FleettraceError
from fleettrace.wire.address import parse_address

__all__ = ["Controller", "Json", "Selector", "Team", "complete_tool", "connect", "local_user", "parse_params"]

Controller = Annotated[
    str,
    typer.Option(
        "--controller",
        envvar="FLEETTRACE_CONTROLLER",
        metavar="ADDR",
        help="The controller: `host:port` or `unix:PATH`.",
        show_default=False,
    ),
]
Team = Annotated[
    str,
    typer.Option(
        "--team",
        envvar="FLEETTRACE_TEAM",
        metavar="TEAM",
        help="The team that policy grants this to; needed by who has several.",
        show_default=False,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document (docs/json.md) on stdout, and nothing else there.")
]
Selector = Annotated[
    str,
    typer.Option(
        "--on",
        metavar="SELECTOR",
        help="Which hosts: `all`, label terms such as `role=api,zone!=b`, host names or globs such as `api-*`.",
        show_default=False,
    ),
]


def connect(address: str) -> AccessClient:
    """A client of the controller that is named, or else of the one where the operator logged in last.

    Raises:
        BadInput: no address, or none that could be one.
        Unauthenticated: a TCP address where nobody has logged in.
    """
    logins = Logins.load() if not address.startswith("unix:") else Logins()
    address = address or logins.current
    if not address:
        raise BadInput("no controller is named: give --controller ADDR, set FLEETTRACE_CONTROLLER, or log in")
    address = str(parse_address(address))
    return AccessClient(address, logins.find(address))


def local_user() -> str:
    """Who is asking, by the local machine's account; not an authentication."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container often runs under a number alone
        return f"uid-{uid}"


def parse_params(items: Iterable[str]) -> dict[str, str]:
    """Parse ``["pid=7"]``; the controller knows the names and types.

    Raises:
        BadParameter: not of the form name=value, or a name that comes twice.
    """
    params: dict[str, str] = {}
    for item in items:
        name, separator, value = item.partition("=")
        if not separator or not name or not value:
            raise BadParameter(f"{item} is not of the form name=value: write for example pid=1234")
        if name in params:
            raise BadParameter(f"{name} is given twice: keep one of them")
        params[name] = value
    return params


def complete_tool(incomplete: str) -> list[tuple[str, str]]:
    """Tools of the local catalogue with their questions, for the shell."""
    try:
        tools = builtin_tools()
    except FleettraceError:
        return []  # a shell that completes has no place for an error
    return [(name, tool.question) for name, tool in tools.items() if name.startswith(incomplete)]
