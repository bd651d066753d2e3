"""``fleettrace flame``."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import RenderableType

from controller.cli.completing import complete_host, complete_job
from controller.cli.exit_codes import ExitCode
from controller.cli.fetching import fetching
from controller.cli.options import Controller, JobId, connect
from controller.cli.output import Output, note_unfinished, write_output
from controller.cli.terminal import Terminal
from controller.report.flame.graph import FlameGraph, flame_graph
from controller.report.flame.html import render_flame_page
from controller.report.flame.svg import render_flame_svg
from controller.report.flame.text import render_flame_tree
from fleettrace.errors import BadInput

__all__ = ["FlameForm", "flame"]


class FlameForm(StrEnum):
    """How a flame graph is drawn."""

    TREE = "tree"
    HTML = "html"
    SVG = "svg"


def flame(
    job: JobId,
    *,
    form: Annotated[
        FlameForm | None,
        typer.Option(
            "--format",
            help="`tree` for the terminal, `html` to walk through, `svg` for a ticket. "
            "Default: what the name of the file says, or `tree`.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="HOST",
            help="This host against the rest.",
            autocompletion=complete_host,
            show_default=False,
        ),
    ] = "",
    against: Annotated[
        str,
        typer.Option(
            "--against",
            metavar="JOB",
            help="Against this earlier job: before and after.",
            autocompletion=complete_job,
            show_default=False,
        ),
    ] = "",
    output: Output = None,
    controller: Controller = "",
) -> int:
    """Draw a job's stacks as a flame graph.

    Of the fleet, of one host against the rest, or of two jobs. docs/flame-graphs.md says how to read it.
    """
    wanted = form or _by_suffix(output.suffix if output is not None else "")
    if output is None and wanted is FlameForm.HTML:
        raise BadInput("an HTML page is a file: give -o flame.html")
    if output is not None and wanted is FlameForm.TREE:
        raise BadInput(f"the tree is for the terminal: name the file {output.stem}.html or {output.stem}.svg")
    if host and against:
        raise BadInput("--host compares with the rest and --against with another job: give one of them")
    if against == job:
        raise BadInput(f"{job} is compared with itself: name an earlier job")
    terminal = Terminal()
    with connect(controller) as client, fetching(terminal) as waiting:
        result = waiting.job(client, job)
        earlier = waiting.job(client, against) if against else None
        waiting.stage("drawing")
        graph = flame_graph(result, host=host, earlier=earlier)
        drawn = _DRAWN[wanted](graph)
    note_unfinished(result.job, terminal)
    if isinstance(drawn, str):
        write_output(drawn.encode(), output, terminal)
    else:
        terminal.show(drawn, {})
    return ExitCode.OK


def _by_suffix(suffix: str) -> FlameForm:
    return {".svg": FlameForm.SVG, ".html": FlameForm.HTML, ".htm": FlameForm.HTML}.get(suffix.lower(), FlameForm.TREE)


_DRAWN: Mapping[FlameForm, Callable[[FlameGraph], RenderableType]] = {
    FlameForm.TREE: render_flame_tree,
    FlameForm.HTML: render_flame_page,
    FlameForm.SVG: render_flame_svg,
}
