"""``fleettrace tools``."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, complete_tool, connect
from controller.cli.terminal import Terminal
from controller.report.json import tools_document
from controller.report.text import render_tool, render_tools
from fleettrace.errors import UnknownTool

__all__ = ["tools", "unknown_tool"]


def tools(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="TOOL", help="Explain this tool: its README and parameters.", autocompletion=complete_tool
        ),
    ] = None,
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """List the tools, or explain one.

    What it measures, what it costs and what it does not show.
    """
    with connect(controller) as client:
        offered = client.tools()
    terminal = Terminal(as_json=as_json)
    if name is None:
        terminal.show(render_tools(offered), tools_document(offered))
        return ExitCode.OK
    found = [tool for tool in offered if tool.name == name]
    if not found:
        raise unknown_tool(name, (tool.name for tool in offered))
    terminal.show(render_tool(found[0]), tools_document(found))
    return ExitCode.OK


def unknown_tool(name: str, known: Iterable[str]) -> UnknownTool:
    """The error for a name that no tool has, with the one that was probably meant."""
    names = list(known)
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names) or 'none'};"
    return UnknownTool(f"there is no tool {name!r}: {hint} 'fleettrace tools' explains them")
