"""``fleettrace export``."""

from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode
from controller.cli.fetching import fetching
from controller.cli.options import Controller, JobId, OneHost, connect
from controller.cli.output import Output, note_unfinished, write_output
from controller.cli.terminal import Terminal
from controller.report.export import FORMATS, encode
from fleettrace.errors import BadInput

__all__ = ["export"]

_NAMES = ", ".join(f"`{name}`" for name in FORMATS)


def export(
    job: JobId,
    form: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help=f"One of {_NAMES}.", autocompletion=lambda: list(FORMATS)),
    ],
    host: OneHost = "",
    output: Output = None,
    controller: Controller = "",
) -> int:
    """Hand a job's result on to another program.

    docs/exports.md says what each format holds and what it leaves out. What a format has no form for is told on
    stderr.
    """
    if form not in FORMATS:
        raise BadInput(f"there is no format {form!r}: use one of {', '.join(FORMATS)}")
    terminal = Terminal()
    with connect(controller) as client, fetching(terminal) as waiting:
        needs_parts = bool(host) or FORMATS[form].of_totals is None
        result = waiting.job(client, job, host) if needs_parts else waiting.totals(client, job)
        data, omitted = encode(result, form)
    note_unfinished(result.job, terminal)
    if omitted:
        terminal.note("left out", f"{' and '.join(omitted)}, for which {form} has no form")
    write_output(data, output, terminal, binary=FORMATS[form].binary)
    return ExitCode.OK
