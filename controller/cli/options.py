"""Options that several commands share, and what is parsed from them."""

import os
import pwd
from collections.abc import Iterable
from typing import Annotated

import typer

from controller.cli.completing import complete_host, complete_job, complete_selector, complete_tool
from controller.cli.connecting import connect
from fleettrace.errors import BadParameter

__all__ = [
    "Controller",
    "JobId",
    "Json",
    "OneHost",
    "Param",
    "Params",
    "Program",
    "Selector",
    "Team",
    "ToolName",
    "connect",
    "local_user",
    "parse_params",
]

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
        autocompletion=complete_selector,
        show_default=False,
    ),
]
ToolName = Annotated[
    str,
    typer.Argument(
        metavar="TOOL",
        help="What to run; see `fleettrace tools`.",
        autocompletion=complete_tool,
        show_default=False,
    ),
]
Params = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME=VALUE", help="Parameters of the tool, as with -p.", show_default=False),
]
Param = Annotated[
    list[str] | None,
    typer.Option("-p", "--param", metavar="NAME=VALUE", help="A parameter of the tool. May be repeated."),
]
Program = Annotated[
    str | None,
    typer.Option(
        "-e",
        "--program",
        metavar="PROGRAM",
        help="A bpftrace one-liner instead of a tool; `@FILE` reads a file, `-` standard input. "
        "What is accepted, and what policy grants: docs/one-liners.md.",
        show_default=False,
    ),
]
JobId = Annotated[
    str,
    typer.Argument(
        metavar="JOB",
        help="The id of the job, as `fleettrace jobs` lists it.",
        autocompletion=complete_job,
        show_default=False,
    ),
]
OneHost = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="HOST",
        help="The part of this host alone.",
        autocompletion=complete_host,
        show_default=False,
    ),
]


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
