"""``fleettrace tools``."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

import typer

from controller.cli.completing import complete_tool
from controller.cli.connecting import connect_if_named
from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json
from controller.cli.terminal import Terminal
from controller.report.json import tools_document
from controller.report.text import render_tool, render_tools
from fleettrace import __version__
from fleettrace.catalog import builtin_tools
from fleettrace.errors import UnknownTool
from fleettrace.model.tool import ToolListing
from fleettrace.wire.codec import tool_from_wire, tool_to_wire

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

    What it measures, what it costs and what it does not show. Where no controller is named, those of this version.
    """
    terminal = Terminal(as_json=as_json)
    offered = _offered(controller, terminal)
    if name is None:
        terminal.show(render_tools(offered), tools_document(offered))
        return ExitCode.OK
    found = [tool for tool in offered if tool.name == name]
    if not found:
        raise unknown_tool(name, (tool.name for tool in offered))
    terminal.show(render_tool(found[0]), tools_document(found))
    return ExitCode.OK


def _offered(controller: str, terminal: Terminal) -> list[ToolListing]:
    """What the controller offers, which has the last word; before there is one, what it would offer."""
    client = connect_if_named(controller)
    if client is None:
        terminal.note("catalogue", f"that of fleettrace {__version__}, for no controller is named")
        return [tool_from_wire(tool_to_wire(tool)) for tool in builtin_tools().values()]
    with client:
        return client.tools()


def unknown_tool(name: str, known: Iterable[str]) -> UnknownTool:
    """The error for a name that no tool has, with the one that was probably meant."""
    names = list(known)
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names) or 'none'};"
    return UnknownTool(f"there is no tool {name!r}: {hint} 'fleettrace tools' explains them")
